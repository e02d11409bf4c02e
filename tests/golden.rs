//! The golden image: what the same document compiles to, yesterday, today, and in WebAssembly. Images travel between
//! instances of different builds, so a layout that changes must not pass for the one before.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on ends, saying why"
)]

#[path = "guest/raw.rs"]
mod raw;

use std::collections::BTreeSet;
use std::sync::LazyLock;

use aldis_abi::{STAMP_BYTES, Stamp, Status, name};
use aldis_core::limits::IMAGE_VERSION;
use aldis_core::{DirectiveSet, EndpointKind, Field, ImageError, Request};
use aldis_etcd::sink::guest::{GuestEngine, GuestInstance, GuestLimits, embedded_module};
use rig::generate::NOW;
use rig::golden::{self, DOCUMENT};
use rig::model;

use raw::{Compiled, Raw};

/// Where every version of the layout keeps its number: in two bytes, behind the eight that say what this is.
const VERSION_AT: usize = 8;

/// A golden image is written once for its version. With `BLESS=1`, when the layout was meant to change.
#[test]
fn the_document_compiles_to_the_golden_image() {
    let compiled = compiled(DOCUMENT);
    if std::env::var_os("BLESS").is_some() {
        return std::fs::write(golden::path(IMAGE_VERSION), compiled).expect("can be written");
    }
    assert_eq!(difference(&golden::image(), &compiled), None);
}

fn difference(golden: &[u8], compiled: &[u8]) -> Option<String> {
    if golden == compiled {
        return None;
    }
    let at = golden.iter().zip(compiled).take_while(|(before, now)| before == now).count();
    Some(format!(
        "from byte {at} on, version {IMAGE_VERSION} of the image is not what it was. Builds that are in use would \
         misread it: raise IMAGE_VERSION in core/src/limits.rs, leave the image of the old version where it is, and \
         have that of the new one written by `BLESS=1 cargo xtask test -p aldis-tests --test golden`"
    ))
}

#[test]
fn a_changed_layout_is_told_with_what_to_do() {
    let golden = golden::image();
    let mut changed = golden.clone();
    changed[100] ^= 1;
    for (changed, at) in [(&changed[..], 100), (&[&golden[..], &[0]].concat(), golden.len())] {
        let told = difference(&golden, changed).expect("differs");
        assert!(told.starts_with(&format!("from byte {at} on")) && told.contains("IMAGE_VERSION"), "{told}");
    }
}

/// Else a part of the layout could change without the golden image.
#[test]
fn the_document_uses_every_field_and_is_probed() {
    for field in Field::ALL.iter().map(|field| field.as_str()) {
        assert!(DOCUMENT.contains(&format!("\"{field}\":")), "{field} is not in the document");
    }
    let directives = aldis_core::decode(DOCUMENT.as_bytes(), NOW).expect("is valid");
    assert!(directives.len() > 8, "a set as small as {} is walked", directives.len());
}

#[test]
fn the_golden_image_says_what_the_document_says() {
    let directives = aldis_core::decode(DOCUMENT.as_bytes(), NOW).expect("is valid");
    let set = DirectiveSet::from_image(golden::image()).expect("is an image");
    assert!(set.iter().eq(directives.iter().cloned()));
    let mut decided_by = BTreeSet::new();
    requests(|request| {
        let decision = set.evaluate(request, NOW);
        assert_eq!(decision, model::decide(&directives, request, NOW), "{request:?}");
        decided_by.extend(decision.decided_by.map(|index| index.as_u32()));
    });
    assert!(decided_by.len() > 5, "only {decided_by:?} ever decide: that the two agree says little");
}

/// In the guest numbers have another size and memory another order. No export gives an image out; but it lies in the
/// guest's memory, where nobody but the guest wrote it.
#[test]
fn a_guest_compiles_the_document_to_the_same_bytes() {
    assert!(holds_after_loading(DOCUMENT, &golden::image()));
}

#[test]
fn an_image_of_another_document_is_not_found_in_the_guest() {
    let other = DOCUMENT.replacen("\"ring_buffer\": true", "\"ring_buffer\": false", 1);
    assert_ne!(other, DOCUMENT);
    assert!(!holds_after_loading(&other, &golden::image()));
    assert!(holds_after_loading(&other, &compiled(&other)));
}

