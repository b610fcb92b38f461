//! Reads the Python form of a genotype.

use super::cell::{LINKS, NODES, Op};
use super::published::{CONCAT, DartsGenotype};
use crate::Error;
use crate::formats::limits::brief;
use std::str::FromStr;

impl FromStr for DartsGenotype {
    type Err = Error;

    fn from_str(text: &str) -> Result<DartsGenotype, Error> {
        let mut reader = Reader { rest: text };
        reader.word("Genotype")?;
        reader.symbol('(')?;
        let mut links: [Option<[(Op, usize); LINKS]>; 2] = [None; 2];
        let mut concats: [Option<[usize; NODES]>; 2] = [None; 2];
        while !reader.take(')') {
            let before = reader.rest;
            let field = reader.name();
            reader.symbol('=')?;
            let twice = match field {
                "normal" => links[0].replace(reader.links(field)?).is_some(),
                "reduce" => links[1].replace(reader.links(field)?).is_some(),
                "normal_concat" => concats[0].replace(reader.concat(field)?).is_some(),
                "reduce_concat" => concats[1].replace(reader.concat(field)?).is_some(),
                _ => {
                    reader.rest = before;
                    return Err(reader.wrong("`normal`, `normal_concat`, `reduce` or `reduce_concat`"));
                }
            };
            if twice {
                return Err(Error::genotype(format!("`{field}` is given twice")));
            }
            if !reader.take(',') {
                reader.symbol(')')?;
                break;
            }
        }
        reader.end()?;
        let missing = |field: &str| Error::genotype(format!("`{field}` is missing"));
        let [normal, reduce] = links;
        let [normal_concat, reduce_concat] = concats;
        Ok(DartsGenotype {
            normal: normal.ok_or_else(|| missing("normal"))?,
            normal_concat: normal_concat.ok_or_else(|| missing("normal_concat"))?,
            reduce: reduce.ok_or_else(|| missing("reduce"))?,
            reduce_concat: reduce_concat.ok_or_else(|| missing("reduce_concat"))?,
        })
    }
}

/// What is left of a text. What cannot be read stays there, for the error.
struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn wrong(&self, wanted: &str) -> Error {
        let found = match self.rest.trim_start() {
            "" => "the end".to_owned(),
            rest => format!("`{}`", brief(rest)),
        };
        Error::genotype(format!("wanted is {wanted}, found is {found}"))
    }

    /// Takes `symbol` if it comes next.
    fn take(&mut self, symbol: char) -> bool {
        let rest = self.rest.trim_start().strip_prefix(symbol);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn symbol(&mut self, symbol: char) -> Result<(), Error> {
        if self.take(symbol) {
            Ok(())
        } else {
            Err(self.wrong(&format!("`{symbol}`")))
        }
    }

    fn end(&self) -> Result<(), Error> {
        if self.rest.trim().is_empty() {
            Ok(())
        } else {
            Err(self.wrong("the end"))
        }
    }

    /// The letters, digits and underscores that come next.
    fn name(&mut self) -> &'a str {
        let rest = self.rest.trim_start();
        let end = rest
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .unwrap_or(rest.len());
        let (name, rest) = rest.split_at(end);
        self.rest = rest;
        name
    }

    fn word(&mut self, word: &str) -> Result<(), Error> {
        let before = self.rest;
        if self.name() == word {
            return Ok(());
        }
        self.rest = before;
        Err(self.wrong(&format!("`{word}`")))
    }

    fn number(&mut self) -> Result<usize, Error> {
        let before = self.rest;
        self.name().parse().map_err(|_| {
            self.rest = before;
            self.wrong("the number of a node")
        })
    }

    /// Opens a list or a tuple; gives what closes it.
    fn open(&mut self) -> Result<char, Error> {
        if self.take('[') {
            Ok(']')
        } else if self.take('(') {
            Ok(')')
        } else {
            Err(self.wrong("a list"))
        }
    }

    /// A list or tuple of `N` items of the field `field`.
    fn items<T, const N: usize>(
        &mut self,
        field: &str,
        mut item: impl FnMut(&mut Reader<'a>) -> Result<T, Error>,
    ) -> Result<[T; N], Error> {
        let close = self.open()?;
        let mut items = Vec::new();
        while !self.take(close) {
            items.push(item(self)?);
            if !self.take(',') {
                self.symbol(close)?;
                break;
            }
        }
        let count = items.len();
        let wrong = |_| Error::genotype(format!("`{field}` has {count} items, wanted are {N}"));
        items.try_into().map_err(wrong)
    }

    fn links(&mut self, field: &str) -> Result<[(Op, usize); LINKS], Error> {
        self.items(field, |reader| {
            let close = reader.open()?;
            let op = reader.op()?;
            reader.symbol(',')?;
            let input = reader.number()?;
            reader.take(',');
            reader.symbol(close)?;
            Ok((op, input))
        })
    }

    fn op(&mut self) -> Result<Op, Error> {
        let quote = if self.take('"') { '"' } else { '\'' };
        if quote == '\'' {
            self.symbol(quote)?;
        }
        let before = self.rest;
        let op = Op::named(self.name()).ok_or_else(|| {
            self.rest = before;
            self.wrong(&format!("one of the operations {}", Op::ALL.map(Op::name).join(", ")))
        })?;
        self.symbol(quote)?;
        Ok(op)
    }

    fn concat(&mut self, field: &str) -> Result<[usize; NODES], Error> {
        let before = self.rest;
        if self.name() != "range" {
            self.rest = before;
            return self.items(field, Reader::number);
        }
        self.symbol('(')?;
        let start = self.number()?;
        self.symbol(',')?;
        let end = self.number()?;
        self.symbol(')')?;
        if (start, end) != (CONCAT[0], CONCAT[NODES - 1] + 1) {
            let reason = format!("`{field}` is range({start}, {end}), the space has {CONCAT:?}");
            return Err(Error::genotype(reason));
        }
        Ok(CONCAT)
    }
}
