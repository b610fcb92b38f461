//! NumPy's arrays of bytes in a pickle.
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
    let Value::Made { of, with, .. } = pickle.get(at) else {
        return Err("has no type".to_owned());
    };
    let dtype = pickle.global(of) == Some(("numpy", "dtype"));
    let name = pickle.first(with).and_then(|[name]| pickle.raw(name));
    match name {
        Some(b"u1" | b"|u1") if dtype => Ok(()),
        Some(other) if dtype => Err(format!(
            "holds values of type `{}`, not unsigned bytes",
            other[..other.len().min(8)].escape_ascii()
        )),
        _ => Err("has no type".to_owned()),
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
