//! What a reader may take: memory in proportion to its file, and texts of the file in its errors.

/// Bytes of memory that a reader may take beside twice the size of its file.
pub const ALLOWANCE: usize = 64 << 10;

/// The part of [`ALLOWANCE`] that is left for names, errors and the buffers of the readers themselves.
const MARGIN: usize = 8 << 10;

/// Bytes that an array takes in a map of arrays beside its name, its sizes and its values.
const ENTRY: usize = 192;

/// Bytes of memory that a reader may still take.
///
/// A list counts with its capacity and, while it grows, with the old and the new one, so that a small file cannot fill
/// the memory of the reader at any moment.
#[derive(Debug)]
pub struct Budget {
    left: usize,
}

impl Budget {
    /// The budget of a file of this size.
    pub fn of_file(bytes: usize) -> Budget {
        Budget::of_bytes(bytes.saturating_mul(2).saturating_add(ALLOWANCE - MARGIN))
    }

    /// A budget of so many bytes.
    pub fn of_bytes(left: usize) -> Budget {
        Budget { left }
    }

    /// Takes `bytes`.
    ///
    /// # Errors
    /// If less is left.
    pub fn take(&mut self, bytes: usize) -> Result<(), String> {
        self.left = self.left.checked_sub(bytes).ok_or(
            "holds more small values than a file of this size may; store them as fewer, larger arrays",
        )?;
        Ok(())
    }

    /// Takes what one more array in a map costs: `n` values of `size` bytes each.
    ///
    /// # Errors
    /// If less is left.
    pub fn take_array(&mut self, name: &str, rank: usize, n: usize, size: usize) -> Result<(), String> {
        let values = n.saturating_mul(size);
        self.take(values.saturating_add(name.len() + size_of::<usize>() * rank + ENTRY))
    }

    /// Gives back `bytes` that were taken.
    pub fn give(&mut self, bytes: usize) {
        self.left = self.left.saturating_add(bytes);
    }

    /// Adds `value` to `list`; the list grows by a quarter, which is paid for first.
    ///
    /// # Errors
    /// If less is left.
    pub fn push<T>(&mut self, list: &mut Vec<T>, value: T) -> Result<(), String> {
        if list.len() == list.capacity() {
            let more = (list.capacity() / 4).max(16);
            let old = list.capacity() * size_of::<T>();
            self.take(old + more * size_of::<T>())?;
            list.reserve_exact(more);
            self.give(old);
        }
        list.push(value);
        Ok(())
    }
}

/// The start of a text from a file, for an error: it may be as long as the file.
pub fn brief(text: &str) -> String {
    const MOST: usize = 80;
    match text.char_indices().nth(MOST) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_growing_list_is_paid_for_before_it_grows() {
        let mut budget = Budget::of_bytes(200);
        let mut list: Vec<u32> = Vec::new();
        let pushed = (0..1000).take_while(|i| budget.push(&mut list, *i).is_ok()).count();
        // 16 places cost 64 bytes; 16 more cost the new 128 while the old 64 are still held.
        assert_eq!((pushed, list.capacity()), (32, 32));
        assert_eq!(budget.left, 200 - 128);
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(brief("short"), "short");
        assert_eq!(brief(&"ü".repeat(100)), format!("{}…", "ü".repeat(80)));
    }
}
