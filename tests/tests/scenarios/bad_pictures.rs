//! Content that isn't a picture or is damaged, and all accepted forms of base64.

use anyhow::{Context as _, Result, ensure};
use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE, BASE64_URL_SAFE_NO_PAD},
};
use serde_json::json;
use trichrome_proto::error::ErrorCode;
use trichrome_tests::{
    harness::Suite,
    images::{Format, MAX_PICTURE},
    scenario::Scenario,
    stored::Amount,
    transport::Transport,
};

/// A file of the service's own tests.
macro_rules! fixture {
    ($name:literal) => {
        include_bytes!(concat!("../../../functions/image/tests/fixtures/", $name))
    };
}

pub(crate) fn add(suite: &mut Suite) {
    suite.each("bad_pictures::all_forms_of_base64_are_accepted", spellings);
    suite.each("bad_pictures::invalid_base64_is_refused", not_base64);
    suite.each("bad_pictures::other_content_is_refused", no_pictures);
    suite.each("bad_pictures::damaged_pictures_are_refused", damaged);
    suite.each("bad_pictures::unusual_pictures_are_accepted", unusual);
    suite.each("bad_pictures::unshown_pictures_are_refused", unshown);
    suite.each("bad_pictures::too_large_is_refused", too_large);
}

async fn refuse(run: &Scenario, contents: &[(&str, String, &str)], code: ErrorCode) -> Result<()> {
    let account = run.account().await?;
    for (what, content, saying) in contents {
        let args = json!({"title": "bad", "base64": content});
        let reply = run
            .call("pictures-create", args)?
            .by(&account)
            .send()
            .await?;
        let refused = reply.refused(code).and_then(|reply| reply.saying(saying));
        refused.with_context(|| (*what).to_owned())?;
    }
    run.stack().stored.holds(&account.id, Amount::NOTHING).await
}

async fn spellings(run: Scenario) -> Result<()> {
    let account = run.account().await?;
    let picture = Format::Png.tiny();
    let bytes = &picture.bytes;
    let standard = BASE64_STANDARD.encode(bytes);
    let lines = |end: &str| {
        let lines = standard.as_bytes().chunks(76).map(String::from_utf8_lossy);
        lines.map(|line| format!("{line}{end}")).collect::<String>()
    };
    for (what, content) in [
        ("without padding", BASE64_STANDARD_NO_PAD.encode(bytes)),
        ("url-safe", BASE64_URL_SAFE.encode(bytes)),
        (
            "url-safe without padding",
            BASE64_URL_SAFE_NO_PAD.encode(bytes),
        ),
        ("in lines", lines("\n")),
        ("in MIME's lines", lines("\r\n")),
        ("a data URL", format!("data:image/png;base64,{standard}")),
        (
            "a percent-encoded data URL",
            format!(
                "data:image/png;base64,{}",
                standard
                    .replace('+', "%2B")
                    .replace('/', "%2f")
                    .replace('=', "%3D")
            ),
        ),
        (
            "a data URL that names no type",
            format!("data:;base64,{standard}"),
        ),
        // The type is detected from the bytes, not taken from the caller.
        (
            "a data URL that lies",
            format!("data:image/jpeg;base64,{standard}"),
        ),
    ] {
        let content_is_url = content.starts_with("data:");
        let args = json!({"title": what, "base64": content});
        let created = run
            .call("pictures-create", args)?
            .by(&account)
            .send()
            .await?;
        let created = created.ok().context(what)?;
        ensure!(created["content_type"] == "image/png", "{what}: {created}");
        let one = json!({"picture_id": created["id"]});
        let got = run
            .call("pictures-get", one)?
            .by(&account)
            .send()
            .await?
            .ok()?;
        // With the detected type, whatever the URL's was.
        let expected = match content_is_url {
            true => format!("data:image/png;base64,{standard}"),
            false => standard.clone(),
        };
        ensure!(
            got["base64"] == expected.as_str(),
            "{what}: other bytes were returned"
        );
    }
    Ok(())
}

