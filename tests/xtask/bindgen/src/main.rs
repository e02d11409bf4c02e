//! `aldis-bindgen MODULE FOLDER`: the module with its JavaScript and its types, for browsers, bundlers and what can hand
//! the module over by itself.
//!
//! As a library and not as the command of the same name, so that nothing need be installed, and both are of one version.

use std::path::PathBuf;

use anyhow::{Context, Result};
use wasm_bindgen_cli_support::Bindgen;

fn main() -> Result<()> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let module = arguments.next().context("which module?")?;
    let folder = arguments.next().context("into which folder?")?;
    let mut bindgen = Bindgen::new();
    // Without the default path nobody could call `init()` without saying where the module lies.
    bindgen.input_path(module).web(true)?.omit_default_module_path(false).typescript(true);
    bindgen.generate(folder)
}
