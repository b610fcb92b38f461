//! The stack machine.

use super::super::limits::{Budget, brief};
use super::{Chain, Link, Pickle, Policy, Ref, Refused, Span, Value};

/// Stands for a number under which no value is kept.
const NOTHING: Ref = Ref(u32::MAX);

/// Small integers and other constants are made once.
const SHARED: usize = 260;

struct Machine<'a, 'b> {
    pickle: Pickle<'a>,
    at: usize,
    /// Where the instruction began, for errors.
    began: usize,
    stack: Vec<Ref>,
    marks: Vec<u32>,
    memo: Vec<Ref>,
    shared: [Ref; SHARED],
    budget: &'b mut Budget,
}

pub(super) fn run<'a>(
    bytes: &'a [u8],
    policy: Policy,
    budget: &mut Budget,
) -> Result<(Pickle<'a>, usize), Refused> {
    // Places in the bytes are 32 bits wide; a pickle of that size is none of tensors' names.
    let bytes = &bytes[..bytes.len().min(u32::MAX as usize)];
    let pickle = Pickle {
        bytes,
        policy,
        values: Vec::new(),
        links: Vec::new(),
        root: NOTHING,
    };
    let mut machine = Machine {
        pickle,
        at: 0,
        began: 0,
        stack: Vec::new(),
        marks: Vec::new(),
        memo: Vec::new(),
        shared: [NOTHING; SHARED],
        budget,
    };
    let done = machine.steps();
    machine.give_back();
    match done {
        Ok(root) => {
            machine.pickle.root = root;
            Ok((machine.pickle, machine.at))
        }
        Err(reason) => Err(Refused { at: machine.began, reason }),
    }
}

