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

/// Codes of up to this many bits are looked up in one step.
const QUICK: u32 = 9;

/// A Huffman table.
pub(super) struct Table {
    /// For each length from 1 bit: the first code, how many there are, and the index of the first
    /// one's symbol.
    lengths: [(u32, u32, u32); 16],
    symbols: Vec<u8>,
    /// For the next bits of the data: the length of the code and its symbol; 0 if it is longer.
    quick: Vec<(u8, u8)>,
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
        let mut table = Self {
            lengths,
            symbols: symbols.to_vec(),
            quick: Vec::new(),
        };
        table.quick = (0..1 << QUICK)
            .map(|bits| match table.find(bits, QUICK) {
                Some((length, symbol)) => (length as u8, symbol),
                None => (0, 0),
            })
            .collect();
        table
    }

    /// The length and the symbol of the code that begins these bits.
    fn find(&self, bits: u32, count: u32) -> Option<(u32, u8)> {
        let lengths = (1..=count).zip(&self.lengths);
        for (length, &(first, codes, index)) in lengths {
            let code = bits >> (count - length);
            if let Some(offset) = code.checked_sub(first).filter(|&offset| offset < codes) {
                let symbol = *self.symbols.get((index + offset) as usize)?;
                return Some((length, symbol));
            }
        }
        None
    }
}

/// Reads bits of coded data without its stuffed zeros. Stops at a marker.
pub(super) struct Bits<'a> {
    data: &'a [u8],
    at: usize,
    buffer: u64,
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
        self.data.len().saturating_sub(self.at) + self.left as usize / 8
    }

    fn fill(&mut self) {
        while self.left <= 56 {
            let Some(&byte) = self.data.get(self.at) else {
                return;
            };
            if byte == 0xFF {
                if self.data.get(self.at + 1) != Some(&0) {
                    return;
                }
                self.at += 1;
            }
            self.at += 1;
            self.buffer = self.buffer << 8 | u64::from(byte);
            self.left += 8;
        }
    }

    /// Skips up to 16 bits; `None` at the end or at a marker.
    pub(super) fn skip(&mut self, count: u8) -> Option<()> {
        let count = u32::from(count);
        if self.left < count {
            self.fill();
        }
        self.left = self.left.checked_sub(count)?;
        Some(())
    }

    /// The next symbol.
    pub(super) fn symbol(&mut self, table: &Table) -> Option<u8> {
        if self.left < 16 {
            self.fill();
        }
        // Zeros follow at the end.
        let ahead = match self.left.checked_sub(16) {
            Some(more) => self.buffer >> more,
            None => self.buffer << (16 - self.left),
        };
        let ahead = (ahead & 0xFFFF) as u32;
        let (length, symbol) = match table.quick.get((ahead >> (16 - QUICK)) as usize) {
            Some(&(length, symbol)) if length > 0 => (length.into(), symbol),
            _ => table.find(ahead, 16)?,
        };
        self.left = self.left.checked_sub(length)?;
        Some(symbol)
    }

    /// Skips the rest of the byte and a restart marker, which must follow.
    pub(super) fn restart(&mut self) -> Option<()> {
        if self.left >= 8 {
            return None;
        }
        self.left = 0;
        let fill = self.data.get(self.at..)?.iter();
        self.at += fill.take_while(|&&byte| byte == 0xFF).count();
        let is_marker = matches!(self.data.get(self.at), Some(0xD0..=0xD7));
        self.at += 1;
        is_marker.then_some(())
    }
}
