//! An animation: a track of samples (ISO/IEC 14496-12).

use super::{
    av1,
    boxes::{Boxes, Found, version_and_flags},
    meta, outside, properties, slice,
};
use crate::{Flaw, Refusal, Size, flaw, reader::Reader};

/// How many of a sample's bytes are searched for its header.
const HEADER: usize = 4096;

/// Reads the first track with a picture.
pub(super) fn read(movie: Reader<'_>) -> Result<Track<'_>, Flaw> {
    let mut first = None;
    for found in Boxes::new(movie) {
        let Found { kind, body } = found?;
        if &kind == b"trak" {
            let track = Track::find(body)?;
            if track.header.is_none() {
                return Err(lacks("tkhd"));
            }
            let is_picture = track.handler == Some(*b"pict");
            if first.is_none() || is_picture {
                first = Some(track);
            }
            if is_picture {
                break;
            }
        }
    }
    first.ok_or_else(|| flaw!("it has no track (moov)"))
}

/// The boxes of a track.
#[derive(Default)]
pub(super) struct Track<'a> {
    handler: Option<[u8; 4]>,
    /// Width and height (tkhd).
    header: Option<Reader<'a>>,
    /// How the samples are coded (stsd).
    coding: Option<Reader<'a>>,
    /// Positions of chunks of samples (stco, co64).
    chunks: Option<Chunks<'a>>,
    /// How many samples are in each chunk (stsc).
    runs: Option<Runs<'a>>,
    /// Samples' lengths (stsz).
    lengths: Option<Lengths<'a>>,
}

impl<'a> Track<'a> {
    fn find(track: Reader<'a>) -> Result<Self, Flaw> {
        let mut own = Self::default();
        let mut containers = vec![track];
        while let Some(container) = containers.pop() {
            for found in Boxes::new(container) {
                let Found { kind, body } = found?;
                match &kind {
                    b"mdia" | b"minf" | b"stbl" => containers.push(body),
                    b"hdlr" => own.handler = Some(meta::read_handler(body)?),
                    b"stts" => check_times(body)?,
                    b"tkhd" => own.header = Some(body),
                    b"stsd" => own.coding = Some(body),
                    b"stco" => own.chunks = Some(Chunks::read(body, 4)?),
                    b"co64" => own.chunks = Some(Chunks::read(body, 8)?),
                    b"stsc" => own.runs = Some(Runs::read(body)?),
                    b"stsz" => own.lengths = Some(Lengths::read(body)?),
                    _ => {}
                }
            }
        }
        Ok(own)
    }

    /// Checks that all samples are in the file, and returns the size of the frames, which must be
    /// that of the track or of the primary item.
    pub(super) fn check(self, file: &[u8], item: Size) -> Result<Size, Refusal> {
        if self.handler != Some(*b"pict") {
            return Err(flaw!("it has no track with a picture (moov)").into());
        }
        let stated = drawn(self.header.ok_or_else(|| lacks("tkhd"))?)?;
        check_coding(self.coding.ok_or_else(|| lacks("stsd"))?)?;
        let mut chunks = self.chunks.ok_or_else(|| lacks("stco"))?;
        let mut runs = self.runs.ok_or_else(|| lacks("stsc"))?;
        let mut lengths = self.lengths.ok_or_else(|| lacks("stsz"))?;

        let mut first = None;
        for chunk in 1..=chunks.count {
            let from = chunks.next()?;
            let length = lengths.next(runs.samples(chunk)?)?;
            let end = file.len();
            let samples = slice(file, from, length)
                .ok_or_else(|| outside("its animation", from, from.saturating_add(length), end))?;
            if !samples.is_empty() {
                first.get_or_insert(samples);
            }
        }
        let first = first.ok_or_else(|| flaw!("its track has no samples"))?;
        let own = av1::size(&first[..first.len().min(HEADER)])?;
        if own != stated && own != item {
            return Err(flaw!("its frames have another size than its track").into());
        }
        Ok(own)
    }
}

fn lacks(what: &str) -> Flaw {
    flaw!("its track has no {what} box")
}

/// The size that the track is drawn with, in 16.16 fixed point at the end of the box.
fn drawn(mut body: Reader<'_>) -> Result<Size, Refusal> {
    let what = "box tkhd";
    let times = match version_and_flags(&mut body, what)?.0 {
        0 => 20,
        _ => 32,
    };
    body.take(times, what)?;
    if body.take(8, what)? != [0; 8] {
        return Err(flaw!("its tkhd box is invalid").into());
    }
    body.take(44, what)?; // layer, group, volume, matrix
    Size::new(body.u32_be(what)? >> 16, body.u32_be(what)? >> 16)
}

