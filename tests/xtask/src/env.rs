//! `cargo xtask env`: what plain cargo needs, as lines for a shell.

use anyhow::Result;

use crate::tools::Toolbox;
use crate::workspace::Workspace;

/// Gets what is missing and prints `export NAME='value'` lines; what it says meanwhile goes to stderr.
pub(crate) fn run(workspace: &Workspace, _arguments: &[String]) -> Result<()> {
    let tools = Toolbox::full(workspace)?;
    for (name, value) in tools.exports() {
        println!("export {name}={}", quoted(&value.to_string_lossy()));
    }
    Ok(())
}

/// As POSIX shells want it: nothing is special between single quotes but the quote.
fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_quote_in_a_path_survives_the_shell() {
        assert_eq!(quoted("/a b/it's"), r"'/a b/it'\''s'");
    }
}
