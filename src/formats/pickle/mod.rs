//! Python pickles of plain values: a reader that executes nothing.
//!
//! A pickle is a program for a small stack machine. Of its instructions only those are known that build values; a name of
//! a class or function is kept as a name, and only the [`Policy`] of the caller says which names may stand there and what
//! is made of them. Values live in one list and name each other by number, so that neither reading nor dropping a deeply
//! nested one needs the stack of this program, and their number is bounded by the length of the input.

mod machine;

use std::collections::HashMap;

/// What a pickle may hold.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// `None`.
    None,
    /// A truth value.
    Bool(bool),
    /// An integer of at most 64 bits.
    Int(i64),
    /// A number.
    Float(f64),
    /// A text.
    Text(&'a str),
    /// Bytes.
    Bytes(&'a [u8]),
    /// A list.
    List(Vec<Ref>),
    /// A tuple.
    Tuple(Vec<Ref>),
    /// A dictionary in the order of its entries.
    Dict(Vec<(Ref, Ref)>),
    /// A class or function that the policy allows, `module name`.
    Global(&'a str, &'a str),
    /// What a class or function would have made of its arguments.
    Made {
        /// The class or function.
        of: Ref,
        /// Its arguments, a tuple.
        with: Ref,
    },
    /// Something that lies outside the pickle, by its identity.
    Persistent(Ref),
}

/// The place of a value among those of a [`Pickle`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ref(u32);

/// Which classes and functions may be named: `allows(module, name)`.
pub type Policy = fn(&str, &str) -> bool;

/// Why a pickle was refused, and where in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Bytes from the start.
    pub at: usize,
    /// What stands there.
    pub reason: String,
}

/// The values of one pickle.
#[derive(Debug)]
pub struct Pickle<'a> {
    values: Vec<Value<'a>>,
    root: Ref,
}

impl<'a> Pickle<'a> {
    /// Reads one pickle from the start of `bytes`; gives it and its length. `file` is the size of the whole file that the
    /// bytes are of, which bounds the memory that values may take.
    ///
    /// # Errors
    /// If it is cut off, uses an instruction that does more than build values, or names what `policy` does not allow.
    pub fn read(bytes: &'a [u8], file: usize, policy: Policy) -> Result<(Pickle<'a>, usize), Refused> {
        machine::run(bytes, file, policy)
    }

    /// The value that was pickled.
    pub fn root(&self) -> Ref {
        self.root
    }

    /// The value at `at`.
    pub fn get(&self, at: Ref) -> &Value<'a> {
        &self.values[at.0 as usize]
    }

    /// All values, in the order they were made.
    pub fn values(&self) -> std::slice::Iter<'_, Value<'a>> {
        self.values.iter()
    }

    /// The text at `at`, if it is one.
    pub fn text(&self, at: Ref) -> Option<&'a str> {
        match self.get(at) {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The integer at `at`, if it is one that counts something.
    pub fn size(&self, at: Ref) -> Option<usize> {
        match self.get(at) {
            Value::Int(v) => usize::try_from(*v).ok(),
            _ => None,
        }
    }

    /// The parts of the tuple or list at `at`, if it is one.
    pub fn parts(&self, at: Ref) -> Option<&[Ref]> {
        match self.get(at) {
            Value::Tuple(parts) | Value::List(parts) => Some(parts),
            _ => None,
        }
    }

    /// The entries of the dictionary at `at`, if it is one: also of an ordered one, which is made by a call.
    pub fn entries(&self, at: Ref) -> Option<&[(Ref, Ref)]> {
        match self.get(at) {
            Value::Dict(entries) => Some(entries),
            _ => None,
        }
    }
}

/// Values by the numbers that a pickle gives them.
type Memo = HashMap<u32, Ref>;

#[cfg(test)]
mod tests;
