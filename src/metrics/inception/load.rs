//! The files that hold Inception's weights.

use std::fs;
use std::path::Path;

use super::names;
use crate::Error;
use crate::formats::{NamedArrays, sha256, tensorflow, torch};
use crate::metrics::NetworkKind;

/// Start of the hash of the file that the PyTorch port publishes; its name carries these digits.
const PUBLISHED: &str = "6726825d";

/// What a file gave.
pub(super) struct WeightsFile {
    /// Arrays under the port's names.
    pub arrays: NamedArrays,
    /// Hash of the whole file, in hexadecimal digits.
    pub sha256: String,
    /// Whether these are known to be the weights of 2015-12-05.
    pub kind: NetworkKind,
}

pub(super) fn read(path: &Path) -> Result<WeightsFile, Error> {
    let bytes = fs::read(path).map_err(|e| Error::io(path, "read", &e))?;
    let sha256 = sha256::of_bytes(&bytes);
    let arrays = match bytes.as_slice() {
        [b'P', b'K', ..] | [0x80, ..] => torch::parse(path, &bytes)?.tensors,
        [_, _, _, _, _, _, _, _, b'{', ..] => NamedArrays::parse(path, &bytes)?,
        [0x0a, ..] => tensorflow::constants(path, &bytes)?,
        _ => {
            let reason = "is no PyTorch checkpoint, safetensors file or TensorFlow graph; Inception's weights are \
                          pt_inception-2015-12-05-6726825d.pth or classify_image_graph_def.pb";
            return Err(Error::format(path, reason));
        }
    };
    let kind = match sha256.starts_with(PUBLISHED) {
        true => NetworkKind::Published,
        false => NetworkKind::Inception,
    };
    Ok(WeightsFile { arrays: names::to_port(arrays), sha256, kind })
}
