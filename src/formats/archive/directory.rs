//! The directory of a zip archive, read in place.

use super::super::limits::Budget;

const END: &[u8] = b"PK\x05\x06";
const END_SIZE: usize = 22;
const LOCATOR: &[u8] = b"PK\x06\x07";
const LOCATOR_SIZE: usize = 20;
const END64: &[u8] = b"PK\x06\x06";
const END64_SIZE: usize = 56;
const RECORD: &[u8] = b"PK\x01\x02";
const RECORD_SIZE: usize = 46;
const LOCAL: &[u8] = b"PK\x03\x04";
const LOCAL_SIZE: usize = 30;
const LONGEST_COMMENT: usize = 0xffff;

/// What is wrong, and where.
pub(super) type Bad = (usize, String);

/// The directory: members in the order of their records, and sorted by name.
pub(super) struct Directory<'a> {
    bytes: &'a [u8],
    start: usize,
    end: usize,
    /// Where the records begin, in the order of their names; of equal names the last record is the last.
    sorted: Vec<u32>,
}

/// One member.
pub(super) struct Record<'a> {
    pub name: &'a str,
    pub flags: u16,
    pub method: u16,
    pub crc: u32,
    /// Bytes in the archive.
    pub packed: u64,
    /// Bytes of the content.
    pub size: u64,
    /// Where the local header begins.
    pub header: u64,
    len: usize,
}

impl<'a> Directory<'a> {
    pub fn parse(bytes: &'a [u8]) -> Result<Directory<'a>, Bad> {
        let (start, end, count) = place(bytes)?;
        let mut directory = Directory { bytes, start, end, sorted: Vec::new() };
        let mut budget = Budget::of_file(bytes.len());
        let mut at = start;
        for _ in 0..count {
            let record = directory.record(at)?;
            let place =
                u32::try_from(at - start).map_err(|_| (at, "the directory is too large".to_owned()))?;
            budget.push(&mut directory.sorted, place).map_err(|reason| (at, reason))?;
            at += record.len;
        }
        if at != end {
            return Err((at, format!("the directory holds more than the {count} members it counts")));
        }
        let mut sorted = std::mem::take(&mut directory.sorted);
        sorted.sort_unstable_by_key(|place| (directory.name(*place), *place));
        directory.sorted = sorted;
        Ok(directory)
    }

    /// Bytes of memory that the sorted places take.
    pub fn memory(&self) -> usize {
        self.sorted.capacity() * size_of::<u32>()
    }

    /// Names in the order of the records.
    pub fn names(&self) -> impl Iterator<Item = &'a str> {
        let mut at = self.start;
        std::iter::from_fn(move || {
            let record = (at < self.end).then(|| self.record(at))?.ok()?;
            at += record.len;
            Some(record.name)
        })
    }

    /// The member `name`; of several the last, as in Python.
    pub fn find(&self, name: &str) -> Option<Record<'a>> {
        let behind = self.sorted.partition_point(|place| self.name(*place) <= name);
        let record = self.record(self.start + self.sorted[..behind].last().copied()? as usize);
        record.ok().filter(|record| record.name == name)
    }

    /// The bytes of a member as they lie in the archive.
    pub fn packed(&self, record: &Record) -> Result<&'a [u8], Bad> {
        let beyond = || (self.start, "ends beyond the file; fetch it again".to_owned());
        let at = usize::try_from(record.header).map_err(|_| beyond())?;
        let members = &self.bytes[..self.start];
        let header = part(members, at, LOCAL_SIZE).filter(|header| header.starts_with(LOCAL));
        let header = header.ok_or_else(|| (at, "has no header; fetch the file again".to_owned()))?;
        let (name, extra) = (usize::from(u16_at(header, 26)), usize::from(u16_at(header, 28)));
        if part(members, at + LOCAL_SIZE, name) != Some(record.name.as_bytes()) {
            return Err((at, "has another name in its own header; the file is damaged".to_owned()));
        }
        let len = usize::try_from(record.packed).map_err(|_| beyond())?;
        part(members, at + LOCAL_SIZE + name + extra, len).ok_or_else(beyond)
    }

    fn name(&self, place: u32) -> &'a str {
        self.record(self.start + place as usize).map_or("", |record| record.name)
    }

    fn record(&self, at: usize) -> Result<Record<'a>, Bad> {
        let bad = |reason: &str| (at, reason.to_owned());
        let all = &self.bytes[..self.end];
        let fixed = part(all, at, RECORD_SIZE).filter(|fixed| fixed.starts_with(RECORD));
        let fixed = fixed.ok_or_else(|| bad("the directory is damaged or cut off; fetch the file again"))?;
        let lens = [28, 30, 32].map(|field| usize::from(u16_at(fixed, field)));
        let len = RECORD_SIZE + lens.iter().sum::<usize>();
        let whole = part(all, at, len).ok_or_else(|| bad("a member's record ends beyond the directory"))?;
        let (name, rest) = whole[RECORD_SIZE..].split_at(lens[0]);
        let name = std::str::from_utf8(name).map_err(|_| bad("a member's name is not UTF-8"))?;
        let mut record = Record {
            name,
            flags: u16_at(fixed, 8),
            method: u16_at(fixed, 10),
            crc: u32_at(fixed, 16),
            packed: u32_at(fixed, 20).into(),
            size: u32_at(fixed, 24).into(),
            header: u32_at(fixed, 42).into(),
            len,
        };
        record
            .widen(&rest[..lens[1]])
            .ok_or_else(|| bad("a member's large size is missing"))?;
        Ok(record)
    }
}

