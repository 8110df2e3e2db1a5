//! Pictures of four fields, so that turns and colours can be compared pixel by pixel.

mod files;

use trichrome_image::Size;

use self::files::{
    FIELDS, INKS, JPEG, Metadata, Png, cyan_profile, fields, gif, jpeg_with, png_with, tiff,
    webp_with,
};
use super::*;
use crate::bitmap::PIXEL;

type Colour = [u8; PIXEL];

/// How far a sample may be from what it should be, after lossy compression.
const TOLERANCE: u8 = 16;

/// The derivatives of a file that has them.
fn images(file: &[u8]) -> (Size, Images) {
    let derived = derive(file).unwrap();
    let size = Size {
        width: derived.displayed_width,
        height: derived.displayed_height,
    };
    (size, derived.images.unwrap())
}

fn decoded(webp: &[u8]) -> Bitmap {
    let image = ::webp::Decoder::new(webp).decode().unwrap();
    let size = Size {
        width: image.width(),
        height: image.height(),
    };
    let bytes = match image.layout() {
        ::webp::PixelLayout::Rgba => image.to_vec(),
        ::webp::PixelLayout::Rgb => {
            let pixels = image.as_chunks::<3>().0;
            pixels
                .iter()
                .flat_map(|&[r, g, b]| [r, g, b, 255])
                .collect()
        }
    };
    Bitmap::new(size, bytes)
}

fn is_close(found: Colour, expected: Colour, tolerance: u8) -> bool {
    // The colour of a transparent pixel doesn't matter.
    if expected[3] == 0 {
        return found[3] == 0;
    }
    found
        .iter()
        .zip(expected)
        .all(|(found, expected)| found.abs_diff(expected) <= tolerance)
}

/// Compares every pixel with the four fields, except near their borders, which blur.
#[track_caller]
fn assert_fields(webp: &[u8], size: Size, fields: [Colour; 4], what: &str) {
    let bitmap = decoded(webp);
    assert_eq!(bitmap.size(), size, "{what}");
    let margin = (size.width.min(size.height) / 12).clamp(4, 16);
    for y in 0..size.height {
        for x in 0..size.width {
            let (half_x, half_y) = (size.width / 2, size.height / 2);
            if x.abs_diff(half_x) <= margin || y.abs_diff(half_y) <= margin {
                continue;
            }
            let field = usize::from(x >= half_x) + 2 * usize::from(y >= half_y);
            let found = bitmap.pixels()[(y * size.width + x) as usize];
            assert!(
                is_close(found, fields[field], TOLERANCE),
                "{what}: {found:?} at {x}, {y}, not {:?}",
                fields[field]
            );
        }
    }
}

fn size(width: u32, height: u32) -> Size {
    Size { width, height }
}

/// For each of EXIF's orientations, which stored field is displayed in each corner.
const DISPLAYED: [(u16, [usize; 4]); 8] = [
    (1, [0, 1, 2, 3]),
    (2, [1, 0, 3, 2]),
    (3, [3, 2, 1, 0]),
    (4, [2, 3, 0, 1]),
    (5, [0, 2, 1, 3]),
    (6, [2, 0, 3, 1]),
    (7, [3, 1, 2, 0]),
    (8, [1, 3, 0, 2]),
];

#[test]
fn every_orientation_is_displayed_upright() {
    for (orientation, order) in DISPLAYED {
        let metadata = Metadata {
            exif: Some(tiff(orientation)),
            ..Metadata::default()
        };
        let displayed = if orientation < 5 {
            size(64, 48)
        } else {
            size(48, 64)
        };
        for (name, file) in [
            ("JPEG", jpeg_with(JPEG, &metadata)),
            ("PNG", png_with(&Png::rgb(), &metadata)),
            ("WebP", webp_with(&metadata)),
        ] {
            let what = format!("{name} with orientation {orientation}");
            let (stated, images) = images(&file);
            assert_eq!(stated, displayed, "{what}");
            let expected = order.map(|field| FIELDS[field]);
            for webp in [&images.thumbnail, &images.preview] {
                assert_fields(webp, displayed, expected, &what);
            }
        }
    }
}

