//! Statistics files: mean and covariance of features as the Python tools store them, `mu` and `sigma` in an `.npz`.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Moments, NetworkInfo, NumberArray, Values};
use crate::Error;
use crate::formats::npz::{self, Npz};

/// How stored features were made. Only files of this program say so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeatureProtocol {
    /// The network.
    pub network: NetworkInfo,
    /// Number of features.
    pub dims: usize,
}

impl FeatureProtocol {
    /// Whether features of both may be compared: the weights, the input and the place are the same. The name of the
    /// weights' file does not matter.
    pub fn agrees(&self, other: &FeatureProtocol) -> bool {
        let key = |p: &FeatureProtocol| (p.network.sha256.clone(), p.network.input.clone(), p.dims);
        key(self) == key(other)
    }

    /// An error unless features of both may be compared.
    ///
    /// # Errors
    /// [`Error::Config`] with both protocols.
    pub fn require_same(&self, other: &FeatureProtocol) -> Result<(), Error> {
        if self.agrees(other) {
            return Ok(());
        }
        let reason = format!(
            "the sides were made in different ways: {self} and {other}; make the statistics anew with `ganas stats`"
        );
        Err(Error::config("features", reason))
    }
}

/// A network and how many of its features, in words.
impl std::fmt::Display for FeatureProtocol {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let FeatureProtocol { network, dims } = self;
        let hash = network.sha256.get(..16).unwrap_or(&network.sha256);
        write!(f, "{}, {dims} dimensions, {} (sha256 {hash}...)", network.name, network.file)
    }
}

/// Moments with where they come from.
#[derive(Debug, Clone, PartialEq)]
pub struct Statistics {
    /// Mean, covariance and, if the file says so, the number of images.
    pub moments: Moments,
    /// How the features were made, if the file says so.
    pub protocol: Option<FeatureProtocol>,
}

impl Statistics {
    /// Reads the file at `path`, see [`Statistics::of_arrays`].
    ///
    /// # Errors
    /// If it cannot be read, or as there.
    pub fn load(path: &Path) -> Result<Statistics, Error> {
        let bytes = fs::read(path).map_err(|e| Error::io(path, "read", &e))?;
        Statistics::of_arrays(path, &Npz::parse(path, &bytes)?)
    }

    /// Whether an archive holds statistics.
    pub fn are_in(npz: &Npz) -> bool {
        npz.has("mu") || npz.has("sigma")
    }

    /// Arrays `mu` `[d]` and `sigma` `[d, d]`; `n` and `protocol` are read where they are there. `path` serves error texts.
    ///
    /// # Errors
    /// If one of them is missing or damaged, or they do not fit each other.
    pub fn of_arrays(path: &Path, npz: &Npz) -> Result<Statistics, Error> {
        let at_path = |e: Error| match e {
            Error::Weights { name, reason } => Error::format(path, format!("array `{name}` {reason}")),
            other => other,
        };
        let array = |name: &str| -> Result<Vec<f64>, Error> {
            let found = npz.get(name)?;
            let found = found.ok_or_else(|| Error::format(path, format!("has no array `{name}`")))?;
            Ok(found.values.into_f64())
        };
        let (mean, covariance) = (array("mu")?, array("sigma")?);
        let n = npz.get("n")?.and_then(|n| n.values.into_f64().first().map(|n| *n as usize));
        let protocol = match npz.get("protocol")? {
            Some(array) => Some(protocol(array).map_err(|reason| Error::format(path, reason))?),
            None => None,
        };
        let moments = Moments::from_parts(n, mean, covariance).map_err(at_path)?;
        Ok(Statistics { moments, protocol })
    }

    /// Replaces the file at `path`; the Python tools read it.
    ///
    /// # Errors
    /// If the system refuses; the old content then remains.
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        let d = self.moments.d();
        let mu = NumberArray::new(&[d], Values::F64(self.moments.mean.clone()));
        let sigma = NumberArray::new(&[d, d], Values::F64(self.moments.covariance.clone()));
        let n = self.moments.n.map(|n| NumberArray::new(&[], Values::F64(vec![n as f64])));
        let protocol = self.protocol.as_ref().map(protocol_array);
        let mut arrays = vec![("mu", &mu), ("sigma", &sigma)];
        arrays.extend(n.iter().map(|n| ("n", n)));
        arrays.extend(protocol.iter().map(|p| ("protocol", p)));
        npz::write(path, &arrays, true)
    }
}

/// The protocol as the bytes of its JSON, one number each: arrays are all that such a file holds.
fn protocol_array(protocol: &FeatureProtocol) -> NumberArray {
    let text = serde_json::to_string(protocol).expect("a structure of texts and numbers is JSON");
    let bytes: Vec<f32> = text.bytes().map(f32::from).collect();
    NumberArray::new(&[bytes.len()], Values::F32(bytes))
}

fn protocol(array: NumberArray) -> Result<FeatureProtocol, String> {
    let bytes: Vec<u8> = array.values.into_f32().iter().map(|v| *v as u8).collect();
    serde_json::from_slice(&bytes).map_err(|e| format!("array `protocol` is not this program's: {e}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::NetworkKind;

    #[test]
    fn statistics_survive_a_file_with_and_without_a_protocol() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.npz");
        let network = NetworkInfo {
            name: "inception".into(),
            file: "w.pth".into(),
            sha256: "ab".into(),
            input: "tensorflow".into(),
            logits: String::new(),
            kind: NetworkKind::Inception,
        };
        let moments = Moments::from_parts(Some(7), vec![0.5, 1.0 / 3.0], vec![2.0, 0.1, 0.1, 1.0]).unwrap();
        let protocol = FeatureProtocol { network, dims: 2 };
        for protocol in [None, Some(protocol.clone())] {
            let stored = Statistics { moments: moments.clone(), protocol };
            stored.save(&path).unwrap();
            assert_eq!(Statistics::load(&path).unwrap(), stored);
        }
        let elsewhere = NetworkInfo { file: "other".into(), ..protocol.network.clone() };
        assert!(protocol.agrees(&FeatureProtocol { network: elsewhere, dims: 2 }));
        let resized = NetworkInfo {
            input: "pytorch".into(),
            ..protocol.network.clone()
        };
        assert!(!protocol.agrees(&FeatureProtocol { network: resized, dims: 2 }));
    }

    #[test]
    fn a_file_of_something_else_is_refused_with_the_missing_array() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.npz");
        let mu = NumberArray::new(&[2], Values::F64(vec![0.0; 2]));
        npz::write(&path, &[("mu", &mu)], false).unwrap();
        let text = Statistics::load(&path).unwrap_err().to_string();
        assert!(text.contains("s.npz") && text.contains("`sigma`"), "{text}");
        npz::write(&path, &[("mu", &mu), ("sigma", &mu)], false).unwrap();
        let text = Statistics::load(&path).unwrap_err().to_string();
        assert!(text.contains("s.npz") && text.contains("2 x 2"), "{text}");
    }
}
