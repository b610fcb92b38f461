//! The binary version: records of a label byte and 32x32 red, green and blue planes.

use std::path::Path;

use super::{PIXELS, Records, interleave};
use crate::Error;

const RECORD: usize = 1 + PIXELS;

/// Pixels (interleaved) and labels, below `classes`, of one file.
pub(super) fn read(path: &Path, bytes: &[u8], classes: usize) -> Result<Records, Error> {
    let whole = bytes.len() / RECORD;
    if bytes.len() != whole * RECORD {
        return Err(Error::format_at(
            path,
            (whole * RECORD) as u64,
            format!(
                "the file ends {} bytes into record {whole}, records have {RECORD} bytes; fetch it again",
                bytes.len() - whole * RECORD
            ),
        ));
    }
    let mut records = Records::with_capacity(whole);
    for (i, record) in bytes.chunks_exact(RECORD).enumerate() {
        let label = usize::from(record[0]);
        if label >= classes {
            return Err(Error::format_at(
                path,
                (i * RECORD) as u64,
                format!("label {label} of record {i} is not below {classes}; not a CIFAR-10 file"),
            ));
        }
        records.labels.push(Some(label));
        interleave(&record[1..], &mut records.pixels);
    }
    Ok(records)
}
