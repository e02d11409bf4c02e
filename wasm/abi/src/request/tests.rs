//! What is written is read; what was not written by `encode` is refused or means the same when written again.

extern crate std;

use std::vec;
use std::vec::Vec;

use proptest::collection::vec as vec_of;
use proptest::option::of;
use proptest::prelude::*;

use super::*;

const NONE: Facts<'static> = Facts {
    tenant: None,
    index: None,
    principal: None,
    request_id: None,
    trace_id: None,
    endpoint: None,
    labels: &[],
};

fn encoded(facts: &Facts<'_>) -> Vec<u8> {
    let mut bytes = vec![0; 1 << 20];
    let len = encode(facts, &mut bytes).unwrap();
    bytes.truncate(len);
    bytes
}

/// Reads `bytes` back into facts and compares.
fn assert_reads_as(bytes: &[u8], facts: &Facts<'_>) {
    let view = decode(bytes).unwrap();
    let labels = labels_of(&view);
    assert_eq!(labels.len(), view.labels().len());
    assert_eq!(&facts_of(&view, &labels), facts);
}

/// What a view hands out is text.
fn text(bytes: &[u8]) -> &str {
    core::str::from_utf8(bytes).unwrap()
}

fn labels_of<'a>(view: &RequestView<'a>) -> Vec<(&'a str, &'a str)> {
    view.labels().map(|(name, value)| (text(name), text(value))).collect()
}

fn facts_of<'a>(view: &RequestView<'a>, labels: &'a [(&'a str, &'a str)]) -> Facts<'a> {
    Facts {
        tenant: view.tenant().map(text),
        index: view.index().map(text),
        principal: view.principal().map(text),
        request_id: view.request_id().map(text),
        trace_id: view.trace_id().map(text),
        endpoint: view.endpoint(),
        labels,
    }
}

#[test]
fn the_bytes_stand_where_the_page_says() {
    let facts = Facts { tenant: Some("acme"), endpoint: Some(2), labels: &[("k", "vé")], ..NONE };
    let expected = b"\x21\x02\x01\x00\x04\x00\0\0\0\0\0\0\0\0\0\0\x01\x00\x03\x00acmekv\xc3\xa9";
    assert_eq!(encoded(&facts), expected);
    assert_reads_as(expected, &facts);
}

#[test]
fn an_empty_string_is_not_an_absent_one() {
    assert_reads_as(&encoded(&NONE), &NONE);
    let empty = Facts { tenant: Some(""), ..NONE };
    assert_reads_as(&encoded(&empty), &empty);
    assert_eq!(encoded(&NONE).len(), HEADER_BYTES);
}

#[test]
fn lengths_are_held_at_the_limit_and_refused_one_past_it() {
    let (fits, long) = ("x".repeat(65_535), "x".repeat(65_536));
    let facts = Facts { request_id: Some(&fits), ..NONE };
    assert_reads_as(&encoded(&facts), &facts);
    let mut room = vec![0; 1 << 20];
    let over = [
        Facts { request_id: Some(&long), ..NONE },
        Facts { labels: &[(&long, "")], ..NONE },
        Facts { labels: &[("", &long)], ..NONE },
        Facts { labels: &vec![("", ""); 65_536], ..NONE },
    ];
    for facts in over {
        assert_eq!(encode(&facts, &mut room), Err(EncodeError::TooLong));
    }
}

#[test]
fn too_little_room_names_what_is_needed() {
    let facts = Facts { tenant: Some("acme"), labels: &[("k", "v")], ..NONE };
    let needed = encoded(&facts).len();
    for len in 0..needed {
        assert_eq!(encode(&facts, &mut vec![0; len]), Err(EncodeError::NoRoom { needed }));
    }
    assert_eq!(encode(&facts, &mut vec![0; needed]), Ok(needed));
}

#[test]
fn what_does_not_add_up_is_refused() {
    let good = encoded(&Facts { tenant: Some("é"), labels: &[("k", "é")], ..NONE });
    assert!(decode(&good).is_ok());
    let broken = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        bytes
    };
    let cases = [
        ("unknown bit", broken(0, 0x41)),
        ("length of an absent fact", broken(6, 1)),
        ("endpoint without its bit", broken(1, 1)),
        ("reserved bytes", broken(14, 1)),
        ("more labels than there are", broken(2, 9)),
        ("a fact that ends inside a character", broken(4, 1)),
        ("a label that takes too little", broken(18, 0)),
        ("not UTF-8", broken(21, 0xff)),
    ];
    for (why, bytes) in cases {
        assert!(decode(&bytes).is_err(), "{why}");
    }
    for len in 0..good.len() {
        assert!(decode(&good[..len]).is_err(), "cut at {len}");
    }
    assert!(decode(&[good, vec![0]].concat()).is_err(), "trailing byte");
}

#[test]
fn bytes_that_are_not_utf8_are_refused_wherever_they_lie() {
    for len in [1, 3, 4, 7, 8, 9, 15, 16, 17, 20] {
        let fact = &"x".repeat(len);
        let bytes =
            encoded(&Facts { tenant: Some(fact), principal: Some(fact), labels: &[(fact, fact)], ..NONE });
        let begin = HEADER_BYTES + LABEL_BYTES;
        assert_eq!(bytes.len(), begin + 4 * len);
        for at in begin..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[at] = 0xff;
            assert!(decode(&bytes).is_err(), "byte {at} of facts with {len} bytes");
        }
    }
}

#[test]
fn characters_of_several_bytes_are_read_and_not_cut() {
    let facts = Facts {
        tenant: Some("日本"),
        trace_id: Some("é"),
        labels: &[("ключ", "значение, и не короткое")],
        ..NONE
    };
    let bytes = encoded(&facts);
    assert_reads_as(&bytes, &facts);
    // One byte less for the tenant, and one more for the trace id: the sum is the same.
    let mut cut = bytes;
    cut[4] -= 1;
    cut[12] += 1;
    assert!(decode(&cut).is_err());
}

proptest! {
    #[test]
    fn requests_come_back(
        strings in [of(".{0,40}"), of(".{0,40}"), of(".{0,40}"), of(".{0,40}"), of(".{0,40}")],
        endpoint: Option<u8>,
        labels in vec_of((".{0,12}", ".{0,12}"), 0..40),
    ) {
        let labels: Vec<(&str, &str)> = labels.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let [tenant, index, principal, request_id, trace_id] = strings.each_ref().map(Option::as_deref);
        let facts = Facts { tenant, index, principal, request_id, trace_id, endpoint, labels: &labels };
        assert_reads_as(&encoded(&facts), &facts);
    }

    #[test]
    fn any_bytes_are_refused_or_come_back(bytes in vec_of(any::<u8>(), 0..80), present in 0u8..64, lens in vec_of(0u8..4, 6)) {
        // Random headers are refused nearly always; a plausible one gets past the first checks.
        let mut plausible = bytes;
        for (byte, with) in plausible.iter_mut().zip(
            [present, 0, lens[0], 0, lens[1], 0, lens[2], 0, lens[3], 0, lens[4], 0, lens[5], 0, 0, 0],
        ) {
            *byte = with;
        }
        if let Ok(view) = decode(&plausible) {
            let labels = labels_of(&view);
            prop_assert_eq!(encoded(&facts_of(&view, &labels)), plausible);
        }
    }

    #[test]
    fn noise_is_never_more_than_refused(bytes in vec_of(any::<u8>(), 0..200)) {
        let _ = decode(&bytes).map(|view| view.labels().count());
    }
}
