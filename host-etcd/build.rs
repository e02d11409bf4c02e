//! With the feature `guest`: compiles `wasm/guest` for wasm32v1-none, so that the library can embed the module.
//!
//! A cargo of its own does it, in a target directory of its own: the outer cargo holds the lock of the usual one.

use std::env;
use std::error::Error;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const TARGET: &str = "wasm32v1-none";
const PROFILE: &str = "guest";

/// What the outer cargo, or whoever called it, has set for the *host's* code. A linter in place of the compiler, or flags
/// for another machine, would break the guest's build or make it differ from one invocation to the next.
const NOT_FOR_THE_GUEST: &[&str] = &[
    "CARGO_BUILD_BUILD_DIR",
    "CARGO_BUILD_RUSTC_WORKSPACE_WRAPPER",
    "CARGO_BUILD_RUSTFLAGS",
    "CARGO_BUILD_TARGET",
    "CARGO_BUILD_TARGET_DIR",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_TARGET_DIR",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTFLAGS",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    if env::var_os("CARGO_FEATURE_GUEST").is_none() {
        return Ok(());
    }
    let root = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("..");
    for part in ["core/Cargo.toml", "core/src", "wasm/abi", "wasm/guest", "Cargo.toml", "Cargo.lock"] {
        println!("cargo::rerun-if-changed={}", root.join(part).display());
    }
    require_target()?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let built = build_guest(&root, &out.join("guest"))?;
    fs::copy(&built, out.join("aldis_guest.wasm"))
        .map_err(|error| format!("the guest was built, but {} cannot be read: {error}", built.display()))?;
    Ok(())
}

fn build_guest(root: &Path, target_dir: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(root).args(["build", "--locked", "--package", "aldis-guest"]);
    cargo.args(["--target", TARGET, "--profile", PROFILE, "--target-dir"]).arg(target_dir);
    for name in NOT_FOR_THE_GUEST {
        cargo.env_remove(name);
    }
    if let Some(flag) = without_the_builders_folders() {
        cargo.env("CARGO_ENCODED_RUSTFLAGS", flag);
    }
    let status = cargo.status()?;
    if !status.success() {
        return Err(format!("building the guest failed ({status}); its own messages are above").into());
    }
    Ok(target_dir.join(TARGET).join(PROFILE).join("aldis_guest.wasm"))
}

/// Panic messages name source files, those of dependencies by where this machine keeps them. The same sources should
/// give the same module on every machine.
fn without_the_builders_folders() -> Option<OsString> {
    let cargo_home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let cargo_home = cargo_home.or_else(|| Some(env::home_dir()?.join(".cargo")))?;
    let mut flag = OsString::from("--remap-path-prefix=");
    flag.push(cargo_home);
    flag.push("=/cargo");
    Some(flag)
}

/// Without the target, the nested build would fail on its first crate with an error that names everything but the
/// remedy.
fn require_target() -> Result<(), Box<dyn Error>> {
    let mut rustc = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    let output = rustc.args(["--print", "target-libdir", "--target", TARGET]).output()?;
    let libraries = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    if output.status.success() && libraries.is_dir() {
        return Ok(());
    }
    Err(format!(
        "the feature `guest` compiles a WebAssembly module, and the target for it is not installed: \
         run `rustup target add {TARGET}`"
    )
    .into())
}
