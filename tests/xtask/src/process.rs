//! Running other programs: quietly for the answer, or in full view.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// Runs it in silence and returns what it wrote to stdout.
///
/// # Errors
///
/// One line: the program, and the last thing it said.
pub(crate) fn capture(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run {}", command.get_program().display()))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    bail!("{}: {}", command.get_program().display(), last_line(&said));
}

/// Runs it with its output in view, under a line that names it.
///
/// # Errors
///
/// One line with the command and its status.
pub(crate) fn show(command: &mut Command) -> Result<()> {
    announce(command);
    let status =
        command.status().with_context(|| format!("cannot run {}", command.get_program().display()))?;
    if !status.success() {
        bail!("{} ended with {status}", line(command));
    }
    Ok(())
}

/// The `$ …` line that a reader can repeat under `eval "$(cargo xtask env)"`.
pub(crate) fn announce(command: &Command) {
    eprintln!("$ {}", line(command));
}

/// The first file of that name on `PATH`.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|dir| dir.join(name)).find(|file| file.is_file())
}

fn line(command: &Command) -> String {
    let program = command.get_program();
    let name = program.to_string_lossy();
    let short = name.rsplit('/').next().unwrap_or(&name).to_owned();
    command.get_args().fold(short, |line, argument| line + " " + &argument.to_string_lossy())
}

fn last_line(said: &str) -> &str {
    said.lines().rev().map(str::trim).find(|line| !line.is_empty()).unwrap_or("failed without a word")
}
