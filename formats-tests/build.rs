//! Small files of the formats that the programs at hand do not write, and archives of damaged members.

use std::io::Write;

/// One member of an archive: its name and content.
pub type Member = (String, Vec<u8>);

/// A zip archive in memory, with right checksums whatever its members hold.
pub fn zip(members: &[Member], deflated: bool) -> Vec<u8> {
    let (mut file, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in members {
        let packed = if deflated { deflate(content) } else { content.clone() };
        let method: u16 = if deflated { 8 } else { 0 };
        let mut fields = Vec::new();
        fields.extend([20, 0, 0, 0]);
        fields.extend(method.to_le_bytes());
        fields.extend([0; 4]);
        fields.extend(crc32fast::hash(content).to_le_bytes());
        fields.extend((packed.len() as u32).to_le_bytes());
        fields.extend((content.len() as u32).to_le_bytes());
        fields.extend((name.len() as u16).to_le_bytes());
        fields.extend([0, 0]);
        let start = file.len() as u32;
        file.extend([b"PK\x03\x04", &fields[..], name.as_bytes(), &packed].concat());
        directory.extend([b"PK\x01\x02\x14\0", &fields[..], &[0; 10], &start.to_le_bytes()].concat());
        directory.extend(name.bytes());
    }
    let count = (members.len() as u16).to_le_bytes();
    let (size, start) = ((directory.len() as u32).to_le_bytes(), (file.len() as u32).to_le_bytes());
    file.extend(directory);
    file.extend([&b"PK\x05\x06\0\0\0\0"[..], &count, &count, &size, &start, &[0, 0]].concat());
    file
}

fn deflate(content: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    out.write_all(content)
        .and_then(|()| out.finish())
        .expect("memory takes everything")
}

/// A field of a protocol buffer that holds bytes.
pub fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![number << 3 | 2];
    out.extend(varint(content.len() as u64));
    out.extend(content);
    out
}

/// A field of a protocol buffer that holds a whole number.
pub fn number(field: u8, value: u64) -> Vec<u8> {
    [vec![field << 3], varint(value)].concat()
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while value > 0x7f {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}

/// A node `Const` of a TensorFlow graph with this tensor.
pub fn constant(name: &str, dtype: u64, shape: &[u64], values: (u8, &[u8])) -> Vec<u8> {
    let dims = shape.iter().flat_map(|size| field(2, &number(1, *size))).collect::<Vec<u8>>();
    let tensor = [number(1, dtype), field(2, &dims), field(values.0, values.1)].concat();
    let entry = [field(1, b"value"), field(2, &field(8, &tensor))].concat();
    field(1, &[field(1, name.as_bytes()), field(2, b"Const"), field(5, &entry)].concat())
}

/// A graph of constants of every type that is read, and a node that is none.
pub fn graph() -> Vec<u8> {
    let singles: Vec<u8> = [0.5_f32, -1.0, 2.0].iter().flat_map(|v| v.to_le_bytes()).collect();
    let doubles: Vec<u8> = [0.25_f64, 3.0].iter().flat_map(|v| v.to_le_bytes()).collect();
    [
        constant("conv/weights", 1, &[1, 3], (4, &singles)),
        constant("listed", 1, &[3], (5, &singles)),
        constant("repeated", 1, &[4, 5], (5, &singles[..4])),
        constant("doubles", 2, &[2], (6, &doubles)),
        constant("counts", 3, &[3], (7, &[1, 2, 3])),
        constant("longs", 9, &[2], (10, &[1, 0x80, 1])),
        constant("halves", 19, &[2], (13, &[0x80, 0x78, 0])),
        field(1, &[field(1, b"product"), field(2, b"MatMul"), field(3, b"listed")].concat()),
    ]
    .concat()
}

/// A safetensors file of this header and data.
pub fn safetensors(header: &str, data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), data].concat()
}

/// A `.npy` file of this header and data.
pub fn npy(header: &str, data: &[u8]) -> Vec<u8> {
    [b"\x93NUMPY\x01\0", &(header.len() as u16).to_le_bytes()[..], header.as_bytes(), data].concat()
}
