//! PNG (W3C Recommendation, third edition): a signature and chunks with checksums.

use super::{
    Flaw, Size, flaw,
    reader::{Reader, escape},
};

const SIGNATURE: [u8; 8] = *b"\x89PNG\r\n\x1a\n";

/// The highest compression of deflate (RFC 1951): two bits for 258 bytes.
const MAX_DEFLATE_RATIO: u64 = 1032;

/// Parses the chunks up to IEND.
pub(super) fn read(bytes: &[u8]) -> Result<Size, Flaw> {
    let mut file = Reader::new(bytes);
    if file.take(8, "the signature")? != SIGNATURE {
        return Err(flaw!(
            "its signature was changed, probably by a transfer in text mode"
        ));
    }

    let mut header: Option<Header> = None;
    let mut has_palette = false;
    let mut data: u64 = 0;
    loop {
        let place = file.place();
        if file.is_empty() {
            return Err(flaw!(
                "it is truncated at byte {place}, before its IEND chunk"
            ));
        }
        let length = file.u32_be("a chunk's length")?;
        if length > i32::MAX as u32 {
            return Err(flaw!("the chunk at byte {place} claims {length} bytes"));
        }
        let tag = file.tag("a chunk's type")?;
        let name = escape(tag);
        let what = format!("chunk {name}");
        let mut body = file.part(length as usize, &what)?;
        let checksum = file.u32_be(&what)?;
        // Decoders refuse a damaged critical chunk, and ignore a damaged ancillary one, which
        // begins with a lower-case letter.
        if tag[0].is_ascii_uppercase() {
            let mut sum = crc32fast::Hasher::new();
            sum.update(&tag);
            sum.update(body.rest());
            if sum.finalize() != checksum {
                return Err(flaw!("the checksum of {what} at byte {place} is wrong"));
            }
        }

        match (&tag, &header) {
            (b"IHDR", None) => header = Some(Header::read(&mut body)?),
            (b"IHDR", Some(_)) => return Err(flaw!("it has two IHDR chunks")),
            (_, None) => return Err(flaw!("its first chunk is {name}, not IHDR")),
            (b"PLTE", _) => has_palette = true,
            (b"IDAT", _) => data += u64::from(length),
            (b"IEND", Some(header)) => {
                if header.needs_palette() && !has_palette {
                    return Err(flaw!("it has no PLTE chunk for its palette"));
                }
                if data == 0 {
                    return Err(flaw!("it has no pixels (IDAT)"));
                }
                let least = header.raw_bytes() / MAX_DEFLATE_RATIO;
                if data < least {
                    let Size { width, height } = header.size;
                    return Err(flaw!(
                        "its header says {width} x {height} pixels, \
                         but {data} bytes of data are too few"
                    ));
                }
                return Ok(header.size);
            }
            _ => {}
        }
    }
}

/// The IHDR chunk.
struct Header {
    size: Size,
    bits: u8,
    colour: u8,
}

impl Header {
    fn read(body: &mut Reader<'_>) -> Result<Self, Flaw> {
        let what = "chunk IHDR";
        let size = Size::new(body.u32_be(what)?, body.u32_be(what)?)?;
        let bits = body.u8(what)?;
        let colour = body.u8(what)?;
        let (compression, filter, interlace) = (body.u8(what)?, body.u8(what)?, body.u8(what)?);
        let is_known = match colour {
            0 => matches!(bits, 1 | 2 | 4 | 8 | 16),
            3 => matches!(bits, 1 | 2 | 4 | 8),
            2 | 4 | 6 => matches!(bits, 8 | 16),
            _ => false,
        };
        if !is_known {
            return Err(flaw!(
                "its header says {bits} bits of colour type {colour}, which PNG doesn't allow"
            ));
        }
        if compression != 0 || filter != 0 || interlace > 1 || !body.is_empty() {
            return Err(flaw!("its IHDR chunk is invalid"));
        }
        Ok(Self { size, bits, colour })
    }

    fn needs_palette(&self) -> bool {
        self.colour == 3
    }

    /// The least that the pixels take before compression. Interlacing adds to it.
    fn raw_bytes(&self) -> u64 {
        let samples = match self.colour {
            2 => 3,
            4 => 2,
            6 => 4,
            _ => 1,
        };
        let row = (u64::from(self.size.width) * samples * u64::from(self.bits)).div_ceil(8);
        (row + 1) * u64::from(self.size.height)
    }
}
