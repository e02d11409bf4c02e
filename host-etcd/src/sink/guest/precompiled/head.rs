//! The head of a precompiled guest: that it is one, that it is whole, and who made it.
//!
//! | offset | bytes | what |
//! |---|---|---|
//! | 0 | 8 | `aldisaot` |
//! | 8 | 8 | xxHash64 of all that follows |
//! | 16 | 4 | version of this layout |
//! | 20 | 4 | version of the ABI that its maker speaks |
//! | 24 | 2 | version of the images that its maker makes |
//! | 26 | 32 | version of Aldis that made it, as text, filled up with zeros |
//! | 58 | 40 | version of wasmtime that compiled it, likewise |
//! | 98 | | what wasmtime calls a serialized module |
//!
//! Numbers are little-endian. The checksum is at the same place in every layout, so that damage is not taken for another
//! version. It finds accidents; against intent no checksum helps.

use aldis_abi::VERSION as ABI;
use aldis_core::limits::IMAGE_VERSION as IMAGE;
use twox_hash::XxHash64;

use super::PrecompiledError;

const MAGIC: [u8; 8] = *b"aldisaot";

/// The layout that is written, and the only one that is read.
pub(super) const LAYOUT: u32 = 1;

/// The version of Aldis that this is.
pub(super) const ALDIS: &str = env!("CARGO_PKG_VERSION");

/// The version of wasmtime in it.
pub(super) const WASMTIME: &str = wasmtime_environ::VERSION;

const _: () = assert!(ALDIS.len() <= 32 && WASMTIME.len() <= 40, "no version is cut");

/// Puts the head before what wasmtime serialized.
#[cfg(feature = "guest")]
pub(in super::super) fn seal(artifact: &[u8]) -> Vec<u8> {
    let sealed = [&Maker::us().to_bytes(), artifact].concat();
    [&MAGIC[..], &checksum(&sealed).to_le_bytes(), &sealed].concat()
}

/// What `seal` was given, if it is whole and was made by our like.
pub(super) fn unseal(bytes: &[u8]) -> Result<&[u8], PrecompiledError> {
    let rest = bytes.strip_prefix(&MAGIC).ok_or(PrecompiledError::Foreign)?;
    let (&sum, sealed) = rest.split_first_chunk().ok_or(PrecompiledError::Damaged)?;
    if u64::from_le_bytes(sum) != checksum(sealed) {
        return Err(PrecompiledError::Damaged);
    }
    let (maker, artifact) = Maker::split_off(sealed).ok_or(PrecompiledError::Damaged)?;
    maker.check().map(|()| artifact)
}

/// As of an image: xxHash64 is quick wherever it runs, and all of this is to take a hundredth of a compilation.
fn checksum(sealed: &[u8]) -> u64 {
    XxHash64::oneshot(0, sealed)
}

/// Who made a precompiled guest.
struct Maker {
    layout: u32,
    abi: i32,
    image: u16,
    aldis: [u8; 32],
    wasmtime: [u8; 40],
}

impl Maker {
    fn us() -> Self {
        Self { layout: LAYOUT, abi: ABI, image: IMAGE, aldis: padded(ALDIS), wasmtime: padded(WASMTIME) }
    }

    #[cfg(feature = "guest")]
    fn to_bytes(&self) -> Vec<u8> {
        let (layout, abi, image) =
            (self.layout.to_le_bytes(), self.abi.to_le_bytes(), self.image.to_le_bytes());
        [&layout[..], &abi, &image, &self.aldis, &self.wasmtime].concat()
    }

    fn split_off(sealed: &[u8]) -> Option<(Self, &[u8])> {
        let (&layout, rest) = sealed.split_first_chunk()?;
        let (&abi, rest) = rest.split_first_chunk()?;
        let (&image, rest) = rest.split_first_chunk()?;
        let (&aldis, rest) = rest.split_first_chunk()?;
        let (&wasmtime, artifact) = rest.split_first_chunk()?;
        let (layout, abi, image) =
            (u32::from_le_bytes(layout), i32::from_le_bytes(abi), u16::from_le_bytes(image));
        Some((Self { layout, abi, image, aldis, wasmtime }, artifact))
    }

    /// Whether it was us.
    fn check(&self) -> Result<(), PrecompiledError> {
        let us = Self::us();
        if self.layout != us.layout {
            Err(PrecompiledError::Layout { found: self.layout })
        } else if self.abi != us.abi {
            Err(PrecompiledError::Abi { found: self.abi })
        } else if self.image != us.image {
            Err(PrecompiledError::Image { found: self.image })
        } else if self.aldis != us.aldis {
            Err(PrecompiledError::Aldis { found: text(&self.aldis) })
        } else if self.wasmtime != us.wasmtime {
            Err(PrecompiledError::Wasmtime { found: text(&self.wasmtime) })
        } else {
            Ok(())
        }
    }
}

fn padded<const N: usize>(text: &str) -> [u8; N] {
    let mut bytes = [0; N];
    bytes.iter_mut().zip(text.bytes()).for_each(|(to, from)| *to = from);
    bytes
}

fn text(padded: &[u8]) -> String {
    String::from_utf8_lossy(padded).trim_end_matches('\0').to_owned()
}
