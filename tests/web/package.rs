//! What the package weighs and holds.

use std::fs;
use std::io::Write;

use brotli::CompressorWriter;
use serde_json::Value;

use crate::node::package;

/// Bytes of the module, and of it compressed as whoever serves it compresses it once. A validator that takes longer to
/// arrive than to be read is none.
const BUDGET: usize = 300_000;
const COMPRESSED: usize = 110_000;

#[test]
fn the_module_is_within_its_budget() {
    let module = fs::read(package().join("aldis_web_bg.wasm")).expect("was built");
    let mut compressed = Vec::new();
    CompressorWriter::new(&mut compressed, 1 << 16, 11, 22).write_all(&module).expect("into memory");
    println!("{} bytes, {} compressed", module.len(), compressed.len());
    assert_eq!(past_budget(module.len(), compressed.len()), None);
}

fn past_budget(plain: usize, compressed: usize) -> Option<String> {
    let is_past = plain > BUDGET || compressed > COMPRESSED;
    is_past.then(|| format!("{plain} bytes of {BUDGET}, {compressed} compressed of {COMPRESSED}"))
}

#[test]
fn what_is_past_the_budget_is_noticed() {
    assert_eq!(past_budget(BUDGET, COMPRESSED), None);
    assert!(past_budget(BUDGET + 1, 0).is_some() && past_budget(0, COMPRESSED + 1).is_some());
}

/// Whoever downloads it learns nothing of the machine that built it.
#[test]
fn the_module_names_no_folder_of_its_builder() {
    let module = fs::read(package().join("aldis_web_bg.wasm")).expect("was built");
    let has = |text: &str| module.windows(text.len()).any(|part| part == text.as_bytes());
    assert!(has("/cargo/") && !has("/.cargo/") && !has("/home/") && !has("/root/"));
}

#[test]
fn the_manifest_names_files_that_are_there_and_the_version_of_the_crate() {
    let manifest = fs::read_to_string(package().join("package.json")).expect("is there");
    let manifest: Value = serde_json::from_str(&manifest).expect("is JSON");
    assert_eq!(manifest["version"], env!("CARGO_PKG_VERSION"));
    let mut files = Vec::new();
    collect(&manifest["exports"], &mut files);
    assert!(files.len() >= 6);
    for file in files {
        assert!(package().join(&file).is_file(), "{file} is not there");
    }
}

fn collect(value: &Value, files: &mut Vec<String>) {
    match value {
        Value::String(file) => files.push(file.clone()),
        Value::Object(entries) => entries.values().for_each(|value| collect(value, files)),
        _ => {}
    }
}