/// Checks that the samples are coded as AV1.
fn check_coding(mut body: Reader<'_>) -> Result<(), Flaw> {
    let what = "box stsd";
    version_and_flags(&mut body, what)?;
    let count = body.u32_be(what)?;
    let mut boxes = Boxes::new(body);
    let mut coding = None;
    for _ in 0..count {
        let Found { kind, body } = boxes
            .next()
            .ok_or_else(|| flaw!("its stsd box says {count} entries, but has fewer"))??;
        if &kind == b"av01" {
            coding.get_or_insert(body);
        }
    }
    let mut coding = coding.ok_or_else(|| flaw!("its track is not coded as AV1 (stsd)"))?;
    // VisualSampleEntry (section 12.1.3): reserved, reference, and what players may ignore.
    if coding.take(6, what)? != [0; 6] {
        return Err(flaw!("its stsd box is invalid"));
    }
    coding.take(72, what)?;
    for found in Boxes::new(coding) {
        let Found { kind, body } = found?;
        if &kind == b"av1C" {
            return properties::depth(body).map(drop);
        }
    }
    Err(flaw!("its track does not say how it is coded (av1C)"))
}

/// Checks the table of durations (stts).
fn check_times(mut body: Reader<'_>) -> Result<(), Flaw> {
    let what = "box stts";
    if version_and_flags(&mut body, what)?.0 != 0 {
        return Err(flaw!("its stts box has an unknown version"));
    }
    entries(&mut body, what, 8).map(drop)
}

/// A table of a box: checks that it is not truncated, and returns its number of entries.
fn entries(body: &mut Reader<'_>, what: &str, length: u64) -> Result<u32, Flaw> {
    let count = body.u32_be(what)?;
    if u64::from(count) * length > body.rest().len() as u64 {
        return Err(flaw!("{what} says {count} entries, but has fewer"));
    }
    Ok(count)
}

/// Positions of chunks in the file.
struct Chunks<'a> {
    count: u32,
    /// Bytes of a position, 4 or 8.
    width: u64,
    body: Reader<'a>,
}

impl<'a> Chunks<'a> {
    fn read(mut body: Reader<'a>, width: u64) -> Result<Self, Flaw> {
        let what = "box stco";
        version_and_flags(&mut body, what)?;
        let count = entries(&mut body, what, width)?;
        Ok(Self { count, width, body })
    }

    fn next(&mut self) -> Result<u64, Flaw> {
        match self.width {
            4 => self.body.u32_be("box stco").map(u64::from),
            _ => self.body.u64_be("box stco"),
        }
    }
}

/// How many samples are in each chunk.
struct Runs<'a> {
    left: u32,
    body: Reader<'a>,
    samples: u32,
    /// The first chunk of the next run, and how many samples its chunks have.
    next: Option<(u32, u32)>,
}

impl<'a> Runs<'a> {
    fn read(mut body: Reader<'a>) -> Result<Self, Flaw> {
        let what = "box stsc";
        version_and_flags(&mut body, what)?;
        let left = entries(&mut body, what, 12)?;
        let mut runs = Self {
            left,
            body,
            samples: 0,
            next: None,
        };
        runs.advance()?;
        if runs.next.is_some_and(|(first, _)| first != 1) {
            return Err(flaw!("its track says nothing about its first chunk (stsc)"));
        }
        Ok(runs)
    }

    fn advance(&mut self) -> Result<(), Flaw> {
        let what = "box stsc";
        self.next = None;
        if self.left > 0 {
            self.left -= 1;
            self.next = Some((self.body.u32_be(what)?, self.body.u32_be(what)?));
            self.body.take(4, what)?;
        }
        Ok(())
    }

    /// The number of samples in a chunk. Chunks are asked for in order, from 1.
    fn samples(&mut self, chunk: u32) -> Result<u32, Flaw> {
        if let Some((first, samples)) = self.next
            && first <= chunk
        {
            self.samples = samples;
            self.advance()?;
        }
        Ok(self.samples)
    }
}

/// Samples' lengths.
struct Lengths<'a> {
    /// Their length if all have the same; otherwise 0.
    same: u32,
    left: u32,
    body: Reader<'a>,
}

impl<'a> Lengths<'a> {
    fn read(mut body: Reader<'a>) -> Result<Self, Flaw> {
        let what = "box stsz";
        version_and_flags(&mut body, what)?;
        let same = body.u32_be(what)?;
        let length = if same == 0 { 4 } else { 0 };
        let left = entries(&mut body, what, length)?;
        Ok(Self { same, left, body })
    }

    /// The length of the next samples together.
    fn next(&mut self, count: u32) -> Result<u64, Flaw> {
        self.left = self
            .left
            .checked_sub(count)
            .ok_or_else(|| flaw!("its track has fewer samples (stsz) than its chunks (stsc)"))?;
        if self.same > 0 {
            return Ok(u64::from(self.same) * u64::from(count));
        }
        (0..count).try_fold(0, |total, _| match self.body.u32_be("box stsz")? {
            0 => Err(flaw!("its track has an empty sample (stsz)")),
            length => Ok(total + u64::from(length)),
        })
    }
}
