//! JPEG (ITU-T T.81): segments with lengths, and coded data up to the next marker.

use super::{Flaw, Size, flaw, reader::Reader};

/// Parses the segments up to the end-of-image marker. Bytes after it are ignored: cameras and
/// phones append previews, depth maps and notes.
pub(super) fn read(bytes: &[u8]) -> Result<Size, Flaw> {
    let mut file = Reader::new(bytes);
    file.take(2, "the start-of-image marker")?;

    let mut frame: Option<Frame> = None;
    let mut coded: u64 = 0;
    loop {
        let (marker, place) = next_marker(&mut file)?;
        match marker {
            // End of image.
            0xD9 => {
                let frame = frame.ok_or_else(|| flaw!("it has no frame header (SOF)"))?;
                if coded == 0 {
                    return Err(flaw!("it has no pixels (SOS)"));
                }
                if coded * 8 < frame.least_bits {
                    let Size { width, height } = frame.size;
                    return Err(flaw!(
                        "its header says {width} x {height} pixels, \
                         but {coded} bytes of data are too few"
                    ));
                }
                return Ok(frame.size);
            }
            // Restart markers outside coded data, and TEM, have no length.
            0xD0..=0xD7 | 0x01 => continue,
            0xD8 => return Err(flaw!("a second picture begins in it at byte {place}")),
            0x00 | 0x02..=0xBF => {
                return Err(flaw!(
                    "the marker at byte {place} is unknown ({marker:#04x})"
                ));
            }
            _ => {}
        }

        let length = file.u16_be("a segment's length")?;
        let Some(length) = length.checked_sub(2) else {
            return Err(flaw!(
                "the segment at byte {place} has a length of {length}"
            ));
        };
        let mut segment = file.part(length.into(), "a segment")?;
        match marker {
            // Start of frame. C4, C8 and CC are tables and reserved.
            0xC0..=0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF => {
                let read = Frame::read(&mut segment, marker)?;
                // A hierarchical file has several, and the first has the size.
                frame.get_or_insert(read);
            }
            // Start of scan.
            0xDA => {
                if frame.is_none() {
                    return Err(flaw!("its scan (SOS) comes before its frame header (SOF)"));
                }
                coded += skip_coded(&mut file)?;
            }
            _ => {}
        }
    }
}

/// The next marker's code and position.
fn next_marker(file: &mut Reader<'_>) -> Result<(u8, usize), Flaw> {
    let place = file.place();
    if file.is_empty() {
        return Err(flaw!(
            "it is truncated at byte {place}, before its end-of-image marker"
        ));
    }
    if file.u8("a marker")? != 0xFF {
        return Err(flaw!("there is no marker at byte {place}"));
    }
    loop {
        // Any number of fill bytes (FF) may precede the code.
        match file.u8("a marker")? {
            0xFF => {}
            marker => return Ok((marker, place)),
        }
    }
}

/// Skips coded data up to the next marker other than a restart, and returns its length.
fn skip_coded(file: &mut Reader<'_>) -> Result<u64, Flaw> {
    let rest = file.rest();
    let mut at = 0;
    while let Some(found) = rest[at..].iter().position(|&byte| byte == 0xFF) {
        at += found;
        match rest.get(at + 1) {
            Some(0x00 | 0xD0..=0xD7) => at += 2,
            Some(0xFF) => at += 1,
            Some(_) => {
                file.take(at, "a scan")?;
                return Ok(at as u64);
            }
            None => break,
        }
    }
    let end = file.place() + rest.len();
    Err(flaw!(
        "it is truncated at byte {end}, before its end-of-image marker"
    ))
}

/// The frame header.
struct Frame {
    size: Size,
    /// The least that its coded data takes.
    least_bits: u64,
}

impl Frame {
    fn read(segment: &mut Reader<'_>, marker: u8) -> Result<Self, Flaw> {
        let what = "the frame header (SOF)";
        let bits = segment.u8(what)?;
        let (height, width) = (segment.u16_be(what)?, segment.u16_be(what)?);
        let size = Size::new(width.into(), height.into())?;
        if !(2..=16).contains(&bits) {
            return Err(flaw!("its header says {bits} bits per sample"));
        }
        let count = segment.u8(what)?;
        let mut factors = Vec::with_capacity(count.into());
        for _ in 0..count {
            let component = segment.take(3, what)?;
            let (across, down) = (component[1] >> 4, component[1] & 0xF);
            if !(1..=4).contains(&across) || !(1..=4).contains(&down) {
                return Err(flaw!("its header says a sampling of {across} x {down}"));
            }
            factors.push((u32::from(across), u32::from(down)));
        }
        if factors.is_empty() || !segment.is_empty() {
            return Err(flaw!("its frame header (SOF) is invalid"));
        }

        // With Huffman coding, every block of 8 x 8 samples has a code of at least one bit for
        // its mean. Arithmetic and lossless coding have no such bound.
        let least_bits = if matches!(marker, 0xC0..=0xC2) {
            let most_across = factors.iter().map(|f| f.0).max().unwrap_or(1);
            let most_down = factors.iter().map(|f| f.1).max().unwrap_or(1);
            let blocks = |pixels: u32, factor: u32, most: u32| {
                u64::from((pixels * factor).div_ceil(most).div_ceil(8))
            };
            factors
                .iter()
                .map(|&(across, down)| {
                    blocks(size.width, across, most_across) * blocks(size.height, down, most_down)
                })
                .sum()
        } else {
            0
        };
        Ok(Self { size, least_bits })
    }
}