async fn not_base64(run: Scenario) -> Result<()> {
    let good = Format::Png.tiny().base64();
    let contents = [
        ("another character", good.replacen('A', "*", 1), "character"),
        ("text", "this is no picture!".to_owned(), "base64"),
        ("a letter beyond ASCII", format!("é{good}"), "character"),
        (
            "both alphabets",
            format!("-_{}", good.replacen('A', "+", 1)),
            "alphabet",
        ),
        ("a length that cannot be", "QUJDR".to_owned(), "truncated"),
        ("too much padding", "QUI====".to_owned(), "pad"),
        ("two texts", "QUI=QUI=".to_owned(), "padding"),
        ("line breaks alone", "\r\n\n".to_owned(), "empty"),
        ("spaces alone", "  ".to_owned(), "was `+` lost?"),
        (
            "a space for a plus",
            format!("{}  A", &good[..good.len() - 4]),
            "was `+` lost?",
        ),
        ("a space at the end", format!("{good} "), "was `+` lost?"),
        ("a tab", good.replacen('A', "\t", 1), "was `+` lost?"),
        (
            "an escaped space in a data URL",
            format!("data:image/png;base64,%20{good}"),
            "was `+` lost?",
        ),
        (
            "a data URL of nothing",
            "data:image/png;base64,".to_owned(),
            "empty",
        ),
        (
            "a data URL without a comma",
            "data:image/png;base64".to_owned(),
            "comma",
        ),
        (
            "a data URL that is not base64",
            format!("data:image/png,{good}"),
            "not base64",
        ),
        (
            "an address",
            "https://example.org/a.png".to_owned(),
            "base64",
        ),
    ];
    refuse(&run, &contents, ErrorCode::InvalidArgument).await
}

