//! GIF87a and GIF89a: a screen, then blocks.
//!
//! Chromium draws on the screen, enlarged to hold the first frame; later frames are cropped to it.
//! After a complete frame, the file may end anywhere but in the middle of another frame.

mod lzw;

use std::ops::RangeInclusive;

use crate::{Flaw, Refusal, Size, flaw, reader::Reader};

/// The bits of a colour's code.
const CODES: RangeInclusive<u8> = 2..=8;

/// Parses the blocks up to the trailer, or to what isn't a block after a frame.
pub(crate) fn read(bytes: &[u8]) -> Result<Size, Refusal> {
    let mut file = Reader::new(bytes);
    let version = file.take(6, "the signature")?;
    if !matches!(version, b"GIF87a" | b"GIF89a") {
        return Err(flaw!("its version is {}", version.escape_ascii()).into());
    }
    let what = "the header";
    let (width, height) = (u32::from(file.u16_le(what)?), u32::from(file.u16_le(what)?));
    let flags = file.u8(what)?;
    file.take(2, what)?;
    skip_colours(&mut file, flags)?;

    let first = first_frame(&mut file)?;
    let size = Size::new(width.max(first.right), height.max(first.bottom))?;
    first.skip(&mut file)?;
    while let Some(frame) = later_frame(&mut file) {
        frame.skip(&mut file)?;
    }
    Ok(size)
}

/// Skips the blocks up to the first frame's description.
fn first_frame(file: &mut Reader<'_>) -> Result<Frame, Flaw> {
    loop {
        let place = file.place();
        if file.is_empty() {
            return Err(flaw!(
                "it is truncated at byte {place}, before its first frame"
            ));
        }
        match file.u8("a block")? {
            b'!' => skip_extension(file)?,
            b',' => return Frame::read(file),
            b';' => return Err(flaw!("it has no frame")),
            other => return Err(flaw!("byte {place} is {other:#04x}, which is not a block")),
        }
    }
}

/// Skips the blocks up to the next frame's description, if there is another one.
fn later_frame(file: &mut Reader<'_>) -> Option<Frame> {
    loop {
        match file.u8("a block").ok()? {
            b'!' => skip_extension(file).ok()?,
            b',' => return Frame::read(file).ok(),
            _ => return None,
        }
    }
}

fn skip_extension(file: &mut Reader<'_>) -> Result<(), Flaw> {
    let what = "an extension";
    let place = file.place();
    if file.u8(what)? == 0xF9 {
        // Graphic control: one block of four bytes.
        let block = file.take(6, what)?;
        if block[0] != 4 || block[5] != 0 {
            return Err(flaw!("the graphic control at byte {place} is invalid"));
        }
        return Ok(());
    }
    blocks(file, what, |_| {})
}

/// Skips a colour table, if there is one.
fn skip_colours(file: &mut Reader<'_>, flags: u8) -> Result<(), Flaw> {
    if flags & 0x80 != 0 {
        file.take(3 << ((flags & 7) + 1), "a colour table")?;
    }
    Ok(())
}

/// A frame's description.
struct Frame {
    place: usize,
    pixels: u64,
    right: u32,
    bottom: u32,
}

impl Frame {
    /// Reads position and size.
    fn read(file: &mut Reader<'_>) -> Result<Self, Flaw> {
        let what = "a frame";
        let place = file.place();
        let (left, top) = (u32::from(file.u16_le(what)?), u32::from(file.u16_le(what)?));
        let (width, height) = (u32::from(file.u16_le(what)?), u32::from(file.u16_le(what)?));
        Ok(Self {
            place,
            pixels: u64::from(width) * u64::from(height),
            right: left + width,
            bottom: top + height,
        })
    }

    /// Skips colours and pixels.
    fn skip(self, file: &mut Reader<'_>) -> Result<(), Flaw> {
        let what = "a frame";
        let place = self.place;
        let flags = file.u8(what)?;
        skip_colours(file, flags)?;
        let bits = file.u8(what)?;
        if !CODES.contains(&bits) {
            return Err(flaw!("the frame at byte {place} has codes of {bits} bits"));
        }
        let mut decoder = lzw::Counter::new(bits);
        blocks(file, what, |block| decoder.read(block))?;
        if decoder.pixels() < self.pixels {
            return Err(flaw!("the frame at byte {place} lacks pixels"));
        }
        Ok(())
    }
}

/// Reads data blocks up to the empty one at the end.
fn blocks(file: &mut Reader<'_>, what: &str, mut read: impl FnMut(&[u8])) -> Result<(), Flaw> {
    loop {
        let length = file.u8(what)?;
        if length == 0 {
            return Ok(());
        }
        read(file.take(length.into(), what)?);
    }
}
