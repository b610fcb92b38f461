//! The Python version: each file a pickled dictionary, of which nothing is executed.

use std::path::Path;

use super::{PIXELS, Records, interleave};
use crate::Error;
use crate::formats::limits::Budget;
use crate::formats::pickle::{Pickle, Ref, numpy};

/// Pixels (interleaved) and labels, below `classes`, of one batch: `data` `[n, 3072]` and a list `labels`.
pub(super) fn read(path: &Path, bytes: &[u8], classes: usize) -> Result<Records, Error> {
    let mut budget = Budget::of_file(bytes.len());
    let pickle = open(path, bytes, &mut budget)?;
    let bad = |reason: String| Error::format(path, format!("{reason}; not a CIFAR-10 batch"));
    let entry = |name: &str| {
        let found = pickle.entry(pickle.root(), name);
        found.ok_or_else(|| bad(format!("its pickle is no dictionary with `{name}`")))
    };
    let data = numpy::bytes(&pickle, entry("data")?, &mut budget);
    let data = data.map_err(|reason| bad(format!("`data` {reason}")))?;
    let n = match data.shape.as_slice() {
        [n, PIXELS] => *n,
        other => return Err(bad(format!("`data` has shape {other:?}, not [n, {PIXELS}]"))),
    };
    let labels = entry("labels")?;
    let found = pickle.parts(labels).into_iter().flatten().count();
    if found != n {
        return Err(bad(format!("it holds {found} labels for {n} pictures")));
    }
    let mut records = Records::with_capacity(n);
    for (i, label) in pickle.parts(labels).into_iter().flatten().enumerate() {
        let label = pickle.size(label).filter(|label| *label < classes);
        let label = label.ok_or_else(|| bad(format!("label {i} is no number below {classes}")))?;
        records.labels.push(Some(label));
    }
    let mut picture = [0; PIXELS];
    for i in 0..n {
        let at = |p: usize| if data.fortran_order { p * n + i } else { i * PIXELS + p };
        for (p, v) in picture.iter_mut().enumerate() {
            *v = data.bytes[at(p)];
        }
        interleave(&picture, &mut records.pixels);
    }
    Ok(records)
}

/// The class names of `batches.meta`, its list `label_names`.
pub(super) fn class_names(path: &Path, bytes: &[u8]) -> Result<Vec<String>, Error> {
    let pickle = open(path, bytes, &mut Budget::of_file(bytes.len()))?;
    let list = pickle.entry(pickle.root(), "label_names");
    let text = |at: Ref| pickle.raw(at).and_then(|name| String::from_utf8(name.to_vec()).ok());
    list.and_then(|list| pickle.parts(list)?.map(text).collect::<Option<_>>())
        .ok_or_else(|| Error::format(path, "its pickle is no dictionary with a list `label_names` of texts"))
}

fn open<'a>(path: &Path, bytes: &'a [u8], budget: &mut Budget) -> Result<Pickle<'a>, Error> {
    match Pickle::read(bytes, numpy::NAMES, budget) {
        Ok((pickle, _)) => Ok(pickle),
        Err(refused) => Err(Error::format_at(path, refused.at as u64, refused.reason)),
    }
}
