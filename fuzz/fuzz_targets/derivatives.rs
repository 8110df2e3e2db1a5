//! The derivatives of any bytes.
//!
//! Decoders and encoders never panic, and what they make is within the limits. Pictures of more than
//! a megapixel are left out, so that most of the time isn't spent in a few files. libFuzzer's
//! `-timeout` and `-rss_limit_mb` limit time and memory.
#![no_main]

use libfuzzer_sys::fuzz_target;
use trichrome_derivatives::{MAX_WEBP_SIDE, PREVIEW, THUMBNAIL, derive};
use trichrome_image::{Size, inspect};

/// The largest picture, in pixels.
const MAX_PIXELS: u64 = 1_000_000;

fuzz_target!(|bytes: &[u8]| {
    let Ok(image) = inspect(bytes) else {
        return;
    };
    if u64::from(image.size.width) * u64::from(image.size.height) > MAX_PIXELS {
        return;
    }
    let derivatives = match derive(bytes) {
        Ok(derivatives) => derivatives,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    let displayed = Size {
        width: derivatives.displayed_width,
        height: derivatives.displayed_height,
    };
    let turned = Size {
        width: displayed.height,
        height: displayed.width,
    };
    assert!(displayed == image.size || turned == image.size);
    let Some(images) = derivatives.images else {
        return;
    };
    assert!(!images.placeholder.is_empty());
    for (file, limits) in [(&images.thumbnail, THUMBNAIL), (&images.preview, PREVIEW)] {
        let made = inspect(file).expect("a derivative is a picture").size;
        assert_eq!(made, limits.fit(displayed));
        assert!(made.width.max(made.height) <= MAX_WEBP_SIDE);
    }
});
