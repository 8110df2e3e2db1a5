//! Files of other formats.

/// HEIC, by its brands or by its items.
pub(crate) const HEIC: &str = "a HEIC file, which browsers don't show";

/// Apple's PNG variant, by its first chunk. Its pixels have another order and no zlib header.
pub(crate) const CGBI: &str =
    "a PNG of Apple's own variant for iPhone apps (CgBI), which browsers don't show";

/// Recognizes files that are often sent by mistake, so that the message can name them.
pub(crate) fn guess(bytes: &[u8]) -> Option<&'static str> {
    let is_text = bytes
        .iter()
        .take(64)
        .all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace());
    if let Some(brand) = bytes.get(4..).and_then(|rest| rest.strip_prefix(b"ftyp")) {
        return Some(match brand {
            // heic, heix, hevc, hevx, heim, heis.
            [b'h', b'e', ..] | [b'm', b'i' | b's', b'f', b'1', ..] => HEIC,
            _ => "a video or another ISO media file",
        });
    }
    Some(match bytes {
        [b'B', b'M', ..] => "a BMP file",
        [b'I', b'I', 42, 0, ..] | [b'M', b'M', 0, 42, ..] => "a TIFF file, or a camera's raw file",
        [0xFF, 0x0A, ..] | [0, 0, 0, 12, b'J', b'X', b'L', b' ', ..] => "a JPEG XL file",
        [0, 0, 1, 0, ..] => "an ICO file",
        [b'%', b'P', b'D', b'F', ..] => "a PDF file",
        _ if is_text => "text, not a picture's bytes",
        _ => return None,
    })
}
