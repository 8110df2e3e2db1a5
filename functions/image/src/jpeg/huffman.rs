//! Huffman tables (DHT), and reading codes from coded data (T.81, annex F.2.2).

use crate::{Flaw, flaw, reader::Reader};

/// The most symbols of a table.
const MAX_SYMBOLS: usize = 256;

/// The tables that are defined: four for means (DC) and four for the other coefficients (AC).
#[derive(Default)]
pub(super) struct Tables {
    means: [Option<Table>; 4],
    others: [Option<Table>; 4],
}

impl Tables {
    /// Reads a segment with tables, which replace those of the same number.
    pub(super) fn read(&mut self, segment: &mut Reader<'_>) -> Result<(), Flaw> {
        let what = "a Huffman table (DHT)";
        while !segment.is_empty() {
            let head = segment.u8(what)?;
            let counts = segment.take(16, what)?;
            let total = counts.iter().map(|&count| usize::from(count)).sum();
            if total > MAX_SYMBOLS {
                return Err(flaw!("its Huffman table (DHT) has {total} symbols"));
            }
            let table = Table::new(counts, segment.take(total, what)?);
            let class = match head >> 4 {
                0 => &mut self.means,
                1 => &mut self.others,
                class => return Err(flaw!("its Huffman table (DHT) has class {class}")),
            };
            let number = usize::from(head & 0xF);
            *class
                .get_mut(number)
                .ok_or_else(|| flaw!("its Huffman table (DHT) has number {number}"))? = Some(table);
        }
        Ok(())
    }

    /// The table for means with this number.
    pub(super) fn mean(&self, number: u8) -> Option<&Table> {
        self.means.get(usize::from(number))?.as_ref()
    }

    /// The table for the other coefficients with this number.
    pub(super) fn other(&self, number: u8) -> Option<&Table> {
        self.others.get(usize::from(number))?.as_ref()
    }
}

/// A Huffman table.
pub(super) struct Table {
    /// For each length from 1 bit: the first code, how many there are, and the index of the first
    /// one's symbol.
    lengths: [(u32, u32, u32); 16],
    symbols: Vec<u8>,
}

impl Table {
    fn new(counts: &[u8], symbols: &[u8]) -> Self {
        let (mut code, mut index) = (0, 0);
        let mut lengths = [(0, 0, 0); 16];
        for (length, &count) in lengths.iter_mut().zip(counts) {
            let count = u32::from(count);
            *length = (code, count, index);
            code = (code + count) << 1;
            index += count;
        }
        Self {
            lengths,
            symbols: symbols.to_vec(),
        }
    }
}

/// Reads bits of coded data without its stuffed zeros. Stops at a marker.
pub(super) struct Bits<'a> {
    data: &'a [u8],
    at: usize,
    buffer: u32,
    /// How many of the lower bits of `buffer` are left.
    left: u32,
}

impl<'a> Bits<'a> {
    pub(super) fn new(data: &'a [u8]) -> Self {
        Self {
            data,
            at: 0,
            buffer: 0,
            left: 0,
        }
    }

    /// How many bytes are left.
    pub(super) fn rest(&self) -> usize {
        self.data.len().saturating_sub(self.at)
    }

    /// The next bit; `None` at the end or at a marker.
    pub(super) fn bit(&mut self) -> Option<u32> {
        if self.left == 0 {
            let byte = *self.data.get(self.at)?;
            self.at += 1;
            if byte == 0xFF {
                match self.data.get(self.at) {
                    Some(0) => self.at += 1,
                    _ => {
                        self.at -= 1;
                        return None;
                    }
                }
            }
            self.buffer = byte.into();
            self.left = 8;
        }
        self.left -= 1;
        Some(self.buffer >> self.left & 1)
    }

    /// The next bits as a number.
    pub(super) fn bits(&mut self, count: u8) -> Option<u32> {
        (0..count).try_fold(0, |number, _| Some(number << 1 | self.bit()?))
    }

    /// The next symbol.
    pub(super) fn symbol(&mut self, table: &Table) -> Option<u8> {
        let mut code = 0;
        for &(first, count, index) in &table.lengths {
            code = code << 1 | self.bit()?;
            if let Some(offset) = code.checked_sub(first).filter(|&offset| offset < count) {
                return table.symbols.get((index + offset) as usize).copied();
            }
        }
        None
    }

    /// Skips the rest of the byte and a restart marker, which must follow.
    pub(super) fn restart(&mut self) -> Option<()> {
        self.left = 0;
        let fill = self.data.get(self.at..)?.iter();
        self.at += fill.take_while(|&&byte| byte == 0xFF).count();
        let is_marker = matches!(self.data.get(self.at), Some(0xD0..=0xD7));
        self.at += 1;
        is_marker.then_some(())
    }
}
