//! NumPy's arrays of bytes, and its single numbers, in a pickle.
//!
//! NumPy pickles an array as a call of `_reconstruct` that makes an empty one, and a state that fills it: version, shape,
//! type, whether columns come first, and the values as bytes (in Python 2 a `str`, which Python 3 writes for it as an
//! encoded text).

use std::borrow::Cow;

use super::super::limits::Budget;
use super::{Pickle, Policy, Ref, Value};

/// The classes and functions that a pickle of arrays names.
pub const NAMES: Policy = &[
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("_codecs", "encode"),
];

/// The classes and functions that a pickle of single numbers and of ordered dictionaries names.
pub const SCALARS: Policy = &[
    ("collections", "OrderedDict"),
    ("numpy.core.multiarray", "scalar"),
    ("numpy._core.multiarray", "scalar"),
    ("numpy", "dtype"),
];

/// The single number at `at` of a pickle that was read with [`SCALARS`]: a call of `scalar` with a type and bytes.
/// Whole numbers beyond 2^53 are rounded.
///
/// # Errors
/// If something else is there, or a number of another type than little-endian `f4`, `f8`, `i4` and `i8`.
pub fn scalar(pickle: &Pickle, at: Ref) -> Result<f64, String> {
    let none = || "is no number of NumPy".to_owned();
    let Value::Made { of, with, .. } = pickle.get(at) else {
        return Err(none());
    };
    let call = pickle.global(of).filter(|(_, name)| *name == "scalar");
    let [kind, bytes] = call.and_then(|_| pickle.first(with)).ok_or_else(none)?;
    let (name, order) = type_of(pickle, kind)?;
    let bytes = pickle.bytes(bytes).ok_or("has no bytes")?;
    match (order, name) {
        (Some(b"<"), b"f8") => bytes.try_into().map(f64::from_le_bytes),
        (Some(b"<"), b"f4") => bytes.try_into().map(|b| f64::from(f32::from_le_bytes(b))),
        (Some(b"<"), b"i8") => bytes.try_into().map(|b| i64::from_le_bytes(b) as f64),
        (Some(b"<"), b"i4") => bytes.try_into().map(|b| f64::from(i32::from_le_bytes(b))),
        _ => {
            return Err(format!("is a number of type `{}`, not little-endian f4, f8, i4 or i8", shown(name)));
        }
    }
    .map_err(|_| format!("has {} bytes, too few or too many for its type `{}`", bytes.len(), shown(name)))
}

/// Name and byte order of a type.
fn type_of<'a>(pickle: &Pickle<'a>, at: Ref) -> Result<(&'a [u8], Option<&'a [u8]>), String> {
    let Value::Made { of, with, state } = pickle.get(at) else {
        return Err("has no type".to_owned());
    };
    let dtype = pickle.global(of) == Some(("numpy", "dtype"));
    let name = pickle.first(with).and_then(|[name]| pickle.raw(name));
    let order = pickle.first(state).and_then(|[_version, order]| pickle.raw(order));
    match name {
        Some(name) if dtype => Ok((name, order)),
        _ => Err("has no type".to_owned()),
    }
}

fn shown(name: &[u8]) -> impl std::fmt::Display {
    name[..name.len().min(8)].escape_ascii()
}

/// An array of unsigned bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ByteArray<'a> {
    /// Sizes along each axis, outermost first.
    pub shape: Vec<usize>,
    /// Whether the first axis varies fastest, instead of the last.
    pub fortran_order: bool,
    /// As many values as the product of the sizes.
    pub bytes: Cow<'a, [u8]>,
}

/// The array of bytes at `at` of a pickle that was read with [`NAMES`]. A copy of the bytes, if one is needed, is paid for
/// with `budget`.
///
/// # Errors
/// If something else is there, or an array of another type or with another number of values than its shape says.
pub fn bytes<'a>(pickle: &Pickle<'a>, at: Ref, budget: &mut Budget) -> Result<ByteArray<'a>, String> {
    let Value::Made { of, state, .. } = pickle.get(at) else {
        return Err("is no array of NumPy".to_owned());
    };
    let array = pickle.global(of).filter(|(_, name)| *name == "_reconstruct");
    let state = array.and_then(|_| pickle.first(state));
    let [_version, shape, kind, order, values] = state.ok_or("is no array of NumPy")?;
    let shape = sizes(pickle, shape).ok_or("has a shape that is none")?;
    check_type(pickle, kind)?;
    let Value::Bool(fortran_order) = pickle.get(order) else {
        return Err("does not say in which order its values are".to_owned());
    };
    let bytes = content(pickle, values, budget)?;
    let n = shape.iter().try_fold(1_usize, |n, size| n.checked_mul(*size));
    match n {
        Some(n) if n == bytes.len() => Ok(ByteArray { shape, fortran_order, bytes }),
        _ => Err(format!("has shape {shape:?} but {} values; fetch the file again", bytes.len())),
    }
}

