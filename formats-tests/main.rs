//! Readers of files against damaged and hostile ones: no panic, and memory in proportion to the file.

mod build;
mod hostile;
mod memory;
mod mutate;
mod mutations;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use ganas::formats::archive::Archive;
use ganas::formats::limits::ALLOWANCE;
use ganas::formats::npz::Npz;
use ganas::formats::{NamedArrays, npy, safetensors, tensorflow, torch};

/// Bytes of memory that a reader may take for a file of this size.
fn allowed(file: usize) -> usize {
    2 * file + ALLOWANCE
}

/// A reader of one format: whether it accepts these bytes.
type Reader = fn(&[u8]) -> bool;

fn torch(bytes: &[u8]) -> bool {
    within(bytes.len(), || torch::parse(Path::new("x.pth"), bytes).is_ok())
}

fn npy(bytes: &[u8]) -> bool {
    within(bytes.len(), || npy::parse(Path::new("x.npy"), bytes).is_ok())
}

/// Every array of the archive; a deflated one counts with the size it is said to expand to.
fn npz(bytes: &[u8]) -> bool {
    let path = Path::new("x.npz");
    let names = within(bytes.len(), || Npz::parse(path, bytes).map(|npz| npz.names()));
    let Ok(names) = names else {
        return false;
    };
    let said = |name: &str| -> usize {
        let size = Archive::parse(path, bytes).ok().and_then(|a| a.size(&format!("{name}.npy")));
        size.map_or(0, |size| size.min(1032 * bytes.len() as u64) as usize)
    };
    names.iter().all(|name| {
        within(bytes.len() + said(name), || {
            Npz::parse(path, bytes)
                .and_then(|npz| npz.get(name))
                .is_ok_and(|found| found.is_some())
        })
    })
}

/// A file of this format may be all header, and none that is whole is refused: an array counts with its place in a map.
fn safetensors(bytes: &[u8]) -> bool {
    const PLACE: usize = 256;
    let path = Path::new("x.safetensors");
    let arrays = bytes.windows(7).filter(|w| w == b"\"dtype\"").count();
    let named = within(bytes.len() + arrays * PLACE / 2, || NamedArrays::parse(path, bytes).is_ok());
    let one = within(bytes.len(), || safetensors::read_numbers(path, bytes, "b").is_ok());
    assert!(one || !named, "one array is not read of a file that is");
    named
}

fn graph(bytes: &[u8]) -> bool {
    within(bytes.len(), || tensorflow::constants(Path::new("g.pb"), bytes).is_ok())
}

/// What `read` gives; it must not panic, nor take more memory than a file of this size allows.
#[track_caller]
fn within<T>(file: usize, read: impl FnOnce() -> T) -> T {
    let (result, peak) = memory::peak(|| catch_unwind(AssertUnwindSafe(read)));
    let Ok(result) = result else {
        panic!("the reader panicked at a file of {file} bytes");
    };
    assert!(peak <= allowed(file), "{peak} bytes of memory for a file of {file} bytes");
    result
}
