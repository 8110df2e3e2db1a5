//! PNG files of noise, which no compression makes smaller.

/// The most bytes of a stored block (RFC 1951, section 3.2.4).
const BLOCK: usize = 65_535;

/// A PNG with 16 bits for each of red, green, blue and alpha, whose data is stored, not compressed.
pub(super) fn png(width: u32, height: u32) -> Vec<u8> {
    let data = zlib(&rows(width, height));
    let mut header = Vec::new();
    header.extend(width.to_be_bytes());
    header.extend(height.to_be_bytes());
    // 16 bits, RGBA, the only compression and filter method, not interlaced.
    header.extend([16, 6, 0, 0, 0]);
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    file.reserve(data.len() + 64);
    for (kind, content) in [(b"IHDR", header), (b"IDAT", data), (b"IEND", Vec::new())] {
        file.extend(
            u32::try_from(content.len())
                .unwrap_or(u32::MAX)
                .to_be_bytes(),
        );
        let start = file.len();
        file.extend(kind);
        file.extend(content);
        let sum = crc32fast::hash(&file[start..]);
        file.extend(sum.to_be_bytes());
    }
    file
}

/// The rows of noise, each after a filter byte of zero.
fn rows(width: u32, height: u32) -> Vec<u8> {
    let (width, height) = (width as usize, height as usize);
    let mut rows = Vec::with_capacity((width * 8 + 1) * height);
    // Marsaglia's xorshift: the same file each time.
    let mut noise = 0x9E37_79B9_7F4A_7C15_u64;
    for _ in 0..height {
        rows.extend([0]);
        for _ in 0..width {
            noise ^= noise << 13;
            noise ^= noise >> 7;
            noise ^= noise << 17;
            rows.extend(noise.to_be_bytes());
        }
    }
    rows
}

/// A zlib stream (RFC 1950) of stored blocks.
fn zlib(data: &[u8]) -> Vec<u8> {
    let mut stream = vec![0x78, 0x01];
    stream.reserve(data.len() + data.len() / BLOCK * 5 + 16);
    let mut blocks = data.chunks(BLOCK).peekable();
    while let Some(block) = blocks.next() {
        let length = u16::try_from(block.len()).unwrap_or(u16::MAX);
        stream.push(u8::from(blocks.peek().is_none()));
        stream.extend(length.to_le_bytes());
        stream.extend((!length).to_le_bytes());
        stream.extend(block);
    }
    stream.extend(adler32(data).to_be_bytes());
    stream
}

/// RFC 1950, section 8.2. The sums of 5,552 bytes fit 32 bits.
fn adler32(data: &[u8]) -> u32 {
    const BASE: u32 = 65_521;
    let (mut a, mut b) = (1_u32, 0_u32);
    for run in data.chunks(5552) {
        for byte in run {
            a += u32::from(*byte);
            b += a;
        }
        a %= BASE;
        b %= BASE;
    }
    b << 16 | a
}
