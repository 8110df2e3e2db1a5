//! The frame header (SOF).

use crate::{Refusal, Size, flaw, reader::Reader};

/// The frame header.
pub(super) struct Frame {
    pub(super) size: Size,
    pub(super) is_progressive: bool,
    /// Arithmetic coding instead of Huffman's.
    pub(super) is_arithmetic: bool,
    pub(super) components: Vec<Component>,
}

/// A component: luma, chroma, or a colour.
#[derive(Clone, Copy)]
pub(super) struct Component {
    pub(super) id: u8,
    /// Blocks in an interleaved unit (MCU), 1 to 4 each way.
    pub(super) across: u32,
    pub(super) down: u32,
    /// The number of its quantization table.
    pub(super) quantization: u8,
}

impl Frame {
    /// Reads the segment of a start-of-frame marker.
    pub(super) fn read(segment: &mut Reader<'_>, marker: u8) -> Result<Self, Refusal> {
        let what = "the frame header (SOF)";
        match marker {
            0xC0..=0xC2 | 0xC9 | 0xCA => {}
            0xC3 | 0xCB => {
                return Err(Refusal::Unshown(
                    "is lossless JPEG, which browsers don't show",
                ));
            }
            _ => {
                return Err(Refusal::Unshown(
                    "is hierarchical JPEG, which browsers don't show",
                ));
            }
        }
        let bits = segment.u8(what)?;
        let (height, width) = (segment.u16_be(what)?, segment.u16_be(what)?);
        if bits != 8 {
            return Err(Refusal::Unshown(
                "has samples of another width than 8 bits, which browsers don't show",
            ));
        }
        let size = Size::new(width.into(), height.into())?;
        let count = segment.u8(what)?;
        let mut components = Vec::with_capacity(count.into());
        for _ in 0..count {
            let component = segment.take(3, what)?;
            let (across, down) = (component[1] >> 4, component[1] & 0xF);
            if !(1..=4).contains(&across) || !(1..=4).contains(&down) {
                return Err(flaw!("its header says a sampling of {across} x {down}").into());
            }
            components.push(Component {
                id: component[0],
                across: across.into(),
                down: down.into(),
                quantization: component[2],
            });
        }
        if !segment.is_empty() {
            return Err(flaw!("its frame header (SOF) is invalid").into());
        }
        if !matches!(count, 1 | 3 | 4) {
            return Err(Refusal::Unshown(
                "has another number of components than 1, 3 or 4, which browsers don't show",
            ));
        }
        Ok(Self {
            size,
            is_progressive: matches!(marker, 0xC2 | 0xCA),
            is_arithmetic: marker >= 0xC9,
            components,
        })
    }

    /// The largest sampling factors, across and down.
    pub(super) fn most(&self) -> (u32, u32) {
        let most = |factor: fn(&Component) -> u32| self.components.iter().map(factor).max();
        (
            most(|component| component.across).unwrap_or(1),
            most(|component| component.down).unwrap_or(1),
        )
    }

    /// The blocks of 8 x 8 samples of a component, across and down.
    pub(super) fn blocks(&self, component: Component) -> (u32, u32) {
        let (most_across, most_down) = self.most();
        let blocks =
            |pixels: u32, factor: u32, most: u32| (pixels * factor).div_ceil(most).div_ceil(8);
        (
            blocks(self.size.width, component.across, most_across),
            blocks(self.size.height, component.down, most_down),
        )
    }

    /// The least that its coded data takes. With Huffman coding, every block has a code of at least
    /// one bit for its mean. Arithmetic coding has no such bound.
    pub(super) fn least_bits(&self) -> u64 {
        if self.is_arithmetic {
            return 0;
        }
        let blocks = self.components.iter().map(|&component| {
            let (across, down) = self.blocks(component);
            u64::from(across) * u64::from(down)
        });
        blocks.sum()
    }
}
