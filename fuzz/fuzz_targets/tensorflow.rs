#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _read = ganas::formats::tensorflow::constants(Path::new("fuzzed"), bytes);
});
