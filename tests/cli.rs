//! The `aldis` command on files and on the embedded backend.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on ends, saying why"
)]

#[path = "cli/aldis.rs"]
mod aldis;

#[path = "cli/check.rs"]
mod check;
#[path = "cli/crowd.rs"]
mod crowd;
#[path = "cli/demo.rs"]
mod demo;
#[path = "cli/eval.rs"]
mod eval;
#[path = "cli/manners.rs"]
mod manners;
#[path = "cli/page.rs"]
mod page;
#[path = "cli/precompile.rs"]
mod precompile;
#[path = "guest/precompiled.rs"]
mod precompiled;
#[path = "cli/publish.rs"]
mod publish;
#[path = "cli/schema.rs"]
mod schema;
#[path = "cli/serve.rs"]
mod serve;
#[path = "cli/served.rs"]
mod served;
#[path = "cli/vectors.rs"]
mod vectors;
#[path = "cli/watch.rs"]
mod watch;

use std::path::{Path, PathBuf};

/// A scratch folder for one test.
struct Scratch(tempfile::TempDir);

impl Scratch {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a scratch folder"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file and gives its path as an argument.
    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        std::fs::write(&path, content).expect("a file is written");
        text(&path)
    }
}

fn text(path: &Path) -> String {
    path.to_str().expect("a path of plain characters").to_owned()
}
