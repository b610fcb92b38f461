//! Arrays of NumPy: cargo fuzz run npy
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _read = ganas::formats::npy::parse(Path::new("x.npy"), bytes);
});