#[test]
fn derivatives_have_no_metadata() {
    let metadata = Metadata {
        exif: Some(tiff(6)),
        xmp: Some(b"<x:xmpmeta>SECRET</x:xmpmeta>".to_vec()),
        profile: Some(moxcms::ColorProfile::new_display_p3().encode().unwrap()),
    };
    for file in [
        jpeg_with(JPEG, &metadata),
        png_with(&Png::rgb(), &metadata),
        webp_with(&metadata),
    ] {
        let contains = |bytes: &[u8], text: &[u8]| bytes.windows(text.len()).any(|w| w == text);
        assert!(contains(&file, b"SECRET"));
        let derived = derive(&file).unwrap();
        assert_eq!(
            derived.taken_at.as_deref(),
            Some("2026-07-14T18:03:21+02:00")
        );
        let images = derived.images.unwrap();
        for webp in [images.thumbnail, images.preview] {
            for text in [
                b"SECRET".as_slice(),
                b"EXIF",
                b"Exif",
                b"XMP ",
                b"ICCP",
                b"2026",
            ] {
                assert!(!contains(&webp, text), "{}", text.escape_ascii());
            }
        }
    }
}

#[test]
fn every_kind_of_file_is_decoded() {
    let progressive = include_bytes!("../tests/fixtures/progressive.jpg");
    for (what, file) in [
        ("JPEG", JPEG.to_vec()),
        ("progressive JPEG", progressive.to_vec()),
        ("JPEG without end marker", JPEG[..JPEG.len() - 2].to_vec()),
        ("JPEG and another one", [JPEG, JPEG].concat()),
        ("PNG", Png::rgb().file()),
        ("PNG of 16 bits", Png::rgb16().file()),
        ("PNG with a palette", Png::palette().file()),
        ("lossy WebP", webp_with(&Metadata::default())),
    ] {
        let (displayed, images) = images(&file);
        assert_eq!(displayed, size(64, 48), "{what}");
        assert_fields(&images.preview, displayed, FIELDS, what);
        let (width, height, _) = thumbhash::thumb_hash_to_rgba(&images.placeholder).unwrap();
        assert!(width > height, "{what}");
    }
}

#[test]
fn inks_become_light() {
    let (displayed, images) = images(INKS);
    assert_fields(&images.preview, displayed, FIELDS, "CMYK");
}

#[test]
fn inks_coded_as_luminance_and_chrominance_become_light() {
    // The same samples, in the encoding that Photoshop uses: APP14 says 2.
    const TRANSFORM: usize = 17;
    let mut file = INKS.to_vec();
    assert_eq!(std::mem::replace(&mut file[TRANSFORM], 2), 0);
    let (displayed, images) = images(&file);
    // Calculated from the definition of YCCK: the complement of JFIF's conversion to RGB.
    let expected = [
        [178, 0, 211, 255],
        [255, 163, 158, 255],
        [114, 236, 255, 255],
        [0, 132, 0, 255],
    ];
    assert_fields(&images.preview, displayed, expected, "YCCK");
}

#[test]
fn a_profile_of_inks_is_converted() {
    let metadata = Metadata {
        profile: Some(cyan_profile()),
        ..Metadata::default()
    };
    let (displayed, images) = images(&jpeg_with(INKS, &metadata));
    // Lightnesses of 78, 16, 16 and 86, by the complement of red.
    let expected = [194, 40, 40, 216].map(|gray| [gray, gray, gray, 255]);
    assert_fields(&images.preview, displayed, expected, "CMYK with a profile");
}

#[test]
fn transparency_is_kept() {
    let mut colours = FIELDS;
    colours[1][3] = 0;
    colours[2][3] = 128;
    for png in [Png::rgba(colours), Png::rgba16(colours)] {
        let (displayed, images) = images(&png.file());
        assert_fields(&images.preview, displayed, colours, "alpha");
        assert_fields(&images.thumbnail, displayed, colours, "alpha");
    }
}

