//! WebP (RFC 9649): a RIFF file with chunks.
//!
//! Chromium reads the length that the RIFF header states, in which every chunk must be complete and
//! padded, and ignores what follows.

use crate::{
    Flaw, Refusal, Size, flaw,
    reader::{Reader, escape},
};

/// What the RIFF header's length doesn't count: the tag and the length itself.
const RIFF_HEADER: u64 = 8;

/// The flag of an animation in a VP8X chunk.
const ANIMATED: u8 = 0x02;

/// Flags of a VP8X chunk without a meaning.
const RESERVED: u8 = 0xC1;

/// Parses the chunks up to the end stated in the RIFF header.
pub(crate) fn read(bytes: &[u8]) -> Result<Size, Refusal> {
    let mut file = Reader::new(bytes);
    file.tag("the header")?;
    let stated = u64::from(file.u32_le("the header")?) + RIFF_HEADER;
    let length = bytes.len() as u64;
    if stated > length {
        return Err(flaw!("its header says {stated} bytes, but it has {length}").into());
    }
    let inner = usize::try_from(stated - RIFF_HEADER).unwrap_or(usize::MAX);
    let mut file = file.part(inner, "the file")?;
    file.tag("the header")?;

    let Chunk { tag, mut body, .. } = Chunk::read(&mut file)?;
    match &tag {
        b"VP8 " => simple(lossy(&mut body)?, file),
        b"VP8L" => simple(lossless(&mut body)?, file),
        b"VP8X" => extended(body, file),
        _ => Err(flaw!("its first chunk is {}, which is not a picture", escape(tag)).into()),
    }
}

/// A chunk's type and content.
struct Chunk<'a> {
    place: usize,
    tag: [u8; 4],
    body: Reader<'a>,
}

impl<'a> Chunk<'a> {
    /// Reads the next chunk. Content of odd length is followed by a byte of padding.
    fn read(file: &mut Reader<'a>) -> Result<Self, Flaw> {
        let place = file.place();
        let tag = file.tag("a chunk's type")?;
        let length = file.u32_le("a chunk's length")? as usize;
        let body = file.part(length, &format!("chunk {}", escape(tag)))?;
        file.take(length % 2, "a chunk's padding")?;
        Ok(Self { place, tag, body })
    }

    /// Whether it has pixels, or their transparency.
    fn is_picture(&self) -> bool {
        matches!(&self.tag, b"VP8 " | b"VP8L" | b"ALPH")
    }
}

/// A VP8 key frame's header (RFC 6386, section 9.1).
fn lossy(body: &mut Reader<'_>) -> Result<Size, Refusal> {
    let what = "chunk VP8";
    let flags = body.u24_le(what)?;
    if flags & 1 != 0 || body.take(3, what)? != [0x9D, 0x01, 0x2A] {
        return Err(flaw!("its VP8 data does not begin with a key frame").into());
    }
    let (version, is_shown) = (flags >> 1 & 7, flags >> 4 & 1 == 1);
    if version > 3 || !is_shown {
        return Err(flaw!("its VP8 data has version {version}, or isn't to be shown").into());
    }
    // The upper two bits are the scale.
    let (width, height) = (body.u16_le(what)? & 0x3FFF, body.u16_le(what)? & 0x3FFF);
    let first_partition = (flags >> 5) as usize;
    if first_partition == 0 || first_partition > body.rest().len() {
        return Err(flaw!("its VP8 data says {first_partition} bytes, but has fewer").into());
    }
    Size::new(width.into(), height.into())
}

