//! Files with four fields of one colour each, and with metadata.

use std::io::Cursor;

use exif::{Field, In, Tag, Value, experimental::Writer};
use png::{BitDepth, ColorType, Encoder};

use super::Colour;

/// The colours at the upper left, upper right, lower left and lower right.
pub(super) const FIELDS: [Colour; 4] = [
    [200, 40, 40, 255],
    [40, 160, 40, 255],
    [40, 40, 200, 255],
    [220, 220, 220, 255],
];

/// 64 x 48 pixels, as all files here.
pub(super) const JPEG: &[u8] = include_bytes!("../../tests/fixtures/fields.jpg");

/// The same in CMYK, as inks of which black isn't used.
pub(super) const INKS: &[u8] = include_bytes!("../../tests/fixtures/cmyk.jpg");

const WIDTH: u32 = 64;
const HEIGHT: u32 = 48;

/// Metadata of a file.
#[derive(Clone, Debug, Default)]
pub(super) struct Metadata {
    pub(super) exif: Option<Vec<u8>>,
    pub(super) xmp: Option<Vec<u8>>,
    pub(super) profile: Option<Vec<u8>>,
}

/// EXIF with an orientation, a time, a place and a text.
pub(super) fn tiff(orientation: u16) -> Vec<u8> {
    let text = |text: &str| Value::Ascii(vec![text.as_bytes().to_vec()]);
    let fields = [
        (Tag::Orientation, Value::Short(vec![orientation])),
        (Tag::ImageDescription, text("SECRET")),
        (Tag::DateTimeOriginal, text("2026:07:14 18:03:21")),
        (Tag::OffsetTimeOriginal, text("+02:00")),
        (Tag::GPSLatitudeRef, text("SECRET")),
    ]
    .map(|(tag, value)| Field {
        tag,
        ifd_num: In::PRIMARY,
        value,
    });
    let mut writer = Writer::new();
    fields.iter().for_each(|field| writer.push_field(field));
    let mut tiff = Cursor::new(Vec::new());
    writer.write(&mut tiff, true).unwrap();
    tiff.into_inner()
}

/// A JPEG file with metadata after its first marker.
pub(super) fn jpeg_with(jpeg: &[u8], metadata: &Metadata) -> Vec<u8> {
    let mut file = jpeg[..2].to_vec();
    let mut segment = |marker: u8, head: &[u8], body: &Option<Vec<u8>>| {
        if let Some(body) = body {
            let length = u16::try_from(2 + head.len() + body.len()).unwrap();
            file.extend([0xFF, marker]);
            file.extend(length.to_be_bytes());
            file.extend(head);
            file.extend(body);
        }
    };
    segment(0xE1, b"Exif\0\0", &metadata.exif);
    segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0", &metadata.xmp);
    segment(0xE2, b"ICC_PROFILE\0\x01\x01", &metadata.profile);
    file.extend(&jpeg[2..]);
    file
}

/// A profile of the ICC for four inks, of which only cyan darkens: by it, half of the ink is a
/// lightness of 50. The format is that of ICC.1:2001-04, section 6.5.9 (`lut8Type`).
pub(super) fn cyan_profile() -> Vec<u8> {
    const ONE: [u8; 4] = 0x1_0000_u32.to_be_bytes();
    const HEADER: usize = 128;
    let mut table = b"mft1\0\0\0\0\x04\x03\x02\0".to_vec();
    for place in 0..9 {
        table.extend(if place % 4 == 0 { ONE } else { [0; 4] });
    }
    let curve = || 0..=u8::MAX;
    (0..4).for_each(|_| table.extend(curve()));
    for corner in 0..16 {
        let lightness = if corner & 0b1000 == 0 { u8::MAX } else { 0 };
        table.extend([lightness, 128, 128]);
    }
    (0..3).for_each(|_| table.extend(curve()));

    let mut profile = vec![0; HEADER];
    let mut put = |at: usize, bytes: &[u8]| profile[at..at + bytes.len()].copy_from_slice(bytes);
    let offset = HEADER + 16;
    put(
        0,
        &u32::try_from(offset + table.len()).unwrap().to_be_bytes(),
    );
    put(8, &[2, 0x40, 0, 0]);
    put(12, b"prtrCMYKLab ");
    put(36, b"acsp");
    // D50 in XYZ.
    put(68, &[0, 0, 0xf6, 0xd6, 0, 1, 0, 0, 0, 0, 0xd3, 0x2d]);
    profile.extend(1_u32.to_be_bytes());
    profile.extend(b"A2B0");
    profile.extend(u32::try_from(offset).unwrap().to_be_bytes());
    profile.extend(u32::try_from(table.len()).unwrap().to_be_bytes());
    profile.extend(table);
    profile
}

