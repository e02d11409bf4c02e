//! The fuzz targets without a fuzzer: each over its corpus and a stream of mutations of it. What a long run finds
//! (`cargo xtask fuzz`) becomes a file of the corpus, and fails here until it is mended.
//!
//! For each property there are twins, subjects that are broken in one place: the same stream must find each of them.

#![allow(
    clippy::cast_possible_truncation,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that fails says where; lengths here are small, or wrong on purpose"
)]

#[path = "fuzz/stream.rs"]
mod stream;
#[path = "fuzz/targets.rs"]
mod targets;
#[path = "fuzz/twins.rs"]
mod twins;

use rig::model;

#[test]
fn documents_are_refused_in_their_place_or_come_back() {
    stream::over("decode", 10_000, targets::decode::run);
}

#[test]
fn images_are_refused_or_total() {
    stream::over("image", 8_000, targets::image::run);
}

#[test]
fn evaluate_explain_and_the_model_agree() {
    stream::over("evaluate", 5_000, targets::evaluate::run);
}

/// The same on the module itself is in `guest_noise.rs`.
#[test]
fn the_guest_answers_every_call() {
    stream::over("guest", 4_000, targets::guest::run);
}

#[test]
fn each_target_has_its_corpus_and_each_corpus_its_target() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    let mut corpora: Vec<_> = std::fs::read_dir(folder)
        .expect("a folder can be listed")
        .map(|entry| entry.expect("a folder can be listed").file_name().into_string().expect("is a name"))
        .collect();
    let mut names: Vec<_> = targets::TARGETS.iter().map(|target| target.name.to_string()).collect();
    corpora.sort();
    names.sort();
    assert_eq!(corpora, names);
}
