//! Python pickles of plain values: a reader that executes nothing.
//!
//! A pickle is a program for a small stack machine. Of its instructions only those are known that build values; a name of
//! a class or function is kept as a name, and only the [`Policy`] of the caller says which names may stand there and what
//! is made of them. Values live in one list and name each other by number, so that neither reading nor dropping a deeply
//! nested one needs the stack of this program, and what they may take is a [`Budget`].

mod machine;
pub mod numpy;
#[cfg(test)]
mod tests;

use super::limits::Budget;

/// What a pickle may hold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value {
    /// `None`.
    None,
    /// A truth value.
    Bool(bool),
    /// An integer of at most 64 bits.
    Int(i64),
    /// A number.
    Float(f64),
    /// A text, see [`Pickle::text`].
    Text(Span),
    /// Bytes, or an integer of more than 64 bits, see [`Pickle::bytes`].
    Bytes(Span),
    /// A list or a set, see [`Pickle::parts`].
    List(Chain),
    /// A tuple, see [`Pickle::parts`].
    Tuple(Chain),
    /// A dictionary, see [`Pickle::entries`].
    Dict(Chain),
    /// A class or function that the policy allows, see [`Pickle::global`].
    Global(u32),
    /// What a class or function would have made of its arguments.
    Made {
        /// The class or function.
        of: Ref,
        /// Its arguments, a tuple.
        with: Ref,
        /// The state that it was given then, else `None`.
        state: Ref,
    },
    /// Something that lies outside the pickle, by its identity.
    Persistent(Ref),
}

/// The place of a value among those of a [`Pickle`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ref(u32);

/// A part of the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    start: u32,
    len: u32,
}

/// Values one after the other; those of a dictionary are keys and values in turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chain {
    first: u32,
    last: u32,
    len: u32,
}

/// One value of a chain and the place of the next.
#[derive(Debug, Clone, Copy)]
struct Link {
    value: Ref,
    next: u32,
}

/// The classes and functions that may be named: module and name.
pub type Policy = &'static [(&'static str, &'static str)];

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
    bytes: &'a [u8],
    policy: Policy,
    values: Vec<Value>,
    links: Vec<Link>,
    root: Ref,
}

impl<'a> Pickle<'a> {
    /// Reads one pickle from the start of `bytes`; gives it and its length. Its values are paid for with `budget`.
    ///
    /// # Errors
    /// If it is cut off, uses an instruction that does more than build values, names what `policy` does not allow, or
    /// takes more than the budget.
    pub fn read(
        bytes: &'a [u8],
        policy: Policy,
        budget: &mut Budget,
    ) -> Result<(Pickle<'a>, usize), Refused> {
        machine::run(bytes, policy, budget)
    }

    /// The value that was pickled.
    pub fn root(&self) -> Ref {
        self.root
    }

    /// The value at `at`.
    pub fn get(&self, at: Ref) -> Value {
        self.values[at.0 as usize]
    }

    /// All values, in the order they were made.
    pub fn values(&self) -> impl Iterator<Item = Value> {
        self.values.iter().copied()
    }

    /// How much there is to walk through: the number of values and of their parts.
    pub fn extent(&self) -> usize {
        self.values.len() + self.links.len()
    }

    /// The text at `at`, if it is one.
    pub fn text(&self, at: Ref) -> Option<&'a str> {
        match self.get(at) {
            // It was found to be UTF-8 when it was read.
            Value::Text(span) => std::str::from_utf8(self.part(span)).ok(),
            _ => None,
        }
    }

    /// The bytes at `at`, if they are such.
    pub fn bytes(&self, at: Ref) -> Option<&'a [u8]> {
        match self.get(at) {
            Value::Bytes(span) => Some(self.part(span)),
            _ => None,
        }
    }

    /// The bytes at `at`, if they are such, or a text: Python 2 wrote both alike.
    pub fn raw(&self, at: Ref) -> Option<&'a [u8]> {
        match self.get(at) {
            Value::Bytes(span) | Value::Text(span) => Some(self.part(span)),
            _ => None,
        }
    }

    /// The integer at `at`, if it is one that counts something.
    pub fn size(&self, at: Ref) -> Option<usize> {
        match self.get(at) {
            Value::Int(v) => usize::try_from(v).ok(),
            _ => None,
        }
    }

    /// Module and name of the class or function at `at`, if it is one.
    pub fn global(&self, at: Ref) -> Option<(&'static str, &'static str)> {
        match self.get(at) {
            Value::Global(known) => Some(self.policy[known as usize]),
            _ => None,
        }
    }

    /// The parts of the tuple or list at `at`, if it is one.
    pub fn parts(&self, at: Ref) -> Option<impl Iterator<Item = Ref>> {
        match self.get(at) {
            Value::Tuple(chain) | Value::List(chain) => Some(self.chain(chain)),
            _ => None,
        }
    }

    /// The first `N` parts of the tuple or list at `at`, if it has as many.
    pub fn first<const N: usize>(&self, at: Ref) -> Option<[Ref; N]> {
        let mut parts = self.parts(at)?;
        let mut first = [self.root; N];
        for part in &mut first {
            *part = parts.next()?;
        }
        Some(first)
    }

    /// The entries of the dictionary at `at`, if it is one: also of an ordered one, which is made by a call. A key that
    /// was set twice comes twice.
    pub fn entries(&self, at: Ref) -> Option<impl Iterator<Item = (Ref, Ref)>> {
        match self.get(at) {
            Value::Dict(chain) => {
                let mut parts = self.chain(chain);
                Some(std::iter::from_fn(move || Some((parts.next()?, parts.next()?))))
            }
            _ => None,
        }
    }

    /// The value of the last entry of the dictionary at `at` whose key is the text or the bytes `key`.
    pub fn entry(&self, at: Ref, key: &str) -> Option<Ref> {
        let named = |(k, _): &(Ref, Ref)| self.raw(*k) == Some(key.as_bytes());
        self.entries(at)?.filter(named).last().map(|(_, value)| value)
    }

    fn part(&self, span: Span) -> &'a [u8] {
        &self.bytes[span.start as usize..][..span.len as usize]
    }

    fn chain(&self, chain: Chain) -> impl Iterator<Item = Ref> {
        let mut at = chain.first;
        (0..chain.len).map(move |_| {
            let link = self.links[at as usize];
            at = link.next;
            link.value
        })
    }
}
