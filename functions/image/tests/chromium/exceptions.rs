//! Where the service's verdict is not Chromium's, and why.

/// In which way two verdicts differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Difference {
    /// The service accepts what Chromium doesn't show whole.
    Accepted,
    /// The service refuses what Chromium shows whole.
    Refused,
    /// Another size.
    Size,
}

use Difference::{Accepted, Refused};

/// A deliberate difference.
pub(crate) struct Exception {
    /// The names of the files. `*` stands for any text.
    pub(crate) pattern: &'static str,
    pub(crate) difference: Difference,
    /// Why it is right, or not worth what avoiding it would take.
    #[expect(dead_code, reason = "for the reader")]
    pub(crate) reason: &'static str,
}

impl Exception {
    pub(crate) fn excepts(&self, name: &str, difference: Difference) -> bool {
        self.difference == difference && matches(self.pattern, name)
    }
}

const FEWER_FRAMES: &str = "Chromium shows the frames that are there, but the file says that it has \
    more, so it is cut.";

const NO_MARKER: &str = "All pixels are in the file, and other browsers show them. Without a byte \
    after it, Chromium leaves out the last row of blocks, 16 lines of a photo's thousands.";

const NO_MARKER_PROGRESSIVE: &str = "Whether such a file is cut can't be known without decoding it, \
    and cut files are more frequent than those without an end marker.";

const NO_DATA: &str = "Chromium fills in gray for missing data if there is an end marker, so that a \
    few bytes can show as 100 megapixels. That isn't the picture.";

const WIDE: &str = "`ImageDecoder` refuses sides over 32,767 pixels, unlike `<img>`.";

const CONTRADICTION: &str = "The container contradicts the coded data, which isn't parsed that far. \
    No encoder writes this, and pictures-derive finds it.";

const UNUSED_ITEM: &str = "Chromium doesn't use the primary item of an animation, but HEIF demands \
    it, and other viewers show it.";

