//! Archives of NumPy, every array: cargo fuzz run npz
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(npz) = ganas::formats::npz::Npz::parse(Path::new("x.npz"), bytes) {
        for name in npz.names() {
            let _read = npz.get(&name);
        }
    }
});
