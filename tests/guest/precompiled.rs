//! Guests that were compiled before, and are loaded as a test's own.

#![allow(dead_code, reason = "each test takes what it needs")]

use std::env::consts::ARCH;

use aldis_etcd::sink::guest::{EngineError, GuestEngine, GuestLimits};

/// Loads what this test has compiled, or spoilt.
#[allow(unsafe_code, reason = "here it is done to damage that is found before it is run")]
pub(crate) fn load(bytes: &[u8], limits: GuestLimits) -> Result<GuestEngine, EngineError> {
    // SAFETY: tests hand over what they compiled themselves, as it is, or spoilt so that it must be refused.
    unsafe { GuestEngine::deserialize(bytes, limits) }
}

/// Compiles a module for any processor of this machine's target.
pub(crate) fn precompile(module: &[u8]) -> Vec<u8> {
    GuestEngine::precompile(module, &target("unknown-linux-gnu")).expect("is a module")
}

/// A target of this machine's architecture.
pub(crate) fn target(system: &str) -> String {
    format!("{ARCH}-{system}")
}