/// A lossy WebP file with metadata.
pub(super) fn webp_with(metadata: &Metadata) -> Vec<u8> {
    let pixels = fields(WIDTH, HEIGHT);
    let simple = ::webp::Encoder::from_rgba(&pixels, WIDTH, HEIGHT).encode(95.0);
    let mut flags = 0;
    for (flag, part) in [
        (0x20, &metadata.profile),
        (0x08, &metadata.exif),
        (0x04, &metadata.xmp),
    ] {
        flags |= if part.is_some() { flag } else { 0 };
    }
    let mut chunks = b"WEBP".to_vec();
    let mut chunk = |kind: &[u8; 4], body: &[u8]| {
        chunks.extend(kind);
        chunks.extend(u32::try_from(body.len()).unwrap().to_le_bytes());
        chunks.extend(body);
        chunks.resize(chunks.len().next_multiple_of(2), 0);
    };
    let side = |side: u32| (side - 1).to_le_bytes();
    let ([w, x, y, _], [h, i, j, _]) = (side(WIDTH), side(HEIGHT));
    chunk(b"VP8X", &[flags, 0, 0, 0, w, x, y, h, i, j]);
    if let Some(profile) = &metadata.profile {
        chunk(b"ICCP", profile);
    }
    chunk(b"VP8 ", &simple[20..]);
    if let Some(exif) = &metadata.exif {
        chunk(b"EXIF", exif);
    }
    if let Some(xmp) = &metadata.xmp {
        chunk(b"XMP ", xmp);
    }
    let mut file = b"RIFF".to_vec();
    file.extend(u32::try_from(chunks.len()).unwrap().to_le_bytes());
    file.extend(chunks);
    file
}

/// An animation whose first frame covers the right half, and is opaque.
pub(super) fn gif() -> Vec<u8> {
    let [red, green, blue, _] = FIELDS[0];
    let palette = [red, green, blue, 255, 255, 255];
    let (width, height) = (64, 48);
    let mut file = Vec::new();
    let mut encoder = ::gif::Encoder::new(&mut file, width, height, &palette).unwrap();
    for (left, index) in [(width / 2, 0), (0, 1)] {
        let mut frame = ::gif::Frame {
            left,
            width: width - left,
            height,
            buffer: vec![index; usize::from(width - left) * usize::from(height)].into(),
            ..::gif::Frame::default()
        };
        frame.delay = 10;
        encoder.write_frame(&frame).unwrap();
    }
    drop(encoder);
    file
}

/// What a PNG file is made of.
pub(super) struct Png {
    width: u32,
    height: u32,
    colour: ColorType,
    depth: BitDepth,
    palette: Option<Vec<u8>>,
    pixels: Vec<u8>,
}

impl Png {
    fn new(colour: ColorType, depth: BitDepth, pixels: Vec<u8>) -> Self {
        Self {
            width: WIDTH,
            height: HEIGHT,
            colour,
            depth,
            palette: None,
            pixels,
        }
    }

    pub(super) fn rgb() -> Self {
        let pixels = without_alpha(&fields(WIDTH, HEIGHT));
        Self::new(ColorType::Rgb, BitDepth::Eight, pixels)
    }

    pub(super) fn rgb16() -> Self {
        let pixels = twice(&without_alpha(&fields(WIDTH, HEIGHT)));
        Self::new(ColorType::Rgb, BitDepth::Sixteen, pixels)
    }

    pub(super) fn rgba(colours: [Colour; 4]) -> Self {
        let pixels = pattern(WIDTH, HEIGHT, colours);
        Self::new(ColorType::Rgba, BitDepth::Eight, pixels)
    }

    pub(super) fn rgba16(colours: [Colour; 4]) -> Self {
        let pixels = twice(&pattern(WIDTH, HEIGHT, colours));
        Self::new(ColorType::Rgba, BitDepth::Sixteen, pixels)
    }

