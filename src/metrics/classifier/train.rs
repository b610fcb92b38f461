//! Training of the classifier on the labels of an image source.

use std::collections::BTreeMap;
use std::path::Path;

use super::augment::augmented;
use super::net::Net;
use super::{Classifier, ClassifierInfo, FORMAT, KEY, fresh};
use crate::data::{Batches, Images, Subset};
use crate::formats::NamedArrays;
use crate::nn::{self, Adam, AdamConfig, Mode, Role};
use crate::{Device, Error, Rng, Tensor};

/// Smallest side of a picture: the last layers then still see several pixels, which batch normalisation takes.
const SMALLEST: usize = 8;
/// Pictures tested at once.
const TEST_BATCH: usize = 250;
/// Share of the steps in which the learning rate rises.
const RISE: f64 = 0.2;
/// Share of probability that the training targets give to all classes alike.
const SMOOTHING: f32 = 0.1;
/// One of so many pictures is kept for the test where no other ones are given.
const HELD_OUT: usize = 10;

/// Settings of a training.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrainConfig {
    /// Passes over the pictures.
    pub epochs: usize,
    /// Pictures a step.
    pub batch: usize,
    /// Channels at full size.
    pub width: usize,
    /// Largest learning rate of Adam: it rises from 0 in the first fifth of the steps and falls to 0 by the last.
    pub lr: f64,
}

impl Default for TrainConfig {
    /// What reaches about 85 % on CIFAR-10 in a quarter of an hour on two cores.
    fn default() -> TrainConfig {
        TrainConfig { epochs: 8, batch: 128, width: 32, lr: 3e-3 }
    }
}

/// What is known after a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// Steps done.
    pub step: usize,
    /// Steps in all.
    pub steps: usize,
    /// Mean loss since the last report.
    pub loss: f64,
    /// Share of right answers on the test pictures, at the end of an epoch.
    pub accuracy: Option<f64>,
}

/// A trained network.
pub struct Trained {
    net: Net,
    /// What its file will say.
    pub about: ClassifierInfo,
    /// Number of trained values.
    pub parameters: usize,
}

impl Trained {
    /// Replaces the file at `path`.
    ///
    /// # Errors
    /// If the device fails or the system refuses.
    pub fn save(&mut self, path: &Path) -> Result<(), Error> {
        self.arrays()?.write(path)
    }

    /// The network to be used at once, without a file; `name` stands in the place of one.
    ///
    /// # Errors
    /// If the device fails.
    pub fn into_network(mut self, device: &Device, name: &str) -> Result<Classifier, Error> {
        let mut bytes = Vec::new();
        let written = self.arrays()?.write_to(&mut bytes);
        written.map_err(|e| Error::io(name, "write", &e))?;
        Classifier::parse(device, Path::new(name), &bytes)
    }

    fn arrays(&mut self) -> Result<NamedArrays, Error> {
        let mut arrays = NamedArrays::new();
        nn::export(&mut self.net, "", &mut arrays)?;
        let text = serde_json::to_string(&self.about).expect("a structure of texts and numbers is JSON");
        arrays.metadata.insert(KEY.to_owned(), text);
        Ok(arrays)
    }
}

/// Trains on all pictures of `data`, or on nine of ten where no `test` is given, and tests on the others. `report` is
/// called after every step; it may end the training with an error.
///
/// # Errors
/// If a source has no classes, a picture has none, classes or shapes differ, a picture cannot be read, the device fails, or
/// the loss is not a number any more.
pub fn train(
    device: &Device,
    data: &dyn Images,
    test: Option<&dyn Images>,
    config: TrainConfig,
    seed: u64,
    report: &mut dyn FnMut(&Progress) -> Result<(), Error>,
) -> Result<Trained, Error> {
    let classes = classes_of(data)?.to_vec();
    let held_out;
    let (train_set, test_set, test_name): (&dyn Images, &dyn Images, String) = match test {
        Some(test) => (data, test, test.name().to_owned()),
        None => {
            held_out = split(data, seed)?;
            let name = format!("every {HELD_OUT}th picture of {}, held out at random", data.name());
            (&held_out.0, &held_out.1, name)
        }
    };
    let answers = answers(test_set, &classes)?;
    let shape = data.shape();
    if shape.h != shape.w || shape.c != 3 || shape.h < SMALLEST {
        let reason =
            format!("pictures are {shape}; the classifier takes square colour ones of at least {SMALLEST}");
        return Err(Error::config(data.name(), reason));
    }
    if test_set.shape() != shape {
        let reason = format!("pictures are {}, those of the training {shape}", test_set.shape());
        return Err(Error::config(test_set.name(), reason));
    }
    let mut net = fresh(device, config.width, classes.len(), seed);
    let parameters = nn::count(&mut net);
    let adam = AdamConfig {
        lr: config.lr,
        beta1: 0.9,
        beta2: 0.999,
        weight_decay: 0.0,
    };
    let mut adam = Adam::new(adam, Role::Weight);
    let mut batches = Batches::new(train_set.len(), config.batch, seed);
    let per_epoch = batches.per_epoch();
    let steps = per_epoch * config.epochs;
    let mut accuracy = 0.0;
    for step in 0..steps {
        let batch = batches.next(train_set)?;
        let (n, labels) = (batch.n, labels(batch.labels, data)?);
        let x = Tensor::from_slice(device, [n, shape.h, shape.w, 3], &augmented(&batch, seed));
        let targets = Tensor::from_slice(device, [n, classes.len()], &targets(&labels, classes.len()));
        adam.set_lr(config.lr * schedule(step, steps));
        let loss = descend(&mut net, &mut adam, &x, &targets)?;
        if !loss.is_finite() {
            let what = format!("the loss is {loss}; a smaller --lr than {} may help", config.lr);
            return Err(Error::Diverged { step: step as u64, what });
        }
        let ends = (step + 1) % per_epoch == 0;
        if ends {
            accuracy = test_accuracy(&mut net, device, test_set, &answers)?;
        }
        report(&Progress {
            step: step + 1,
            steps,
            loss,
            accuracy: ends.then_some(accuracy),
        })?;
    }
    let about = ClassifierInfo {
        format: FORMAT,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        data: data.name().to_owned(),
        classes,
        side: shape.h,
        width: config.width,
        accuracy,
        tested: test_set.len(),
        test: test_name,
        epochs: config.epochs,
        seed,
    };
    Ok(Trained { net, about, parameters })
}

