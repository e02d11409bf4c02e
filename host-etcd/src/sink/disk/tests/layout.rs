//! The bytes.

use std::time::Duration;

use super::{NOON, at, document, entry, listing, mirror, pulse, put, record, scope};
use crate::clock::Moment;
use crate::kv::{Key, Revision, Scope};
use crate::mirror::Mirror;
use crate::sink::disk::layout::{VERSION, decode_clock, decode_state, encode_clock, encode_state};
use crate::sink::disk::{Pulse, StateError};

fn state() -> Vec<u8> {
    encode_state(&scope(), &pulse(0), &record())
}

#[test]
fn a_state_is_read_as_it_was_written() {
    let (read, restored) = decode_state(&scope(), &state()).expect("is whole");
    assert_eq!((read, &restored), (pulse(0), &record()));
    let after = Mirror::restore(restored);
    assert_eq!(after.snapshot(), mirror().snapshot());
    assert!(after.refusals().eq(mirror().refusals()));
}

#[test]
fn a_clock_is_read_as_it_was_written() {
    for pulse in [pulse(5), Pulse { confirmed: None, ..pulse(5) }] {
        assert_eq!(decode_clock(&scope(), &encode_clock(&scope(), &pulse)), Ok(pulse));
    }
}

#[test]
fn every_prefix_is_refused() {
    all_but_the_whole_is_torn(&state(), |bytes| decode_state(&scope(), bytes).err());
    all_but_the_whole_is_torn(&encode_clock(&scope(), &pulse(0)), |bytes| {
        decode_clock(&scope(), bytes).err()
    });
}

fn all_but_the_whole_is_torn(bytes: &[u8], refused: impl Fn(&[u8]) -> Option<StateError>) {
    let longer = [bytes, b"x"].concat();
    assert_eq!(refused(bytes), None);
    for end in (0..bytes.len()).chain([longer.len()]) {
        let error = refused(&longer[..end]);
        assert!(
            matches!(error, Some(StateError::Torn { found, .. }) if found == end as u64),
            "{end}: {error:?}"
        );
    }
}

#[test]
fn every_flipped_bit_is_found() {
    for (mut bytes, is_state) in [(state(), true), (encode_clock(&scope(), &pulse(0)), false)] {
        for place in 0..bytes.len() * 8 {
            bytes[place / 8] ^= 1 << (place % 8);
            let is_refused = match is_state {
                true => decode_state(&scope(), &bytes).is_err(),
                false => decode_clock(&scope(), &bytes).is_err(),
            };
            assert!(is_refused, "bit {place}");
            bytes[place / 8] ^= 1 << (place % 8);
        }
    }
}

#[test]
fn what_is_not_ours_says_what_it_is() {
    let refused = |bytes: &[u8]| decode_state(&scope(), bytes).expect_err("is refused");
    assert_eq!(refused(b""), StateError::Torn { expected: 52, found: 0 });
    assert_eq!(refused(&[b'x'; 400]), StateError::Foreign);
    assert_eq!(refused(&encode_clock(&scope(), &pulse(0))), StateError::Foreign);
    let mut newer = state();
    newer[8] = 2;
    assert_eq!(refused(&newer), StateError::Version { found: VERSION + 1 });
    for other in [Scope::parse("d"), Scope::parse("e/"), Scope::Key("d/".into())] {
        let foreign = encode_state(&other, &pulse(0), &record());
        assert_eq!(refused(&foreign), StateError::OtherScope, "{other:?}");
    }
    let mut flipped = state();
    *flipped.last_mut().expect("not empty") ^= 1;
    assert_eq!(refused(&flipped), StateError::Damaged);
}

/// With a checksum that is right.
fn sealed(body: &[u8]) -> Vec<u8> {
    crate::sink::disk::layout::seal(*b"aldstate", &scope(), body)
}

fn body() -> Vec<u8> {
    let scope_bytes = 1 + 8 + 2;
    state()[52 + scope_bytes..].to_vec()
}

#[test]
fn a_hostile_length_or_flag_is_refused_and_costs_nothing() {
    let body = body();
    assert!(decode_state(&scope(), &sealed(&body)).is_ok());
    for end in 0..body.len() {
        assert!(decode_state(&scope(), &sealed(&body[..end])).is_err(), "{end}");
    }
    assert!(decode_state(&scope(), &sealed(&[&body[..], b"x"].concat())).is_err());
    // A length or a count of all that a number can say.
    let image_length = 8 + 1 + 16 + 16 + 8 + 32;
    let image = record().set.expect("has an image").as_image().len();
    let keys = image_length + 8 + image;
    for place in [image_length, keys, keys + 8, body.len() - 2 * 56 - 8] {
        let mut hostile = body.clone();
        hostile[place..place + 8].fill(0xff);
        let refused = decode_state(&scope(), &sealed(&hostile));
        assert!(matches!(refused, Err(StateError::Malformed { .. })), "at {place}: {refused:?}");
    }
    // The confirmation's flag follows the reading.
    let mut flag = body;
    flag[8] = 2;
    assert!(matches!(decode_state(&scope(), &sealed(&flag)), Err(StateError::Malformed { .. })));
}