    /// Two bits a pixel.
    pub(super) fn palette() -> Self {
        let indices = pattern(WIDTH, HEIGHT, [0, 1, 2, 3].map(|index| [index; 4]));
        let indices: Vec<u8> = indices.iter().step_by(4).copied().collect();
        let packed = indices.as_chunks::<4>().0.iter();
        let pixels = packed.map(|[a, b, c, d]| a << 6 | b << 4 | c << 2 | d);
        Self {
            palette: Some(without_alpha(FIELDS.as_flattened())),
            ..Self::new(ColorType::Indexed, BitDepth::Two, pixels.collect())
        }
    }

    pub(super) fn gray(gray: u8) -> Self {
        let pixels = vec![gray; (WIDTH * HEIGHT) as usize];
        Self::new(ColorType::Grayscale, BitDepth::Eight, pixels)
    }

    pub(super) fn plain(colour: Colour) -> Self {
        Self::rgba([colour; 4])
    }

    pub(super) fn fields_of(width: u32, height: u32) -> Self {
        Self {
            width,
            height,
            ..Self::new(
                ColorType::Rgb,
                BitDepth::Eight,
                without_alpha(&fields(width, height)),
            )
        }
    }

    pub(super) fn file(&self) -> Vec<u8> {
        self.encoded(None)
    }

    fn encoded(&self, profile: Option<&[u8]>) -> Vec<u8> {
        let mut info = png::Info::with_size(self.width, self.height);
        info.color_type = self.colour;
        info.bit_depth = self.depth;
        info.palette = self.palette.clone().map(Into::into);
        info.icc_profile = profile.map(|profile| profile.to_vec().into());
        let mut file = Vec::new();
        let mut encoder = Encoder::with_info(&mut file, info).unwrap();
        encoder.set_compression(png::Compression::Fastest);
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(&self.pixels).unwrap();
        writer.finish().unwrap();
        file
    }

    /// The file with a chunk after its header.
    pub(super) fn with(&self, kind: [u8; 4], body: &[u8]) -> Vec<u8> {
        let mut file = self.file();
        insert(&mut file, kind, body);
        file
    }

    /// The file with other compressed data.
    pub(super) fn with_pixels(&self, data: &[u8]) -> Vec<u8> {
        let mut file = self.file()[..33].to_vec();
        insert(&mut file, *b"IEND", b"");
        insert(&mut file, *b"IDAT", data);
        file
    }
}

/// A PNG file with metadata.
pub(super) fn png_with(png: &Png, metadata: &Metadata) -> Vec<u8> {
    let mut file = png.encoded(metadata.profile.as_deref());
    if let Some(exif) = &metadata.exif {
        insert(&mut file, *b"eXIf", exif);
    }
    if let Some(xmp) = &metadata.xmp {
        let text = [b"XML:com.adobe.xmp\0\0\0\0\0", xmp.as_slice()].concat();
        insert(&mut file, *b"iTXt", &text);
    }
    file
}

/// Inserts a chunk after the header.
fn insert(file: &mut Vec<u8>, kind: [u8; 4], body: &[u8]) {
    let checked = [kind.as_slice(), body].concat();
    let mut chunk = u32::try_from(body.len()).unwrap().to_be_bytes().to_vec();
    chunk.extend(&checked);
    chunk.extend(crc32fast::hash(&checked).to_be_bytes());
    file.splice(33..33, chunk);
}

/// The four fields: red, green, blue and alpha of each pixel.
pub(super) fn fields(width: u32, height: u32) -> Vec<u8> {
    pattern(width, height, FIELDS)
}

fn pattern(width: u32, height: u32, colours: [Colour; 4]) -> Vec<u8> {
    let mut pixels = Vec::with_capacity(width as usize * height as usize * 4);
    for y in 0..height {
        for x in 0..width {
            let field = usize::from(x >= width / 2) + 2 * usize::from(y >= height / 2);
            pixels.extend(colours[field]);
        }
    }
    pixels
}

fn without_alpha(pixels: &[u8]) -> Vec<u8> {
    let pixels = pixels.as_chunks::<4>().0.iter();
    pixels
        .flat_map(|&[red, green, blue, _]| [red, green, blue])
        .collect()
}

/// Samples of 16 bits.
fn twice(samples: &[u8]) -> Vec<u8> {
    samples
        .iter()
        .flat_map(|&sample| [sample, sample])
        .collect()
}