fn classes_of(images: &dyn Images) -> Result<&[String], Error> {
    match images.classes() {
        Some(classes) if classes.len() > 1 => Ok(classes),
        _ => Err(Error::config(
            images.name(),
            "has fewer than two classes; a classifier learns from labels (sub-folders, or a set that has them)",
        )),
    }
}

/// The pictures to learn from and those to test on.
fn split(data: &dyn Images, seed: u64) -> Result<(Subset<'_>, Subset<'_>), Error> {
    let mut order = Rng::stream(seed, "held out").permutation(data.len());
    if order.len() < HELD_OUT {
        let reason =
            format!("has {} pictures, too few to hold some out for the test; give --test", order.len());
        return Err(Error::config(data.name(), reason));
    }
    let held = order.split_off(order.len() - order.len() / HELD_OUT);
    Ok((Subset::new(data, order), Subset::new(data, held)))
}

/// The class of every test picture, as the training counts them. Classes are matched by name, for another source may
/// list them in another order.
fn answers(test: &dyn Images, classes: &[String]) -> Result<Vec<usize>, Error> {
    let place: BTreeMap<&String, usize> = classes.iter().enumerate().map(|(i, name)| (name, i)).collect();
    let theirs = classes_of(test)?;
    let matched: Option<Vec<usize>> = theirs.iter().map(|name| place.get(name).copied()).collect();
    let matched = matched.ok_or_else(|| {
        let reason = format!("has the classes {}, the training {}", theirs.join(", "), classes.join(", "));
        Error::config(test.name(), reason)
    })?;
    let all: Vec<Option<usize>> = (0..test.len()).map(|i| test.label(i)).collect();
    Ok(labels(&all, test)?.into_iter().map(|label| matched[label]).collect())
}

fn labels(labels: &[Option<usize>], images: &dyn Images) -> Result<Vec<usize>, Error> {
    let all: Option<Vec<usize>> = labels.iter().copied().collect();
    all.ok_or_else(|| Error::config(images.name(), "holds a picture without a class"))
}

/// Rows of probabilities: most of it on the right class.
fn targets(labels: &[usize], classes: usize) -> Vec<f32> {
    let rest = SMOOTHING / classes as f32;
    let mut rows = vec![rest; labels.len() * classes];
    for (row, label) in rows.chunks_exact_mut(classes).zip(labels) {
        row[*label] += 1.0 - SMOOTHING;
    }
    rows
}

/// The learning rate of a step as a share of the largest.
fn schedule(step: usize, steps: usize) -> f64 {
    let at = (step as f64 + 0.5) / steps as f64;
    if at < RISE {
        at / RISE
    } else {
        (1.0 - at) / (1.0 - RISE)
    }
}

/// One step; gives the loss before it.
fn descend(net: &mut Net, adam: &mut Adam, x: &Tensor, targets: &Tensor) -> Result<f64, Error> {
    nn::track(net, Role::Weight);
    let (_, logits) = net.forward(x, Mode::Train);
    let n = logits.shape()[0] as f32;
    let loss = (&logits.log_softmax() * targets).sum_all().scale(-1.0 / n);
    let leaves = nn::collect(net, Role::Weight);
    let grads = loss.backward(&leaves.iter().map(|(_, leaf)| leaf).collect::<Vec<_>>());
    drop(leaves);
    adam.step(net, grads);
    Ok(f64::from(loss.item()?))
}

fn test_accuracy(
    net: &mut Net,
    device: &Device,
    images: &dyn Images,
    answers: &[usize],
) -> Result<f64, Error> {
    nn::freeze(net);
    let shape = images.shape();
    let mut right = 0;
    for (piece, answers) in answers.chunks(TEST_BATCH).enumerate() {
        let mut pixels = vec![0.0; answers.len() * shape.values()];
        for (i, out) in pixels.chunks_exact_mut(shape.values()).enumerate() {
            images.read(piece * TEST_BATCH + i, out)?;
        }
        let x = Tensor::from_slice(device, [answers.len(), shape.h, shape.w, shape.c], &pixels);
        let (_, logits) = net.forward(&x, Mode::Eval);
        let classes = logits.shape().last();
        for (row, answer) in logits.to_vec()?.chunks_exact(classes).zip(answers) {
            let best = (0..classes).max_by(|a, b| row[*a].total_cmp(&row[*b]));
            right += usize::from(best == Some(*answer));
        }
    }
    Ok(right as f64 / answers.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_learning_rate_rises_to_its_largest_and_falls_to_nothing() {
        let all: Vec<f64> = (0..100).map(|step| schedule(step, 100)).collect();
        assert!(all[0] < 0.03 && all[99] < 0.01);
        let most = all.iter().copied().fold(0.0, f64::max);
        assert!((0.95..=1.0).contains(&most));
        assert!((most - all[20]).abs() < 0.05);
    }

    #[test]
    fn targets_are_probabilities() {
        let rows = targets(&[2, 0], 4);
        for row in rows.chunks(4) {
            assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        }
        assert!(rows[2] > 0.9 && rows[4] > 0.9);
    }
}
