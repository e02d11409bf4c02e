//! Through any number of updates a guest needs the memory of two images, and not a page more; in all, what `wasm/ABI.md`
//! has its hosts plan for.

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

#[test]
fn the_page_says_what_to_plan_for() {
    let page = include_str!("../wasm/ABI.md").replace('\n', " ");
    let fresh = instance().memory_bytes() / 1024;
    assert!(page.contains(&format!("A fresh guest has {fresh} KiB.")), "{fresh} KiB");
    assert!(
        page.contains("plan for 2.1 images and 384 KiB.")
            && page.contains("plan for twelve images, twice the document and 384 KiB.")
    );
    for directives in [1, 100, 1_000, 3_000] {
        let images = largest_need(directives, 0, false);
        let documents = largest_need(directives, 0, true);
        let with_blanks = largest_need(directives, 3 << 20, true);
        println!(
            "{directives} directives, in images beside what is fixed: {images:.2}, from documents {documents:.2}, \
             with blanks {with_blanks:.2}"
        );
        assert!(images <= 2.1 && documents <= 12.0 && with_blanks <= 12.0);
    }
}

/// The most memory of a guest through updates of the dearest kind, in images, after 384 KiB are taken off, and twice
/// the document where it is given that.
fn largest_need(directives: usize, blanks: usize, as_documents: bool) -> f64 {
    let (mut guest, mut largest, mut longest) = (instance(), 0, 0);
    for update in 0..12 {
        let document = with_labels(directives - directives / 50 * (update % 3), update) + &" ".repeat(blanks);
        if as_documents {
            longest = longest.max(document.len());
        }
        let set = DirectiveSet::decode(document.as_bytes(), NOW).expect("is a document");
        largest = largest.max(set.as_image().len());
        let loaded = match as_documents {
            true => guest.load_document(document.as_bytes(), NOW, Stamp::NONE),
            false => guest.load_image(set.as_image(), Stamp::NONE),
        };
        assert_eq!(loaded, Ok(set.len()));
    }
    let beside = guest.memory_bytes().saturating_sub(2 * longest + (384 << 10));
    f64::from(u32::try_from(beside).expect("is small")) / f64::from(u32::try_from(largest).expect("is small"))
}

/// Sixteen labels each: of all documents these take the most for their images.
fn with_labels(directives: usize, update: usize) -> String {
    let labels = |place| {
        (0..16).map(|label| format!(r#""l{label}":"{place:x}{label:x}""#)).collect::<Vec<_>>().join(",")
    };
    let directive = |place| {
        let labels = labels(place);
        format!(r#"{{"id":"{update}-{place}","level":"Shape","ttl_secs":600,"labels":{{{labels}}}}}"#)
    };
    let directives: Vec<String> = (0..directives).map(directive).collect();
    format!(r#"{{"directives":[{}]}}"#, directives.join(","))
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
