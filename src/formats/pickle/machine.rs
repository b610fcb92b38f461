//! The stack machine.

use super::{Memo, Pickle, Policy, Ref, Refused, Value};

/// Bytes that values may take beside as many as the file has: that many, because a value of one byte in the file takes
/// dozens here, and a file of many small tensors is a good one.
const ALLOWANCE: usize = 768 << 10;
/// Bytes counted for a value and what refers to it, with the slack of growing lists.
const VALUE: usize = 96;
/// Bytes counted for another place on the stack.
const PLACE: usize = 8;
/// Bytes counted for a value that is kept under a number.
const KEPT: usize = 32;

struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Where the instruction began, for errors.
    began: usize,
    policy: Policy,
    values: Vec<Value<'a>>,
    stack: Vec<Ref>,
    marks: Vec<usize>,
    memo: Memo,
    /// Bytes that may still be spent.
    budget: usize,
}

pub(super) fn run<'a>(bytes: &'a [u8], file: usize, policy: Policy) -> Result<(Pickle<'a>, usize), Refused> {
    let mut machine = Machine {
        bytes,
        at: 0,
        began: 0,
        policy,
        values: Vec::new(),
        stack: Vec::new(),
        marks: Vec::new(),
        memo: Memo::new(),
        budget: file.saturating_add(ALLOWANCE),
    };
    match machine.steps() {
        Ok(root) => Ok((Pickle { values: machine.values, root }, machine.at)),
        Err(reason) => Err(Refused { at: machine.began, reason }),
    }
}

impl<'a> Machine<'a> {
    fn steps(&mut self) -> Result<Ref, String> {
        loop {
            self.began = self.at;
            let code = self.take(1)?[0];
            if code == b'.' {
                return self.pop();
            }
            self.step(code)?;
        }
    }

    fn step(&mut self, code: u8) -> Result<(), String> {
        match code {
            // PROTO and FRAME carry nothing that the values need.
            0x80 => self.take(1).map(drop),
            0x95 => self.take(8).map(drop),
            b'(' => self.spend(PLACE).map(|()| self.marks.push(self.stack.len())),
            b'0' => self.pop().map(drop),
            b'1' => self.marked().map(drop),
            b'2' => self.top().and_then(|top| self.push_ref(top)),
            b'N' => self.push(Value::None),
            0x88 => self.push(Value::Bool(true)),
            0x89 => self.push(Value::Bool(false)),
            b'J' | b'K' | b'M' | 0x8a | 0x8b | b'I' | b'L' => self.integer(code),
            b'G' => {
                let bytes = self.array()?;
                self.push(Value::Float(f64::from_be_bytes(bytes)))
            }
            b'X' | 0x8c | 0x8d | b'U' | b'T' | b'C' | b'B' | 0x8e => self.text_or_bytes(code),
            b'V' => match self.line()? {
                text if text.contains('\\') => Err("a text with escapes is not read".to_owned()),
                text => self.push(Value::Text(text)),
            },
            b']' | b'l' | b'a' | b'e' => self.list(code),
            b')' | b't' | 0x85 | 0x86 | 0x87 => self.tuple(code),
            b'}' | b'd' | b's' | b'u' => self.dict(code),
            b'q' | b'r' | b'p' | 0x94 | b'h' | b'j' | b'g' => self.memoize(code),
            b'c' | 0x93 => self.global(code),
            b'R' | 0x81 => self.call(),
            b'b' => self.state(),
            b'Q' => {
                let id = self.pop()?;
                self.push(Value::Persistent(id))
            }
            other => Err(format!(
                "the instruction 0x{other:02x} does more than build plain values and tensors, and nothing else is read"
            )),
        }
    }

