//! Arrays of numbers in the precision they were stored in.

/// Values of one array.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Types that an `f32` holds exactly: halves, singles, integers of at most 16 bits.
    F32(Vec<f32>),
    /// Wider types; integers beyond 2^53 are rounded.
    F64(Vec<f64>),
}

impl Values {
    /// Number of values.
    pub fn len(&self) -> usize {
        match self {
            Values::F32(v) => v.len(),
            Values::F64(v) => v.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A copy of the values as `f64`.
    pub fn to_f64(&self) -> Vec<f64> {
        self.clone().into_f64()
    }

    /// A copy of the values as `f32`, wider ones rounded.
    pub fn to_f32(&self) -> Vec<f32> {
        self.clone().into_f32()
    }

    /// The values as `f64`.
    pub fn into_f64(self) -> Vec<f64> {
        match self {
            Values::F32(v) => v.into_iter().map(f64::from).collect(),
            Values::F64(v) => v,
        }
    }

    /// The values as `f32`, wider ones rounded.
    pub fn into_f32(self) -> Vec<f32> {
        match self {
            Values::F32(v) => v,
            Values::F64(v) => v.into_iter().map(|v| v as f32).collect(),
        }
    }
}

/// Values with a shape, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct NumberArray {
    /// Sizes along each axis, outermost first.
    pub shape: Vec<usize>,
    /// As many values as the product of the sizes.
    pub values: Values,
}

impl NumberArray {
    /// An array.
    ///
    /// # Panics
    /// If the number of values is not the product of `shape`.
    #[track_caller]
    pub fn new(shape: &[usize], values: Values) -> NumberArray {
        let n = values.len();
        assert!(shape.iter().product::<usize>() == n, "shape {shape:?} does not hold {n} values");
        NumberArray { shape: shape.to_vec(), values }
    }

    /// Number of values.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }
}

/// How a number lies in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// IEEE 754 half precision.
    F16,
    /// The upper half of a single.
    Bf16,
    /// Single precision.
    F32,
    /// Double precision.
    F64,
    /// Signed, 8 bits.
    I8,
    /// Signed, 16 bits.
    I16,
    /// Signed, 32 bits.
    I32,
    /// Signed, 64 bits.
    I64,
    /// Unsigned, 8 bits; also truth values.
    U8,
    /// Unsigned, 16 bits.
    U16,
    /// Unsigned, 32 bits.
    U32,
    /// Unsigned, 64 bits.
    U64,
}

impl Stored {
    /// Bytes of one number.
    pub fn size(self) -> usize {
        match self {
            Stored::I8 | Stored::U8 => 1,
            Stored::F16 | Stored::Bf16 | Stored::I16 | Stored::U16 => 2,
            Stored::F32 | Stored::I32 | Stored::U32 => 4,
            Stored::F64 | Stored::I64 | Stored::U64 => 8,
        }
    }

    /// The numbers that little-endian `bytes` hold; a rest that is no whole number is left out.
    pub fn read(self, bytes: &[u8]) -> Values {
        self.gather(bytes, Order::Little, 0..bytes.len() / self.size())
    }

    /// The same as singles, wider numbers rounded.
    pub fn read_f32(self, bytes: &[u8]) -> Vec<f32> {
        self.gather_f32(bytes, Order::Little, 0..bytes.len() / self.size())
    }

    /// The numbers at `places` of `bytes`, counted in numbers.
    ///
    /// # Panics
    /// If a place is beyond the bytes.
    pub fn gather(self, bytes: &[u8], order: Order, places: impl Iterator<Item = usize>) -> Values {
        let from = Places { bytes, order, places };
        match self {
            Stored::F16 => Values::F32(from.each(|b| half(u16::from_le_bytes(b)))),
            Stored::Bf16 => {
                Values::F32(from.each(|b| f32::from_bits(u32::from(u16::from_le_bytes(b)) << 16)))
            }
            Stored::F32 => Values::F32(from.each(f32::from_le_bytes)),
            Stored::I8 => Values::F32(from.each(|b| f32::from(i8::from_le_bytes(b)))),
            Stored::U8 => Values::F32(from.each(|[b]: [u8; 1]| f32::from(b))),
            Stored::I16 => Values::F32(from.each(|b| f32::from(i16::from_le_bytes(b)))),
            Stored::U16 => Values::F32(from.each(|b| f32::from(u16::from_le_bytes(b)))),
            Stored::F64 => Values::F64(from.each(f64::from_le_bytes)),
            Stored::I32 => Values::F64(from.each(|b| f64::from(i32::from_le_bytes(b)))),
            Stored::U32 => Values::F64(from.each(|b| f64::from(u32::from_le_bytes(b)))),
            Stored::I64 => Values::F64(from.each(|b| i64::from_le_bytes(b) as f64)),
            Stored::U64 => Values::F64(from.each(|b| u64::from_le_bytes(b) as f64)),
        }
    }

