//! The golden images: what one document compiles to, in each version of the layout that there has been. It uses every
//! field, so that no part of the layout changes unseen.

use std::fs;
use std::path::{Path, PathBuf};

use aldis_core::limits::IMAGE_VERSION;

/// The document; its relative lifetimes count from [`NOW`](crate::generate::NOW).
pub const DOCUMENT: &str = include_str!("../golden/document.json");

/// The image that this version of the layout makes of it.
pub fn image() -> Vec<u8> {
    let path = path(IMAGE_VERSION);
    fs::read(&path).unwrap_or_else(|error| {
        panic!(
            "{}: {error}; `BLESS=1 cargo xtask test -p aldis-tests --test golden` writes it",
            path.display()
        )
    })
}

/// Those of every version, this one's among them, with the version that the name says.
pub fn all() -> Vec<(u16, Vec<u8>)> {
    let files = fs::read_dir(folder()).expect("a folder can be listed");
    let paths = files.map(|entry| entry.expect("a folder can be listed").path());
    let versions = paths.filter_map(|path| version_of(path.file_name()?.to_str()?));
    let mut images: Vec<_> =
        versions.map(|version| (version, fs::read(path(version)).expect("can be read"))).collect();
    images.sort();
    images
}

/// Where the image of a version lies.
pub fn path(version: u16) -> PathBuf {
    folder().join(format!("image-v{version}.bin"))
}

fn version_of(name: &str) -> Option<u16> {
    name.strip_prefix("image-v")?.strip_suffix(".bin")?.parse().ok()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden")
}
