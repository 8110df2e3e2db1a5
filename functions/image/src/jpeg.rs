//! JPEG (ITU-T T.81): segments with lengths, and coded data up to the next marker.
//!
//! Chromium reads it with libjpeg-turbo, which skips stray bytes between segments and stops at the
//! end-of-image marker. Cameras and phones append previews, depth maps and notes after that.

mod frame;
mod huffman;
mod scan;

use self::{frame::Frame, huffman::Tables, scan::Scan};
use crate::{Flaw, Refusal, Size, flaw, reader::Reader};

/// Parses the segments up to the end-of-image marker.
pub(crate) fn read(bytes: &[u8]) -> Result<Size, Refusal> {
    let mut file = Reader::new(bytes);
    file.take(2, "the start-of-image marker")?;
    let mut state = State::default();
    while let Some((marker, place)) = next_marker(&mut file) {
        match marker {
            // End of image.
            0xD9 => return state.end(),
            // Restart markers outside coded data, and TEM, have no length.
            0xD0..=0xD7 | 0x01 => {}
            0xD8 => return Err(flaw!("a second picture begins in it at byte {place}").into()),
            // Reserved codes, and those of the hierarchical process and of JPEG's extensions.
            0x02..=0xBF | 0xC8 | 0xDE | 0xDF | 0xF0..=0xFD => {
                return Err(flaw!("the marker at byte {place} is unknown ({marker:#04x})").into());
            }
            _ => {
                // Some writers count the length from its own end.
                let length = file.u16_be("a segment's length")?.saturating_sub(2);
                let segment = file.part(length.into(), "a segment")?;
                state.segment(marker, segment, &mut file)?;
            }
        }
    }
    state.end_without_marker(file.place() + file.rest().len())
}

/// What has been read.
#[derive(Default)]
struct State<'a> {
    frame: Option<Frame>,
    tables: Tables,
    /// Which quantization tables exist, one bit for each.
    quantization: u8,
    restart_interval: u16,
    /// Bytes of coded data.
    coded: u64,
    scans: u64,
    /// Components in all scans.
    parts: usize,
    last_scan: Option<Scan<'a>>,
}

impl<'a> State<'a> {
    /// Reads a segment's content, and a scan's coded data after it.
    fn segment(
        &mut self,
        marker: u8,
        mut segment: Reader<'a>,
        file: &mut Reader<'a>,
    ) -> Result<(), Refusal> {
        match marker {
            0xC4 => self.tables.read(&mut segment)?,
            0xDB => self.quantization |= quantization(&mut segment)?,
            0xDD => self.restart_interval = segment.u16_be("the restart interval (DRI)")?,
            // Start of frame. C8 and CC are reserved and arithmetic conditions.
            0xC0..=0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF => {
                if self.frame.is_some() {
                    return Err(flaw!("it has two frame headers (SOF)").into());
                }
                self.frame = Some(Frame::read(&mut segment, marker)?);
            }
            // Start of scan.
            0xDA => self.scan(segment, file)?,
            _ => {}
        }
        Ok(())
    }

    fn scan(&mut self, mut header: Reader<'a>, file: &mut Reader<'a>) -> Result<(), Refusal> {
        let frame = self
            .frame
            .as_ref()
            .ok_or_else(|| flaw!("its scan (SOS) comes before its frame header (SOF)"))?;
        let mut scan = Scan::read(&mut header, frame)?;
        if self.scans > 0
            && !frame.is_progressive
            && scan.components.len() == frame.components.len()
        {
            return Err(flaw!("it has two scans (SOS) of the same pixels").into());
        }
        scan.check_tables(frame, &self.tables, self.quantization)?;
        scan.data = coded(file);
        scan.restart_interval = self.restart_interval;
        self.coded += scan.data.len() as u64;
        self.scans += 1;
        self.parts += scan.components.len();
        self.last_scan = Some(scan);
        Ok(())
    }

    /// Checks that everything was there before the end-of-image marker.
    fn end(self) -> Result<Size, Refusal> {
        let frame = self
            .frame
            .ok_or_else(|| flaw!("it has no frame header (SOF)"))?;
        if self.coded == 0 {
            return Err(flaw!("it has no pixels (SOS)").into());
        }
        if self.coded * 8 < frame.least_bits() {
            let Size { width, height } = frame.size;
            let coded = self.coded;
            return Err(flaw!(
                "its header says {width} x {height} pixels, but {coded} bytes of data are too few"
            )
            .into());
        }
        Ok(frame.size)
    }

    /// Checks that a file without an end-of-image marker has all its pixels.
    fn end_without_marker(mut self, end: usize) -> Result<Size, Refusal> {
        let truncated = || flaw!("it is truncated at byte {end}, before its end-of-image marker");
        let (Some(frame), Some(scan)) = (&self.frame, self.last_scan.take()) else {
            return Err(truncated().into());
        };
        let has_all = self.parts >= frame.components.len();
        if !has_all || !scan.is_complete(frame, &self.tables) {
            return Err(truncated().into());
        }
        self.end()
    }
}

/// The next marker's code and position, if there is one. Skips anything else.
fn next_marker(file: &mut Reader<'_>) -> Option<(u8, usize)> {
    loop {
        let rest = file.rest();
        let found = rest.iter().position(|&byte| byte == 0xFF)?;
        // Any number of fill bytes (FF) may precede the code.
        let fill = rest[found..].iter().position(|&byte| byte != 0xFF)?;
        let code = rest[found + fill];
        let place = file.place() + found;
        file.take(found + fill + 1, "").ok()?;
        if code != 0 {
            return Some((code, place));
        }
    }
}

/// Skips coded data up to the next marker other than a restart, or to the end.
fn coded<'a>(file: &mut Reader<'a>) -> &'a [u8] {
    let rest = file.rest();
    let mut at = 0;
    while let Some(found) = rest[at..].iter().position(|&byte| byte == 0xFF) {
        at += found;
        match rest.get(at + 1) {
            Some(0x00 | 0xD0..=0xD7) => at += 2,
            Some(0xFF) => at += 1,
            Some(_) => return file.take(at, "a scan").unwrap_or_default(),
            None => break,
        }
    }
    file.take(rest.len(), "a scan").unwrap_or_default()
}

/// Which quantization tables (DQT) a segment defines, one bit for each.
fn quantization(segment: &mut Reader<'_>) -> Result<u8, Flaw> {
    let what = "a quantization table (DQT)";
    let mut defined = 0;
    while !segment.is_empty() {
        let head = segment.u8(what)?;
        let (precision, index) = (head >> 4, head & 0xF);
        if index > 3 {
            return Err(flaw!("its quantization table (DQT) has number {index}"));
        }
        segment.take(if precision == 0 { 64 } else { 128 }, what)?;
        defined |= 1 << index;
    }
    Ok(defined)
}