#[test]
fn profiles_are_converted_to_srgb() {
    use moxcms::ColorProfile;
    // Calculated from the definitions of the colour spaces.
    for (name, profile, expected) in [
        ("sRGB", ColorProfile::new_srgb(), [200, 80, 60]),
        ("Display P3", ColorProfile::new_display_p3(), [216, 69, 50]),
        ("Adobe RGB", ColorProfile::new_adobe_rgb(), [230, 79, 56]),
        ("ProPhoto", ColorProfile::new_pro_photo_rgb(), [255, 15, 70]),
    ] {
        let metadata = Metadata {
            profile: Some(profile.encode().unwrap()),
            ..Metadata::default()
        };
        let file = png_with(&Png::plain([200, 80, 60, 255]), &metadata);
        let (_, images) = images(&file);
        let found = decoded(&images.preview).pixels()[0];
        let [red, green, blue] = expected;
        assert!(
            is_close(found, [red, green, blue, 255], 4),
            "{name}: {found:?}"
        );
    }
}

#[test]
fn a_gray_profile_is_converted() {
    let metadata = Metadata {
        profile: Some(
            moxcms::ColorProfile::new_gray_with_gamma(1.8)
                .encode()
                .unwrap(),
        ),
        ..Metadata::default()
    };
    let (_, images) = images(&png_with(&Png::gray(100), &metadata));
    let found = decoded(&images.preview).pixels()[0];
    assert!(is_close(found, [119, 119, 119, 255], 3), "{found:?}");
}

#[test]
fn an_invalid_profile_is_ignored() {
    for profile in [
        b"no profile".to_vec(),
        // One of another kind of pixels.
        moxcms::ColorProfile::new_gray_with_gamma(1.0)
            .encode()
            .unwrap(),
    ] {
        let metadata = Metadata {
            profile: Some(profile),
            ..Metadata::default()
        };
        derive(&png_with(&Png::rgb(), &metadata)).unwrap();
        derive(&jpeg_with(
            include_bytes!("../tests/fixtures/cmyk.jpg"),
            &metadata,
        ))
        .unwrap();
    }
}

#[test]
fn colours_that_a_png_describes_itself_are_converted() {
    let plain = [200, 80, 60, 255];
    for (what, chunk, body, expected) in [
        ("linear", b"gAMA", &[0, 1, 0x86, 0xA0][..], [229, 152, 133]),
        ("usual", b"gAMA", &[0, 0, 0xB1, 0x8F], [200, 80, 60]),
        // Display P3 and sRGB's transfer function.
        ("cICP", b"cICP", &[12, 13, 0, 1], [216, 69, 50]),
        ("BT.2020", b"cICP", &[9, 13, 0, 1], [244, 37, 50]),
    ] {
        let (_, images) = images(&Png::plain(plain).with(*chunk, body));
        let found = decoded(&images.preview).pixels()[0];
        let [red, green, blue] = expected;
        assert!(
            is_close(found, [red, green, blue, 255], 6),
            "{what}: {found:?}"
        );
    }
}

#[test]
fn a_high_dynamic_range_is_left_to_browsers() {
    for transfer in [16, 18] {
        let file = Png::plain([200, 80, 60, 255]).with(*b"cICP", &[9, transfer, 0, 1]);
        let derived = derive(&file).unwrap();
        assert_eq!((derived.displayed_width, derived.images), (64, None));
    }
}

#[test]
fn an_animation_shows_its_first_frame() {
    // The first frame covers a part of the screen.
    let (displayed, images) = images(&gif());
    assert_eq!(displayed, size(64, 48));
    let clear = [0; 4];
    let expected = [clear, FIELDS[0], clear, FIELDS[0]];
    assert_fields(&images.preview, displayed, expected, "GIF");

    let moving: [&[u8]; 2] = [
        include_bytes!("../../image/tests/fixtures/animated.png"),
        include_bytes!("../../image/tests/fixtures/animated.webp"),
    ];
    let [png, webp] = moving.map(|file| decoded(&self::images(file).1.preview));
    for (png, webp) in png.pixels().iter().zip(webp.pixels()) {
        assert!(is_close(*webp, *png, 40), "{webp:?}, not {png:?}");
    }
}

