//! A scan: its header (SOS), and whether its coded data is complete.

use super::{
    frame::{Component, Frame},
    huffman::{Bits, Tables},
};
use crate::{Flaw, Refusal, flaw, reader::Reader};

/// The most blocks in an interleaved unit (MCU).
const MAX_UNIT: u32 = 10;

/// How many equal bytes at the end of a file are padding, not codes.
const PADDING: usize = 3;

/// A scan.
pub(super) struct Scan<'a> {
    pub(super) components: Vec<Part>,
    /// Coded data with its restart markers.
    pub(super) data: &'a [u8],
    /// Units between restart markers; 0 for none.
    pub(super) restart_interval: u16,
    /// The first coefficient, 0 to 63.
    first: u8,
    /// Whether it refines coefficients of earlier scans by a bit.
    refines: bool,
}

/// A component in a scan.
#[derive(Clone, Copy)]
pub(super) struct Part {
    component: Component,
    /// The numbers of its tables for means (DC) and other coefficients (AC).
    mean: u8,
    other: u8,
}

impl<'a> Scan<'a> {
    /// Reads the segment of a start-of-scan marker.
    pub(super) fn read(header: &mut Reader<'a>, frame: &Frame) -> Result<Self, Flaw> {
        let what = "a scan's header (SOS)";
        let invalid = || flaw!("a scan's header (SOS) is invalid");
        let count = header.u8(what)?;
        if !(1..=4).contains(&count) {
            return Err(invalid());
        }
        let mut components: Vec<Part> = Vec::with_capacity(count.into());
        for _ in 0..count {
            let (id, tables) = (header.u8(what)?, header.u8(what)?);
            let mut own = frame
                .components
                .iter()
                .filter(|component| component.id == id);
            let component = *own.next().ok_or_else(invalid)?;
            if components.iter().any(|part| part.component.id == id) {
                return Err(invalid());
            }
            components.push(Part {
                component,
                mean: tables >> 4,
                other: tables & 0xF,
            });
        }
        let (first, last, bits) = (header.u8(what)?, header.u8(what)?, header.u8(what)?);
        if !header.is_empty() {
            return Err(invalid());
        }
        let (high, low) = (bits >> 4, bits & 0xF);
        if frame.is_progressive {
            let is_valid = match first {
                0 => last == 0,
                _ => first <= last && last < 64 && count == 1,
            };
            if !is_valid || low > 13 || (high != 0 && high - 1 != low) {
                return Err(invalid());
            }
        }
        let unit: u32 = components
            .iter()
            .map(|part| part.component.across * part.component.down)
            .sum();
        if count > 1 && unit > MAX_UNIT {
            return Err(flaw!("its sampling has {unit} blocks in a unit"));
        }
        Ok(Self {
            components,
            data: &[],
            restart_interval: 0,
            first,
            refines: frame.is_progressive && high != 0,
        })
    }

    /// Checks that the tables exist which it needs.
    pub(super) fn check_tables(
        &self,
        frame: &Frame,
        tables: &Tables,
        quantization: u8,
    ) -> Result<(), Refusal> {
        for part in &self.components {
            let number = part.component.quantization;
            if number > 3 || quantization >> number & 1 == 0 {
                return Err(flaw!("it lacks a quantization table (DQT)").into());
            }
            if frame.is_arithmetic {
                continue;
            }
            // Decoders know the usual tables, which video frames leave out.
            let is_known = |number: u8| number < 2 && !frame.is_progressive;
            let needs_mean = self.first == 0 && !self.refines;
            let needs_other = !frame.is_progressive || self.first > 0;
            if (needs_mean && tables.mean(part.mean).is_none() && !is_known(part.mean))
                || (needs_other && tables.other(part.other).is_none() && !is_known(part.other))
            {
                return Err(flaw!("it lacks a Huffman table (DHT)").into());
            }
        }
        Ok(())
    }

    /// Whether the coded data has all blocks, and only padding after them: equal bytes, which could
    /// be taken for codes of missing blocks.
    ///
    /// `false` if that can't be determined: with arithmetic coding, without tables, and for a
    /// progressive scan, whose codes depend on those of earlier scans.
    pub(super) fn is_complete(&self, frame: &Frame, tables: &Tables) -> bool {
        if frame.is_arithmetic || frame.is_progressive {
            return false;
        }
        let last = self.data.last();
        let equal = self
            .data
            .iter()
            .rev()
            .take_while(|&byte| Some(byte) == last);
        let padding = equal.count();
        let end = match padding {
            PADDING.. => self.data.len() - padding,
            _ => self.data.len(),
        };
        let mut bits = Bits::new(&self.data[..end]);
        self.skip_blocks(&mut bits, frame, tables).is_some() && bits.rest() < PADDING
    }

    /// Reads the codes of all blocks; `None` if some are missing or invalid.
    fn skip_blocks(&self, bits: &mut Bits<'_>, frame: &Frame, tables: &Tables) -> Option<()> {
        // The blocks of each component in a unit. A single component has units of one block.
        let (units, unit): (u64, Vec<_>) = match self.components.as_slice() {
            [part] => {
                let (across, down) = frame.blocks(part.component);
                (u64::from(across) * u64::from(down), vec![(part, 1)])
            }
            parts => {
                let (most_across, most_down) = frame.most();
                let across = frame.size.width.div_ceil(8 * most_across);
                let down = frame.size.height.div_ceil(8 * most_down);
                let blocks = |part: &Part| part.component.across * part.component.down;
                let unit = parts.iter().map(|part| (part, blocks(part))).collect();
                (u64::from(across) * u64::from(down), unit)
            }
        };
        let unit = unit
            .into_iter()
            .map(|(part, blocks)| {
                Some((tables.mean(part.mean)?, tables.other(part.other)?, blocks))
            })
            .collect::<Option<Vec<_>>>()?;
        let interval = u64::from(self.restart_interval);
        for done in 0..units {
            if interval > 0 && done > 0 && done % interval == 0 {
                bits.restart()?;
            }
            for &(mean, other, blocks) in &unit {
                for _ in 0..blocks {
                    let size = bits.symbol(mean)?;
                    bits.skip(size.min(16))?;
                    let mut coefficient = 1;
                    while coefficient < 64 {
                        let (run, size) = match bits.symbol(other)? {
                            // End of block.
                            0 => break,
                            code => (code >> 4, code & 0xF),
                        };
                        bits.skip(size)?;
                        coefficient += run + 1;
                    }
                }
            }
        }
        Some(())
    }
}
