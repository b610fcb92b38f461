#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(mut npz) = ganas::formats::npz::Npz::parse(Path::new("fuzzed"), bytes) {
        for name in npz.names() {
            let _read = npz.get(&name);
        }
    }
});
