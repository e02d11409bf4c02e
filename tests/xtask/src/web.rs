//! `cargo xtask web`: the package for JavaScript, and the page that is made with it.
//!
//! | folder | what |
//! |---|---|
//! | `target/web/pkg` | the npm package: for browsers, bundlers, Node and runtimes like them |
//! | `target/web/page` | the page, for `aldis serve --page` and any static host |
//! | `target/web/stage` | where both are built: the page's sources beside what npm fetched |
//!
//! No wasm-bindgen need be installed: its library writes the glue. npm fetches the bundler, CodeMirror and wasm-opt, in the
//! versions of `wasm/web/npm/package-lock.json`.

mod npm;
mod package;
mod page;

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::tools::Toolbox;
use crate::workspace::Workspace;

pub(crate) fn run(workspace: &Workspace, _arguments: &[String]) -> Result<()> {
    let tools = Toolbox::for_web(workspace)?;
    build(workspace, &tools)?;
    let at = folder(workspace);
    println!("the package: {}", at.join("pkg").display());
    println!("the page:    {}", at.join("page").display());
    Ok(())
}

/// Builds what is not as it should be; a second time it takes seconds.
pub(crate) fn build(workspace: &Workspace, tools: &Toolbox) -> Result<()> {
    let at = folder(workspace);
    let stage = at.join("stage");
    npm::install(workspace, &stage)?;
    package::build(workspace, tools, &stage, &at.join("pkg"))?;
    page::build(workspace, tools, &stage, &at)
}

/// Where all of it lies.
pub(crate) fn folder(workspace: &Workspace) -> PathBuf {
    workspace.target().join("web")
}

/// Makes what comes of `from`, unless it is there and the mark says that it came of that. The mark goes first: what was begun
/// and not finished must not pass for what was made before.
fn make_unless_made(
    mark: &Path,
    from: &[u8],
    is_there: bool,
    make: impl FnOnce() -> Result<()>,
) -> Result<()> {
    if is_there && fs::read(mark).is_ok_and(|made| made == from) {
        return Ok(());
    }
    match fs::remove_file(mark) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("cannot remove {}", mark.display()));
        }
        _ => make()?,
    }
    fs::write(mark, from).with_context(|| format!("cannot write {}", mark.display()))
}

/// The files of a folder, and no folders in it, into another.
fn copy_files(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("no {}", from.display()))? {
        let path = entry?.path();
        if let Some(name) = path.file_name().filter(|_| path.is_file()) {
            fs::copy(&path, to.join(name)).with_context(|| format!("cannot copy {}", path.display()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::env;
    use std::process;

    use anyhow::bail;

    use super::*;

    #[test]
    fn what_was_begun_and_not_finished_does_not_pass_for_what_was_made_before() {
        let mark = env::temp_dir().join(format!("aldis-mark-{}", process::id()));
        let (made, fails) = (|| Ok(()), || bail!("interrupted"));
        let never = || panic!("is made anew");
        make_unless_made(&mark, b"a", false, made).expect("is made");
        make_unless_made(&mark, b"a", true, never).expect("is there");
        assert!(make_unless_made(&mark, b"a", false, fails).is_err(), "what is not there is made anew");
        make_unless_made(&mark, b"a", true, made).expect("is made");
        assert!(make_unless_made(&mark, b"b", true, fails).is_err());
        let mut is_anew = false;
        make_unless_made(&mark, b"a", true, || {
            is_anew = true;
            Ok(())
        })
        .expect("is made");
        fs::remove_file(&mark).expect("was written");
        assert!(is_anew);
    }
}