/// A shape, of at most as many axes as NumPy has.
fn sizes(pickle: &Pickle, at: Ref) -> Option<Vec<usize>> {
    const MOST_AXES: usize = 32;
    let parts = pickle.parts(at)?.take(MOST_AXES + 1);
    let sizes: Vec<usize> = parts.map(|part| pickle.size(part)).collect::<Option<_>>()?;
    (sizes.len() <= MOST_AXES).then_some(sizes)
}

/// A type is made of its name; byte order, which follows in its state, is none for bytes.
fn check_type(pickle: &Pickle, at: Ref) -> Result<(), String> {
    match type_of(pickle, at)? {
        (b"u1" | b"|u1", _) => Ok(()),
        (other, _) => Err(format!("holds values of type `{}`, not unsigned bytes", shown(other))),
    }
}

fn content<'a>(pickle: &Pickle<'a>, at: Ref, budget: &mut Budget) -> Result<Cow<'a, [u8]>, String> {
    let Value::Made { of, with, .. } = pickle.get(at) else {
        return pickle.raw(at).map(Cow::Borrowed).ok_or_else(|| "has no values".to_owned());
    };
    let encoded = pickle.global(of) == Some(("_codecs", "encode"));
    let [text, code] = pickle.first(with).filter(|_| encoded).ok_or("has no values")?;
    let text = pickle.text(text).filter(|_| pickle.raw(code) == Some(b"latin1"));
    let text = text.ok_or("has values in an unknown encoding")?;
    let len = text.chars().count();
    budget.take(len)?;
    let mut bytes = Vec::with_capacity(len);
    for c in text.chars() {
        bytes.push(u8::try_from(c).map_err(|_| "has a value above 255")?);
    }
    Ok(Cow::Owned(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn array(pickle: &[u8]) -> Result<(Vec<usize>, bool, Vec<u8>), String> {
        let mut budget = Budget::of_file(pickle.len());
        let (pickle, _) = Pickle::read(pickle, NAMES, &mut budget).map_err(|refused| refused.reason)?;
        let array = bytes(&pickle, pickle.root(), &mut budget)?;
        Ok((array.shape, array.fortran_order, array.bytes.into_owned()))
    }

    // What `pickle.dumps(np.array([[0, 200, 3], [97, 98, 99]], np.uint8), protocol)` gives; of Python 2, protocol 2.
    const OLDEST: &[u8] = b"\x80\x02cnumpy.core.multiarray\n_reconstruct\nq\x01cnumpy\nndarray\nq\x02K\x00\x85U\x01b\x87Rq\x03(K\x01K\x02K\x03\x86cnumpy\ndtype\nq\x04U\x02u1K\x00K\x01\x87Rq\x05(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89U\x06\x00\xc8\x03abctb.";
    const PYTHON3: &[u8] = b"\x80\x02cnumpy._core.multiarray\n_reconstruct\nq\x00cnumpy\nndarray\nq\x01K\x00\x85q\x02c_codecs\nencode\nq\x03X\x01\x00\x00\x00bq\x04X\x06\x00\x00\x00latin1q\x05\x86q\x06Rq\x07\x87q\x08Rq\t(K\x01K\x02K\x03\x86q\ncnumpy\ndtype\nq\x0bX\x02\x00\x00\x00u1q\x0c\x89\x88\x87q\rRq\x0e(K\x03X\x01\x00\x00\x00|q\x0fNNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tq\x10b\x89h\x03X\x07\x00\x00\x00\x00\xc3\x88\x03abcq\x11h\x05\x86q\x12Rq\x13tq\x14b.";
    const PROTOCOL4: &[u8] = b"\x80\x04\x95\x91\x00\x00\x00\x00\x00\x00\x00\x8c\x16numpy._core.multiarray\x94\x8c\x0c_reconstruct\x94\x93\x94\x8c\x05numpy\x94\x8c\x07ndarray\x94\x93\x94K\x00\x85\x94C\x01b\x94\x87\x94R\x94(K\x01K\x02K\x03\x86\x94h\x03\x8c\x05dtype\x94\x93\x94\x8c\x02u1\x94\x89\x88\x87\x94R\x94(K\x03\x8c\x01|\x94NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00t\x94b\x89C\x06\x00\xc8\x03abc\x94t\x94b.";

    #[test]
    fn arrays_as_every_python_writes_them() {
        for pickle in [OLDEST, PYTHON3, PROTOCOL4] {
            assert_eq!(array(pickle), Ok((vec![2, 3], false, vec![0, 200, 3, 97, 98, 99])));
        }
    }

    // The number 0.129306 as the tables of NATS-Bench hold it, by protocol 4.
    const SCALAR: &[u8] = b"\x80\x04\x8c\x15numpy.core.multiarray\x94\x8c\x06scalar\x94\x93\x94\x8c\x05numpy\x94\x8c\x05dtype\x94\x93\x94\x8c\x02f8\x94K\x00K\x01\x87\x94R\x94(K\x03\x8c\x01<\x94NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00t\x94bC\x08\x0b\x9a\x96X\x19\x8d\xc0?\x94\x86\x94R\x94.";

    fn number(pickle: &[u8]) -> Result<f64, String> {
        let mut budget = Budget::of_bytes(1 << 16);
        let (pickle, _) = Pickle::read(pickle, SCALARS, &mut budget).map_err(|refused| refused.reason)?;
        scalar(&pickle, pickle.root())
    }

    #[test]
    fn single_numbers_are_read_and_others_refused() {
        assert_eq!(number(SCALAR), Ok(0.129306));
        let changed = |from: &[u8], to: &[u8]| {
            let at = SCALAR.windows(from.len()).position(|part| part == from).unwrap();
            number(&[&SCALAR[..at], to, &SCALAR[at + from.len()..]].concat())
        };
        let int = [&b"C\x04"[..], &(-7_i32).to_le_bytes()].concat();
        let mut four = SCALAR.to_vec();
        let bytes = SCALAR.windows(2).position(|part| part == b"C\x08").unwrap();
        four.splice(bytes..bytes + 10, int);
        let name = SCALAR.windows(2).position(|part| part == b"f8").unwrap();
        four[name..name + 2].copy_from_slice(b"i4");
        assert_eq!(number(&four), Ok(-7.0));
        assert!(changed(b"f8", b"f4").unwrap_err().contains("has 8 bytes"));
        assert!(changed(b"f8", b"O8").unwrap_err().contains("type `O8`"));
        assert!(changed(b"\x01<", b"\x01>").unwrap_err().contains("little-endian"));
        assert!(changed(b"\x06scalar", b"\x06system").unwrap_err().contains("not allowed"));
        assert!(number(b"K\x01.").unwrap_err().contains("no number"));
    }

    fn changed(from: &[u8], to: &[u8]) -> String {
        let at = OLDEST.windows(from.len()).position(|part| part == from).unwrap();
        let (before, after) = (&OLDEST[..at], &OLDEST[at + from.len()..]);
        array(&[before, to, after].concat()).unwrap_err()
    }

    #[test]
    fn what_is_no_array_of_bytes_is_refused_with_the_reason() {
        assert!(changed(b"u1", b"i4").contains("type `i4`, not unsigned bytes"));
        assert!(changed(b"K\x02K\x03\x86", b"K\x02K\x04\x86").contains("shape [2, 4] but 6 values"));
        assert!(changed(b"K\x02K\x03\x86", b"J\xff\xff\xff\xffK\x04\x86").contains("shape that is none"));
        assert!(changed(b"\x89U\x06", b"NU\x06").contains("in which order"));
        assert!(changed(b"U\x06\x00\xc8\x03abc", b"K\x07").contains("no values"));
        assert!(changed(b"numpy\nndarray", b"os\nsystem").contains("not allowed"));
        let huge = b"\x8a\x05\x00\x00\x00\x00\x01\x8a\x05\x00\x00\x00\x00\x01\x86";
        assert!(changed(b"K\x02K\x03\x86", huge).contains("but 6 values"));
        assert!(array(b"K\x01.").unwrap_err().contains("no array"));
        assert!(array(b"cnumpy\nndarray\n)R.").unwrap_err().contains("no array"));
        // An array that is its own state.
        assert!(array(b"cnumpy.core.multiarray\n_reconstruct\n)Rq\x00h\x00b.").is_err());
    }
}
