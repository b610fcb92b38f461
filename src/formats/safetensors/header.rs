//! The header of a safetensors file, read in one pass: nothing is kept of an array but where its values lie.
//!
//! A general reader of such text makes a list of every shape and a map of every name, which a small file can make many
//! times larger than itself.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use super::super::limits::{Budget, brief};
use super::super::numbers::Stored;
use super::METADATA;

/// Most axes of an array.
const MOST_AXES: usize = 64;
/// Bytes that an entry of the map of texts takes beside its texts.
const ENTRY: usize = 160;

/// One array of a file.
pub(super) struct Entry<'a> {
    pub name: Cow<'a, str>,
    pub shape: Vec<usize>,
    pub data: &'a [u8],
    dtype: Cow<'a, str>,
}

/// Takes the arrays one after the other.
pub(super) type Take<'t, 'a> = &'t mut dyn FnMut(Entry<'a>) -> Result<(), String>;

/// Hands every array of a file to `take`, in the order of the header; gives the texts that describe the file. The values
/// of all arrays together are exactly the bytes behind the header.
pub(super) fn read<'a>(bytes: &'a [u8], take: Take<'_, 'a>) -> Result<BTreeMap<String, String>, String> {
    let whole = bytes.split_first_chunk::<8>().and_then(|(len, rest)| {
        let len = usize::try_from(u64::from_le_bytes(*len)).ok()?;
        rest.split_at_checked(len)
    });
    let (header, data) = whole.ok_or("it ends within its header; fetch it again")?;
    let mut all = Header {
        data,
        take,
        budget: Budget::of_file(bytes.len()),
        texts: BTreeMap::new(),
        places: Vec::new(),
        left: data.len(),
    };
    let mut json = serde_json::Deserializer::from_slice(header);
    json.deserialize_map(&mut all)
        .and_then(|()| json.end())
        .map_err(|e| brief(&e.to_string()))?;
    all.places.sort_unstable();
    let mut end = 0;
    for (start, next) in all.places {
        if start != end {
            return Err(format!("no array holds what begins at byte {end} of its data"));
        }
        end = next;
    }
    if end != data.len() {
        return Err(format!("{} bytes follow the header, its arrays have {end}; fetch it again", data.len()));
    }
    Ok(all.texts)
}

impl Entry<'_> {
    /// How the values are stored.
    pub fn stored(&self) -> Result<Stored, String> {
        let stored = match &*self.dtype {
            "F32" => Stored::F32,
            "F64" => Stored::F64,
            "F16" => Stored::F16,
            "BF16" => Stored::Bf16,
            "U8" | "BOOL" => Stored::U8,
            "I8" => Stored::I8,
            "U16" => Stored::U16,
            "I16" => Stored::I16,
            "U32" => Stored::U32,
            "I32" => Stored::I32,
            "U64" => Stored::U64,
            "I64" => Stored::I64,
            other => return Err(format!("type {} is not read; store it as F32", brief(other))),
        };
        let n = self.shape.iter().try_fold(stored.size(), |n, size| n.checked_mul(*size));
        match n {
            Some(n) if n == self.data.len() => Ok(stored),
            _ => Err(format!(
                "{} bytes do not fit the shape {:?} of type {}",
                self.data.len(),
                self.shape,
                self.dtype
            )),
        }
    }
}

struct Header<'a, 't> {
    data: &'a [u8],
    take: Take<'t, 'a>,
    budget: Budget,
    texts: BTreeMap<String, String>,
    /// Start and end of each array.
    places: Vec<(usize, usize)>,
    /// Bytes that no array has named yet: arrays that share bytes could fill the memory.
    left: usize,
}

impl<'a> Header<'a, '_> {
    fn array(&mut self, name: Cow<'a, str>, info: Info<'a>) -> Result<(), String> {
        let (start, end) = info.place.ok_or("has no data_offsets")?;
        let data = self.data.get(start..end).ok_or("lies beyond the file; fetch it again")?;
        self.left = self.left.checked_sub(data.len()).ok_or("shares its bytes with another")?;
        self.budget.push(&mut self.places, (start, end))?;
        let entry = Entry {
            name,
            shape: info.shape.ok_or("has no shape")?,
            dtype: info.dtype.ok_or("has no dtype")?,
            data,
        };
        (self.take)(entry)
    }
}

impl<'de> Visitor<'de> for &mut Header<'de, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a map of arrays")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key_seed(Text)? {
            if name == METADATA {
                map.next_value_seed(Texts { texts: &mut self.texts, budget: &mut self.budget })?;
                continue;
            }
            let info = map.next_value_seed(Info::default())?;
            let short = brief(&name);
            self.array(name, info)
                .map_err(|reason| A::Error::custom(format_args!("tensor `{short}`: {reason}")))?;
        }
        Ok(())
    }
}

/// A text, borrowed where it has no escapes.
struct Text;

impl<'de> DeserializeSeed<'de> for Text {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Text {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

/// The texts that describe the file.
struct Texts<'h> {
    texts: &'h mut BTreeMap<String, String>,
    budget: &'h mut Budget,
}

impl<'de> DeserializeSeed<'de> for Texts<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Texts<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a map of texts")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key_seed(Text)? {
            let text = map.next_value_seed(Text)?;
            self.budget.take(ENTRY + key.len() + text.len()).map_err(A::Error::custom)?;
            self.texts.insert(key.into_owned(), text.into_owned());
        }
        Ok(())
    }
}

/// What the header says of one array.
#[derive(Default)]
struct Info<'a> {
    dtype: Option<Cow<'a, str>>,
    shape: Option<Vec<usize>>,
    place: Option<(usize, usize)>,
}

impl<'de> DeserializeSeed<'de> for Info<'de> {
    type Value = Info<'de>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Info<'de> {
    type Value = Info<'de>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("the dtype, shape and data_offsets of an array")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Self::Value, A::Error> {
        while let Some(key) = map.next_key_seed(Text)? {
            match &*key {
                "dtype" => self.dtype = Some(map.next_value_seed(Text)?),
                "shape" => self.shape = Some(map.next_value_seed(Sizes(MOST_AXES))?),
                "data_offsets" => match map.next_value_seed(Sizes(2))?[..] {
                    [start, end] => self.place = Some((start, end)),
                    _ => return Err(A::Error::custom("data_offsets are two numbers")),
                },
                // The format has no other keys, and skipping a deeply nested value takes memory.
                other => {
                    return Err(A::Error::custom(format_args!("the key `{}` is not known", brief(other))));
                }
            }
        }
        Ok(self)
    }
}

/// At most so many sizes.
struct Sizes(usize);

impl<'de> DeserializeSeed<'de> for Sizes {
    type Value = Vec<usize>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Sizes {
    type Value = Vec<usize>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "at most {} sizes", self.0)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut sizes = Vec::new();
        while let Some(size) = seq.next_element()? {
            if sizes.len() == self.0 {
                return Err(A::Error::custom(format_args!("there are more than {} sizes", self.0)));
            }
            sizes.push(size);
        }
        Ok(sizes)
    }
}