impl Record<'_> {
    /// Replaces the numbers that 32 bits do not hold by those of the extra field for them.
    fn widen(&mut self, mut extra: &[u8]) -> Option<()> {
        let numbers = [&mut self.size, &mut self.packed, &mut self.header];
        let mut wanting = numbers.into_iter().filter(|number| **number == u64::from(u32::MAX)).peekable();
        if wanting.peek().is_none() {
            return Some(());
        }
        while let Some((head, rest)) = extra.split_at_checked(4) {
            let (body, rest) = rest.split_at_checked(usize::from(u16_at(head, 2)))?;
            extra = rest;
            if u16_at(head, 0) == 1 {
                let mut wide = body.chunks_exact(8);
                for number in wanting {
                    *number = u64_at(wide.next()?, 0);
                }
                return Some(());
            }
        }
        None
    }
}

/// Start, end and number of members of the directory.
fn place(bytes: &[u8]) -> Result<(usize, usize, u64), Bad> {
    let none = || (bytes.len(), "is no zip archive, or cut off; fetch it again".to_owned());
    let last = bytes.len().checked_sub(END_SIZE).ok_or_else(none)?;
    let at = (last.saturating_sub(LONGEST_COMMENT)..=last)
        .rev()
        .find(|at| bytes[*at..].starts_with(END) && usize::from(u16_at(bytes, at + 20)) == last - at)
        .ok_or_else(none)?;
    let end = &bytes[at..];
    let mut found = [u64::from(u16_at(end, 10)), u64::from(u32_at(end, 12)), u64::from(u32_at(end, 16))];
    let mut behind = at;
    if found[0] == 0xffff || found[1..].contains(&0xffff_ffff) {
        let locator = at
            .checked_sub(LOCATOR_SIZE)
            .and_then(|at| part(bytes, at, LOCATOR_SIZE))
            .filter(|locator| locator.starts_with(LOCATOR));
        // Exactly 65535 members are rare, and may do without the larger record.
        if let Some(locator) = locator {
            behind = usize::try_from(u64_at(locator, 8)).map_err(|_| none())?;
            let end = part(bytes, behind, END64_SIZE)
                .filter(|end| end.starts_with(END64))
                .ok_or_else(none)?;
            found = [u64_at(end, 32), u64_at(end, 40), u64_at(end, 48)];
        }
    }
    let [count, size, start] = found;
    let end = start.checked_add(size).filter(|end| *end <= behind as u64 && behind <= at);
    let end = end.ok_or_else(|| (at, "the directory lies beyond the file; fetch it again".to_owned()))?;
    if count > size / RECORD_SIZE as u64 {
        return Err((at, format!("claims {count} members in a directory of {size} bytes; it is damaged")));
    }
    Ok((start as usize, end as usize, count))
}

fn part(bytes: &[u8], at: usize, len: usize) -> Option<&[u8]> {
    bytes.get(at..at.checked_add(len)?)
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    std::array::from_fn(|i| bytes[at + i])
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(array(bytes, at))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(array(bytes, at))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(array(bytes, at))
}
