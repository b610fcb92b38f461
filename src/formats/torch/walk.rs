//! From the values of a pickle to tensors with names.

use std::fmt::Display;
use std::path::Path;

use super::super::limits::{Budget, brief};
use super::super::pickle::{Pickle, Ref, Value};
use super::storages::Storages;
use super::{Note, TorchFile};
use crate::Error;

/// Deepest nesting of dictionaries and lists.
const DEEPEST: usize = 16;
/// Most axes of a tensor, as in PyTorch.
const MOST_AXES: usize = 64;
/// The name that files of arrays keep for their text.
const RESERVED: &str = "__metadata__";

/// The tensors and plain values of a pickle.
pub(super) fn read(
    path: &Path,
    pickle: &Pickle,
    storages: &Storages,
    budget: &mut Budget,
) -> Result<TorchFile, Error> {
    let mut walk = Walk {
        pickle,
        storages,
        budget,
        // A value that names itself would be walked through for ever.
        visits: 16 + 4 * pickle.extent(),
        waiting: Vec::new(),
        file: TorchFile::default(),
    };
    walk.all().map_err(|reason| Error::format(path, reason))?;
    Ok(walk.file)
}

struct Walk<'w, 'a> {
    pickle: &'w Pickle<'a>,
    storages: &'w Storages<'a>,
    budget: &'w mut Budget,
    visits: usize,
    waiting: Vec<Waiting>,
    file: TorchFile,
}

/// A value that is still to be looked into.
struct Waiting {
    name: String,
    at: Ref,
    depth: usize,
}

/// A strided view of a storage.
struct View {
    offset: usize,
    shape: Vec<usize>,
    strides: Vec<usize>,
}

impl Walk<'_, '_> {
    fn all(&mut self) -> Result<(), String> {
        let root = Waiting {
            name: String::new(),
            at: self.pickle.root(),
            depth: 0,
        };
        self.budget.push(&mut self.waiting, root)?;
        while let Some(waiting) = self.waiting.pop() {
            self.one(&waiting)?;
            self.budget.give(waiting.name.len());
        }
        Ok(())
    }

    fn one(&mut self, of: &Waiting) -> Result<(), String> {
        if of.depth > DEEPEST {
            return Err(format!("`{}` is nested too deep, or within itself", brief(&of.name)));
        }
        match self.pickle.get(of.at) {
            Value::Dict(_) => self.dictionary(of),
            Value::List(_) | Value::Tuple(_) => {
                let pickle = self.pickle;
                for (i, part) in pickle.parts(of.at).into_iter().flatten().enumerate() {
                    self.visit(of)?;
                    self.wait(of, &i, i.checked_ilog10().unwrap_or(0) as usize + 1, part)?;
                }
                Ok(())
            }
            Value::Made { of: function, with, .. } => self.made(of, function, with),
            Value::Persistent(_) => Err(format!("`{}` is a storage outside a tensor", brief(&of.name))),
            _ => Ok(()),
        }
    }

    fn dictionary(&mut self, of: &Waiting) -> Result<(), String> {
        let pickle = self.pickle;
        for (key, value) in pickle.entries(of.at).into_iter().flatten() {
            self.visit(of)?;
            let (text, number);
            let (key, len): (&dyn Display, usize) = match pickle.get(key) {
                Value::Text(_) => {
                    text = pickle.text(key).unwrap_or_default();
                    (&text, text.len())
                }
                Value::Int(key) => {
                    number = key;
                    (&number, 20)
                }
                _ => {
                    let reason = "is a dictionary with a key that is neither a text nor an integer";
                    return Err(format!("`{}` {reason}", brief(&of.name)));
                }
            };
            let note = match pickle.get(value) {
                Value::Bool(v) => Note::Bool(v),
                Value::Int(v) => Note::Int(v),
                Value::Float(v) => Note::Float(v),
                Value::Text(_) => {
                    let text = pickle.text(value).unwrap_or_default();
                    self.budget.take(text.len())?;
                    Note::Text(text.to_owned())
                }
                _ => {
                    self.wait(of, key, len, value)?;
                    continue;
                }
            };
            self.budget.take_array(&of.name, 0, len + 1, 1)?;
            self.file.notes.insert(joined(&of.name, key, len), note);
        }
        Ok(())
    }

    fn visit(&mut self, of: &Waiting) -> Result<(), String> {
        self.visits = self
            .visits
            .checked_sub(1)
            .ok_or_else(|| format!("`{}` is nested too deep, or within itself", brief(&of.name)))?;
        Ok(())
    }

    /// Puts aside a value that may hold others. `len` is at least the length of the key.
    fn wait(&mut self, of: &Waiting, key: &dyn Display, len: usize, at: Ref) -> Result<(), String> {
        let holds = matches!(
            self.pickle.get(at),
            Value::Dict(_) | Value::List(_) | Value::Tuple(_) | Value::Made { .. } | Value::Persistent(_)
        );
        if !holds {
            return Ok(());
        }
        self.budget.take(of.name.len() + 1 + len)?;
        let name = joined(&of.name, key, len);
        let waiting = Waiting { name, at, depth: of.depth + 1 };
        self.budget.push(&mut self.waiting, waiting)
    }

