//! The sequence header of AV1 (AV1 Bitstream & Decoding Process Specification, section 5.5), which
//! has the size that a decoder allocates.

use crate::{Flaw, Refusal, Size, flaw};

/// How many units (OBUs) may precede the sequence header. In AVIF it is the first, perhaps after a
/// temporal delimiter.
const MAX_UNITS: usize = 16;

/// The unit type of a sequence header.
const SEQUENCE_HEADER: u8 = 1;

/// Finds the sequence header and reads the largest size of a frame.
pub(super) fn size(mut data: &[u8]) -> Result<Size, Refusal> {
    for _ in 0..MAX_UNITS {
        let Some((kind, body, rest)) = unit(data) else {
            break;
        };
        if kind == SEQUENCE_HEADER {
            let (width, height) = sequence(body)
                .ok_or_else(|| flaw!("the sequence header of its AV1 data is truncated"))?;
            return Size::new(width, height);
        }
        data = rest;
    }
    Err(missing().into())
}

fn missing() -> Flaw {
    flaw!("its AV1 data does not begin with a sequence header")
}

/// The first unit's type and content, and what follows. The data may end in the content.
fn unit(data: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&header, mut rest) = data.split_first()?;
    let is_forbidden = header & 0x80 != 0;
    let (has_extension, has_size) = (header & 4 != 0, header & 2 != 0);
    if is_forbidden {
        return None;
    }
    if has_extension {
        rest = rest.get(1..)?;
    }
    let mut length = rest.len();
    if has_size {
        let stated;
        (stated, rest) = leb128(rest)?;
        length = usize::try_from(stated).ok()?.min(rest.len());
    }
    let (body, rest) = rest.split_at(length);
    Some((header >> 3 & 0xF, body, rest))
}

/// A number of 7 bits a byte, the lowest first.
fn leb128(data: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0;
    for (place, &byte) in data.iter().enumerate().take(8) {
        number |= u64::from(byte & 0x7F) << (7 * place);
        if byte & 0x80 == 0 {
            return Some((number, &data[place + 1..]));
        }
    }
    None
}

/// The largest width and height of a frame, from a sequence header's content.
fn sequence(body: &[u8]) -> Option<(u32, u32)> {
    let mut bits = Bits { body, at: 0 };
    bits.take(3)?; // profile
    bits.take(1)?; // still picture
    let is_reduced = bits.flag()?;
    if is_reduced {
        bits.take(5)?; // level
    } else {
        operating_points(&mut bits)?;
    }
    let (width_bits, height_bits) = (bits.take(4)? + 1, bits.take(4)? + 1);
    Some((bits.take(width_bits)? + 1, bits.take(height_bits)? + 1))
}

/// Skips timing and operating points.
fn operating_points(bits: &mut Bits<'_>) -> Option<()> {
    let mut delay_bits = None;
    if bits.flag()? {
        bits.take(32)?; // units in a tick
        bits.take(32)?; // ticks a second
        if bits.flag()? {
            bits.skip_uvlc()?; // ticks a picture
        }
        if bits.flag()? {
            delay_bits = Some(bits.take(5)? + 1);
            bits.take(32)?; // units in a decoding tick
            bits.take(10)?; // lengths of removal and presentation times
        }
    }
    let has_display_delay = bits.flag()?;
    for _ in 0..=bits.take(5)? {
        bits.take(12)?; // layers
        let level = bits.take(5)?;
        if level > 7 {
            bits.take(1)?; // tier
        }
        if let Some(delay_bits) = delay_bits
            && bits.flag()?
        {
            bits.take(delay_bits)?; // of the decoder
            bits.take(delay_bits)?; // of the encoder
            bits.take(1)?; // low delay
        }
        if has_display_delay && bits.flag()? {
            bits.take(4)?; // display delay
        }
    }
    Some(())
}

/// Reads bits, the highest of a byte first.
struct Bits<'a> {
    body: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    fn flag(&mut self) -> Option<bool> {
        let byte = self.body.get(self.at / 8)?;
        let bit = byte >> (7 - self.at % 8) & 1;
        self.at += 1;
        Some(bit == 1)
    }

    /// A number of up to 32 bits.
    fn take(&mut self, count: u32) -> Option<u32> {
        (0..count).try_fold(0, |number, _| Some(number << 1 | u32::from(self.flag()?)))
    }

    /// Skips a number of variable length (section 4.10.3).
    fn skip_uvlc(&mut self) -> Option<()> {
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
        }
        if zeros < 32 {
            self.take(zeros)?;
        }
        Some(())
    }
}