/// All exceptions. One that no file needs fails the test.
pub(crate) const EXCEPTIONS: &[Exception] = &[
    Exception {
        pattern: "pixels twice, with text between",
        difference: Refused,
        reason: "PNG forbids chunks between the pixels' chunks. Chromium shows the file only if the \
            pixels were complete before, which is known only by decoding them.",
    },
    Exception {
        pattern: "animated.png cut at *",
        difference: Refused,
        reason: FEWER_FRAMES,
    },
    Exception {
        pattern: "default.png cut at *",
        difference: Refused,
        reason: FEWER_FRAMES,
    },
    Exception {
        pattern: "animated.png with 0xff at *",
        difference: Refused,
        reason: FEWER_FRAMES, // A chunk's length reaches beyond the end.
    },
    Exception {
        pattern: "default.png with * at *",
        difference: Refused,
        reason: FEWER_FRAMES, // The same.
    },
    Exception {
        pattern: "animation without IEND and the data of its last frame",
        difference: Refused,
        reason: FEWER_FRAMES,
    },
    Exception {
        pattern: "* segment 0 (E0)",
        difference: Refused,
        reason: "Chromium shows this only if it is declared as JPEG; by its first bytes, which the \
            service and `<img>` go by, it isn't.",
    },
    Exception {
        pattern: "*.jpg cut * its end marker at *",
        difference: Accepted,
        reason: NO_MARKER,
    },
    Exception {
        pattern: "*.jpg: all of its last scan, then nothing",
        difference: Accepted,
        reason: NO_MARKER,
    },
    Exception {
        pattern: "*.jpg: all of its last scan, then a zero",
        difference: Accepted,
        reason: NO_MARKER,
    },
    Exception {
        pattern: "*.jpg: all of its last scan, then text",
        difference: Refused,
        reason: "Without an end marker, only padding may follow: other bytes could be taken for \
            codes of missing pixels.",
    },
    Exception {
        pattern: "gray.jpg: 9/10 of its last scan, then text",
        difference: Accepted,
        reason: "By chance, this text has the codes of exactly the missing pixels.",
    },
    Exception {
        pattern: "progressive.jpg: all of its last scan, then *",
        difference: Refused,
        reason: NO_MARKER_PROGRESSIVE,
    },
    Exception {
        pattern: "arithmetic.jpg: all of its last scan, then *",
        difference: Refused,
        reason: NO_MARKER_PROGRESSIVE,
    },
    Exception {
        pattern: "*.jpg: no data, then an end",
        difference: Refused,
        reason: NO_DATA,
    },
    Exception {
        pattern: "1x1.jpg with 0x20 at 165",
        difference: Refused,
        reason: NO_DATA,
    },
    Exception {
        pattern: "*.gif with 0xff at *",
        difference: Accepted,
        reason: WIDE,
    },
    Exception {
        pattern: "1x1.avif with 0xff at 195",
        difference: Accepted,
        reason: WIDE,
    },
    Exception {
        pattern: "idat.avif with 0xff at 193",
        difference: Accepted,
        reason: WIDE,
    },
    Exception {
        pattern: "gray.avif with 0xff at 194",
        difference: Accepted,
        reason: WIDE,
    },
    Exception {
        pattern: "VP8X with flags *, alpha after",
        difference: Refused,
        reason: "Chromium ignores transparency after the picture, but only without its flag. \
            RFC 9649 forbids it there.",
    },
    Exception {
        pattern: "second frame with only an unknown chunk",
        difference: Refused,
        reason: "Chromium skips the frame, so the animation isn't the one that was made.",
    },
    Exception {
        pattern: "*frame with a nested frame",
        difference: Refused,
        reason: "Chromium happens to read through the frame's header. RFC 9649 forbids this.",
    },
    Exception {
        pattern: "av1C with bit * changed",
        difference: Accepted,
        reason: CONTRADICTION,
    },
    Exception {
        pattern: "1x1.avif with 0x04 at 223",
        difference: Accepted,
        reason: CONTRADICTION, // av1C
    },
    Exception {
        pattern: "exif.avif with 0x08 at 223",
        difference: Accepted,
        reason: CONTRADICTION, // av1C
    },
    Exception {
        pattern: "animated.avif with 0xff at 832",
        difference: Accepted,
        reason: CONTRADICTION, // av1C
    },
    Exception {
        pattern: "10bit.avif with 0x09 at 247",
        difference: Accepted,
        reason: CONTRADICTION, // colr
    },
    Exception {
        pattern: "rgb.avif with 0x94 at 120",
        difference: Accepted,
        reason: CONTRADICTION, // a shorter item in iloc
    },
    Exception {
        pattern: "animation of *: one length for all",
        difference: Accepted,
        reason: CONTRADICTION, // shorter samples in stsz
    },
    Exception {
        pattern: "alpha.avif with 0x22 at 416",
        difference: Accepted,
        reason: "The item with transparency has lost its properties, so it is taken for something \
            else, which isn't shown.",
    },
    Exception {
        pattern: "animated.avif with * at 532",
        difference: Accepted,
        reason: "The list of edits (elst) is lost, which is not needed to show the frames.",
    },
    Exception {
        pattern: "animated.avif with 0x80 at 995",
        difference: Accepted,
        reason: "The list of key frames (stss) is wrong, which is not needed to show the frames.",
    },
    Exception {
        pattern: "animated.avif with 0x29 at 107",
        difference: Refused,
        reason: UNUSED_ITEM,
    },
    Exception {
        pattern: "animated.avif with 0xff at 102",
        difference: Refused,
        reason: UNUSED_ITEM,
    },
    Exception {
        pattern: "animation of *: without *",
        difference: Refused,
        reason: UNUSED_ITEM,
    },
    Exception {
        pattern: "grid with tiles of another size",
        difference: Refused,
        reason: "Chromium scales the tiles if the grid still fits. HEIF demands the tiles' own size.",
    },
];

/// Whether a name has a pattern.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((before, after)) => name.strip_prefix(before).is_some_and(|rest| {
            (0..=rest.len())
                .filter(|&at| rest.is_char_boundary(at))
                .any(|at| matches(after, &rest[at..]))
        }),
    }
}
