//! NumPy's `.npy` arrays.
//!
//! The header, a Python dictionary of three known keys, is read by hand: a general reader of such text would trust a
//! length in the file with its memory, and nested brackets with its stack.

use std::path::Path;

use super::atomic;
use super::limits::brief;
use super::numbers::{NumberArray, Order, Stored, Values};
use crate::Error;

const MAGIC: &[u8] = b"\x93NUMPY";

/// Reads a whole `.npy` file of numbers, any version, byte order and storage order.
///
/// # Errors
/// [`Error::Format`] if it is no such file, holds something else than numbers, or is cut off or too long.
pub fn parse(path: &Path, bytes: &[u8]) -> Result<NumberArray, Error> {
    let (header, start) = header(path, bytes)?;
    let header = Header::parse(header).map_err(|reason| bad_header(path, &reason))?;
    let (stored, order) = number_type(&header.descr).map_err(|reason| bad_header(path, &reason))?;
    let size = stored.size();
    check_length(path, &header, bytes.len(), start, size)?;
    let data = &bytes[start..];
    let values = match header.fortran_order && header.shape.len() > 1 {
        false => stored.gather(data, order, 0..data.len() / size),
        true => stored.gather(data, order, fortran_places(&header.shape)),
    };
    Ok(NumberArray { shape: header.shape, values })
}

/// Reads a whole `.npy` file of unsigned bytes: its shape and the values, row-major. No value is made wider, so that a
/// large set of pictures takes its own size.
///
/// # Errors
/// [`Error::Format`] if it is no such file, holds another type, or is cut off or too long.
pub fn parse_bytes(path: &Path, mut bytes: Vec<u8>) -> Result<(Vec<usize>, Vec<u8>), Error> {
    let (header, start) = header(path, &bytes)?;
    let header = Header::parse(header).map_err(|reason| bad_header(path, &reason))?;
    if !matches!(header.descr.as_str(), "|u1" | "u1" | "<u1" | ">u1" | "=u1") {
        let descr = brief(&header.descr);
        return Err(bad_header(path, &format!("says type `{descr}`, but unsigned bytes (`|u1`) are wanted")));
    }
    check_length(path, &header, bytes.len(), start, 1)?;
    bytes.drain(..start);
    if header.fortran_order && header.shape.len() > 1 {
        bytes = fortran_places(&header.shape).map(|place| bytes[place]).collect();
    }
    Ok((header.shape, bytes))
}

fn bad_header(path: &Path, reason: &str) -> Error {
    Error::format_at(path, MAGIC.len() as u64 + 2, format!("the .npy header {reason}"))
}

/// Checks that a file of `len` bytes holds the values of its header, `size` bytes each, from `start` on.
fn check_length(path: &Path, header: &Header, len: usize, start: usize, size: usize) -> Result<(), Error> {
    let n = header.shape.iter().try_fold(1_usize, |n, size| n.checked_mul(*size));
    let data = len - start;
    if n.and_then(|n| n.checked_mul(size)) == Some(data) {
        return Ok(());
    }
    let reason = format!(
        "{data} bytes of values follow the header, its shape {:?} of type `{}` takes another number; fetch the file again",
        header.shape, header.descr
    );
    Err(Error::format_at(path, start as u64, reason))
}

/// The bytes of a `.npy` file, as NumPy writes them.
pub fn to_bytes(array: &NumberArray) -> Vec<u8> {
    match &array.values {
        Values::F32(v) => file("<f4", &array.shape, v.iter().flat_map(|v| v.to_le_bytes())),
        Values::F64(v) => file("<f8", &array.shape, v.iter().flat_map(|v| v.to_le_bytes())),
    }
}

/// Replaces the file at `path` by one that holds `array`.
///
/// # Errors
/// If the system refuses; the old content then remains.
pub fn write(path: &Path, array: &NumberArray) -> Result<(), Error> {
    atomic::write(path, &to_bytes(array))
}