#[test]
fn keys_out_of_order_or_out_of_scope_are_refused() {
    let mut record = record();
    let kept = record.keys.remove(&Key::from("d/a")).expect("known");
    record.keys.insert("e/a".into(), kept);
    let bytes = encode_state(&scope(), &pulse(0), &record);
    assert!(matches!(decode_state(&scope(), &bytes), Err(StateError::Malformed { .. })));

    // Twice the same key: the second `d/b` in place of `d/c`.
    let mut bytes = body();
    let place = bytes.windows(3).position(|window| window == b"d/c").expect("is there");
    bytes[place + 2] = b'b';
    assert!(matches!(decode_state(&scope(), &sealed(&bytes)), Err(StateError::Malformed { .. })));
}

#[test]
fn the_newest_version_told_again_as_a_good_one_is_refused() {
    let (value, mut bytes) = (document("due", 60), body());
    let after_value =
        bytes.windows(value.len()).position(|window| window == value).expect("d/b is there") + value.len();
    let (from, flag) = (after_value - value.len() - 16, after_value + 16);
    let version = bytes[from..flag].to_vec();
    assert_eq!(bytes[flag], 1, "the good one is the newest");
    bytes[flag] = 2;
    bytes.splice(flag + 1..flag + 1, version);
    let refused = decode_state(&scope(), &sealed(&bytes));
    let what = "the good version is the newest, told twice";
    assert_eq!(refused, Err(StateError::Malformed { what }));
}

#[test]
fn an_image_of_another_version_is_made_anew_from_the_documents() {
    let record = record();
    let image = record.set.as_ref().expect("has an image").as_image().to_vec();
    let mut bytes = body();
    let place = bytes.windows(image.len()).position(|window| window == image).expect("is there");
    bytes[place] ^= 0xff;
    let (_, read) = decode_state(&scope(), &sealed(&bytes)).expect("the rest is whole");
    assert!(read.set.is_none());
    assert_eq!(Mirror::restore(read).snapshot(), mirror().snapshot());
}

/// A mirror that has seen some hundred random things.
fn random_mirror(random: &mut fastrand::Rng) -> Mirror {
    let mut mirror = Mirror::new();
    let mut revision = random.u64(1..50);
    mirror.replace(listing(revision, Vec::new()), at(0));
    for step in 0..random.u64(0..200) {
        revision += random.u64(1..4);
        let lead = Duration::from_millis(if random.u8(0..4) == 0 { random.u64(0..9_000_000) } else { 0 });
        let now = Moment { lead, ..at(step * 1_000 + 10_000_000) };
        let key = format!("d/{}", random.u8(0..20));
        match random.u8(0..8) {
            0 => {
                let gone = crate::kv::KvUpdate::Delete {
                    key: key.as_str().into(),
                    mod_revision: Revision::new(revision),
                };
                mirror.change(Revision::new(revision), vec![gone], now);
            }
            1 => put(&mut mirror, revision, &key, b"malformed", now),
            2 => {
                revision = random.u64(1..=revision);
                let list = vec![entry(&key, random.u64(1..=revision), &document("listed", 5))];
                mirror.replace(listing(revision, list), now);
            }
            _ => put(&mut mirror, revision, &key, &document(&format!("id{step}"), random.u64(1..9_999)), now),
        }
    }
    mirror
}

#[test]
fn whatever_a_mirror_has_seen_it_is_the_same_after_a_restart() {
    for seed in 0..150 {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut mirror = random_mirror(&mut random);
        let record = mirror.record().expect("listed");
        let bytes = encode_state(&scope(), &pulse(0), &record);
        let (_, read) = decode_state(&scope(), &bytes).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        assert_eq!(read, record, "seed {seed}");
        assert_eq!(encode_state(&scope(), &pulse(0), &read), bytes, "seed {seed}");
        let mut after = Mirror::restore(read);
        assert_eq!(after.snapshot(), mirror.snapshot(), "seed {seed}");
        assert!(after.refusals().eq(mirror.refusals()), "seed {seed}");
        assert_eq!(after.record(), Some(record), "seed {seed}");
        // What comes next comes to the same.
        let next = random_mirror(&mut random).record().expect("listed");
        let entries = next.keys.iter().map(|(key, kept)| {
            let (value, mod_revision) = (kept.newest.value.clone(), kept.newest.revision);
            crate::kv::KvEntry { key: key.clone(), value, mod_revision }
        });
        let list = listing(next.header.revision.as_u64(), entries.collect());
        let (ours, theirs) = (after.replace(list.clone(), at(NOON)), mirror.replace(list, at(NOON)));
        assert_eq!((ours.snapshot, ours.refused), (theirs.snapshot, theirs.refused), "seed {seed}");
    }
}
