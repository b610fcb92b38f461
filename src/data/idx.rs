//! IDX files, the format of MNIST and its relatives, plain or gzipped.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use super::ImageShape;
use super::memory::Memory;
use super::source::{Source, Split};
use crate::Error;

const IMAGES_MAGIC: u32 = 0x0803;
const LABELS_MAGIC: u32 = 0x0801;
/// Larger contents are taken for a broken or hostile header.
const LARGEST: u64 = 4 << 30;

/// Opens an image file, or both parts of a set for `split=all`.
pub(super) fn open(source: &Source) -> Result<Memory, Error> {
    let mut all: Option<Part> = None;
    for path in paths(source)? {
        let part = read_part(&path)?;
        match &mut all {
            None => all = Some(part),
            Some(first) if first.shape != part.shape => {
                return Err(Error::format(
                    &path,
                    format!("pictures are {}, of the other part {}", part.shape, first.shape),
                ));
            }
            Some(first) => {
                first.bytes.extend(part.bytes);
                first.labels.extend(part.labels);
            }
        }
    }
    let all = all.expect("paths gives at least one path");
    let classes = all
        .labels
        .iter()
        .flatten()
        .max()
        .map(|most| (0..=*most).map(|class| class.to_string()).collect::<Vec<_>>());
    Ok(Memory::new(source, all.shape, all.bytes, all.labels, classes))
}

struct Part {
    shape: ImageShape,
    bytes: Vec<u8>,
    labels: Vec<Option<usize>>,
}

/// The files that the source's `split` means; the official names start with `train` and `t10k` (or `test`).
fn paths(source: &Source) -> Result<Vec<PathBuf>, Error> {
    let path = &source.path;
    let Some(split) = source.split else {
        return Ok(vec![path.clone()]);
    };
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let rest = ["train-", "t10k-", "test-"]
        .iter()
        .find_map(|prefix| name.strip_prefix(prefix))
        .ok_or_else(|| {
            Error::config(
                &source.text,
                format!("option `split` needs a file named train-* or t10k-*, not `{name}`; leave it out"),
            )
        })?;
    let train = path.with_file_name(format!("train-{rest}"));
    let t10k = path.with_file_name(format!("t10k-{rest}"));
    let test = if t10k.exists() {
        t10k
    } else {
        path.with_file_name(format!("test-{rest}"))
    };
    Ok(match split {
        Split::Train => vec![train],
        Split::Test => vec![test],
        Split::All => vec![train, test],
    })
}

fn read_part(path: &Path) -> Result<Part, Error> {
    let (sizes, bytes) = read(path, IMAGES_MAGIC, "images")?;
    let [count, h, w] = [sizes[0], sizes[1], sizes[2]];
    if count == 0 || h == 0 || w == 0 {
        return Err(Error::format_at(
            path,
            4,
            format!("holds no picture: its sizes are {count} x {h} x {w}"),
        ));
    }
    let labels = match labels_path(path) {
        Some(labels) => read_labels(&labels, count)?,
        None => vec![None; count],
    };
    Ok(Part { shape: ImageShape { h, w, c: 1 }, bytes, labels })
}

/// The labels file beside an image file, gzipped or not whichever the images are.
fn labels_path(images: &Path) -> Option<PathBuf> {
    let name = images.file_name()?.to_string_lossy().into_owned();
    let plain = name.strip_suffix(".gz").unwrap_or(&name);
    let labels = [("images-idx3", "labels-idx1"), ("images.idx3", "labels.idx1")]
        .iter()
        .find(|(images, _)| plain.contains(images))
        .map(|(images, labels)| plain.replace(images, labels))?;
    [labels.clone(), format!("{labels}.gz")]
        .iter()
        .map(|name| images.with_file_name(name))
        .find(|path| path.exists())
}

fn read_labels(path: &Path, count: usize) -> Result<Vec<Option<usize>>, Error> {
    let (sizes, bytes) = read(path, LABELS_MAGIC, "labels")?;
    if sizes[0] != count {
        return Err(Error::format_at(path, 4, format!("holds {} labels for {count} pictures", sizes[0])));
    }
    Ok(bytes.into_iter().map(|v| Some(usize::from(v))).collect())
}