/// A file of this type, shape and little-endian data.
pub fn file(descr: &str, shape: &[usize], data: impl Iterator<Item = u8>) -> Vec<u8> {
    let sizes: Vec<String> = shape.iter().map(usize::to_string).collect();
    let tuple = match sizes.as_slice() {
        [one] => format!("({one},)"),
        many => format!("({})", many.join(", ")),
    };
    let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {tuple}, }}");
    // Magic, version, length and header together fill a multiple of 64 bytes, the last of which is a newline.
    let padded = (10 + header.len() + 1).next_multiple_of(64) - 10;
    let mut file = [MAGIC, &[1, 0]].concat();
    file.extend((padded as u16).to_le_bytes());
    file.extend(format!("{header:<width$}\n", width = padded - 1).bytes());
    file.extend(data);
    file
}

/// The text of the header and where the values start.
fn header<'a>(path: &Path, bytes: &'a [u8]) -> Result<(&'a str, usize), Error> {
    let not_whole = || Error::format(path, "not a whole .npy file");
    if !bytes.starts_with(MAGIC) {
        return Err(Error::format(path, "not a .npy file"));
    }
    let (start, len): (usize, usize) = match bytes.get(6..12).ok_or_else(not_whole)? {
        [1, _, a, b, ..] => (10, usize::from(u16::from_le_bytes([*a, *b]))),
        [2 | 3, _, a, b, c, d] => (12, u32::from_le_bytes([*a, *b, *c, *d]) as usize),
        [version, ..] => {
            return Err(Error::format_at(path, 6, format!("version {version} of .npy is not known")));
        }
        [] => return Err(not_whole()),
    };
    let text = start
        .checked_add(len)
        .and_then(|end| bytes.get(start..end))
        .ok_or_else(not_whole)?;
    let text = std::str::from_utf8(text)
        .map_err(|_| Error::format_at(path, start as u64, "the header is no text"))?;
    Ok((text, start + len))
}

/// What the header says.
struct Header {
    descr: String,
    fortran_order: bool,
    shape: Vec<usize>,
}

impl Header {
    fn parse(text: &str) -> Result<Header, String> {
        let mut rest = text.trim();
        let (mut descr, mut fortran_order, mut shape) = (None, None, None);
        rest = after(rest, "{")?;
        while !rest.starts_with('}') {
            let (key, behind) = quoted(rest)?;
            rest = after(behind, ":")?;
            match key {
                "descr" => {
                    if !rest.starts_with('\'') && !rest.starts_with('"') {
                        return Err("describes records; only plain numbers are read".to_owned());
                    }
                    let (value, behind) = quoted(rest)?;
                    descr = Some(value.to_owned());
                    rest = behind;
                }
                "fortran_order" => {
                    let value = rest.starts_with("True");
                    rest = after(rest, if value { "True" } else { "False" })?;
                    fortran_order = Some(value);
                }
                "shape" => {
                    let (sizes, behind) = tuple(rest)?;
                    shape = Some(sizes);
                    rest = behind;
                }
                other => return Err(format!("has the unknown key `{}`", brief(other))),
            }
            if !rest.starts_with('}') {
                rest = after(rest, ",")?;
            }
        }
        match (descr, fortran_order, shape) {
            (Some(descr), Some(fortran_order), Some(shape)) => Ok(Header { descr, fortran_order, shape }),
            _ => Err("lacks one of `descr`, `fortran_order` and `shape`".to_owned()),
        }
    }
}

/// What follows `token` and blanks.
fn after<'a>(text: &'a str, token: &str) -> Result<&'a str, String> {
    let rest = text.strip_prefix(token).ok_or_else(|| format!("lacks a `{token}`"))?;
    Ok(rest.trim_start())
}

/// A text in quotes and what follows it.
fn quoted(text: &str) -> Result<(&str, &str), String> {
    let quote = text
        .chars()
        .next()
        .filter(|c| matches!(c, '\'' | '"'))
        .ok_or("lacks a quoted name")?;
    let (inside, behind) = text[1..].split_once(quote).ok_or("has a name without an end")?;
    Ok((inside, behind.trim_start()))
}

/// Sizes in brackets and what follows them. An array has at most 32 axes in NumPy.
fn tuple(text: &str) -> Result<(Vec<usize>, &str), String> {
    let (inside, behind) = after(text, "(")?.split_once(')').ok_or("has a shape without an end")?;
    let parts: Vec<&str> = inside
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .take(33)
        .collect();
    if parts.len() > 32 {
        return Err("has a shape of more than 32 axes".to_owned());
    }
    let sizes = parts.iter().map(|part| {
        // Python 2 wrote long integers with an L.
        part.trim_end_matches('L')
            .parse()
            .map_err(|_| "has a size that is no number".to_owned())
    });
    Ok((sizes.collect::<Result<_, _>>()?, behind.trim_start()))
}

