//! The guest in the profile for downloads, which no library embeds: built by the tests that want it.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

const PROFILE: &str = "guest-small";
const TARGET: &str = "wasm32v1-none";

/// As `wasm/ABI.md` says to build it, in a folder of its own: the outer cargo may hold the lock of the usual one.
pub(crate) fn module() -> Vec<u8> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(PROFILE);
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."));
    cargo.args(["build", "--quiet", "--locked", "--package", "aldis-guest"]);
    cargo.args(["--target", TARGET, "--profile", PROFILE, "--target-dir"]).arg(&folder);
    // Flags that are meant for other code, and where this machine keeps its crates, must not count.
    let home = env::var_os("CARGO_HOME").map(Into::into).or_else(|| Some(env::home_dir()?.join(".cargo")));
    let home = home.expect("whoever builds has a home");
    cargo.env("CARGO_ENCODED_RUSTFLAGS", format!("--remap-path-prefix={}=/cargo", home.display()));
    assert!(cargo.status().expect("cargo is there").success(), "the guest does not build in {PROFILE}");
    fs::read(folder.join(TARGET).join(PROFILE).join("aldis_guest.wasm")).expect("was built")
}
