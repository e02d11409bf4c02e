//! The targets under libFuzzer. `cargo xtask fuzz` builds this with instrumentation and runs it; `ALDIS_FUZZ_TARGET` says
//! which target. One binary for all: it is linked once.

#![no_main]

#[path = "../rig/model.rs"]
mod model;
#[path = "targets.rs"]
mod targets;

use std::sync::OnceLock;

use targets::{TARGETS, Target};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    static CHOSEN: OnceLock<&Target> = OnceLock::new();
    (CHOSEN.get_or_init(chosen).run)(data);
});

fn chosen() -> &'static Target {
    let name = std::env::var("ALDIS_FUZZ_TARGET").unwrap_or_default();
    let target = TARGETS.iter().find(|target| target.name == name);
    target.unwrap_or_else(|| panic!("ALDIS_FUZZ_TARGET is `{name}`, which is no target"))
}