    fn integer(&mut self, code: u8) -> Result<(), String> {
        let value = match code {
            b'J' => i64::from(i32::from_le_bytes(self.array()?)),
            b'K' => i64::from(self.take(1)?[0]),
            b'M' => i64::from(u16::from_le_bytes(self.array()?)),
            b'I' | b'L' => {
                let line = self.line()?;
                match line {
                    "00" => return self.push(Value::Bool(false)),
                    "01" => return self.push(Value::Bool(true)),
                    digits => digits.trim_end_matches('L').parse().map_err(|_| "a number is none")?,
                }
            }
            _ => {
                let len = if code == 0x8a {
                    usize::from(self.take(1)?[0])
                } else {
                    self.length4()?
                };
                let bytes = self.take(len)?;
                return match long(bytes) {
                    Some(value) => self.push(Value::Int(value)),
                    // PyTorch marks its older files with a number of 10 bytes.
                    None => self.push(Value::Bytes(bytes)),
                };
            }
        };
        self.push(Value::Int(value))
    }

    fn text_or_bytes(&mut self, code: u8) -> Result<(), String> {
        let len = match code {
            b'X' | b'T' | b'B' => self.length4()?,
            0x8c | b'U' | b'C' => usize::from(self.take(1)?[0]),
            _ => usize::try_from(u64::from_le_bytes(self.array()?)).map_err(|_| "a length is too large")?,
        };
        let bytes = self.take(len)?;
        match code {
            b'B' | b'C' | 0x8e => self.push(Value::Bytes(bytes)),
            _ => match std::str::from_utf8(bytes) {
                Ok(text) => self.push(Value::Text(text)),
                // Python 2 wrote bytes and texts alike.
                Err(_) if matches!(code, b'U' | b'T') => self.push(Value::Bytes(bytes)),
                Err(_) => Err("a text is not UTF-8".to_owned()),
            },
        }
    }

    fn list(&mut self, code: u8) -> Result<(), String> {
        let more = match code {
            b']' => return self.push(Value::List(Vec::new())),
            b'a' => vec![self.pop()?],
            _ => self.marked()?,
        };
        if code == b'l' {
            return self.push(Value::List(more));
        }
        let top = self.top()?;
        match self.value(top) {
            Value::List(parts) => parts.extend(more),
            _ => return Err("something is appended to what is no list".to_owned()),
        }
        Ok(())
    }

    fn tuple(&mut self, code: u8) -> Result<(), String> {
        let parts = match code {
            b')' => Vec::new(),
            b't' => self.marked()?,
            _ => {
                let count = usize::from(code - 0x84);
                let first = self.stack.len().checked_sub(count).ok_or("the stack is empty")?;
                self.check_mark(first)?;
                self.stack.split_off(first)
            }
        };
        self.push(Value::Tuple(parts))
    }

    fn dict(&mut self, code: u8) -> Result<(), String> {
        let more = match code {
            b'}' => return self.push(Value::Dict(Vec::new())),
            b's' => {
                let value = self.pop()?;
                vec![self.pop()?, value]
            }
            _ => self.marked()?,
        };
        let (pairs, rest) = more.as_chunks::<2>();
        if !rest.is_empty() {
            return Err("a dictionary has a key without a value".to_owned());
        }
        let entries = pairs.iter().map(|[key, value]| (*key, *value));
        if code == b'd' {
            let entries = entries.collect();
            return self.push(Value::Dict(entries));
        }
        let top = self.top()?;
        match self.value(top) {
            Value::Dict(all) => all.extend(entries),
            _ => return Err("an entry is set in what is no dictionary".to_owned()),
        }
        Ok(())
    }

    fn memoize(&mut self, code: u8) -> Result<(), String> {
        let number = match code {
            b'q' | b'h' => u32::from(self.take(1)?[0]),
            b'r' | b'j' => u32::from_le_bytes(self.array()?),
            b'p' | b'g' => self.line()?.parse().map_err(|_| "a number is none")?,
            _ => self.memo.len() as u32,
        };
        if matches!(code, b'h' | b'j' | b'g') {
            let known = *self.memo.get(&number).ok_or_else(|| format!("value {number} was not kept"))?;
            return self.push_ref(known);
        }
        self.spend(KEPT)?;
        let top = self.top()?;
        self.memo.insert(number, top);
        Ok(())
    }