    fn made(&mut self, of: &Waiting, function: Ref, with: Ref) -> Result<(), String> {
        let name = if of.name.is_empty() { "tensor" } else { &of.name };
        let bad = |reason: String| format!("tensor `{}` {reason}", brief(name));
        match self.pickle.global(function) {
            Some(("torch._utils", "_rebuild_parameter")) => {
                let [data] = self
                    .pickle
                    .first(with)
                    .ok_or_else(|| bad("is a parameter of nothing".to_owned()))?;
                let inner = Waiting {
                    name: name.to_owned(),
                    at: data,
                    depth: of.depth + 1,
                };
                self.budget.take(name.len())?;
                self.budget.push(&mut self.waiting, inner)
            }
            Some(("torch._utils", _)) => self.tensor(name, with).map_err(bad),
            // A size is a tuple of numbers.
            Some(("torch", "Size")) => Ok(()),
            _ => Err(format!("`{}` is no tensor", brief(name))),
        }
    }

    fn tensor(&mut self, name: &str, with: Ref) -> Result<(), String> {
        let [id, offset, shape, strides] = self.pickle.first(with).ok_or("has too few arguments")?;
        let storage = self.storages.find(self.pickle, id).ok_or("has no storage of numbers")?;
        let view = View {
            offset: self.pickle.size(offset).ok_or("has no offset")?,
            shape: self.sizes(shape)?,
            strides: self.sizes(strides)?,
        };
        let n = view.check(storage.len)?;
        if name == RESERVED || self.file.tensors.get(name).is_some() {
            return Err("has a name that is reserved or that another tensor has; rename it".to_owned());
        }
        self.budget.take_array(name, view.shape.len(), n, size_of::<f32>())?;
        let (stored, order) = (storage.stored, self.storages.order);
        let values = match view.contiguous() {
            true => stored.gather_f32(storage.bytes, order, view.offset..view.offset + n),
            false => stored.gather_f32(storage.bytes, order, (0..n).map(|place| view.place(place))),
        };
        self.file.tensors.insert(name, &view.shape, values);
        Ok(())
    }

    fn sizes(&self, at: Ref) -> Result<Vec<usize>, String> {
        let parts = self.pickle.parts(at).ok_or("has no sizes")?;
        let sizes = parts.take(MOST_AXES + 1).map(|part| self.pickle.size(part));
        let sizes: Vec<usize> = sizes
            .collect::<Option<_>>()
            .ok_or("has a size or stride that is no number or negative")?;
        match sizes.len() {
            ..=MOST_AXES => Ok(sizes),
            _ => Err(format!("has more than {MOST_AXES} axes")),
        }
    }
}

impl View {
    /// The number of values, all of which lie within a storage of `len`.
    fn check(&self, len: usize) -> Result<usize, String> {
        let beyond = || format!("of shape {:?} reaches beyond its storage of {len} values", self.shape);
        let n = self.shape.iter().try_fold(1_usize, |n, size| n.checked_mul(*size));
        // Strides of 0 would let a small storage fill the memory.
        let n = n
            .filter(|n| *n <= len && self.shape.len() == self.strides.len())
            .ok_or_else(beyond)?;
        if n == 0 {
            return match self.offset <= len {
                true => Ok(0),
                false => Err(beyond()),
            };
        }
        let mut axes = self.shape.iter().zip(&self.strides);
        let last =
            axes.try_fold(self.offset, |at, (size, stride)| at.checked_add((size - 1).checked_mul(*stride)?));
        match last {
            Some(last) if last < len => Ok(n),
            _ => Err(beyond()),
        }
    }

    /// Whether values lie one after the other in row-major order; an axis of size 1 may have any stride.
    fn contiguous(&self) -> bool {
        if self.shape.contains(&0) {
            return true;
        }
        let mut want = 1;
        self.shape.iter().zip(&self.strides).rev().all(|(size, stride)| {
            let fits = *size == 1 || *stride == want;
            want *= size;
            fits
        })
    }

    /// Where the value at this place in row-major order lies in the storage.
    fn place(&self, place: usize) -> usize {
        let mut rest = place;
        let mut at = self.offset;
        for (size, stride) in self.shape.iter().zip(&self.strides).rev() {
            at += rest % size * stride;
            rest /= size;
        }
        at
    }
}

fn joined(name: &str, key: &dyn Display, len: usize) -> String {
    use std::fmt::Write;
    let mut all = String::with_capacity(name.len() + 1 + len);
    if !name.is_empty() {
        all.push_str(name);
        all.push('.');
    }
    // Writing to a string cannot fail.
    let _written = write!(all, "{key}");
    all
}
