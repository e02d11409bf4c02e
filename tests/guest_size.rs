//! How large the guest is, plain and compressed, in both profiles: within the budgets that `wasm/ABI.md` names, and as it
//! says.

#![allow(clippy::expect_used, reason = "a test that fails says where")]

#[path = "guest/small.rs"]
mod small;

use std::io::Write;

use aldis_etcd::sink::guest::embedded_module;
use brotli::CompressorWriter;
use fastrand::Rng;

const PAGE: &str = include_str!("../wasm/ABI.md");

/// So much may a size differ from what the page says of it, in percent. What differs by more is news.
const STALE: usize = 2;

#[test]
fn the_guest_for_servers_is_as_large_as_the_page_says() {
    assert_eq!(complaints(PAGE, "guest", embedded_module()), Vec::<String>::new());
}

#[test]
fn the_guest_for_downloads_is_as_large_as_the_page_says() {
    assert_eq!(complaints(PAGE, "guest-small", &small::module()), Vec::<String>::new());
}

#[test]
fn what_grows_and_what_the_page_no_longer_knows_is_noticed() {
    // Does not compress, so that both sizes are known.
    let mut rng = Rng::with_seed(1);
    let noise: Vec<u8> = (0..10_000).map(|_| rng.u8(..)).collect();
    let about = |row: &str| complaints(row, "guest", &noise).len();
    assert_eq!(about("| `guest` | 10 000 | 10 000 | 10 004 | 10 010 |"), 0);
    assert_eq!(about("| `guest` | 9 900 | 10 100 | 10 100 | 10 100 |"), 0);
    for noticed in [
        "| `guest` | 10 000 | 9 999 | 10 004 | 10 010 |",
        "| `guest` | 10 000 | 10 000 | 10 000 | 10 000 |",
        "| `guest` | 9 700 | 10 000 | 10 004 | 10 010 |",
        "| `guest` | 10 000 | 10 000 | 10 300 | 10 300 |",
    ] {
        assert_eq!(about(noticed), 1, "{noticed}");
    }
}

/// Names of functions are a fifth of the module even when it is compressed; what wasm-opt wants to know is little.
#[test]
fn the_guest_for_downloads_has_no_names_but_its_features() {
    let has = |module: &[u8], section: &str| module.windows(section.len()).any(|it| it == section.as_bytes());
    let (small, fast) = (small::module(), embedded_module());
    assert_eq!(["\u{4}name", "\u{f}target_features"].map(|section| has(&small, section)), [false, true]);
    assert_eq!(["\u{4}name", "\u{f}target_features"].map(|section| has(fast, section)), [true, true]);
}

fn complaints(page: &str, profile: &str, module: &[u8]) -> Vec<String> {
    let [plain, plain_budget, compressed, compressed_budget] = row(page, profile);
    let sizes = [
        ("", module.len(), plain, plain_budget),
        (" compressed", brotli(module).len(), compressed, compressed_budget),
    ];
    let mut complaints = Vec::new();
    for (how, bytes, said, budget) in sizes {
        println!("{profile}{how}: {bytes} bytes, budget {budget}");
        if bytes > budget {
            complaints.push(format!("{profile}{how} has {bytes} bytes, {} past its budget", bytes - budget));
        }
        if bytes.abs_diff(said) * 100 > said * STALE {
            complaints.push(format!("{profile}{how} has {bytes} bytes, and the page says {said}"));
        }
    }
    complaints
}

/// The numbers in the row of a profile.
fn row(page: &str, profile: &str) -> [usize; 4] {
    let row =
        page.lines().find_map(|line| line.strip_prefix(&format!("| `{profile}` | "))).expect("has a row");
    let numbers = row.split('|').map(|cell| cell.replace(' ', "")).filter_map(|cell| cell.parse().ok());
    numbers.collect::<Vec<_>>().try_into().expect("has four numbers")
}

/// As whoever serves it compresses it once: with the greatest effort, in the usual window.
fn brotli(module: &[u8]) -> Vec<u8> {
    let mut compressed = Vec::new();
    let mut writer = CompressorWriter::new(&mut compressed, 1 << 16, 11, 22);
    writer.write_all(module).expect("writes to memory");
    drop(writer);
    compressed
}
