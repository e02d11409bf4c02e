//! A host in another language, as it lies under `examples`: what it is made of, and how it is run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// A host written from `wasm/ABI.md` in a language of its own.
pub(crate) struct Host {
    /// What it is called in differences.
    pub(crate) name: &'static str,
    /// Its folder under `examples`.
    pub(crate) folder: &'static str,
    /// Its files, the one that the others are of use to first.
    pub(crate) files: &'static [&'static str],
    /// The program that its README shows.
    pub(crate) main: &'static str,
    /// Beside this file: puts the host behind a pipe.
    pub(crate) pipe: &'static str,
    /// What runs its language.
    pub(crate) runtime: fn() -> Command,
}

/// The files of a host, as they are or with something changed in them.
#[derive(Clone)]
pub(crate) struct Source(Vec<(&'static str, String)>);

impl Host {
    pub(crate) fn example(&self, file: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(self.folder).join(file)
    }

    pub(crate) fn source(&self) -> Source {
        let read = |&file| (file, fs::read_to_string(self.example(file)).expect("is there"));
        Source(self.files.iter().map(read).collect())
    }
}

impl Source {
    /// With one piece of text in place of another, which must be there.
    pub(crate) fn with(&self, right: &str, wrong: &str) -> Self {
        let replace = |(file, text): &(_, String)| (*file, text.replace(right, wrong));
        let changed = Self(self.0.iter().map(replace).collect());
        assert!(changed.0 != self.0, "{right} is there");
        changed
    }

    /// Writes the files down and says where the first one lies.
    pub(crate) fn write(&self, scratch: &Scratch) -> PathBuf {
        let paths: Vec<_> = self.0.iter().map(|(file, text)| scratch.file(file, text.as_bytes())).collect();
        paths.into_iter().next().expect("a host has a file")
    }
}

/// Files that another process reads.
pub(crate) struct Scratch(TempDir);

impl Scratch {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a scratch folder"))
    }

    pub(crate) fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, content).expect("a file is written");
        path
    }
}
