//! The files of NATS-Bench: bzip2 of a pickle, one for all names and one for each architecture.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use bzip2::read::MultiBzDecoder;

use crate::Error;
use crate::formats::limits::{Budget, brief};
use crate::formats::pickle::{Pickle, Ref, Value, numpy};

/// Most bytes of a file's content; official ones have up to 1.4 million.
const LARGEST: u64 = 32 << 20;
/// Values of a pickle may take so many times its size: a number of 9 bytes and its key take 32, twice while a
/// list grows.
const SPREAD: usize = 10;

/// All trainings of one architecture.
#[derive(Debug, Clone, PartialEq)]
pub struct Architecture {
    /// Its official number.
    pub index: usize,
    /// `|a~0|+|b~0|c~1|+|d~0|e~1|f~2|`.
    pub text: String,
    /// In the order of the file.
    pub runs: Vec<Run>,
}

/// One training.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Length of the kind of training: 12 or 200.
    pub epochs: u32,
    /// Official name of the data set: `cifar10-valid`, `cifar10`, `cifar100`, `ImageNet16-120`.
    pub dataset: String,
    /// Its seed.
    pub seed: u32,
    /// Trainable numbers, in millions.
    pub params: f64,
    /// Multiply-adds of one picture, in millions.
    pub flops: f64,
    /// Seconds of one batch forwards, measured once or more.
    pub latency: Vec<f64>,
    /// Accuracy on the training pictures in percent.
    pub train_accuracy: Curve,
    /// Seconds of each epoch.
    pub train_times: Curve,
    /// Accuracy in percent on `x-valid`, `x-test` or `ori-test`.
    pub accuracy: BTreeMap<String, Curve>,
    /// Seconds of one pass over the same.
    pub times: BTreeMap<String, Curve>,
}

/// Values by epoch, from 0.
pub type Curve = BTreeMap<u32, f64>;

/// The names of all architectures, in official order, from `meta.pickle.pbz2`.
///
/// # Errors
/// If it cannot be read or is another file.
pub fn read_meta(path: &Path) -> Result<Vec<String>, Error> {
    let bytes = unpack(path)?;
    let view = View::open(path, &bytes)?;
    let names = view.entry(view.pickle.root(), "meta_archs")?;
    let names = view.parts(names, "meta_archs")?;
    names.map(|name| view.text(name, "meta_archs").map(str::to_owned)).collect()
}

/// The trainings of one architecture, from `000000.pickle.pbz2` and so on.
///
/// # Errors
/// If it cannot be read or is another file.
pub fn read_architecture(path: &Path) -> Result<Architecture, Error> {
    let bytes = unpack(path)?;
    let view = View::open(path, &bytes)?;
    let mut found: Option<Architecture> = None;
    for (key, value) in view.entries(view.pickle.root(), "the file")? {
        let epochs = match view.text(key, "the file")? {
            "12" => 12,
            "200" => 200,
            other => {
                return Err(view.wrong(format!("holds trainings `{}`, not `12` and `200`", brief(other))));
            }
        };
        let index = view.size(view.entry(value, "arch_index")?, "arch_index")?;
        let text = view.text(view.entry(value, "arch_str")?, "arch_str")?;
        let all =
            found.get_or_insert_with(|| Architecture { index, text: text.to_owned(), runs: Vec::new() });
        if all.index != index || all.text != text {
            return Err(view.wrong("holds trainings of two architectures".to_owned()));
        }
        let results = view.entry(value, "all_results")?;
        for (key, record) in view.entries(results, "all_results")? {
            let run = view.run(epochs, key, record)?;
            if all
                .runs
                .iter()
                .any(|r| (r.epochs, &r.dataset, r.seed) == (epochs, &run.dataset, run.seed))
            {
                return Err(view.wrong(format!("holds seed {} of {} twice", run.seed, run.dataset)));
            }
            all.runs.push(run);
        }
    }
    found.ok_or_else(|| view.wrong("holds no trainings".to_owned()))
}

fn unpack(path: &Path) -> Result<Vec<u8>, Error> {
    let file = File::open(path).map_err(|e| Error::io(path, "open", &e))?;
    let mut bytes = Vec::new();
    let read = MultiBzDecoder::new(file).take(LARGEST + 1).read_to_end(&mut bytes);
    read.map_err(|e| Error::format(path, format!("cannot be unpacked as bzip2: {e}; fetch it again")))?;
    if bytes.len() as u64 > LARGEST {
        let reason = format!(
            "has more than {LARGEST} bytes when unpacked; give the folder `NATS-tss-v1_0-3ffb9-simple`, \
             not the single file of all architectures"
        );
        return Err(Error::format(path, reason));
    }
    Ok(bytes)
}

/// A pickle, and errors that say where it came from.
struct View<'a> {
    path: &'a Path,
    pickle: Pickle<'a>,
}

