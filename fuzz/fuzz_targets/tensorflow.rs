//! Frozen graphs of TensorFlow: cargo fuzz run tensorflow
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _read = ganas::formats::tensorflow::constants(Path::new("g.pb"), bytes);
});
