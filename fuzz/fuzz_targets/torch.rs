//! Files of PyTorch in either form, and with them pickles: cargo fuzz run torch
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _read = ganas::formats::torch::parse(Path::new("x.pth"), bytes);
});