/// Sizes and bytes of the file, whose first four bytes must be `magic` (`0x08`, then the number of sizes).
fn read(path: &Path, magic: u32, what: &str) -> Result<(Vec<usize>, Vec<u8>), Error> {
    let file = File::open(path).map_err(|e| Error::io(path, "open", &e))?;
    let file = BufReader::new(file);
    let gz = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("gz"));
    if gz {
        parse(path, flate2::bufread::MultiGzDecoder::new(file), magic, what)
    } else {
        parse(path, file, magic, what)
    }
}

fn parse(path: &Path, mut from: impl Read, magic: u32, what: &str) -> Result<(Vec<usize>, Vec<u8>), Error> {
    let rank = (magic & 0xff) as usize;
    let header = read_up_to(path, &mut from, 4 + 4 * rank as u64, 0)?;
    let words: Vec<u32> = header
        .chunks_exact(4)
        .map(|w| u32::from_be_bytes([w[0], w[1], w[2], w[3]]))
        .collect();
    match words.first() {
        Some(found) if *found == magic => {}
        found => {
            return Err(Error::format_at(
                path,
                0,
                match found {
                    Some(found) => {
                        format!("starts with {found:#010x}, an IDX file of {what} with {magic:#010x}")
                    }
                    None => format!("ends before the magic number {magic:#010x} of an IDX file of {what}"),
                },
            ));
        }
    }
    if words.len() != rank + 1 {
        return Err(Error::format_at(
            path,
            header.len() as u64,
            format!("the file ends inside its header of {} bytes", 4 + 4 * rank),
        ));
    }
    let sizes = &words[1..];
    let total = sizes
        .iter()
        .try_fold(1u64, |total, size| total.checked_mul(u64::from(*size)))
        .filter(|total| *total <= LARGEST)
        .ok_or_else(|| {
            Error::format_at(path, 4, format!("sizes {sizes:?} make more than 4 GiB; the header is broken"))
        })?;
    let at = header.len() as u64;
    // One byte more than promised shows a file that is too long.
    let bytes = read_up_to(path, &mut from, total + 1, at)?;
    if bytes.len() as u64 != total {
        let (word, end) = match (bytes.len() as u64) < total {
            true => ("ends after", at + bytes.len() as u64),
            false => ("goes on after", at + total),
        };
        let got = (bytes.len() as u64).min(total);
        return Err(Error::format_at(
            path,
            end,
            format!(
                "the content {word} {got} bytes, its header says {sizes:?} = {total} bytes; fetch it again"
            ),
        ));
    }
    Ok((sizes.iter().map(|s| *s as usize).collect(), bytes))
}

/// Up to `limit` bytes; `at` is the offset (in the unpacked content) where they start.
fn read_up_to(path: &Path, from: &mut impl Read, limit: u64, at: u64) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    match from.take(limit).read_to_end(&mut bytes) {
        Ok(_) => Ok(bytes),
        Err(e) => Err(Error::format_at(
            path,
            at + bytes.len() as u64,
            format!("unpacking fails there: {e}; fetch it again"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = parse(Path::new("x"), bytes.as_slice(), IMAGES_MAGIC, "images");
        }

        #[test]
        fn only_true_headers_are_accepted(n in 0u32..4, h in 0u32..4, w in 0u32..4, extra in -2i32..3) {
            let total = n * h * w;
            let len = (total as i32 + extra).max(0) as usize;
            let mut bytes = IMAGES_MAGIC.to_be_bytes().to_vec();
            bytes.extend([n, h, w].iter().flat_map(|s| s.to_be_bytes()));
            bytes.extend(vec![7; len]);
            let read = parse(Path::new("x"), bytes.as_slice(), IMAGES_MAGIC, "images");
            prop_assert_eq!(read.is_ok(), len == total as usize);
        }
    }

    #[test]
    fn a_header_of_huge_sizes_is_refused_without_allocating() {
        let mut bytes = IMAGES_MAGIC.to_be_bytes().to_vec();
        bytes.extend([0xff; 12]);
        let error = parse(Path::new("x"), bytes.as_slice(), IMAGES_MAGIC, "images").unwrap_err();
        assert!(error.to_string().contains("4 GiB"), "{error}");
    }
}
