//! Readers of files against damaged and hostile input: no panic, and no memory beyond twice the size of the file.
//!
//! A binary of its own, because it counts what is allocated. `fuzz/` holds the same readers for a coverage-guided fuzzer.

mod allocations;
mod mutate;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use ganas::Rng;
use ganas::formats::npz::Npz;
use ganas::formats::pickle::Pickle;
use ganas::formats::{NamedArrays, NumberArray, Values, npy, npz, safetensors, tensorflow, torch};

/// Mutated inputs a reader.
const INPUTS: usize = 100_000;
/// Of them, those of large seeds, whose memory is far above what a reader takes for any input.
const LARGE: usize = 1_000;
/// Bytes that a reader may take for any input.
const FIXED: usize = 16 << 10;
/// The same for archives, whose expander has tables and buffers.
const FIXED_ARCHIVE: usize = 128 << 10;
/// Bytes that a reader of pickles may take for any input, since a value of one byte takes dozens in memory.
const FIXED_PICKLE: usize = 1 << 20;

const STATE: &[u8] = include_bytes!("seeds/state.pth");
const LEGACY: &[u8] = include_bytes!("seeds/legacy.pth");
const STORED: &[u8] = include_bytes!("seeds/stored.npz");
const DEFLATED: &[u8] = include_bytes!("seeds/deflated.npz");
const SINGLE: &[u8] = include_bytes!("seeds/single.npy");
const FORTRAN: &[u8] = include_bytes!("seeds/fortran.npy");

fn path() -> &'static Path {
    Path::new("mutated")
}

/// Feeds mutations of `small` and `large` seeds to `read`, which must take them without a panic and without more than
/// twice their size and `fixed` bytes of memory. `accepted` says that a seed itself is read.
fn survive(name: &str, small: &[Vec<u8>], large: &[Vec<u8>], fixed: usize, read: impl Fn(&[u8]) -> bool) {
    for seed in small.iter().chain(large) {
        assert!(read(seed), "{name}: a seed of {} bytes is not read", seed.len());
    }
    let mut rng = Rng::stream(1, name);
    let large_inputs = if large.is_empty() { 0 } else { LARGE };
    let mut accepted = 0;
    for i in 0..INPUTS {
        let seeds = if i < large_inputs { large } else { small };
        let input = mutate::mutated(seeds, &mut rng);
        let (result, peak) = allocations::peak(|| catch_unwind(AssertUnwindSafe(|| read(&input))));
        let seen = format!("{name}, input {i} of {} bytes", input.len());
        let read = result.unwrap_or_else(|_| panic!("{seen}: the reader panicked"));
        accepted += usize::from(read);
        assert!(peak <= 2 * input.len() + fixed, "{seen}: {peak} bytes were allocated at once");
    }
    // If nothing got through, the mutations would test little more than the first check of the reader.
    assert!(accepted > INPUTS / 1000, "{name}: only {accepted} of {INPUTS} mutated inputs were read");
}

fn counted(n: usize) -> NumberArray {
    NumberArray::new(&[n / 4, 4], Values::F32((0..n).map(|i| i as f32).collect()))
}

#[test]
fn mutated_npy_files() {
    let large = npy::to_bytes(&counted(40_000));
    survive("npy", &[SINGLE.to_vec(), FORTRAN.to_vec()], &[large], FIXED, |bytes| {
        npy::parse(path(), bytes).is_ok()
    });
}

#[test]
fn mutated_npz_files() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("large.npz");
    let large = [false, true].map(|compressed| {
        npz::write(&file, &[("features", &counted(40_000))], compressed).unwrap();
        std::fs::read(&file).unwrap()
    });
    // The expanded size of a deflated member counts as the file's: it is verified before memory is taken.
    survive("npz", &[STORED.to_vec(), DEFLATED.to_vec()], &large[..1], FIXED_ARCHIVE, read_npz);
    survive("npz deflated", &[DEFLATED.to_vec()], &large[1..], FIXED_ARCHIVE + 2 * 160_000, read_npz);
}

fn read_npz(bytes: &[u8]) -> bool {
    let Ok(mut npz) = Npz::parse(path(), bytes) else {
        return false;
    };
    let names = npz.names();
    names.iter().all(|name| matches!(npz.get(name), Ok(Some(_))))
}

#[test]
fn mutated_safetensors_files() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.safetensors");
    let seeds = [12, 40_000].map(|n| {
        let mut arrays = NamedArrays::new();
        arrays.metadata.insert("kind".into(), "seed".into());
        arrays.insert("features", &[n / 4, 4], (0..n).map(|i| i as f32).collect());
        arrays.insert("scalar", &[], vec![1.0]);
        arrays.write(&file).unwrap();
        std::fs::read(&file).unwrap()
    });
    survive("safetensors", &seeds[..1], &seeds[1..], FIXED, |bytes| {
        NamedArrays::parse(path(), bytes).is_ok()
    });
    survive("one array of safetensors", &seeds[..1], &seeds[1..], FIXED, |bytes| {
        matches!(safetensors::read_numbers(path(), bytes, "features"), Ok(Some(_)))
    });
}

#[test]
fn mutated_torch_files() {
    for (name, seed) in [("torch zip", STATE), ("torch legacy", LEGACY)] {
        survive(name, &[seed.to_vec()], &[], FIXED_PICKLE, |bytes| torch::parse(path(), bytes).is_ok());
    }
}

#[test]
fn mutated_pickles() {
    let at = STATE.windows(2).position(|w| w == b"\x80\x02").expect("a pickle of protocol 2");
    let end = at + STATE[at..].windows(3).position(|w| w == b".PK").unwrap_or(STATE.len() - at - 1) + 1;
    let plain = b"\x80\x04\x95\x27\x00\x00\x00\x00\x00\x00\x00}\x94(\x8c\x01a\x94]\x94(K\x01G@\x04\x00\x00\x00\x00\x00\x00N\x88e\x8c\x01b\x94\x8c\x01x\x94C\x01y\x94J\xfd\xff\xff\xff\x87\x94u.";
    let seeds = [STATE[at..end].to_vec(), plain.to_vec()];
    survive("pickle", &seeds, &[], FIXED_PICKLE, |bytes| {
        Pickle::read(bytes, bytes.len(), |_, _| true).is_ok()
    });
}

#[test]
fn mutated_tensorflow_graphs() {
    // A node `w` of operation Const whose value holds two floats, and one of eight thousand.
    let graph = |n: usize| {
        let field = |tag: u8, content: &[u8]| {
            let mut out = vec![tag << 3 | 2];
            let mut len = content.len();
            while len > 0x7f {
                out.push(len as u8 | 0x80);
                len >>= 7;
            }
            out.push(len as u8);
            out.extend(content);
            out
        };
        let mut size = vec![8];
        let mut rest = n;
        while rest > 0x7f {
            size.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        size.push(rest as u8);
        let shape = field(2, &size);
        let values: Vec<u8> = (0..n).flat_map(|i| (i as f32).to_le_bytes()).collect();
        let tensor = [vec![8, 1], field(2, &shape), field(4, &values)].concat();
        let entry = [field(1, b"value"), field(2, &field(8, &tensor))].concat();
        field(1, &[field(1, b"w"), field(2, b"Const"), field(5, &entry)].concat())
    };
    survive("tensorflow", &[graph(2)], &[graph(8_000)], FIXED, |bytes| {
        tensorflow::constants(path(), bytes).is_ok()
    });
}
