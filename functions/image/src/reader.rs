//! Reading numbers and pieces of a file that may be truncated anywhere.

use crate::{Flaw, flaw};

/// A position in a file, or in a part of one. Every read names what it reads, for the message if
/// the file ends too early.
#[derive(Clone, Debug)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    /// The position of `bytes` in the file.
    base: usize,
    at: usize,
}

impl<'a> Reader<'a> {
    /// Reads a whole file.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            base: 0,
            at: 0,
        }
    }

    /// The current position, in bytes from the start of the file.
    pub(crate) fn place(&self) -> usize {
        self.base + self.at
    }

    /// The remaining bytes.
    pub(crate) fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at..]
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.at == self.bytes.len()
    }

    /// The next `length` bytes.
    pub(crate) fn take(&mut self, length: usize, what: &str) -> Result<&'a [u8], Flaw> {
        let rest = self.rest();
        let piece = rest.get(..length).ok_or_else(|| {
            let end = self.base + self.bytes.len();
            flaw!(
                "{what} at byte {} extends beyond the end at byte {end}",
                self.place()
            )
        })?;
        self.at += length;
        Ok(piece)
    }

    /// A reader of the next `length` bytes only.
    pub(crate) fn part(&mut self, length: usize, what: &str) -> Result<Self, Flaw> {
        let base = self.place();
        let bytes = self.take(length, what)?;
        Ok(Self { bytes, base, at: 0 })
    }

    fn array<const N: usize>(&mut self, what: &str) -> Result<[u8; N], Flaw> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N, what)?);
        Ok(array)
    }

    pub(crate) fn tag(&mut self, what: &str) -> Result<[u8; 4], Flaw> {
        self.array(what)
    }

    pub(crate) fn u8(&mut self, what: &str) -> Result<u8, Flaw> {
        self.array(what).map(u8::from_be_bytes)
    }

    pub(crate) fn u16_be(&mut self, what: &str) -> Result<u16, Flaw> {
        self.array(what).map(u16::from_be_bytes)
    }

    pub(crate) fn u16_le(&mut self, what: &str) -> Result<u16, Flaw> {
        self.array(what).map(u16::from_le_bytes)
    }

    pub(crate) fn u24_le(&mut self, what: &str) -> Result<u32, Flaw> {
        let [a, b, c] = self.array(what)?;
        Ok(u32::from_le_bytes([a, b, c, 0]))
    }

    pub(crate) fn u32_be(&mut self, what: &str) -> Result<u32, Flaw> {
        self.array(what).map(u32::from_be_bytes)
    }

    pub(crate) fn u32_le(&mut self, what: &str) -> Result<u32, Flaw> {
        self.array(what).map(u32::from_le_bytes)
    }

    pub(crate) fn u64_be(&mut self, what: &str) -> Result<u64, Flaw> {
        self.array(what).map(u64::from_be_bytes)
    }
}

/// Formats a four-character code for a message.
pub(crate) fn escape(tag: [u8; 4]) -> String {
    tag.escape_ascii().to_string()
}