/// A VP8L header (RFC 9649, section 3.4).
fn lossless(body: &mut Reader<'_>) -> Result<Size, Refusal> {
    let what = "chunk VP8L";
    if body.u8(what)? != 0x2F {
        return Err(flaw!("its VP8L data has no signature").into());
    }
    let bits = body.u32_le(what)?;
    if bits >> 29 != 0 {
        return Err(flaw!("its VP8L data has version {}", bits >> 29).into());
    }
    if body.is_empty() {
        return Err(flaw!("its VP8L data has no pixels").into());
    }
    Size::new((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
}

/// A file whose first chunk is the picture. Those after it must only be complete.
fn simple(size: Size, mut file: Reader<'_>) -> Result<Size, Refusal> {
    while !file.is_empty() {
        Chunk::read(&mut file)?;
    }
    Ok(size)
}

/// A VP8X header and the chunks after it.
fn extended(mut header: Reader<'_>, mut file: Reader<'_>) -> Result<Size, Refusal> {
    let what = "chunk VP8X";
    let flags = header.u8(what)?;
    if flags & RESERVED != 0 {
        return Err(flaw!("its VP8X chunk has reserved flags").into());
    }
    let is_animated = flags & ANIMATED != 0;
    header.take(3, what)?;
    let canvas = Size::new(header.u24_le(what)? + 1, header.u24_le(what)? + 1)?;
    if !header.is_empty() {
        return Err(flaw!("its VP8X chunk is too long").into());
    }

    let (mut pictures, mut has_animation) = (0_u64, false);
    while !file.is_empty() {
        let chunk = Chunk::read(&mut file)?;
        let place = chunk.place;
        match &chunk.tag {
            b"VP8X" => return Err(flaw!("it has two VP8X chunks").into()),
            // Decoders count the padding.
            b"ANIM" if chunk.body.rest().len() < 5 || !is_animated => {
                return Err(flaw!("its ANIM chunk is invalid").into());
            }
            b"ANIM" => has_animation = true,
            b"ANMF" if is_animated && has_animation => {
                frame(chunk.body, canvas, place)?;
                pictures += 1;
            }
            b"ANMF" => {
                return Err(flaw!("the frame at byte {place} isn't part of an animation").into());
            }
            _ if chunk.is_picture() => {
                let size = picture(chunk, &mut file)?;
                if is_animated || pictures > 0 {
                    return Err(flaw!("it has a second picture at byte {place}").into());
                }
                fits(size, canvas)?;
                pictures += 1;
            }
            _ => {}
        }
    }
    if pictures == 0 {
        return Err(flaw!("it has no picture in it").into());
    }
    Ok(canvas)
}

/// A frame of an animation: its position on the canvas, then chunks with one picture, whose size
/// counts, not the one that the frame states.
fn frame(mut body: Reader<'_>, canvas: Size, place: usize) -> Result<(), Refusal> {
    let what = "a frame";
    let (left, top) = (body.u24_le(what)? * 2, body.u24_le(what)? * 2);
    body.take(10, what)?;
    if body.is_empty() {
        return Err(flaw!("the frame at byte {place} has no picture in it").into());
    }
    let first = Chunk::read(&mut body)?;
    if !first.is_picture() {
        let name = escape(first.tag);
        return Err(flaw!("the frame at byte {place} begins with chunk {name}").into());
    }
    let size = picture(first, &mut body)?;
    if left + size.width > canvas.width || top + size.height > canvas.height {
        return Err(flaw!("the frame at byte {place} exceeds the canvas").into());
    }
    while !body.is_empty() {
        if Chunk::read(&mut body)?.is_picture() {
            return Err(flaw!("the frame at byte {place} has two pictures").into());
        }
    }
    Ok(())
}

/// A picture of one chunk, or of two if the first is its transparency.
fn picture(first: Chunk<'_>, file: &mut Reader<'_>) -> Result<Size, Refusal> {
    let place = first.place;
    let mut chunk = first;
    let has_alpha = chunk.tag == *b"ALPH";
    if has_alpha {
        check_alpha(&mut chunk.body, place)?;
        chunk = Chunk::read(file)?;
    }
    match &chunk.tag {
        b"VP8 " => lossy(&mut chunk.body),
        b"VP8L" if !has_alpha => lossless(&mut chunk.body),
        tag => {
            let name = escape(*tag);
            Err(flaw!("its transparency (ALPH) at byte {place} is followed by chunk {name}").into())
        }
    }
}

/// An ALPH chunk's header (RFC 9649, section 2.7.1.2).
fn check_alpha(body: &mut Reader<'_>, place: usize) -> Result<(), Flaw> {
    let flags = body.u8("chunk ALPH")?;
    let (compression, preprocessing, reserved) = (flags & 3, flags >> 4 & 3, flags >> 6);
    if compression > 1 || preprocessing > 1 || reserved != 0 || body.is_empty() {
        return Err(flaw!("its transparency (ALPH) at byte {place} is invalid"));
    }
    Ok(())
}

/// Compares a picture's own size with the one in its container.
fn fits(own: Size, stated: Size) -> Result<(), Flaw> {
    if own == stated {
        return Ok(());
    }
    Err(flaw!(
        "its header says {} x {} pixels, but its picture has {} x {}",
        stated.width,
        stated.height,
        own.width,
        own.height
    ))
}
