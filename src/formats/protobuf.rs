//! The wire format of protocol buffers. It is read in place: no copy is made and no memory taken.

/// The content of one field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field<'a> {
    /// A whole number or a truth value.
    Number(u64),
    /// Four bytes.
    Fixed32(u32),
    /// Eight bytes.
    Fixed64(u64),
    /// A text, bytes, a message, or packed numbers.
    Bytes(&'a [u8]),
}

/// Every field of a message with its number, in order; an error ends them.
pub(crate) fn fields(message: &[u8]) -> Fields<'_> {
    Fields { rest: message }
}

/// Every whole number of a packed list, in order; an error ends them.
pub(crate) fn varints(packed: &[u8]) -> impl Iterator<Item = Result<u64, String>> {
    let mut all = fields(packed);
    std::iter::from_fn(move || {
        if all.rest.is_empty() {
            return None;
        }
        let number = all.varint();
        if number.is_err() {
            all.rest = &[];
        }
        Some(number)
    })
}

/// See [`fields`].
pub(crate) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<(u32, Field<'a>), String>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.rest = &[];
        }
        Some(field)
    }
}

impl<'a> Fields<'a> {
    fn field(&mut self) -> Result<(u32, Field<'a>), String> {
        let key = self.varint()?;
        let number = u32::try_from(key >> 3)
            .ok()
            .filter(|n| *n > 0)
            .ok_or("a field has no valid number")?;
        let field = match key & 7 {
            0 => Field::Number(self.varint()?),
            1 => Field::Fixed64(u64::from_le_bytes(self.array()?)),
            2 => {
                let len = usize::try_from(self.varint()?).map_err(|_| "a length is too large")?;
                Field::Bytes(self.take(len)?)
            }
            5 => Field::Fixed32(u32::from_le_bytes(self.array()?)),
            other => return Err(format!("a field has the unknown type {other}")),
        };
        Ok((number, field))
    }

    fn varint(&mut self) -> Result<u64, String> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err("a number has more than ten bytes".to_owned())
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], String> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or("a field ends beyond its message")?;
        self.rest = rest;
        Ok(taken)
    }
}

/// The other way: each gives the bytes of one field; a message is its fields one after the other.
pub(crate) mod encode {
    fn varint(mut value: u64) -> Vec<u8> {
        let mut out = Vec::new();
        while value > 0x7f {
            out.push(value as u8 | 0x80);
            value >>= 7;
        }
        out.push(value as u8);
        out
    }

    /// A field of a whole number.
    pub fn number(field: u32, value: u64) -> Vec<u8> {
        [varint(u64::from(field) << 3), varint(value)].concat()
    }

    /// A field of four bytes.
    pub fn float(field: u32, value: f32) -> Vec<u8> {
        [varint(u64::from(field) << 3 | 5), value.to_le_bytes().to_vec()].concat()
    }

    /// A field of eight bytes.
    pub fn double(field: u32, value: f64) -> Vec<u8> {
        [varint(u64::from(field) << 3 | 1), value.to_le_bytes().to_vec()].concat()
    }

    /// A field of whole numbers, packed.
    pub fn numbers(field: u32, values: impl IntoIterator<Item = i64>) -> Vec<u8> {
        let packed: Vec<u8> = values.into_iter().flat_map(|v| varint(v as u64)).collect();
        bytes(field, &packed)
    }

    /// A field of bytes, a text or a message.
    pub fn bytes(field: u32, value: &[u8]) -> Vec<u8> {
        [varint(u64::from(field) << 3 | 2), varint(value.len() as u64), value.to_vec()].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_every_type_are_read() {
        let mut message =
            [encode::number(3, 300), encode::bytes(1000, b"abc"), encode::number(1, u64::MAX)].concat();
        message.extend([0x0d, 1, 0, 0, 0, 0x11, 2, 0, 0, 0, 0, 0, 0, 0]);
        let all: Vec<_> = fields(&message).collect::<Result<_, _>>().unwrap();
        let want = [
            (3, Field::Number(300)),
            (1000, Field::Bytes(b"abc")),
            (1, Field::Number(u64::MAX)),
            (1, Field::Fixed32(1)),
            (2, Field::Fixed64(2)),
        ];
        assert_eq!(all, want);
    }

    #[test]
    fn what_is_cut_off_or_unknown_ends_with_an_error() {
        for bytes in [
            &b"\x0a\x05ab"[..],
            b"\x08",
            b"\x0b",
            b"\x00\x01",
            b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        ] {
            let mut all = fields(bytes);
            assert!(all.next().unwrap().is_err(), "{bytes:?}");
            assert!(all.next().is_none(), "{bytes:?}");
        }
    }
}
