//! Files of safetensors: cargo fuzz run safetensors
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _read = ganas::formats::NamedArrays::parse(Path::new("x.safetensors"), bytes);
});
