//! Through any number of updates a guest needs the memory of two images, and not a page more.

#![allow(clippy::expect_used, reason = "a test that fails says where")]

use std::fmt::Write;

use aldis_abi::Stamp;
use aldis_core::{DirectiveSet, Request, UnixMillis};
use aldis_etcd::sink::guest::{GuestEngine, GuestInstance, GuestLimits};
use fastrand::Rng;

const NOW: UnixMillis = UnixMillis::new(1_800_000_000_000);
const UPDATES: usize = 1_000;
/// Updates after which every size that will come has come.
const SETTLED: usize = 50;

#[test]
fn a_thousand_updates_of_one_size_keep_memory_flat() {
    let (memory, image) = pages_after_updates(|_| 1_000);
    println!("1000 directives: image {image} bytes, memory {memory:?}");
    assert_eq!(memory.0, memory.1);
}

#[test]
fn a_thousand_updates_of_changing_size_keep_memory_flat() {
    let mut rng = Rng::with_seed(1);
    let (memory, image) = pages_after_updates(|_| rng.usize(950..=1_050));
    println!("950 to 1050 directives: largest image {image} bytes, memory {memory:?}");
    assert_eq!(memory.0, memory.1);
}

#[test]
fn documents_and_refusals_in_between_keep_memory_flat() {
    let mut guest = instance();
    let (good, bad) = (document(500, 0), document(500, 0) + "x");
    let mut settled = 0;
    for update in 0..200 {
        assert_eq!(guest.load_document(good.as_bytes(), NOW, Stamp::NONE), Ok(500));
        assert!(guest.load_document(bad.as_bytes(), NOW, Stamp::NONE).is_err());
        assert!(guest.load_image(&bad.as_bytes()[..1_000 + update], Stamp::NONE).is_err());
        ask(&mut guest);
        if update == SETTLED {
            settled = guest.memory_bytes();
        }
    }
    assert_eq!(guest.memory_bytes(), settled);
}

#[test]
fn ten_thousand_directives_take_less_than_two_and_a_half_images() {
    let mut guest = instance();
    let mut largest = 0;
    for update in 0..40 {
        let set = set(10_000 - 7 * (update % 5), update);
        largest = largest.max(set.as_image().len());
        assert_eq!(guest.load_image(set.as_image(), Stamp::NONE), Ok(set.len()));
        ask(&mut guest);
    }
    let memory = guest.memory_bytes();
    println!("10000 directives: image {largest} bytes, memory {memory}");
    assert!(memory * 10 <= largest * 25, "{memory} bytes for images of {largest}");
}

/// Memory after it settled and at the end, and the largest image; with evaluations in between.
fn pages_after_updates(mut size: impl FnMut(usize) -> usize) -> ((usize, usize), usize) {
    let mut guest = instance();
    let (mut settled, mut largest) = (0, 0);
    for update in 0..UPDATES {
        let set = set(size(update), update);
        largest = largest.max(set.as_image().len());
        assert_eq!(guest.load_image(set.as_image(), Stamp::NONE), Ok(set.len()));
        ask(&mut guest);
        if update == SETTLED {
            settled = guest.memory_bytes();
        }
    }
    ((settled, guest.memory_bytes()), largest)
}

fn ask(guest: &mut GuestInstance) {
    for tenant in ["tenant-0", "tenant-77", "nobody"] {
        let request = Request { tenant: Some(tenant), ..Request::EMPTY };
        assert!(guest.evaluate(&request, NOW).is_ok());
    }
}

fn set(directives: usize, update: usize) -> DirectiveSet {
    DirectiveSet::decode(document(directives, update).as_bytes(), NOW).expect("is a document")
}

fn document(directives: usize, update: usize) -> String {
    let mut json = String::from("{\"directives\":[");
    for place in 0..directives {
        let comma = if place == 0 { "" } else { "," };
        let level = if (place + update).is_multiple_of(2) { "Shape" } else { "ShapeTiming" };
        write!(
            json,
            r#"{comma}{{"id":"{update}-{place}","level":"{level}","ttl_secs":600,"tenant":"tenant-{place}"}}"#
        )
        .expect("writes to memory");
    }
    json + "]}"
}

fn instance() -> GuestInstance {
    static ENGINE: std::sync::LazyLock<GuestEngine> = std::sync::LazyLock::new(|| {
        GuestEngine::embedded(GuestLimits::STANDARD).expect("the embedded guest is one")
    });
    ENGINE.instantiate().expect("starts")
}
