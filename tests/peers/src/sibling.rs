//! Programs that lie beside this one.

use std::env;
use std::process::Command;

use anyhow::{Context, Result, bail};

/// What it writes to its output; what it complains of is the error.
pub(crate) fn run(name: &str) -> Result<String> {
    let program = env::current_exe()?.with_file_name(name);
    let output = Command::new(program).output().with_context(|| format!("cannot run {name} beside us"))?;
    if !output.status.success() {
        bail!("{name}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8(output.stdout)?)
}
