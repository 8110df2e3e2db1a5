//! The name under which a browser saves a picture.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::picture::is_misleading;

/// The longest name in bytes before its ending. File systems allow 255 bytes in all.
const LONGEST: usize = 200;

/// What a `filename*` may have unencoded: attr-char of RFC 8187, section 3.2.1.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// Endings of pictures' files, which are replaced if they aren't those of the content.
const ENDINGS: [&str; 15] = [
    "avif", "bmp", "gif", "heic", "heif", "jfif", "jpe", "jpeg", "jpg", "jxl", "png", "svg", "tif",
    "tiff", "webp",
];

/// A `content-disposition` (RFC 6266) that shows a picture and names its file after its title. The
/// name has the ending of the media type, and nothing that a system could take for a path or that
/// makes it look like another.
pub(crate) fn disposition(title: &str, content_type: &str) -> String {
    let name = file_name(title, content_type);
    let plain: String = name
        .chars()
        // `%` would be decoded by some browsers here.
        .map(|c| if c.is_ascii() && c != '%' { c } else { '_' })
        .collect();
    if plain == name {
        format!("inline; filename=\"{plain}\"")
    } else {
        let encoded = utf8_percent_encode(&name, ENCODED);
        format!("inline; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
    }
}

fn file_name(title: &str, content_type: &str) -> String {
    let safe: String = title
        .chars()
        .filter(|c| !is_misleading(*c))
        .map(|c| match c {
            '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|' => '_',
            c if c.is_control() => '_',
            c => c,
        })
        .collect();
    let endings = endings(content_type);
    let (mut stem, mut ending) = (safe.as_str(), endings[0]);
    if let Some((before, last)) = safe.rsplit_once('.') {
        let last = last.to_ascii_lowercase();
        if ENDINGS.contains(&last.as_str()) {
            stem = before;
            let right = endings.iter().find(|ending| **ending == last);
            ending = right.unwrap_or(&ending);
        }
    }
    // A leading dot hides a file; Windows drops dots and spaces at the end.
    let stem = stem.trim_matches(['.', ' ']);
    let mut end = stem.len().min(LONGEST);
    while !stem.is_char_boundary(end) {
        end -= 1;
    }
    match stem[..end].trim_end_matches(['.', ' ']) {
        "" => format!("picture.{ending}"),
        stem => format!("{stem}.{ending}"),
    }
}

/// The endings of a media type, the usual one first.
fn endings(content_type: &str) -> &'static [&'static str] {
    match content_type {
        "image/jpeg" => &["jpg", "jpeg", "jpe", "jfif"],
        "image/png" => &["png"],
        "image/gif" => &["gif"],
        "image/avif" => &["avif"],
        _ => &["webp"],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_safe_and_has_the_right_ending() {
        for (title, content_type, name) in [
            ("Sunset", "image/jpeg", "Sunset.jpg"),
            ("Sunset.JPEG", "image/jpeg", "Sunset.jpeg"),
            ("Sunset.png", "image/jpeg", "Sunset.jpg"),
            ("IMG_1.HEIC", "image/webp", "IMG_1.webp"),
            ("v1.2", "image/png", "v1.2.png"),
            ("virus.exe", "image/gif", "virus.exe.gif"),
            ("photo\u{202e}gpj.exe", "image/avif", "photogpj.exe.avif"),
            ("../../etc/passwd", "image/png", "_.._etc_passwd.png"),
            ("C:\\a\"b\r\n", "image/png", "C__a_b__.png"),
            (" .. ", "image/png", "picture.png"),
            (".png", "image/png", "picture.png"),
            ("été", "image/png", "été.png"),
        ] {
            assert_eq!(file_name(title, content_type), name, "{title:?}");
        }
        let long = file_name(&"é".repeat(255), "image/png");
        assert_eq!(long.len(), LONGEST + ".png".len());
    }

    #[test]
    fn a_name_that_is_not_ascii_is_given_twice() {
        assert_eq!(
            disposition("Sunset (1)", "image/jpeg"),
            "inline; filename=\"Sunset (1).jpg\""
        );
        assert_eq!(
            disposition("été 50%", "image/jpeg"),
            "inline; filename=\"_t_ 50_.jpg\"; filename*=UTF-8''%C3%A9t%C3%A9%2050%25.jpg"
        );
    }
}
