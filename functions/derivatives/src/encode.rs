//! Encoding as WebP, by libwebp.

use webp::{Encoder, WebPConfig};

use crate::{Error, bitmap::Bitmap};

/// libwebp's default, out of 100. Higher ones take more bytes than they show on a phone.
const QUALITY: f32 = 75.0;

/// A WebP file without metadata. Colours are lossy; transparency is kept exactly.
pub(crate) fn webp(bitmap: &Bitmap) -> Result<Vec<u8>, Error> {
    let failed = |reason: &str| Error::NotEncoded(reason.to_owned());
    let mut config = WebPConfig::new().map_err(|()| failed("libwebp has another version"))?;
    config.quality = QUALITY;
    let size = bitmap.size();
    // libwebp leaves out the transparency of a picture that is opaque.
    Encoder::from_rgba(bitmap.bytes(), size.width, size.height)
        .encode_advanced(&config)
        .map(|memory| memory.to_vec())
        .map_err(|error| failed(&format!("{error:?}")))
}
