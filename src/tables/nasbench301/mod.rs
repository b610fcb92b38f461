//! Surrogates in the manner of NAS-Bench-301: ensembles of gradient-boosted trees that predict the accuracy
//! of a DARTS architecture from its flat encoding.
//!
//! The official weights are Python pickles. Who has them saves every member with
//! `booster.save_model("NAME.json")`.

mod booster;
mod layout;
#[cfg(test)]
mod tests;
mod tree;

use crate::space::{Darts, Genotype};
use crate::{Error, Rng};
use booster::Booster;
use std::fs;
use std::path::Path;

/// Name of a member's file in a folder of its own; the official folders hold a pickle of the same stem.
const MEMBER: &str = "surrogate_model.json";

/// Name of the official pickle.
const PICKLE: &str = "surrogate_model.model";

/// Files of the official folders that are JSON, but no models.
const OTHERS: [&str; 5] = [
    "data_config.json",
    "model_config.json",
    "train_paths.json",
    "val_paths.json",
    "test_paths.json",
];

/// Largest file that is read.
const MOST_BYTES: u64 = 1 << 30;

/// What a configuration vector holds for an inactive parameter.
const INACTIVE: f32 = -1.0;

/// Several models of the same quantity.
#[derive(Debug)]
pub struct Ensemble {
    members: Vec<Booster>,
}

/// What an ensemble predicts, in the units it was trained on: percent of validation accuracy for
/// NAS-Bench-301.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prediction {
    /// Mean over the members.
    pub mean: f64,
    /// Standard deviation over the members (divided by their number); 0 for a single one.
    pub std: f64,
}

impl Prediction {
    /// The prediction "with noise" of NAS-Bench-301: the mean plus a normal draw of the standard deviation.
    pub fn noisy(&self, rng: &mut Rng) -> f64 {
        self.mean + self.std * f64::from(rng.normal())
    }
}

impl Ensemble {
    /// Opens one model, or a folder of models: every file `NAME.json` in it but the configurations and paths
    /// that the official folders hold, and `surrogate_model.json` of every folder in it.
    ///
    /// # Errors
    /// If there is no model, or one of them is not as [`Ensemble::of_files`] wants it.
    pub fn open(path: impl AsRef<Path>) -> Result<Ensemble, Error> {
        let path = path.as_ref();
        if !path.is_dir() {
            return Ensemble::of_files(&[path]);
        }
        let mut files = Vec::new();
        let mut pickles = false;
        for entry in fs::read_dir(path).map_err(|e| Error::io(path, "read", &e))? {
            let file = entry.map_err(|e| Error::io(path, "read", &e))?.path();
            if file.is_dir() {
                pickles |= file.join(PICKLE).exists();
                files.extend(Some(file.join(MEMBER)).filter(|member| member.exists()));
            } else if file.extension().is_some_and(|e| e == "json")
                && !OTHERS.iter().any(|o| file.ends_with(o))
            {
                files.push(file);
            }
        }
        if files.is_empty() {
            let reason = if pickles {
                format!(
                    "holds only the Python pickles `{PICKLE}`; load each in Python and save it beside \
                     as `{MEMBER}` with `booster.save_model`"
                )
            } else {
                format!("holds no model; wanted are files `NAME.json` or folders with `{MEMBER}`")
            };
            return Err(Error::format(path, reason));
        }
        files.sort_unstable();
        Ensemble::of_files(&files)
    }

    /// Reads the models in `files`, one member each.
    ///
    /// # Errors
    /// If there are none, one cannot be read, or it is no XGBoost model of regression trees for one
    /// squared-error target in JSON whose features are the parameters of the flat encoding, by name or,
    /// without names, in their order.
    pub fn of_files(files: &[impl AsRef<Path>]) -> Result<Ensemble, Error> {
        if files.is_empty() {
            return Err(Error::config("surrogate", "no files; give one for every member of the ensemble"));
        }
        let members: Result<Vec<Booster>, Error> = files.iter().map(|file| member(file.as_ref())).collect();
        Ok(Ensemble { members: members? })
    }

    /// Number of members.
    pub fn members(&self) -> usize {
        self.members.len()
    }

    /// The prediction for architecture `g`.
    ///
    /// # Errors
    /// If the space does not contain it.
    pub fn predict(&self, space: &Darts, g: &Genotype) -> Result<Prediction, Error> {
        let vector = space.to_vector(g)?;
        let value = |value: Option<u8>| value.map_or(INACTIVE, f32::from);
        Ok(self.at(&vector.into_iter().map(value).collect::<Vec<f32>>()))
    }

    /// The prediction for the values of all parameters; NaN is a missing one.
    fn at(&self, vector: &[f32]) -> Prediction {
        let all: Vec<f64> = self.members.iter().map(|member| f64::from(member.predict(vector))).collect();
        let count = all.len() as f64;
        let mean = all.iter().sum::<f64>() / count;
        let variance = all.iter().map(|p| (p - mean).powi(2)).sum::<f64>() / count;
        Prediction { mean, std: variance.sqrt() }
    }
}

fn member(path: &Path) -> Result<Booster, Error> {
    let size = fs::metadata(path).map_err(|e| Error::io(path, "open", &e))?.len();
    if size > MOST_BYTES {
        let reason = format!("has {size} bytes, a model has at most {MOST_BYTES}");
        return Err(Error::format(path, reason));
    }
    let bytes = fs::read(path).map_err(|e| Error::io(path, "read", &e))?;
    Booster::parse(&bytes).map_err(|reason| Error::format(path, reason))
}