    fn global(&mut self, code: u8) -> Result<(), String> {
        let (module, name) = match code {
            b'c' => (self.line()?, self.line()?),
            _ => {
                let (name, module) = (self.pop()?, self.pop()?);
                match (self.value(module).clone(), self.value(name).clone()) {
                    (Value::Text(module), Value::Text(name)) => (module, name),
                    _ => return Err("a class is named by something else than a text".to_owned()),
                }
            }
        };
        if !(self.policy)(module, name) {
            return Err(format!(
                "`{module}.{name}` is named, which is not allowed: only tensors are read and nothing is executed"
            ));
        }
        self.push(Value::Global(module, name))
    }

    /// A call is noted down, not made. Only an ordered dictionary becomes what it is, for entries follow.
    fn call(&mut self) -> Result<(), String> {
        let (with, of) = (self.pop()?, self.pop()?);
        match self.value(of) {
            Value::Global("collections", "OrderedDict") => self.push(Value::Dict(Vec::new())),
            Value::Global(..) => self.push(Value::Made { of, with }),
            _ => Err("a call is made of what is no class or function".to_owned()),
        }
    }

    /// Attributes of an object; those of a dictionary of tensors are notes on its version, others mean nothing here.
    fn state(&mut self) -> Result<(), String> {
        self.pop()?;
        let top = self.top()?;
        match self.value(top) {
            Value::Dict(_) | Value::Made { .. } => Ok(()),
            _ => Err("attributes are set on what has none".to_owned()),
        }
    }

    fn push(&mut self, value: Value<'a>) -> Result<(), String> {
        self.spend(VALUE)?;
        self.values.push(value);
        self.stack.push(Ref(self.values.len() as u32 - 1));
        Ok(())
    }

    fn push_ref(&mut self, at: Ref) -> Result<(), String> {
        self.spend(PLACE)?;
        self.stack.push(at);
        Ok(())
    }

    /// Counts what a value costs in memory, so that a small file cannot fill it.
    fn spend(&mut self, bytes: usize) -> Result<(), String> {
        let left = self.budget.checked_sub(bytes);
        self.budget = left.ok_or("there are more values than a file of this size may have")?;
        Ok(())
    }

    fn pop(&mut self) -> Result<Ref, String> {
        let last = self.stack.len().checked_sub(1).ok_or("the stack is empty")?;
        self.check_mark(last)?;
        Ok(self.stack.swap_remove(last))
    }

    fn top(&self) -> Result<Ref, String> {
        self.stack.last().copied().ok_or_else(|| "the stack is empty".to_owned())
    }

    /// What lies above the last mark, which is taken away.
    fn marked(&mut self) -> Result<Vec<Ref>, String> {
        let mark = self.marks.pop().ok_or("there is no mark")?;
        Ok(self.stack.split_off(mark))
    }

    fn check_mark(&self, first: usize) -> Result<(), String> {
        match self.marks.last() {
            Some(mark) if first < *mark => Err("the stack is empty above its mark".to_owned()),
            _ => Ok(()),
        }
    }

    fn value(&mut self, at: Ref) -> &mut Value<'a> {
        &mut self.values[at.0 as usize]
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], String> {
        let end = self.at.checked_add(len).filter(|end| *end <= self.bytes.len());
        let end = end.ok_or("the pickle ends in the middle; fetch the file again")?;
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    fn length4(&mut self) -> Result<usize, String> {
        Ok(u32::from_le_bytes(self.array()?) as usize)
    }

    fn line(&mut self) -> Result<&'a str, String> {
        let rest = &self.bytes[self.at..];
        let len = rest.iter().position(|b| *b == b'\n').ok_or("a line has no end")?;
        let line = self.take(len)?;
        self.take(1)?;
        std::str::from_utf8(line).map_err(|_| "a line is not UTF-8".to_owned())
    }
}

/// A little-endian number in two's complement, if it fits.
fn long(bytes: &[u8]) -> Option<i64> {
    if bytes.len() > 8 {
        return None;
    }
    let fill = if bytes.last().is_some_and(|b| b & 0x80 != 0) {
        0xff
    } else {
        0
    };
    let mut wide = [fill; 8];
    wide[..bytes.len()].copy_from_slice(bytes);
    Some(i64::from_le_bytes(wide))
}
