#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _read = ganas::formats::pickle::Pickle::read(bytes, bytes.len(), |_, _| true);
});
