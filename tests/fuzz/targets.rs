//! The fuzz targets. Each is a function of bytes that asserts a property, and is written once: the tests run it over the
//! corpus and a stream of mutations of it, and libFuzzer runs it for as long as one likes.
//!
//! Whoever runs them gives the model, at the root of its crate: the tests that of the rig; the fuzzer its source, for the
//! rest of the rig would take it minutes to build.

#![allow(dead_code, reason = "each of those who run them takes what it needs")]
#![allow(clippy::cast_possible_truncation, reason = "what is written here is short")]

use aldis_core::UnixMillis;

pub(crate) mod bytes;
pub(crate) mod decode;
pub(crate) mod evaluate;
pub(crate) mod guest;
pub(crate) mod image;
pub(crate) mod sketch;

/// The point in time at which everything happens.
pub(crate) const NOW: UnixMillis = UnixMillis::new(1_800_000_000_000);

pub(crate) struct Target {
    /// As its corpus is called.
    pub(crate) name: &'static str,
    /// Panics where the property does not hold.
    pub(crate) run: fn(&[u8]),
}

pub(crate) const TARGETS: &[Target] = &[
    Target { name: "decode", run: decode::run },
    Target { name: "image", run: image::run },
    Target { name: "evaluate", run: evaluate::run },
    Target { name: "guest", run: guest::run },
];
