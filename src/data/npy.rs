//! NumPy's arrays of pictures.

use super::ImageShape;
use super::memory::Memory;
use super::source::Source;
use crate::Error;
use crate::formats::npy;

/// Opens an array of unsigned bytes: `[n, h, w]` is grey; of four axes the last is that of the channels if it has 3, else
/// the second if that has 3. Pictures have no classes.
pub(super) fn open(source: &Source) -> Result<Memory, Error> {
    let path = &source.path;
    if source.split.is_some() {
        let reason = "option `split` has no meaning: an array has no parts; leave it out";
        return Err(Error::config(&source.text, reason));
    }
    let file = std::fs::read(path).map_err(|e| Error::io(path, "read", &e))?;
    let (sizes, bytes) = npy::parse_bytes(path, file)?;
    let (n, shape, planes) = match *sizes.as_slice() {
        [n, h, w] => (n, ImageShape { h, w, c: 1 }, false),
        [n, h, w, 3] => (n, ImageShape { h, w, c: 3 }, false),
        [n, 3, h, w] => (n, ImageShape { h, w, c: 3 }, true),
        _ => {
            let reason = format!("has shape {sizes:?}; pictures are [n, h, w, 3], [n, 3, h, w] or [n, h, w]");
            return Err(Error::format(path, reason));
        }
    };
    if bytes.is_empty() {
        return Err(Error::format(path, format!("holds no picture: its shape is {sizes:?}")));
    }
    let bytes = if planes { interleave(&bytes, shape) } else { bytes };
    Ok(Memory::new(source, shape, bytes, vec![None; n], None))
}

fn interleave(bytes: &[u8], shape: ImageShape) -> Vec<u8> {
    let plane = shape.h * shape.w;
    let mut out = Vec::with_capacity(bytes.len());
    for picture in bytes.chunks_exact(shape.values()) {
        for p in 0..plane {
            out.extend((0..shape.c).map(|channel| picture[channel * plane + p]));
        }
    }
    out
}