    /// The same as singles, wider numbers rounded.
    ///
    /// # Panics
    /// If a place is beyond the bytes.
    pub fn gather_f32(self, bytes: &[u8], order: Order, places: impl Iterator<Item = usize>) -> Vec<f32> {
        let from = Places { bytes, order, places };
        match self {
            // Straight to singles, without a detour through doubles of twice the size.
            Stored::F64 => from.each(|b| f64::from_le_bytes(b) as f32),
            Stored::I32 => from.each(|b| i32::from_le_bytes(b) as f32),
            Stored::U32 => from.each(|b| u32::from_le_bytes(b) as f32),
            Stored::I64 => from.each(|b| i64::from_le_bytes(b) as f32),
            Stored::U64 => from.each(|b| u64::from_le_bytes(b) as f32),
            exact => exact.gather(bytes, order, from.places).into_f32(),
        }
    }
}

/// Which byte of a number comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The lowest.
    Little,
    /// The highest.
    Big,
}

/// Numbers to be read at certain places.
struct Places<'a, I> {
    bytes: &'a [u8],
    order: Order,
    places: I,
}

impl<I: Iterator<Item = usize>> Places<'_, I> {
    fn each<const N: usize, T>(self, convert: impl Fn([u8; N]) -> T) -> Vec<T> {
        let (whole, _) = self.bytes.as_chunks::<N>();
        let number = |place: usize| {
            let mut bytes = whole[place];
            if self.order == Order::Big {
                bytes.reverse();
            }
            convert(bytes)
        };
        self.places.map(number).collect()
    }
}

/// IEEE 754 half precision to single; exact.
fn half(bits: u16) -> f32 {
    let sign = u32::from(bits >> 15) << 31;
    let exponent = u32::from(bits >> 10 & 0x1f);
    let fraction = u32::from(bits & 0x3ff);
    let magnitude = match exponent {
        0 => (fraction as f32 / (1 << 24) as f32).to_bits(),
        0x1f => 0x7f80_0000 | fraction << 13,
        _ => (exponent + 112) << 23 | fraction << 13,
    };
    f32::from_bits(sign | magnitude)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_precision_is_exact() {
        for (bits, want) in [
            (0x0001, 5.960_464_5e-8),
            (0x03ff, 6.097_555e-5),
            (0x0400, 6.103_515_6e-5),
            (0x7bff, 65504.0),
        ] {
            assert_eq!(half(bits), want);
        }
        assert_eq!(half(0x8000).to_bits(), (-0.0f32).to_bits());
        assert_eq!(half(0xfc00), f32::NEG_INFINITY);
        assert!(half(0x7e01).is_nan());
    }

    #[test]
    fn both_ways_of_reading_agree() {
        let bytes: Vec<u8> = (0..48).map(|i| i * 5 % 60).collect();
        for stored in [
            Stored::F16,
            Stored::Bf16,
            Stored::F32,
            Stored::F64,
            Stored::I8,
            Stored::I16,
            Stored::I32,
            Stored::I64,
            Stored::U8,
            Stored::U16,
            Stored::U32,
            Stored::U64,
        ] {
            let values = stored.read(&bytes);
            assert_eq!(values.len(), 48 / stored.size(), "{stored:?}");
            assert_eq!(values.into_f32(), stored.read_f32(&bytes), "{stored:?}");
        }
        assert_eq!(Stored::I16.read(&[0xfe, 0xff, 3, 0]), Values::F32(vec![-2.0, 3.0]));
        assert_eq!(Stored::I64.read(&[1, 0, 0, 0, 0, 0, 0, 0x80]).len(), 1);
    }
}