#[test]
fn an_interlaced_png_is_like_another() {
    let files: [&[u8]; 2] = [
        include_bytes!("../../image/tests/fixtures/interlaced.png"),
        include_bytes!("../../image/tests/fixtures/rgb.png"),
    ];
    let [interlaced, plain] = files.map(images);
    assert_eq!(interlaced, plain);
}

#[test]
fn a_large_picture_is_reduced() {
    let (displayed, derived) = images(include_bytes!("../tests/fixtures/large.jpg"));
    assert_eq!(displayed, size(4096, 3072));
    assert_fields(&derived.preview, size(1600, 1200), FIELDS, "JPEG");
    assert_fields(&derived.thumbnail, size(480, 360), FIELDS, "JPEG");

    let png = Png::fields_of(9600, 7200);
    let (displayed, derived) = images(&png.file());
    assert_eq!(displayed, size(9600, 7200));
    assert_fields(&derived.preview, size(1600, 1200), FIELDS, "PNG");
    assert_fields(&derived.thumbnail, size(480, 360), FIELDS, "PNG");
}

#[test]
fn extreme_shapes_stay_readable() {
    for (full, preview, thumbnail) in [
        (size(790, 36_861), size(351, 16_383), size(120, 5599)),
        (size(12_000, 800), size(6000, 400), size(1800, 120)),
        (size(1, 20_000), size(1, 16_383), size(1, 16_383)),
    ] {
        let (displayed, images) = images(&Png::fields_of(full.width, full.height).file());
        assert_eq!(displayed, full);
        assert_eq!(decoded(&images.preview).size(), preview);
        assert_eq!(decoded(&images.thumbnail).size(), thumbnail);
        thumbhash::thumb_hash_to_rgba(&images.placeholder).unwrap();
    }
}

#[test]
fn a_bomb_is_refused_before_it_is_decoded() {
    let mut png = Png::plain([0; 4]).file();
    png[16..24].copy_from_slice(&[0, 0, 0xEA, 0x60, 0, 0, 0xEA, 0x60]);
    let crc = crc32fast::hash(&png[12..29]);
    png[29..33].copy_from_slice(&crc.to_be_bytes());
    let mut jpeg = include_bytes!("../tests/fixtures/progressive.jpg").to_vec();
    let header = jpeg
        .windows(2)
        .position(|pair| pair == [0xFF, 0xC2])
        .unwrap();
    jpeg[header + 5..header + 9].fill(0xFF);
    for file in [png, jpeg] {
        let error = derive(&file).unwrap_err();
        assert!(error.to_string().contains("too large"), "{error}");
    }
}

#[test]
fn a_file_that_contradicts_itself_is_damaged() {
    // Valid chunks, but no valid compressed data.
    let broken = Png::plain([1, 2, 3, 255]).with_pixels(b"not compressed");
    let error = derive(&broken).unwrap_err().to_string();
    assert!(error.starts_with("the PNG file is damaged"), "{error}");
}

#[test]
fn all_accepted_fixtures_have_derivatives() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../image/tests/fixtures");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let bytes = std::fs::read(&path).unwrap();
        if trichrome_image::inspect(&bytes).is_err() {
            continue;
        }
        let derived = derive(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        // Decoded by browsers, but not here.
        let is_left = name.contains("arithmetic") || name.ends_with(".avif");
        assert_eq!(derived.images.is_none(), is_left, "{name}");
        seen += 1;
    }
    assert!(seen > 40, "{seen}");
}

#[test]
fn fields_are_what_they_seem() {
    assert_eq!(fields(2, 2).as_chunks::<4>().0, FIELDS);
}
