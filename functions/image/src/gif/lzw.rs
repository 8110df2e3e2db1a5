//! Counts the pixels of GIF's coded data (variable-length LZW, GIF89a, appendix F), without decoding
//! them: the length of what a code stands for is enough, so time depends on the codes only.

/// The most codes, which have up to 12 bits.
const MAX_CODES: usize = 4096;

/// Counts pixels.
pub(super) struct Counter {
    /// The code that clears the table, which is also the number of colours; the next one ends the
    /// data.
    clear: u16,
    /// How many pixels each code stands for.
    lengths: Vec<u16>,
    /// Bits of a code, for now.
    width: u32,
    /// The length of the last code, if there was one since the table was cleared.
    last: Option<u16>,
    buffer: u32,
    /// How many of the lower bits of `buffer` are used.
    held: u32,
    pixels: u64,
    has_ended: bool,
}

impl Counter {
    /// Starts with the bits of a colour, 2 to 8.
    pub(super) fn new(bits: u8) -> Self {
        let clear = 1_u16 << bits;
        let mut counter = Self {
            clear,
            lengths: Vec::with_capacity(MAX_CODES),
            width: 0,
            last: None,
            buffer: 0,
            held: 0,
            pixels: 0,
            has_ended: false,
        };
        counter.reset();
        counter
    }

    /// The pixels that the data has so far. They end at an invalid code.
    pub(super) fn pixels(&self) -> u64 {
        self.pixels
    }

    fn reset(&mut self) {
        // The colours, and the codes to clear and to end, which have no pixels.
        self.lengths.clear();
        self.lengths.resize(usize::from(self.clear), 1);
        self.lengths.extend([0, 0]);
        self.width = self.clear.trailing_zeros() + 1;
        self.last = None;
    }

    /// Reads a block of data.
    pub(super) fn read(&mut self, block: &[u8]) {
        for &byte in block {
            if self.has_ended {
                return;
            }
            self.buffer |= u32::from(byte) << self.held;
            self.held += 8;
            while self.held >= self.width {
                let code = (self.buffer & ((1 << self.width) - 1)) as u16;
                self.buffer >>= self.width;
                self.held -= self.width;
                self.code(code);
            }
        }
    }

    fn code(&mut self, code: u16) {
        if self.has_ended {
            return;
        }
        if code == self.clear {
            return self.reset();
        }
        let is_full = self.lengths.len() == MAX_CODES;
        let length = match (self.lengths.get(usize::from(code)), self.last) {
            (Some(0), _) => None,
            (Some(&length), _) => Some(length),
            // The code that is defined just now.
            (None, Some(last)) if usize::from(code) == self.lengths.len() => Some(last + 1),
            (None, _) => None,
        };
        let Some(length) = length else {
            self.has_ended = true;
            return;
        };
        if let Some(last) = self.last.filter(|_| !is_full) {
            self.lengths.push(last + 1);
            if self.lengths.len() == 1 << self.width && self.width < 12 {
                self.width += 1;
            }
        }
        self.last = Some(length);
        self.pixels += u64::from(length);
    }
}