#[test]
fn a_guest_takes_the_golden_image_and_decides_by_it() {
    let golden = golden::image();
    let mut guest = guest();
    let stamp = Stamp { revision: 7, digest: [3; 32] };
    let set = DirectiveSet::from_image(golden.clone()).expect("is an image");
    assert_eq!(guest.load_image(&golden, stamp), Ok(set.len()));
    let info = guest.info().expect("has one");
    assert_eq!((info.stamp, info.image_bytes as usize), (stamp, golden.len()));
    requests(|request| {
        assert_eq!(guest.evaluate(request, NOW), Ok(set.evaluate(request, NOW)), "{request:?}");
    });
}

/// Whatever else may be in an image of another version: its number is read first, and told.
#[test]
fn images_of_other_versions_are_refused_by_name() {
    let images = golden::all();
    assert!(images.iter().any(|(version, _)| *version == IMAGE_VERSION));
    for (version, image) in images {
        assert_eq!(image.get(VERSION_AT..VERSION_AT + 2), Some(&version.to_le_bytes()[..]));
        if version != IMAGE_VERSION {
            refused_by_name(image, version);
        }
    }
    for version in [0, IMAGE_VERSION - 1, IMAGE_VERSION + 1, u16::MAX] {
        let mut image = golden::image();
        image[VERSION_AT..VERSION_AT + 2].copy_from_slice(&version.to_le_bytes());
        refused_by_name(image, version);
    }
}

fn refused_by_name(image: Vec<u8>, version: u16) {
    let named = format!("version {version},");
    let in_guest = guest().load_image(&image, Stamp::NONE).expect_err("has another version").to_string();
    assert!(in_guest.contains(&named), "{in_guest}");
    let error = DirectiveSet::from_image(image).expect_err("has another version");
    assert_eq!(error, ImageError::UnsupportedVersion(version));
    assert!(
        error.to_string().contains(&named) && error.to_string().contains(&format!("reads {IMAGE_VERSION}"))
    );
}

/// Asks about every combination of what the document names, and of a little that it does not.
fn requests(mut ask: impl FnMut(&Request<'_>)) {
    let labels: [&[(&str, &str)]; 4] =
        [&[], &[("env", "prod"), ("zone", "b")], &[("tier", "金"), ("env", "prod")], &[("env", "dev")]];
    for tenant in [None, Some("acme"), Some("umbra"), Some("täglich")] {
        for index in [None, Some("orders"), Some("lists")] {
            for principal in [None, Some("ann"), Some("bob")] {
                for endpoint in [None, Some(EndpointKind::Search), Some(EndpointKind::Count)] {
                    for labels in labels {
                        let ids = Request { request_id: Some("r1"), trace_id: Some("t1"), ..Request::EMPTY };
                        ask(&Request { tenant, index, principal, endpoint, labels, ..ids });
                    }
                }
            }
        }
    }
}

fn compiled(document: &str) -> Vec<u8> {
    DirectiveSet::decode(document.as_bytes(), NOW).expect("is valid").into_image()
}

fn guest() -> GuestInstance {
    static ENGINE: LazyLock<GuestEngine> =
        LazyLock::new(|| GuestEngine::embedded(GuestLimits::STANDARD).expect("compiles"));
    ENGINE.instantiate().expect("starts")
}

/// Has a guest read the document, and looks for the image in all that it then holds.
fn holds_after_loading(document: &str, image: &[u8]) -> bool {
    static MODULE: LazyLock<Compiled> = LazyLock::new(|| Compiled::new(embedded_module()));
    let mut guest = MODULE.instance(usize::MAX);
    load(&mut guest, document);
    guest.memory().windows(image.len()).any(|window| window == image)
}

fn load(guest: &mut Raw, document: &str) {
    let payload = [document.as_bytes(), &[0; STAMP_BYTES]].concat();
    let len = i32::try_from(payload.len()).expect("is small");
    let at = guest.call::<_, i32>(name::SET_RESERVE, len).expect("never traps");
    guest.write(usize::try_from(at).expect("is a place"), &payload).expect("was reserved");
    let loaded = guest.call::<_, i32>(name::LOAD_DOCUMENT, (len, NOW.as_u64().cast_signed()));
    assert!(loaded.is_ok_and(|loaded| Status::split(loaded).is_ok()), "{document}");
}
