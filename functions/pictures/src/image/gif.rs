//! GIF87a and GIF89a: a canvas, then blocks up to a trailer.

use super::{Flaw, Size, flaw, reader::Reader};

/// Parses the blocks up to the trailer.
pub(super) fn read(bytes: &[u8]) -> Result<Size, Flaw> {
    let mut file = Reader::new(bytes);
    let version = file.take(6, "the signature")?;
    if !matches!(version, b"GIF87a" | b"GIF89a") {
        return Err(flaw!("its version is {}", version.escape_ascii()));
    }
    let what = "the header";
    let size = Size::new(file.u16_le(what)?.into(), file.u16_le(what)?.into())?;
    let flags = file.u8(what)?;
    file.take(2, what)?;
    skip_colours(&mut file, flags)?;

    let mut has_frame = false;
    loop {
        let place = file.place();
        if file.is_empty() {
            return Err(flaw!("it is truncated at byte {place}, before its trailer"));
        }
        match file.u8("a block")? {
            b'!' => {
                file.u8("an extension")?;
                skip_blocks(&mut file, "an extension")?;
            }
            b',' => {
                skip_frame(&mut file)?;
                has_frame = true;
            }
            b';' if has_frame => return Ok(size),
            b';' => return Err(flaw!("it has no frame")),
            // Some encoders end a block twice, and decoders skip the second end.
            0 => {}
            other => return Err(flaw!("byte {place} is {other:#04x}, which is not a block")),
        }
    }
}

/// Skips a colour table, if there is one.
fn skip_colours(file: &mut Reader<'_>, flags: u8) -> Result<(), Flaw> {
    if flags & 0x80 != 0 {
        file.take(3 << ((flags & 7) + 1), "a colour table")?;
    }
    Ok(())
}

/// Skips a frame: position, size, colours and pixels.
fn skip_frame(file: &mut Reader<'_>) -> Result<(), Flaw> {
    let what = "a frame";
    let place = file.place();
    file.take(4, what)?;
    // A frame may exceed the canvas: decoders crop it or enlarge the canvas.
    Size::new(file.u16_le(what)?.into(), file.u16_le(what)?.into())
        .map_err(|flaw| flaw!("in the frame at byte {place}, {flaw}"))?;
    let flags = file.u8(what)?;
    skip_colours(file, flags)?;
    let bits = file.u8(what)?;
    if !(1..=11).contains(&bits) {
        return Err(flaw!("the frame at byte {place} has codes of {bits} bits"));
    }
    if skip_blocks(file, what)? == 0 {
        return Err(flaw!("the frame at byte {place} has no pixels"));
    }
    Ok(())
}

/// Skips data blocks up to the empty one at the end, and returns their size.
fn skip_blocks(file: &mut Reader<'_>, what: &str) -> Result<usize, Flaw> {
    let mut total = 0;
    loop {
        let length = usize::from(file.u8(what)?);
        if length == 0 {
            return Ok(total);
        }
        file.take(length, what)?;
        total += length;
    }
}
