//! What the package and the page weigh, and what the package holds.

use std::fs;
use std::io::Write;

use brotli::CompressorWriter;
use serde_json::Value;

use crate::node::package;

/// Of what a browser has to fetch before it can validate: bytes, and bytes as whoever serves it compresses it once. A
/// validator that takes longer to arrive than to be read is none. Of the page nearly all is its editor.
const BUDGETS: [(&str, usize, usize); 2] =
    [("pkg/aldis_web_bg.wasm", 300_000, 110_000), ("page/main.js", 420_000, 125_000)];

#[test]
fn what_a_browser_fetches_is_within_its_budget() {
    for budget in BUDGETS {
        let bytes = fs::read(package().with_file_name("").join(budget.0)).expect("was built");
        let mut compressed = Vec::new();
        CompressorWriter::new(&mut compressed, 1 << 16, 11, 22).write_all(&bytes).expect("into memory");
        println!("{}: {} bytes, {} compressed", budget.0, bytes.len(), compressed.len());
        assert_eq!(past_budget(budget, bytes.len(), compressed.len()), None);
    }
}

fn past_budget(
    (file, most, most_compressed): (&str, usize, usize),
    plain: usize,
    compressed: usize,
) -> Option<String> {
    let is_past = plain > most || compressed > most_compressed;
    is_past.then(|| format!("{file}: {plain} bytes of {most}, {compressed} compressed of {most_compressed}"))
}

#[test]
fn what_is_past_the_budget_is_noticed() {
    for budget @ (_, plain, compressed) in BUDGETS {
        assert_eq!(past_budget(budget, plain, compressed), None);
        assert!(
            past_budget(budget, plain + 1, 0).is_some() && past_budget(budget, 0, compressed + 1).is_some()
        );
    }
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
