//! The filter as a module, built once for each set of features.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock, PoisonError};

const PROFILE: &str = "guest";
const TARGET: &str = "wasm32v1-none";

/// As it is deployed.
pub(crate) fn module() -> &'static Path {
    static MODULE: OnceLock<PathBuf> = OnceLock::new();
    MODULE.get_or_init(|| build("plain", &[]))
}

/// The same, but for a header at which it traps.
pub(crate) fn trapping_module() -> &'static Path {
    static MODULE: OnceLock<PathBuf> = OnceLock::new();
    MODULE.get_or_init(|| build("trapping", &["--features", "trap-for-tests"]))
}

/// As its README says to build it, in a folder of its own: the outer cargo may hold the lock of the usual one. All are built
/// in the same, one after the other, as they differ in nothing but the last crate.
fn build(name: &str, features: &[&str]) -> PathBuf {
    static ONE_BY_ONE: Mutex<()> = Mutex::new(());
    let _turn = ONE_BY_ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("envoy-filter");
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."));
    cargo.args(["build", "--quiet", "--locked", "--package", "aldis-envoy"]).args(features);
    cargo.args(["--target", TARGET, "--profile", PROFILE, "--target-dir"]).arg(&folder);
    // Flags that are meant for other code must not count.
    for flags in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "RUSTC_WORKSPACE_WRAPPER"] {
        cargo.env_remove(flags);
    }
    assert!(cargo.status().expect("cargo is there").success(), "the filter does not build");
    let built = folder.join(TARGET).join(PROFILE).join("aldis_envoy.wasm");
    // A name of its own, which the next build does not write over.
    let kept = folder.join(format!("{name}.wasm"));
    fs::copy(built, &kept).expect("was built");
    kept
}
