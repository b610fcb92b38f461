//! Pictures to PNG: one file a picture, or a grid of them.

use std::fs;
use std::path::Path;

use super::ImageShape;
use crate::Error;
use crate::formats::atomic;
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};
use rayon::prelude::*;

/// Pixels between two pictures of a grid.
const GAP: usize = 2;

/// The byte of a value in -1..1: `clamp(127.5 x + 127.5, 0, 255)`, truncated as the published samplers do.
pub fn to_byte(x: f32) -> u8 {
    (127.5 * x + 127.5).clamp(0.0, 255.0) as u8
}

/// The bytes of a slice of values, see [`to_byte`].
pub fn to_bytes(values: &[f32]) -> Vec<u8> {
    values.iter().map(|x| to_byte(*x)).collect()
}

/// A PNG file of the picture `bytes` (row, column, channel).
///
/// # Errors
/// If the encoder refuses the picture, for example because a side is too long for a PNG.
///
/// # Panics
/// If `bytes` is not of the shape or the shape has neither 1 nor 3 channels.
#[track_caller]
pub fn encode_png(bytes: &[u8], shape: ImageShape) -> Result<Vec<u8>, Error> {
    assert_eq!(bytes.len(), shape.values(), "encode_png: bytes of a {shape} picture");
    let colour = match shape.c {
        1 => ExtendedColorType::L8,
        3 => ExtendedColorType::Rgb8,
        c => panic!("encode_png: {c} channels, a PNG takes 1 or 3"),
    };
    let mut png = Vec::new();
    PngEncoder::new(&mut png)
        .write_image(bytes, shape.w as u32, shape.h as u32, colour)
        .map_err(|e| Error::config("png", format!("cannot encode a {shape} picture: {e}")))?;
    Ok(png)
}

/// Writes `[n, h, w, c]` values in -1..1 as one PNG, see [`encode_grid`].
///
/// # Errors
/// If the file cannot be written; an older file of that name then stays as it was.
///
/// # Panics
/// If `images` is empty or not a whole number of pictures, or `columns` is 0.
#[track_caller]
pub fn save_grid(
    path: impl AsRef<Path>,
    images: &[f32],
    shape: ImageShape,
    columns: usize,
) -> Result<(), Error> {
    atomic::write(path.as_ref(), &encode_grid(images, shape, columns)?)
}

/// A PNG of `[n, h, w, c]` values in -1..1 with `columns` pictures a row, black gaps of 2 pixels between them.
///
/// # Errors
/// If the encoder refuses the picture, for example because a side is too long for a PNG.
///
/// # Panics
/// If `images` is empty or not a whole number of pictures, or `columns` is 0.
#[track_caller]
pub fn encode_grid(images: &[f32], shape: ImageShape, columns: usize) -> Result<Vec<u8>, Error> {
    let n = count(images, shape);
    assert!(n > 0 && columns > 0, "encode_grid: {n} pictures in {columns} columns");
    let columns = columns.min(n);
    let whole = ImageShape {
        h: n.div_ceil(columns) * (shape.h + GAP) - GAP,
        w: columns * (shape.w + GAP) - GAP,
        c: shape.c,
    };
    let mut bytes = vec![0; whole.values()];
    let row_values = shape.w * shape.c;
    for (i, row) in images.chunks_exact(row_values).enumerate() {
        let (picture, y) = (i / shape.h, i % shape.h);
        let top = picture / columns * (shape.h + GAP) + y;
        let left = picture % columns * (shape.w + GAP);
        let start = (top * whole.w + left) * shape.c;
        bytes[start..start + row_values].copy_from_slice(&to_bytes(row));
    }
    encode_png(&bytes, whole)
}

/// Writes `[n, h, w, c]` values as `NNNNN.png` into `folder`, which is made if need be, numbered from `first`.
///
/// # Errors
/// If the folder or a file cannot be written.
///
/// # Panics
/// If `images` is not a whole number of pictures.
#[track_caller]
pub fn save_images_folder(
    folder: impl AsRef<Path>,
    images: &[f32],
    shape: ImageShape,
    first: usize,
) -> Result<(), Error> {
    count(images, shape);
    let folder = folder.as_ref();
    fs::create_dir_all(folder).map_err(|e| Error::io(folder, "create", &e))?;
    images
        .par_chunks_exact(shape.values())
        .enumerate()
        .try_for_each(|(i, picture)| {
            let path = folder.join(format!("{:05}.png", first + i));
            atomic::write(&path, &encode_png(&to_bytes(picture), shape)?)
        })
}

#[track_caller]
fn count(images: &[f32], shape: ImageShape) -> usize {
    assert!(
        shape.values() > 0 && images.len().is_multiple_of(shape.values()),
        "{} values are no whole number of {shape} pictures",
        images.len()
    );
    images.len() / shape.values()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_clamped_and_truncated() {
        assert_eq!(to_bytes(&[-2.0, -1.0, 0.0, 0.999, 1.0, 3.0, f32::NAN]), [0, 0, 127, 254, 255, 255, 0]);
        for v in 0..=255u8 {
            let got = to_byte(crate::data::from_byte(v));
            assert!(v - got <= 1, "{v} came back as {got}");
        }
    }

    #[test]
    fn a_grid_puts_pictures_in_rows_with_gaps() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("g.png");
        let shape = ImageShape { h: 2, w: 1, c: 3 };
        let values: Vec<f32> = (0..3).flat_map(|i| [i as f32 * 0.5; 6]).collect();
        save_grid(&path, &values, shape, 2).unwrap();
        let grid = image::open(&path).unwrap().into_rgb8();
        assert_eq!(grid.dimensions(), (4, 6));
        let at = |x, y| grid.get_pixel(x, y).0[0];
        assert_eq!(
            [at(0, 0), at(0, 1), at(1, 0), at(3, 0), at(0, 2), at(0, 4), at(3, 4)],
            [127, 127, 0, 191, 0, 255, 0]
        );
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        let error = save_grid(folder.path().join("no/g.png"), &values, shape, 2).unwrap_err();
        assert!(error.to_string().contains("no/g.png: cannot write"), "{error}");
    }

    #[test]
    fn a_folder_of_pictures_is_numbered() {
        let folder = tempfile::tempdir().unwrap();
        let shape = ImageShape { h: 2, w: 2, c: 1 };
        let to = folder.path().join("out");
        save_images_folder(&to, &[0.5; 12], shape, 98).unwrap();
        let mut names: Vec<_> = std::fs::read_dir(&to).unwrap().map(|e| e.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["00098.png", "00099.png", "00100.png"]);
        let picture = image::open(to.join("00100.png")).unwrap();
        assert_eq!(picture.as_luma8().unwrap().get_pixel(1, 1).0, [191]);
    }
}