impl<'a> View<'a> {
    fn open(path: &'a Path, bytes: &'a [u8]) -> Result<View<'a>, Error> {
        let mut budget = Budget::of_bytes(bytes.len().saturating_mul(SPREAD) + (1 << 16));
        match Pickle::read(bytes, numpy::SCALARS, &mut budget) {
            Ok((pickle, _)) => Ok(View { path, pickle }),
            Err(refused) => {
                let reason = format!("the pickle in it, at byte {}: {}", refused.at, refused.reason);
                Err(Error::format(path, reason))
            }
        }
    }

    fn run(&self, epochs: u32, key: Ref, record: Ref) -> Result<Run, Error> {
        let [dataset, seed] = self
            .pickle
            .first(key)
            .ok_or_else(|| self.wrong("`all_results` has a key that is no data set and seed".to_owned()))?;
        let field = |name| self.entry(record, name);
        let curve = |name| self.curve(field(name)?, name);
        let by_set = |name| self.by_set(field(name)?, name);
        let seed = self.size(seed, "seed")?;
        let latency = self.parts(field("latency")?, "latency")?;
        Ok(Run {
            epochs,
            dataset: self.text(dataset, "data set")?.to_owned(),
            seed: u32::try_from(seed)
                .map_err(|_| self.wrong(format!("seed {seed} has more than 32 bits")))?,
            params: self.number(field("params")?, "params")?,
            flops: self.number(field("flop")?, "flop")?,
            latency: latency.map(|v| self.number(v, "latency")).collect::<Result<_, _>>()?,
            train_accuracy: curve("train_acc1es")?,
            train_times: curve("train_times")?,
            accuracy: by_set("eval_acc1es")?,
            times: by_set("eval_times")?,
        })
    }

    /// Values by epoch.
    fn curve(&self, at: Ref, name: &str) -> Result<Curve, Error> {
        let mut curve = Curve::new();
        for (epoch, value) in self.entries(at, name)? {
            let epoch = u32::try_from(self.size(epoch, name)?);
            let epoch =
                epoch.map_err(|_| self.wrong(format!("`{name}` has an epoch of more than 32 bits")))?;
            curve.insert(epoch, self.number(value, name)?);
        }
        Ok(curve)
    }

    /// Values by set and epoch; keys are `set@epoch`.
    fn by_set(&self, at: Ref, name: &str) -> Result<BTreeMap<String, Curve>, Error> {
        let mut sets: BTreeMap<String, Curve> = BTreeMap::new();
        for (key, value) in self.entries(at, name)? {
            let key = self.text(key, name)?;
            let parts = key.split_once('@').and_then(|(set, epoch)| Some((set, epoch.parse().ok()?)));
            let (set, epoch): (&str, u32) = parts
                .ok_or_else(|| self.wrong(format!("`{name}` has the key `{}`, not set@epoch", brief(key))))?;
            let value = self.number(value, name)?;
            match sets.get_mut(set) {
                Some(curve) => drop(curve.insert(epoch, value)),
                None => drop(sets.insert(set.to_owned(), Curve::from([(epoch, value)]))),
            }
        }
        Ok(sets)
    }

    fn entry(&self, at: Ref, name: &str) -> Result<Ref, Error> {
        let found = self.pickle.entry(at, name);
        found.ok_or_else(|| self.wrong(format!("there is no `{name}` where one is expected")))
    }

    fn entries(&self, at: Ref, name: &str) -> Result<impl Iterator<Item = (Ref, Ref)>, Error> {
        let found = self.pickle.entries(at);
        found.ok_or_else(|| self.wrong(format!("`{name}` is no dictionary")))
    }

    fn parts(&self, at: Ref, name: &str) -> Result<impl Iterator<Item = Ref>, Error> {
        self.pickle.parts(at).ok_or_else(|| self.wrong(format!("`{name}` is no list")))
    }

    fn text(&self, at: Ref, name: &str) -> Result<&'a str, Error> {
        self.pickle
            .text(at)
            .ok_or_else(|| self.wrong(format!("`{name}` holds something else than texts")))
    }

    fn size(&self, at: Ref, name: &str) -> Result<usize, Error> {
        let size = self.pickle.size(at);
        size.ok_or_else(|| self.wrong(format!("`{name}` holds something else than numbers from 0")))
    }

    fn number(&self, at: Ref, name: &str) -> Result<f64, Error> {
        let number = match self.pickle.get(at) {
            Value::Float(v) => v,
            Value::Int(v) => v as f64,
            _ => numpy::scalar(&self.pickle, at)
                .map_err(|reason| self.wrong(format!("a value of `{name}` {reason}")))?,
        };
        match number.is_finite() && number >= 0.0 {
            true => Ok(number),
            false => Err(self.wrong(format!("`{name}` holds {number}, not a number from 0"))),
        }
    }

    fn wrong(&self, reason: String) -> Error {
        Error::format(self.path, format!("{reason}; it is no file of NATS-Bench's topology space"))
    }
}
