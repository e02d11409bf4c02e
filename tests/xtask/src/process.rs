//! Running other programs: quietly for the answer, or in full view.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// Runs it in silence and returns what it wrote to stdout.
///
/// # Errors
///
/// One line: the program, and what it complained of.
pub(crate) fn capture(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run {}", command.get_program().display()))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    bail!("{}: {}", command.get_program().display(), complaint(&said));
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

/// The first line that calls itself an error, else the last one: a backtrace may follow.
fn complaint(said: &str) -> &str {
    let mut lines = said.lines().map(str::trim).filter(|line| !line.is_empty());
    let error = lines
        .clone()
        .find(|line| line.starts_with("error") || line.starts_with("E: ") || line.starts_with("ERROR"));
    error.or(lines.next_back()).unwrap_or("failed without a word")
}
