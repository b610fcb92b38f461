//! PNG and JPEG files to 8-bit RGB.

use std::io::Cursor;

use super::resize::Picture;
use image::{ImageReader, Limits};

/// Files and decoded pictures beyond these sizes are refused instead of filling the memory.
const LARGEST_SIDE: u32 = 20_000;
const LARGEST_DECODED: u64 = 256 << 20;
/// Largest file that is read at all.
pub(super) const LARGEST_FILE: u64 = 256 << 20;

/// Decodes a PNG or JPEG; alpha is dropped, grey and palettes become RGB, 16 bits are rounded to 8.
///
/// The format is taken from the content, not from a name. The reason of a refusal is a text without the file's name.
pub(super) fn decode(file: &[u8]) -> Result<Picture, String> {
    let mut limits = Limits::default();
    limits.max_image_width = Some(LARGEST_SIDE);
    limits.max_image_height = Some(LARGEST_SIDE);
    limits.max_alloc = Some(LARGEST_DECODED);
    let mut reader = ImageReader::new(Cursor::new(file))
        .with_guessed_format()
        .map_err(|e| e.to_string())?;
    match reader.format() {
        Some(image::ImageFormat::Jpeg) => check_jpeg_end(file)?,
        Some(image::ImageFormat::Png) => {}
        Some(_) | None => return Err("neither PNG nor JPEG".into()),
    }
    reader.limits(limits);
    let rgb = reader.decode().map_err(|e| e.to_string())?.into_rgb8();
    if rgb.width() == 0 || rgb.height() == 0 {
        return Err("the picture has no pixels".into());
    }
    Ok(Picture {
        h: rgb.height() as usize,
        w: rgb.width() as usize,
        c: 3,
        bytes: rgb.into_raw(),
    })
}

/// Refuses a JPEG that stops before its end marker; the decoder would fill the rest with grey.
fn check_jpeg_end(file: &[u8]) -> Result<(), String> {
    // In compressed data 0xff is never followed by these, so the last of each belongs to the picture itself.
    let last = |marker: u8| file.windows(2).rposition(|pair| pair == [0xff, marker]);
    match (last(0xda), last(0xd9)) {
        (Some(scan), Some(end)) if end > scan => Ok(()),
        _ => Err("the JPEG data ends before its end marker".into()),
    }
}
