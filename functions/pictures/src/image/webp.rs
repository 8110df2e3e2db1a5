//! WebP (RFC 9649): a RIFF file with one picture, or with a canvas and frames.

use super::{
    Flaw, Size, flaw,
    reader::{Reader, escape},
};

/// Parses the chunks up to the end stated in the RIFF header.
pub(super) fn read(bytes: &[u8]) -> Result<Size, Flaw> {
    let mut file = Reader::new(bytes);
    file.tag("the header")?;
    let stated = u64::from(file.u32_le("the header")?) + 8;
    let length = bytes.len() as u64;
    if stated != length {
        return Err(flaw!("its header says {stated} bytes, but it has {length}"));
    }
    file.tag("the header")?;

    let (tag, mut first) = chunk(&mut file)?;
    match &tag {
        b"VP8 " => lossy(&mut first),
        b"VP8L" => lossless(&mut first),
        b"VP8X" => extended(&mut first, file),
        _ => Err(flaw!(
            "its first chunk is {}, which is not a picture",
            escape(tag)
        )),
    }
}

/// The type and content of the next chunk. Content of odd length is followed by a byte of padding,
/// which some encoders omit at the end of a file.
fn chunk<'a>(file: &mut Reader<'a>) -> Result<([u8; 4], Reader<'a>), Flaw> {
    let tag = file.tag("a chunk's type")?;
    let length = file.u32_le("a chunk's length")? as usize;
    let body = file.part(length, &format!("chunk {}", escape(tag)))?;
    if length % 2 == 1 && !file.is_empty() {
        file.take(1, "a chunk's padding")?;
    }
    Ok((tag, body))
}

/// A VP8 key frame's header (RFC 6386, section 9.1).
fn lossy(body: &mut Reader<'_>) -> Result<Size, Flaw> {
    let what = "chunk VP8";
    let flags = body.u24_le(what)?;
    if flags & 1 != 0 || body.take(3, what)? != [0x9D, 0x01, 0x2A] {
        return Err(flaw!("its VP8 data does not begin with a key frame"));
    }
    // The upper two bits are the scale.
    let (width, height) = (body.u16_le(what)? & 0x3FFF, body.u16_le(what)? & 0x3FFF);
    let first_partition = (flags >> 5) as usize;
    if first_partition == 0 || first_partition > body.rest().len() {
        return Err(flaw!(
            "its VP8 data says {first_partition} bytes, but has fewer"
        ));
    }
    Size::new(width.into(), height.into())
}

/// A VP8L header (RFC 9649, section 3.4).
fn lossless(body: &mut Reader<'_>) -> Result<Size, Flaw> {
    let what = "chunk VP8L";
    if body.u8(what)? != 0x2F {
        return Err(flaw!("its VP8L data has no signature"));
    }
    let bits = body.u32_le(what)?;
    if bits >> 29 != 0 {
        return Err(flaw!("its VP8L data has version {}", bits >> 29));
    }
    if body.is_empty() {
        return Err(flaw!("its VP8L data has no pixels"));
    }
    Size::new((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
}

/// A VP8X header and the chunks after it.
fn extended(header: &mut Reader<'_>, mut file: Reader<'_>) -> Result<Size, Flaw> {
    let what = "chunk VP8X";
    let is_animated = header.u8(what)? & 0x02 != 0;
    header.take(3, what)?;
    let canvas = Size::new(header.u24_le(what)? + 1, header.u24_le(what)? + 1)?;

    let mut pictures = 0_u32;
    while !file.is_empty() {
        let place = file.place();
        let (tag, mut body) = chunk(&mut file)?;
        match &tag {
            b"ANMF" if is_animated => frame(&mut body, canvas, place)?,
            b"VP8 " if !is_animated => fits(lossy(&mut body)?, canvas)?,
            b"VP8L" if !is_animated => fits(lossless(&mut body)?, canvas)?,
            _ => continue,
        }
        pictures += 1;
    }
    if pictures == 0 {
        return Err(flaw!("it has no picture in it"));
    }
    Ok(canvas)
}

/// A frame of an animation: its position on the canvas, then chunks with one picture.
fn frame(body: &mut Reader<'_>, canvas: Size, place: usize) -> Result<(), Flaw> {
    let what = "a frame";
    let (left, top) = (body.u24_le(what)? * 2, body.u24_le(what)? * 2);
    let size = Size::new(body.u24_le(what)? + 1, body.u24_le(what)? + 1)?;
    body.take(4, what)?;
    if left + size.width > canvas.width || top + size.height > canvas.height {
        return Err(flaw!("the frame at byte {place} exceeds the canvas"));
    }
    while !body.is_empty() {
        let (tag, mut picture) = chunk(body)?;
        match &tag {
            b"VP8 " => return fits(lossy(&mut picture)?, size),
            b"VP8L" => return fits(lossless(&mut picture)?, size),
            _ => {}
        }
    }
    Err(flaw!("the frame at byte {place} has no picture in it"))
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
