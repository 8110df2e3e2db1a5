//! PNG (W3C Recommendation, third edition): a signature and chunks with checksums.
//!
//! Chromium reads the `png` crate's way: up to the chunk after the pixels, strictly before them, and
//! hardly at all after them. A missing or damaged end (IEND) is no fault.

use crate::{
    Flaw, Refusal, Size, flaw, other,
    reader::{Reader, escape},
};

const SIGNATURE: [u8; 8] = *b"\x89PNG\r\n\x1a\n";

/// The highest compression of deflate (RFC 1951): two bits for 258 bytes.
const MAX_DEFLATE_RATIO: u64 = 1032;

/// The most bytes of a palette: 256 colours.
const MAX_PALETTE: usize = 3 * 256;

/// Critical chunks, and those of APNG, which are read strictly before the pixels.
const KNOWN: [&[u8; 4]; 4] = [b"IHDR", b"PLTE", b"IDAT", b"IEND"];

/// Parses the chunks up to IEND, or to what can't be parsed after the pixels.
pub(crate) fn read(bytes: &[u8]) -> Result<Size, Refusal> {
    let mut file = Reader::new(bytes);
    if file.take(8, "the signature")? != SIGNATURE {
        return Err(flaw!("its signature was changed, probably by a transfer in text mode").into());
    }
    let (header, first) = head(&mut file)?;
    let data = pixels(&mut file, first)?;
    let least = header.raw_bytes() / MAX_DEFLATE_RATIO;
    if data == 0 {
        return Err(flaw!("it has no pixels (IDAT)").into());
    }
    if data < least {
        let Size { width, height } = header.size;
        return Err(flaw!(
            "its header says {width} x {height} pixels, but {data} bytes of data are too few"
        )
        .into());
    }
    match header.animation {
        Animation::None => no_more_pixels(file)?,
        Animation::WithoutFrame => {
            first_frame_apart(&mut file, header.size)?;
            frames(&mut file, 0, header.frames)?;
        }
        Animation::WithFrame => frames(&mut file, 1, header.frames)?,
    }
    Ok(header.size)
}

/// A chunk's type, content, and whether its checksum is right.
struct Chunk<'a> {
    place: usize,
    tag: [u8; 4],
    body: Reader<'a>,
    is_intact: bool,
}

impl<'a> Chunk<'a> {
    fn read(file: &mut Reader<'a>) -> Result<Self, Flaw> {
        let place = file.place();
        if file.is_empty() {
            return Err(flaw!(
                "it is truncated at byte {place}, before its pixels end"
            ));
        }
        let length = file.u32_be("a chunk's length")?;
        let tag = file.tag("a chunk's type")?;
        if length > i32::MAX as u32 {
            return Err(flaw!("the chunk at byte {place} claims {length} bytes"));
        }
        let what = format!("chunk {}", escape(tag));
        let body = file.part(length as usize, &what)?;
        let checksum = file.u32_be(&what)?;
        let mut sum = crc32fast::Hasher::new();
        sum.update(&tag);
        sum.update(body.rest());
        Ok(Self {
            place,
            tag,
            body,
            is_intact: sum.finalize() == checksum,
        })
    }

    fn check_sum(&self) -> Result<(), Flaw> {
        if self.is_intact {
            return Ok(());
        }
        let (name, place) = (escape(self.tag), self.place);
        Err(flaw!(
            "the checksum of chunk {name} at byte {place} is wrong"
        ))
    }
}

/// Parses the chunks before the pixels. Returns the first chunk with pixels.
fn head<'a>(file: &mut Reader<'a>) -> Result<(Header, Chunk<'a>), Refusal> {
    let first = Chunk::read(file)?;
    match &first.tag {
        b"IHDR" => first.check_sum()?,
        b"CgBI" => return Err(Refusal::Other(other::CGBI)),
        tag => return Err(flaw!("its first chunk is {}, not IHDR", escape(*tag)).into()),
    }
    let mut header = Header::read(first.body)?;
    let mut has_palette = false;
    loop {
        let mut chunk = Chunk::read(file)?;
        let name = escape(chunk.tag);
        // A lower-case letter begins the type of an ancillary chunk, which may be damaged.
        if chunk.tag[0].is_ascii_uppercase() {
            if !KNOWN.contains(&&chunk.tag) {
                return Err(flaw!("it has a chunk {name}, which PNG doesn't have").into());
            }
            chunk.check_sum()?;
        }
        match &chunk.tag {
            b"IHDR" => return Err(flaw!("it has two IHDR chunks").into()),
            b"PLTE" => {
                let length = chunk.body.rest().len();
                if has_palette || !(3..=MAX_PALETTE).contains(&length) {
                    return Err(flaw!("its palette (PLTE) is invalid").into());
                }
                has_palette = true;
            }
            b"IDAT" => {
                if header.needs_palette() && !has_palette {
                    return Err(flaw!("it has no PLTE chunk for its palette").into());
                }
                return Ok((header, chunk));
            }
            b"IEND" => return Err(flaw!("it has no pixels (IDAT)").into()),
            b"acTL" if chunk.is_intact && chunk.body.rest().len() == 8 => {
                header.animation = Animation::WithoutFrame;
                header.frames = chunk.body.u32_be("chunk acTL")?;
            }
            b"fcTL" if chunk.is_intact && header.animation != Animation::None => {
                let frame = Control::read(&mut chunk.body)?;
                if !frame.covers(header.size) || header.animation == Animation::WithFrame {
                    return Err(flaw!("its first frame (fcTL) is invalid").into());
                }
                header.animation = Animation::WithFrame;
            }
            _ => {}
        }
    }
}