async fn no_pictures(run: Scenario) -> Result<()> {
    let encoded = |bytes: &[u8]| BASE64_STANDARD.encode(bytes);
    let noise: Vec<u8> = (0..=255)
        .map(|byte: u8| byte.wrapping_mul(181) ^ 0x5A)
        .collect();
    let contents = [
        ("plain text", encoded(b"not a picture"), "text"),
        (
            "HTML",
            encoded(b"<html><script>alert(1)</script></html>"),
            "text",
        ),
        (
            "SVG",
            encoded(br#"<svg xmlns="http://www.w3.org/2000/svg"/>"#),
            "PNG",
        ),
        ("PDF", encoded(b"%PDF-1.7\n%\xE2\xE3\xCF\xD3\n"), "PDF"),
        ("BMP", encoded(b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0"), "BMP"),
        ("TIFF", encoded(b"II\x2A\0\x08\0\0\0\0\0"), "TIFF"),
        (
            "HEIC",
            encoded(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"),
            "HEIC",
        ),
        (
            "MP4",
            encoded(b"\0\0\0\x18ftypisom\0\0\x02\0isomiso2"),
            "video",
        ),
        ("noise", encoded(&noise), "not a picture"),
        ("one byte", encoded(b"\x89"), "not a picture"),
        (
            "a picture's end alone",
            encoded(&Format::Png.tiny().bytes[8..]),
            "not a picture",
        ),
    ];
    refuse(&run, &contents, ErrorCode::InvalidArgument).await
}

async fn damaged(run: Scenario) -> Result<()> {
    let mut contents = Vec::new();
    for format in Format::ALL {
        let bytes = format.photo().bytes;
        let half = BASE64_STANDARD.encode(&bytes[..bytes.len() / 2]);
        contents.push(("cut in half", half, "damaged"));
        let first = BASE64_STANDARD.encode(&bytes[..16]);
        contents.push(("its first bytes", first, "damaged"));
        let mut fooled = bytes[..12].to_vec();
        fooled.extend(b"and then something else entirely, of some length".repeat(4));
        contents.push((
            "a header that lies",
            BASE64_STANDARD.encode(fooled),
            "damaged",
        ));
    }
    // A small file with huge dimensions would exhaust a browser's memory.
    let mut huge = Format::Png.tiny().bytes;
    huge[16..24].copy_from_slice(&[0, 0, 0xFF, 0xFF, 0, 0, 0xFF, 0xFF]);
    let sum = crc32fast::hash(&huge[12..29]).to_be_bytes();
    huge[29..33].copy_from_slice(&sum);
    contents.push(("four gigapixels", BASE64_STANDARD.encode(huge), "limit"));
    refuse(&run, &contents, ErrorCode::InvalidArgument).await
}

/// Deviations from the formats that browsers don't mind, and the size that they show.
async fn unusual(run: Scenario) -> Result<()> {
    let [png, jpeg, gif, webp, avif] = Format::ALL.map(|format| format.photo().bytes);
    let photo = (192, 128);
    let tables = place(&jpeg, &[0xFF, 0xDB])?;
    let mut wrong_end = png.clone();
    wrong_end[png.len() - 1] ^= 1;
    let screen = |width, height| {
        let size = [[width, 0], [height, 0]].concat();
        [&gif[..6], &size, &gif[10..]].concat()
    };
    let trailer = |bytes: &[u8]| [bytes, b"a trailer"].concat();
    let jpeg_end = jpeg.len() - 2;
    let contents = [
        ("PNG with a wrong checksum of its end", wrong_end, photo),
        ("PNG with a trailer", trailer(&png), photo),
        (
            "JPEG with stray bytes",
            [&jpeg[..tables], &[0; 3], &jpeg[tables..]].concat(),
            photo,
        ),
        ("JPEG without an end", jpeg[..jpeg_end].to_vec(), photo),
        (
            "JPEG without an end, padded",
            [&jpeg[..jpeg_end], &[0; 500]].concat(),
            photo,
        ),
        (
            "two JPEG, as Ultra HDR",
            [&jpeg[..], &Format::Jpeg.tiny().bytes].concat(),
            photo,
        ),
        (
            "GIF without a trailer",
            gif[..gif.len() - 1].to_vec(),
            photo,
        ),
        ("GIF without a screen", screen(0, 0), photo),
        ("GIF larger than its screen", screen(5, 5), photo),
        ("WebP with a trailer", trailer(&webp), photo),
        ("AVIF with a trailer", trailer(&avif), photo),
        (
            "AVIF with inner data",
            fixture!("idat.avif").to_vec(),
            (31, 17),
        ),
        ("AVIF grid", fixture!("grid.avif").to_vec(), (128, 128)),
        (
            "AVIF animation",
            fixture!("animated.avif").to_vec(),
            (20, 10),
        ),
    ];
    let account = run.account().await?;
    for (what, bytes, (width, height)) in contents {
        let args = json!({"title": what, "base64": BASE64_STANDARD.encode(bytes)});
        let created = run
            .call("pictures-create", args)?
            .by(&account)
            .send()
            .await?
            .ok()
            .context(what)?;
        ensure!(
            created["width"] == width && created["height"] == height,
            "{what}: not {width} x {height}: {created}"
        );
    }
    Ok(())
}

/// Files that no browser shows, and files that would take gigabytes to show.
async fn unshown(run: Scenario) -> Result<()> {
    let encoded = |bytes: &[u8]| BASE64_STANDARD.encode(bytes);
    let [png, _, _, webp, _] = Format::ALL.map(|format| format.photo().bytes);
    // A file of the extended layout with one more chunk.
    let with_chunk = |chunk: &[u8]| {
        let mut bytes = [&webp[..], chunk].concat();
        let length = (bytes.len() as u32 - 8).to_le_bytes();
        bytes[4..8].copy_from_slice(&length);
        encoded(&bytes)
    };
    let picture = &webp[place(&webp, b"VP8 ")?..];
    let length = u32::from_le_bytes(picture[4..8].try_into()?) as usize;
    let picture = &picture[..8 + length + length % 2];
    let apple = b"\0\0\0\x04CgBI\x50\0\x20\x02\x2B\xD5\xB3\x7F";
    let contents = [
        (
            "WebP without padding",
            with_chunk(b"EXIF\x03\0\0\0abc"),
            "padding",
        ),
        (
            "WebP with two pictures",
            with_chunk(picture),
            "second picture",
        ),
        // 1 x 1, with a frame of a pixel at 20000,20000.
        (
            "GIF with a frame far away",
            "R0lGODlhAQABAPEAAP8AAAD/AAAA/////yH5BAQAAAAALCBOIE4BAAEAAAICTAEAOw==".to_owned(),
            "is too large: it takes 20001 x 20001 pixels",
        ),
        (
            "Apple's PNG",
            encoded(&[&png[..8], apple, &png[8..]].concat()),
            "the content is a PNG of Apple's own variant",
        ),
        (
            "HEIC",
            encoded(b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic\0\0\0\x08meta"),
            "the content is a HEIC file",
        ),
        (
            "lossless JPEG",
            encoded(fixture!("lossless.jpg")),
            "is lossless JPEG, which browsers don't show; convert it",
        ),
        (
            "JPEG of 12 bits",
            encoded(fixture!("12bit.jpg")),
            "browsers don't show; convert it",
        ),
    ];
    refuse(&run, &contents, ErrorCode::InvalidArgument).await
}

/// The place of a piece in a file.
fn place(bytes: &[u8], piece: &[u8]) -> Result<usize> {
    let mut windows = bytes.windows(piece.len());
    windows
        .position(|window| window == piece)
        .context("the piece is missing")
}

async fn too_large(run: Scenario) -> Result<()> {
    let mut contents = vec![
        (
            "a byte over the limit",
            Format::Png.grown(MAX_PICTURE + 1).base64(),
            "4194304",
        ),
        // Over the limit of a request: the message depends on the part that refuses it.
        ("a body over the limit", "A".repeat(6_400_000), "large"),
    ];
    // Kafka clients don't send more than the topic allows, and the local REST API has its own
    // errors for bodies over Lambda's limit.
    if !matches!(run.transport(), Transport::Kafka | Transport::Rest) {
        contents.push(("a body far over the limit", "A".repeat(10_000_000), "large"));
    }
    refuse(&run, &contents[..1], ErrorCode::PayloadTooLarge).await?;
    for content in &contents[1..] {
        refuse(
            &run,
            std::slice::from_ref(content),
            ErrorCode::PayloadTooLarge,
        )
        .await?;
    }
    Ok(())
}