impl<'a> Machine<'a, '_> {
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
            b'(' => self.budget.push(&mut self.marks, self.stack.len() as u32),
            b'0' => self.pop().map(drop),
            b'1' => self.mark().map(|mark| self.stack.truncate(mark)),
            b'2' => self.top().and_then(|top| self.push_ref(top)),
            b'N' => self.share(256, Value::None),
            0x88 => self.share(257, Value::Bool(true)),
            0x89 => self.share(258, Value::Bool(false)),
            b'J' | b'K' | b'M' | 0x8a | 0x8b | b'I' | b'L' => self.integer(code),
            b'G' => {
                let bytes = self.array()?;
                self.push(Value::Float(f64::from_be_bytes(bytes)))
            }
            b'F' => match self.line()?.parse() {
                Ok(number) => self.push(Value::Float(number)),
                Err(_) => Err("a number is none".to_owned()),
            },
            b'X' | 0x8c | 0x8d | b'U' | b'T' | b'C' | b'B' | 0x8e => self.text_or_bytes(code),
            b'V' => match self.line()? {
                text if text.contains('\\') => Err("a text with escapes is not read".to_owned()),
                text => self.push(Value::Text(self.span(text.as_bytes()))),
            },
            // A set is kept as a list: the order means nothing, and equal parts may come twice.
            b']' | 0x8f => self.push(Value::List(EMPTY)),
            b')' => self.share(259, Value::Tuple(EMPTY)),
            b'}' => self.push(Value::Dict(EMPTY)),
            b'l' | b't' | 0x85 | 0x86 | 0x87 | b'd' => self.collect(code),
            b'a' | b'e' | b's' | b'u' | 0x90 => self.extend(code),
            b'q' | b'r' | b'p' | 0x94 => self.keep(code),
            b'h' | b'j' | b'g' => self.recall(code),
            b'c' | 0x93 => self.global(code),
            b'R' | 0x81 => self.call(),
            b'b' => self.state(),
            b'Q' => {
                let id = self.pop()?;
                self.push(Value::Persistent(id))
            }
            other => Err(format!(
                "the instruction 0x{other:02x} does more than build plain values and arrays, and nothing else is read"
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
                    "00" => return self.share(258, Value::Bool(false)),
                    "01" => return self.share(257, Value::Bool(true)),
                    digits => digits.trim_end_matches('L').parse().map_err(|_| "a number is none")?,
                }
            }
            _ => {
                let len = match code {
                    0x8a => usize::from(self.take(1)?[0]),
                    _ => self.length4()?,
                };
                let bytes = self.take(len)?;
                match long(bytes) {
                    Some(value) => value,
                    // PyTorch marks its older files with a number of 10 bytes.
                    None => return self.push(Value::Bytes(self.span(bytes))),
                }
            }
        };
        match usize::try_from(value) {
            Ok(small @ ..256) => self.share(small, Value::Int(value)),
            _ => self.push(Value::Int(value)),
        }
    }

    fn text_or_bytes(&mut self, code: u8) -> Result<(), String> {
        let len = match code {
            b'X' | b'T' | b'B' => self.length4()?,
            0x8c | b'U' | b'C' => usize::from(self.take(1)?[0]),
            _ => usize::try_from(u64::from_le_bytes(self.array()?)).map_err(|_| "a length is too large")?,
        };
        let bytes = self.take(len)?;
        let span = self.span(bytes);
        match (code, std::str::from_utf8(bytes)) {
            (b'B' | b'C' | 0x8e, _) => self.push(Value::Bytes(span)),
            (_, Ok(_)) => self.push(Value::Text(span)),
            // Python 2 wrote bytes and texts alike.
            (b'U' | b'T', Err(_)) => self.push(Value::Bytes(span)),
            (_, Err(_)) => Err("a text is not UTF-8".to_owned()),
        }
    }

    /// A list, tuple or dictionary of what lies on the stack.
    fn collect(&mut self, code: u8) -> Result<(), String> {
        let first = match code {
            0x85..=0x87 => self.below_top(usize::from(code - 0x84))?,
            _ => self.mark()?,
        };
        let chain = self.chain(EMPTY, first)?;
        match code {
            b'l' => self.push(Value::List(chain)),
            b'd' => pairs(chain).and_then(|chain| self.push(Value::Dict(chain))),
            _ => self.push(Value::Tuple(chain)),
        }
    }

    /// Adds what lies on the stack to the list or dictionary below it.
    fn extend(&mut self, code: u8) -> Result<(), String> {
        let first = match code {
            b'a' => self.below_top(1)?,
            b's' => self.below_top(2)?,
            _ => self.mark()?,
        };
        let below = first.checked_sub(1).ok_or("the stack is empty")?;
        self.check_mark(below)?;
        let target = self.stack[below];
        let longer = match (self.pickle.get(target), code) {
            (Value::List(chain), b'a' | b'e' | 0x90) => Value::List(self.chain(chain, first)?),
            (Value::Dict(chain), b's' | b'u') => Value::Dict(pairs(self.chain(chain, first)?)?),
            (_, b'a' | b'e' | 0x90) => return Err("something is appended to what is no list".to_owned()),
            _ => return Err("an entry is set in what is no dictionary".to_owned()),
        };
        self.pickle.values[target.0 as usize] = longer;
        Ok(())
    }

    /// Moves the stack from `first` on to the end of a chain.
    fn chain(&mut self, mut chain: Chain, first: usize) -> Result<Chain, String> {
        for i in first..self.stack.len() {
            let at = self.pickle.links.len() as u32;
            let link = Link { value: self.stack[i], next: 0 };
            self.budget.push(&mut self.pickle.links, link)?;
            match chain.len {
                0 => chain.first = at,
                _ => self.pickle.links[chain.last as usize].next = at,
            }
            chain.last = at;
            chain.len += 1;
        }
        self.stack.truncate(first);
        Ok(chain)
    }

    fn keep(&mut self, code: u8) -> Result<(), String> {
        let number = match code {
            0x94 => self.memo.len(),
            _ => self.number(code)?,
        };
        let top = self.top()?;
        // Numbers are given one after the other, so that gaps are small.
        while self.memo.len() <= number {
            self.budget.push(&mut self.memo, NOTHING)?;
        }
        self.memo[number] = top;
        Ok(())
    }

    fn recall(&mut self, code: u8) -> Result<(), String> {
        let number = self.number(code)?;
        match self.memo.get(number).copied() {
            Some(known) if known != NOTHING => self.push_ref(known),
            _ => Err(format!("value {number} was not kept")),
        }
    }

    fn number(&mut self, code: u8) -> Result<usize, String> {
        Ok(match code {
            b'q' | b'h' => usize::from(self.take(1)?[0]),
            b'r' | b'j' => self.length4()?,
            _ => self.line()?.parse::<u32>().map_err(|_| "a number is none")? as usize,
        })
    }

    fn global(&mut self, code: u8) -> Result<(), String> {
        let (module, name) = match code {
            b'c' => (self.line()?, self.line()?),
            _ => {
                let (name, module) = (self.pop()?, self.pop()?);
                match (self.pickle.text(module), self.pickle.text(name)) {
                    (Some(module), Some(name)) => (module, name),
                    _ => return Err("a class is named by something else than a text".to_owned()),
                }
            }
        };
        match self.pickle.policy.iter().position(|known| *known == (module, name)) {
            Some(known) => self.push(Value::Global(known as u32)),
            None => Err(format!(
                "global `{}.{}` is not allowed; only plain values and arrays are read, nothing is executed",
                brief(module),
                brief(name)
            )),
        }
    }

    /// A call is noted down, not made. Only an ordered dictionary becomes what it is, for entries follow.
    fn call(&mut self) -> Result<(), String> {
        let (with, of) = (self.pop()?, self.pop()?);
        let global = self.pickle.global(of);
        if !matches!(self.pickle.get(with), Value::Tuple(_)) {
            return Err("a call is made with what is no tuple".to_owned());
        }
        match global {
            Some(("collections", "OrderedDict")) => self.ordered(with),
            Some(_) => {
                self.share(256, Value::None)?;
                let state = self.pop()?;
                self.push(Value::Made { of, with, state })
            }
            None => Err("a call is made of what is no class or function".to_owned()),
        }
    }

    /// An ordered dictionary, which Python 2 called with a list of pairs.
    fn ordered(&mut self, with: Ref) -> Result<(), String> {
        let Some([given]) = self.pickle.first(with) else {
            return self.push(Value::Dict(EMPTY));
        };
        let Value::List(mut pairs) = self.pickle.get(given) else {
            return Err("an ordered dictionary is made of what is no list of pairs".to_owned());
        };
        let first = self.stack.len();
        while pairs.len > 0 {
            let link = self.pickle.links[pairs.first as usize];
            pairs = Chain { first: link.next, len: pairs.len - 1, ..pairs };
            let pair = self.pickle.first(link.value).ok_or("an entry is no pair of key and value")?;
            let [key, value] = pair;
            self.push_ref(key)?;
            self.push_ref(value)?;
        }
        let chain = self.chain(EMPTY, first)?;
        self.push(Value::Dict(chain))
    }

    /// The state of an object is noted down; that of a dictionary of tensors is about its version and means nothing here.
    fn state(&mut self) -> Result<(), String> {
        let state = self.pop()?;
        let top = self.top()?;
        match self.pickle.get(top) {
            Value::Dict(_) => Ok(()),
            Value::Made { of, with, .. } => {
                self.pickle.values[top.0 as usize] = Value::Made { of, with, state };
                Ok(())
            }
            _ => Err("attributes are set on what has none".to_owned()),
        }
    }

    fn push(&mut self, value: Value) -> Result<(), String> {
        let at = Ref(self.pickle.values.len() as u32);
        self.budget.push(&mut self.pickle.values, value)?;
        self.push_ref(at)
    }

    /// Pushes a value that nothing can change, made only once.
    fn share(&mut self, number: usize, value: Value) -> Result<(), String> {
        match self.shared[number] {
            NOTHING => {
                self.push(value)?;
                self.shared[number] = self.top()?;
                Ok(())
            }
            known => self.push_ref(known),
        }
    }

    fn push_ref(&mut self, at: Ref) -> Result<(), String> {
        self.budget.push(&mut self.stack, at)
    }

    fn pop(&mut self) -> Result<Ref, String> {
        let last = self.below_top(1)?;
        Ok(self.stack.swap_remove(last))
    }

    fn top(&self) -> Result<Ref, String> {
        self.below_top(1).map(|last| self.stack[last])
    }

    /// Where the topmost `count` values begin, all of which lie above the last mark.
    fn below_top(&self, count: usize) -> Result<usize, String> {
        let first = self.stack.len().checked_sub(count).ok_or("the stack is empty")?;
        self.check_mark(first).map(|()| first)
    }

    /// Where the values above the last mark begin; the mark is taken away.
    fn mark(&mut self) -> Result<usize, String> {
        self.marks
            .pop()
            .map(|mark| mark as usize)
            .ok_or_else(|| "there is no mark".to_owned())
    }

    fn check_mark(&self, first: usize) -> Result<(), String> {
        match self.marks.last() {
            Some(mark) if first < *mark as usize => Err("the stack is empty above its mark".to_owned()),
            _ => Ok(()),
        }
    }

    fn give_back(&mut self) {
        self.budget.give(self.stack.capacity() * size_of::<Ref>());
        self.budget.give(self.marks.capacity() * size_of::<u32>());
        self.budget.give(self.memo.capacity() * size_of::<Ref>());
    }

    /// Where `part`, which was just taken, lies.
    fn span(&self, part: &[u8]) -> Span {
        let start = part.as_ptr().addr() - self.pickle.bytes.as_ptr().addr();
        Span { start: start as u32, len: part.len() as u32 }
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], String> {
        let taken = self.at.checked_add(len).and_then(|end| self.pickle.bytes.get(self.at..end));
        let taken = taken.ok_or("the pickle ends in the middle; fetch the file again")?;
        self.at += len;
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
        let rest = &self.pickle.bytes[self.at..];
        let len = rest.iter().position(|b| *b == b'\n').ok_or("a line has no end")?;
        let line = self.take(len)?;
        self.take(1)?;
        std::str::from_utf8(line).map_err(|_| "a line is not UTF-8".to_owned())
    }
}

/// A chain without a value.
const EMPTY: Chain = Chain { first: 0, last: 0, len: 0 };

fn pairs(chain: Chain) -> Result<Chain, String> {
    match chain.len % 2 {
        0 => Ok(chain),
        _ => Err("a dictionary has a key without a value".to_owned()),
    }
}

/// A little-endian number in two's complement, if it fits.
fn long(bytes: &[u8]) -> Option<i64> {
    if bytes.len() > 8 {
        return None;
    }
    let fill = match bytes.last() {
        Some(last) if last & 0x80 != 0 => 0xff,
        _ => 0,
    };
    let mut wide = [fill; 8];
    wide[..bytes.len()].copy_from_slice(bytes);
    Some(i64::from_le_bytes(wide))
}
