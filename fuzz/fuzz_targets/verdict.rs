//! The verdict on a picture, of any bytes.
//!
//! It never panics, takes no more memory than a multiple of the file's size, and what it accepts is
//! within the limits. libFuzzer's `-timeout` limits the time.
#![no_main]

use libfuzzer_sys::fuzz_target;
use peak_alloc::PeakAlloc;
use trichrome_image::{ImageError, MAX_PIXELS, MAX_SIDE, inspect};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Memory for each byte of a file. The longest lists have 24 bytes for an entry of 2 (an item in a
/// reference), and grow by doubling.
const FACTOR: usize = 48;

/// Memory for any file: messages, and tables of a fixed size.
const FIXED: usize = 64 * 1024;

fuzz_target!(|bytes: &[u8]| {
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let verdict = inspect(bytes);
    let taken = MEMORY.peak_usage().saturating_sub(before);
    let limit = bytes.len() * FACTOR + FIXED;
    assert!(taken <= limit, "{} bytes took {taken} bytes of memory", bytes.len());

    match verdict {
        Ok(image) => {
            let (width, height) = (image.size.width, image.size.height);
            assert!((1..=MAX_SIDE).contains(&width) && (1..=MAX_SIDE).contains(&height));
            assert!(u64::from(width) * u64::from(height) <= MAX_PIXELS);
        }
        Err(ImageError::TooLarge { width, height, .. }) => {
            let pixels = u64::from(width) * u64::from(height);
            assert!(width > MAX_SIDE || height > MAX_SIDE || pixels > MAX_PIXELS);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