/// Place and size of an animation's first frame (fcTL).
struct Control {
    left: u32,
    top: u32,
    width: u32,
    height: u32,
}

impl Control {
    fn read(body: &mut Reader<'_>) -> Result<Self, Flaw> {
        let what = "chunk fcTL";
        let number = body.u32_be(what)?;
        let (width, height) = (body.u32_be(what)?, body.u32_be(what)?);
        let (left, top) = (body.u32_be(what)?, body.u32_be(what)?);
        body.take(4, what)?; // delay
        let (disposal, blending) = (body.u8(what)?, body.u8(what)?);
        if number != 0 || disposal > 2 || blending > 1 || !body.is_empty() {
            return Err(flaw!("its first frame (fcTL) is invalid"));
        }
        Ok(Self {
            left,
            top,
            width,
            height,
        })
    }

    /// Whether it is all of the picture, as a frame that is the picture itself must be.
    fn covers(&self, size: Size) -> bool {
        let own = (self.left, self.top, self.width, self.height);
        own == (0, 0, size.width, size.height)
    }

    /// Whether it is a part of the picture.
    fn is_within(&self, size: Size) -> bool {
        let is_within = |from: u32, length: u32, side: u32| {
            length > 0 && from.checked_add(length).is_some_and(|end| end <= side)
        };
        is_within(self.left, self.width, size.width)
            && is_within(self.top, self.height, size.height)
    }
}

/// Checks the first frame of an animation that the picture itself isn't part of.
fn first_frame_apart(file: &mut Reader<'_>, size: Size) -> Result<(), Flaw> {
    let mut has_control = false;
    loop {
        let tag = next_tag(file)?;
        // The data is checked with that of the other frames.
        if has_control && tag == *b"fdAT" {
            return Ok(());
        }
        let mut chunk = Chunk::read(file)?;
        match &tag {
            b"fcTL" if chunk.is_intact => {
                if has_control || !Control::read(&mut chunk.body)?.is_within(size) {
                    return Err(flaw!("its first frame (fcTL) is invalid"));
                }
                has_control = true;
            }
            b"fdAT" | b"IEND" => return Err(flaw!("its animation has no first frame (fcTL)")),
            _ => {}
        }
    }
}

/// Checks that no more pixels (IDAT) follow: they had to follow each other.
fn no_more_pixels(mut file: Reader<'_>) -> Result<(), Flaw> {
    while let Ok(chunk) = Chunk::read(&mut file) {
        match &chunk.tag {
            b"IEND" => break,
            b"IDAT" => return Err(flaw!("its pixels (IDAT) are interrupted by another chunk")),
            _ => {}
        }
    }
    Ok(())
}

/// Skips the chunks with pixels, which follow each other, and returns their size. Decoders know that
/// the pixels are complete by the type of the chunk after them.
fn pixels(file: &mut Reader<'_>, first: Chunk<'_>) -> Result<u64, Flaw> {
    let mut total = first.body.rest().len() as u64;
    loop {
        if next_tag(file)? != *b"IDAT" {
            return Ok(total);
        }
        let chunk = Chunk::read(file)?;
        chunk.check_sum()?;
        total += chunk.body.rest().len() as u64;
    }
}

/// The type of the next chunk, which isn't skipped.
fn next_tag(file: &Reader<'_>) -> Result<[u8; 4], Flaw> {
    let mut ahead = file.clone();
    let place = ahead.place();
    let truncated = |_| flaw!("it is truncated at byte {place}, before its IEND chunk");
    ahead.u32_be("").map_err(truncated)?;
    ahead.tag("").map_err(truncated)
}

/// Checks that an animation is not truncated before its last frame, given how many are complete and
/// how many it says. What can't be parsed after the first frame ends it.
fn frames(file: &mut Reader<'_>, mut complete: u32, stated: u32) -> Result<(), Flaw> {
    let mut has_data = false;
    loop {
        let tag = match next_tag(file) {
            Ok(tag) => tag,
            Err(flaw) if has_data || complete < stated => return Err(flaw),
            Err(_) => return Ok(()),
        };
        let is_data = tag == *b"fdAT";
        if has_data && !is_data {
            complete = complete.saturating_add(1);
        }
        has_data = is_data;
        match Chunk::read(file) {
            Ok(chunk) if !chunk.is_intact && (is_data || tag == *b"fcTL") => return Ok(()),
            Ok(_) if tag == *b"IEND" => return Ok(()),
            Ok(_) => {}
            Err(flaw) if is_data || complete < stated => return Err(flaw),
            Err(_) => return Ok(()),
        }
    }
}

/// The IHDR chunk.
struct Header {
    size: Size,
    bits: u8,
    colour: u8,
    animation: Animation,
    /// How many frames the animation has, as it says (acTL).
    frames: u32,
}

/// Whether the picture is an animation.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Animation {
    /// No acTL chunk precedes the pixels.
    None,
    /// It is, and the pixels (IDAT) are for viewers without animations.
    WithoutFrame,
    /// It is, and the pixels (IDAT) are its first frame.
    WithFrame,
}

impl Header {
    fn read(mut body: Reader<'_>) -> Result<Self, Refusal> {
        let what = "chunk IHDR";
        let (width, height) = (body.u32_be(what)?, body.u32_be(what)?);
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
            )
            .into());
        }
        if compression != 0 || filter != 0 || interlace > 1 || !body.is_empty() {
            return Err(flaw!("its IHDR chunk is invalid").into());
        }
        Ok(Self {
            size: Size::new(width, height)?,
            bits,
            colour,
            animation: Animation::None,
            frames: 0,
        })
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
