//! Bytes that nobody should have sent, where every single one can be tried: flips and cuts of a whole image, values in
//! every field. `fuzz.rs` tries those that are too many to be tried.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on ends, saying why"
)]

#[path = "fuzz/targets.rs"]
mod targets;

use aldis_core::{DirectiveSet, Field, ImageError, decode};
use rig::generate::NOW;
use rig::{golden, model};

use targets::image::{self, CHECKED_FROM, seal};

#[test]
fn a_flipped_bit_anywhere_is_refused() {
    let image = golden::image();
    for place in 0..image.len() {
        for bit in 0..8 {
            let mut flipped = image.clone();
            flipped[place] ^= 1 << bit;
            let error = DirectiveSet::from_image(flipped).expect_err(&format!("bit {bit} of byte {place}"));
            assert_ne!(error.to_string(), "");
        }
    }
}

#[test]
fn an_image_that_was_cut_or_padded_is_refused() {
    let image = golden::image();
    for len in 0..image.len() {
        DirectiveSet::from_image(&image[..len]).expect_err(&format!("cut after {len} bytes"));
    }
    assert_eq!(DirectiveSet::from_image([&image[..], &[0]].concat()), Err(ImageError::WrongLength));
}

/// Whoever flips a bit and writes the checksum anew is refused as well, or has written another set.
#[test]
fn a_flipped_bit_under_a_new_checksum_is_refused_or_harmless() {
    let mut taken = 0;
    for place in CHECKED_FROM..golden::image().len() {
        for bit in 0..8 {
            let mut flipped = golden::image();
            flipped[place] ^= 1 << bit;
            seal(&mut flipped);
            image::run(&flipped);
            taken += usize::from(DirectiveSet::from_image(flipped).is_ok());
        }
    }
    assert!(taken > 1000, "only {taken} are taken for a set: the checksum refuses what the check should");
}

/// What the test above and the fuzz target stand on: they could seal an image wrongly, and see nothing but bad checksums.
#[test]
fn sealing_an_untouched_image_changes_nothing() {
    let mut image = golden::image();
    seal(&mut image);
    assert_eq!(image, golden::image());
}

/// Values are what operators must never find in a log: whatever is wrong with a document, no value is told.
#[test]
fn a_refusal_tells_no_value() {
    const SECRET: &str = "s3cret";
    let long = SECRET.repeat(100);
    let mut told = 0;
    let fields = Field::ALL.iter().map(|field| field.as_str()).chain(["tennant"]);
    for field in fields.clone() {
        for value in [
            format!("\"{SECRET}\""),
            format!("[\"{SECRET}\"]"),
            format!("[\"{long}\"]"),
            format!("\"{long}\""),
            format!("{{\"label\":\"{long}\"}}"),
            format!("{{\"label\":[\"{SECRET}\"]}}"),
            format!("\"{SECRET}\\ud800\""),
            format!("\"{SECRET}"),
            format!("\"{SECRET}\" {SECRET}"),
        ] {
            let body = format!(r#"{{"directives":[{{"{field}":{value}}}]}}"#);
            let error = decode(body.as_bytes(), NOW).expect_err("lacks the rest of its fields");
            let json = serde_json::to_string(&error).expect("serializes");
            assert!(!format!("{error}{error:?}{json}").contains(SECRET), "{body}: {error}");
            told += 1;
        }
    }
    assert_eq!(told, fields.count() * 9);
}
