//! Image sources in host memory. Knows no tensors and no devices.
//!
//! [`open`] turns a source text such as `folder:pictures.tar?size=32` into [`Images`], [`Batches`] walks over them in
//! seeded epochs, [`grid`] draws them and [`stats`] describes them.

mod ahead;
mod batches;
mod blank;
mod cifar10;
mod decode;
mod folder;
pub mod grid;
mod idx;
mod listing;
mod memory;
mod npy;
mod pixels;
mod place;
mod resize;
mod shapes;
mod source;
pub mod stats;
mod stl10;
mod subset;

pub use ahead::{Ahead, OwnedBatch};
pub use batches::{Batch, Batches};
pub use blank::Blank;
pub use pixels::{Pixels, SourcePixels};
pub use shapes::Shapes;
pub use source::VALID_SOURCES;
pub use subset::Subset;

use crate::Error;
use source::{Kind, Source};

/// Height, width and channels of every picture of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct ImageShape {
    /// Height in pixels.
    pub h: usize,
    /// Width in pixels.
    pub w: usize,
    /// Channels: 3 for colour, 1 for grey.
    pub c: usize,
}

impl ImageShape {
    /// Values of one picture, `h * w * c`.
    pub fn values(&self) -> usize {
        self.h * self.w * self.c
    }
}

impl std::fmt::Display for ImageShape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}x{}x{}", self.h, self.w, self.c)
    }
}

/// Pictures of one shape that can be read in any order, from several threads.
pub trait Images: Send + Sync {
    /// Number of pictures.
    fn len(&self) -> usize;

    /// Shape of every picture.
    fn shape(&self) -> ImageShape;

    /// Writes picture `i` to `out` in the order row, column, channel; a byte `v` becomes `v / 127.5 - 1`.
    ///
    /// # Errors
    /// If a picture that is not kept in memory can no longer be read.
    ///
    /// # Panics
    /// If `i` is not below `len` or `out` is not of `shape().values()` values.
    fn read(&self, i: usize, out: &mut [f32]) -> Result<(), Error>;

    /// Names of the classes, if the source has any.
    fn classes(&self) -> Option<&[String]> {
        None
    }

    /// Class of picture `i` as an index into `classes`, if it has one.
    fn label(&self, _i: usize) -> Option<usize> {
        None
    }

    /// The source text these pictures were opened with.
    fn name(&self) -> &str;

    /// Pictures left out because they could not be decoded.
    fn skipped(&self) -> usize {
        0
    }

    /// Whether [`Batches`] mirrors a random half of the pictures.
    fn flip(&self) -> bool {
        false
    }

    /// Whether there is no picture at all; [`open`] never gives such a source.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// How [`open`] treats a source, beside the options that its text holds.
#[derive(Debug, Clone)]
pub struct OpenOptions {
    /// Seed of the made-up pictures.
    pub seed: u64,
    /// Leave out pictures that cannot be decoded, and count them, instead of failing.
    pub skip_bad: bool,
    /// Height and width where the text has no `size=`; without either, the source's own, and 48 for STL-10.
    pub size: Option<usize>,
    /// Bytes up to which a folder's decoded pictures stay in memory; a larger folder is decoded at every read.
    pub memory: usize,
}

impl Default for OpenOptions {
    fn default() -> OpenOptions {
        OpenOptions {
            seed: 0,
            skip_bad: false,
            size: None,
            memory: 1 << 30,
        }
    }
}

/// Opens the image source `src`, one of [`VALID_SOURCES`] with an optional suffix such as `?size=32&limit=1000`.
///
/// Options: `size=N` resizes (centre crop to the new aspect, then Pillow's antialiased bilinear); `limit=N` takes the
/// first N pictures, or of a folder with classes N pictures spread evenly over all; `flip=1` lets [`Batches`] mirror
/// a random half; `gray=1` gives one channel; `split=train|test|all` picks a part.
///
/// # Errors
/// If the text is not a source, or the files are missing, truncated, corrupt or hold no picture.
pub fn open(src: &str, options: &OpenOptions) -> Result<Box<dyn Images>, Error> {
    let mut source = Source::parse(src)?;
    source.size = source.size.or(options.size);
    match source.kind {
        Kind::Shapes => Ok(Box::new(Shapes::from_source(&source, options.seed))),
        Kind::Cifar10 => Ok(Box::new(cifar10::open(&source)?)),
        Kind::Stl10 => Ok(Box::new(stl10::open(&source)?)),
        Kind::Npy => Ok(Box::new(npy::open(&source)?)),
        Kind::Idx => Ok(Box::new(idx::open(&source)?)),
        Kind::Folder => folder::open(&source, options),
    }
}

/// Looks whether the pictures are as large as those of a generator, `side` by `side` in three channels.
///
/// # Errors
/// If they are not; the reason names both sizes and what to change.
pub fn require_side(images: &dyn Images, side: usize) -> Result<(), Error> {
    let shape = images.shape();
    if (shape.h, shape.w, shape.c) == (side, side, 3) {
        return Ok(());
    }
    let reason = format!(
        "{} has {shape} pictures, the generator makes {side}x{side}x3; add ?size={side} to the source or change \
         `bottom_width`",
        images.name()
    );
    Err(Error::config("data", reason))
}

/// Whether `text` has the form of an image source, be it there or not.
pub fn is_source(text: &str) -> bool {
    Source::parse(text).is_ok()
}

/// The value that stands for byte `v`, in -1..1.
fn from_byte(v: u8) -> f32 {
    f32::from(v) / 127.5 - 1.0
}

/// Luminance of a colour as Pillow computes it (ITU-R 601, 16-bit fixed point).
fn luminance(rgb: [u8; 3]) -> u8 {
    let [r, g, b] = rgb.map(u32::from);
    ((r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16) as u8
}

/// All values of `results`, or the error that comes first in their order.
fn first_error<T>(results: Vec<Result<T, Error>>) -> Result<Vec<T>, Error> {
    results.into_iter().collect()
}

#[cfg(test)]
mod tests;