/// The type that `descr` names, and the order of its bytes.
fn number_type(descr: &str) -> Result<(Stored, Order), String> {
    let (order, name) = match descr.as_bytes().first() {
        Some(b'<' | b'>' | b'|' | b'=') => descr.split_at(1),
        _ => ("=", descr),
    };
    let stored = match name {
        "f2" => Stored::F16,
        "f4" => Stored::F32,
        "f8" => Stored::F64,
        "i1" => Stored::I8,
        "i2" => Stored::I16,
        "i4" => Stored::I32,
        "i8" => Stored::I64,
        "u1" | "b1" => Stored::U8,
        "u2" => Stored::U16,
        "u4" => Stored::U32,
        "u8" => Stored::U64,
        _ => return Err(format!("says type `{}`; only plain numbers are read", brief(descr))),
    };
    Ok((stored, if order == ">" { Order::Big } else { Order::Little }))
}

/// For each place in row-major order, where its value lies in column-major order.
fn fortran_places(shape: &[usize]) -> impl Iterator<Item = usize> + use<> {
    let shape = shape.to_vec();
    let n: usize = shape.iter().product();
    (0..n).map(move |place| {
        let (mut rest, mut inner, mut at) = (place, n, 0);
        let mut step = 1;
        for size in &shape {
            inner /= size;
            at += rest / inner * step;
            rest %= inner;
            step *= size;
        }
        at
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> NumberArray {
        parse(Path::new("x.npy"), bytes).unwrap()
    }

    fn refused(bytes: &[u8]) -> String {
        parse(Path::new("x.npy"), bytes).unwrap_err().to_string()
    }

    fn with_header(version: u8, header: &str, data: &[u8]) -> Vec<u8> {
        let mut file = [MAGIC, &[version, 0]].concat();
        match version {
            1 => file.extend((header.len() as u16).to_le_bytes()),
            _ => file.extend((header.len() as u32).to_le_bytes()),
        }
        file.extend(header.bytes());
        file.extend(data);
        file
    }

    #[test]
    fn what_is_written_is_read_back() {
        for shape in [vec![], vec![3], vec![2, 3], vec![2, 1, 3], vec![0, 4]] {
            let n: usize = shape.iter().product();
            let singles = Values::F32((0..n).map(|i| i as f32 - 0.5).collect());
            let doubles = Values::F64((0..n).map(|i| i as f64 / 3.0).collect());
            for values in [singles, doubles] {
                let array = NumberArray::new(&shape, values);
                let bytes = to_bytes(&array);
                assert_eq!(bytes.len() - n * if matches!(array.values, Values::F32(_)) { 4 } else { 8 }, 128);
                assert_eq!(read(&bytes), array);
            }
        }
        // As NumPy 1.26 writes np.arange(2, dtype='<f4').
        let bytes = to_bytes(&NumberArray::new(&[2], Values::F32(vec![0.0, 1.0])));
        let start = b"\x93NUMPY\x01\x00\x76\x00{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }    ";
        assert!(bytes.starts_with(start), "{:?}", String::from_utf8_lossy(&bytes));
    }

    /// A file that NumPy itself wrote, see `formats-tests/seeds/make.py`.
    const SINGLE: &[u8] = include_bytes!("../../formats-tests/seeds/single.npy");
    const SCALAR: &[u8] = include_bytes!("../../formats-tests/seeds/scalar.npy");

    #[test]
    fn what_is_written_is_byte_for_byte_what_numpy_writes() {
        let single = NumberArray::new(&[2, 3], Values::F32((0..6).map(|i| i as f32).collect()));
        assert_eq!(to_bytes(&single), SINGLE);
        assert_eq!(to_bytes(&NumberArray::new(&[], Values::F64(vec![0.1]))), SCALAR);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.npy");
        write(&path, &single).unwrap();
        assert_eq!(std::fs::read(path).unwrap(), SINGLE);
    }

    #[test]
    fn what_numpy_writes_is_read() {
        let counts = include_bytes!("../../formats-tests/seeds/counts.npy");
        let want = Values::F64(vec![1.0, -2.0, 3.0, 2.0_f64.powi(40)]);
        assert_eq!(read(counts), NumberArray::new(&[2, 2], want));
        let fortran = include_bytes!("../../formats-tests/seeds/fortran.npy");
        assert_eq!(read(fortran).values, Values::F64((0..6).map(f64::from).collect()));
        let halves = include_bytes!("../../formats-tests/seeds/halves.npy");
        assert_eq!(read(halves).values, Values::F32(vec![0.5, -65504.0]));
        let truth = include_bytes!("../../formats-tests/seeds/truth.npy");
        assert_eq!(read(truth), NumberArray::new(&[2, 1], Values::F32(vec![1.0, 0.0])));
    }

    #[test]
    fn every_version_byte_order_and_storage_order() {
        let header = "{\"shape\": (2L, 3), 'fortran_order':True,'descr': '>i2'}\n";
        let data: Vec<u8> = [0i16, 3, 1, 4, 2, -5].iter().flat_map(|v| v.to_be_bytes()).collect();
        for version in [1, 2, 3] {
            let got = read(&with_header(version, header, &data));
            assert_eq!(got, NumberArray::new(&[2, 3], Values::F32(vec![0.0, 1.0, 2.0, 3.0, 4.0, -5.0])));
        }
        let header = "{'descr': '|b1', 'fortran_order': True, 'shape': (2, 2, 2), }";
        let got = read(&with_header(1, header, &[0, 1, 2, 3, 4, 5, 6, 7]));
        assert_eq!(got.values, Values::F32(vec![0.0, 4.0, 2.0, 6.0, 1.0, 5.0, 3.0, 7.0]));
    }

    #[test]
    fn bytes_stay_bytes_in_either_storage_order() {
        let path = Path::new("x.npy");
        let rows = file("|u1", &[2, 3], 0..6);
        assert_eq!(parse_bytes(path, rows).unwrap(), (vec![2, 3], vec![0, 1, 2, 3, 4, 5]));
        let header = "{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3), }";
        let columns = with_header(1, header, &[0, 3, 1, 4, 2, 5]);
        assert_eq!(parse_bytes(path, columns).unwrap(), (vec![2, 3], vec![0, 1, 2, 3, 4, 5]));
        let told = |bytes| parse_bytes(path, bytes).unwrap_err().to_string();
        assert!(told(SINGLE.to_vec()).contains("type `<f4`, but unsigned bytes"));
        let text = told(file("|u1", &[2, 3], 0..5));
        assert!(text.contains("x.npy at byte 128: 5 bytes of values follow"), "{text}");
    }

    #[test]
    fn what_is_no_array_of_numbers_is_refused_with_the_reason() {
        let plain = |header: &str| refused(&with_header(1, header, &[0; 8]));
        assert!(refused(b"PK").contains("x.npy: not a .npy file"));
        assert!(refused(b"\x93NUMPY\x01").contains("not a whole"));
        assert!(refused(b"\x93NUMPY\x02\x00\xff\xff\xff\xff{}").contains("not a whole"));
        assert!(refused(b"\x93NUMPY\x09\x00\x00\x00\x00\x00").contains("at byte 6"));
        assert!(plain("{'descr': '<c8', 'fortran_order': False, 'shape': (1,), }").contains("`<c8`"));
        assert!(
            plain("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }").contains("only plain numbers")
        );
        assert!(
            plain("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }").contains("records")
        );
        assert!(plain("{'descr': '<f4', 'shape': (2,), }").contains("lacks one of"));
        assert!(plain("{'descr': '<f4', 'fortran_order': False, 'shape': (-2,), }").contains("no number"));
        assert!(plain("{'descr': '<f4', 'fortran_order': False, 'shape': ((2,),), }").contains("no number"));
        let overflow = "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296, 2), }";
        assert!(plain(overflow).contains("8 bytes of values"));
        assert!(
            plain("{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }")
                .contains("fetch the file again")
        );
        assert!(plain(&"(".repeat(60_000)).contains("lacks a `{`"));
    }
}
