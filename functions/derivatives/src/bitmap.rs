//! Pixels in memory.

use fast_image_resize::{
    FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer, images::Image, images::ImageRef,
};
use trichrome_image::Size;

/// Bytes of a pixel: red, green, blue and alpha, not premultiplied.
pub(crate) const PIXEL: usize = 4;

/// A picture of 8 bits a sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bitmap {
    size: Size,
    bytes: Vec<u8>,
}

impl Bitmap {
    /// A bitmap of these bytes; missing ones are transparent.
    pub(crate) fn new(size: Size, mut bytes: Vec<u8>) -> Self {
        bytes.resize(size.width as usize * size.height as usize * PIXEL, 0);
        Self { size, bytes }
    }

    pub(crate) const fn size(&self) -> Size {
        self.size
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn pixels(&self) -> &[[u8; PIXEL]] {
        self.bytes.as_chunks().0
    }

    pub(crate) fn pixels_mut(&mut self) -> &mut [[u8; PIXEL]] {
        self.bytes.as_chunks_mut().0
    }

    pub(crate) fn is_opaque(&self) -> bool {
        self.pixels().iter().all(|pixel| pixel[3] == u8::MAX)
    }

    /// The same picture in another size.
    pub(crate) fn resized(&self, to: Size) -> Self {
        if to == self.size {
            return self.clone();
        }
        let mut resized = Image::new(to.width, to.height, PixelType::U8x4);
        let options = ResizeOptions::new()
            .resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3))
            .use_alpha(!self.is_opaque());
        let source = ImageRef::new(
            self.size.width,
            self.size.height,
            &self.bytes,
            PixelType::U8x4,
        );
        // Both fail only if types or lengths don't fit, which `new` rules out.
        if let Ok(source) = source {
            let _ = Resizer::new().resize(&source, &mut resized, &options);
        }
        Self::new(to, resized.into_vec())
    }
}
