//! What an image must not say, though its checksum fits: whoever can write the one can write the other.

use alloc::format;
use alloc::vec::Vec;
use core::mem::{offset_of, size_of};

use zerocopy::FromBytes;
use zerocopy::little_endian::U32;

use super::*;
use crate::hash;
use crate::image::bucket::Bucket;
use crate::image::{Group, Header, Record, StrRef, Values, facts};

const DOCUMENT: &[u8] = br#"{"directives":[
    {"id":"ab","level":"Shape","ttl_secs":60,"tenant":"t","indices":["i","j"],"endpoint":"Search","salt":"s"},
    {"id":"cd","level":"Off","ttl_secs":90,"labels":{"k":"v"},"suppress":true},
    {"id":"ef","level":"Shape","ttl_secs":90},{"id":"gh","level":"Off","ttl_secs":90}]}"#;

#[test]
fn the_check_knows_every_number_that_could_be_wrong() {
    let image = image();
    let header = *header(&image);
    let groups = size_of::<Header>();
    let buckets = groups
        + size_of::<Group>() * number(header.groups.get())
        + header.filters.iter().map(|cells| number(cells.get())).sum::<usize>();
    let place = buckets + size_of::<Bucket>() - 4;
    let lists = buckets + size_of::<Bucket>() * number(header.buckets.get());
    let records = lists + size_of::<U32>() * number(header.lists.get());
    let strings = records + size_of::<Record>() * number(header.directives.get());
    let heap = image.len() - number(header.heap_len.get());
    let record = |field| records + field;
    let group = |field| groups + field;
    // Offset and what is written there.
    let changes: &[(usize, &[u8])] = &[
        (offset_of!(Header, facts), &[0]),
        (offset_of!(Header, facts), &[header.facts & !facts::TENANT]),
        (offset_of!(Header, facts), &[header.facts | facts::TRACE_ID]),
        (offset_of!(Header, reserved), &[1]),
        (offset_of!(Header, groups), &[33, 0, 0, 0]),
        (offset_of!(Header, groups), &[1, 0, 0, 0]),
        (offset_of!(Header, directives), &[5, 0, 0, 0]),
        (offset_of!(Header, filters), &[0]),
        (offset_of!(Header, buckets), &[0xff; 4]),
        (offset_of!(Header, lists), &[0xff; 4]),
        (offset_of!(Header, heap_len), &[0xff; 4]),
        (offset_of!(Header, earliest_expiry), &[1]),
        (offset_of!(Header, latest_expiry), &[1]),
        (group(offset_of!(Group, facts)), &[32]),
        (group(offset_of!(Group, facts)), &[facts::PRINCIPAL]),
        (group(offset_of!(Group, max_level)), &[4]),
        (group(offset_of!(Group, reserved)), &[1]),
        (group(offset_of!(Group, first_of_max)), &[4]),
        (group(offset_of!(Group, first_bucket)), &[1]),
        (group(offset_of!(Group, buckets)), &[0]),
        (group(offset_of!(Group, buckets)), &[3]),
        (record(offset_of!(Record, tenants) + offset_of!(Values, start)), &[0xff; 4]),
        (record(offset_of!(Record, tenants) + offset_of!(Values, len)), &[0, 0]),
        (record(offset_of!(Record, tenants) + offset_of!(Values, len)), &[1, 1]),
        (record(offset_of!(Record, tenants) + offset_of!(Values, count)), &[0]),
        (record(offset_of!(Record, indices) + offset_of!(Values, count)), &[65]),
        (record(offset_of!(Record, indices) + offset_of!(Values, start)), &[0xff; 4]),
        (record(offset_of!(Record, id)), &[0xff; 4]),
        (record(offset_of!(Record, id_len)), &[0]),
        (record(offset_of!(Record, id_len)), &[129]),
        (record(offset_of!(Record, salt)), &[0xff; 4]),
        (record(offset_of!(Record, salt_len)), &[129]),
        (record(offset_of!(Record, label_count)), &[17]),
        (record(offset_of!(Record, label_count)), &[3]),
        (record(offset_of!(Record, endpoints)), &[0, 0x10]),
        (record(offset_of!(Record, per_mille)), &[0xe9, 3]),
        (record(offset_of!(Record, level)), &[4]),
        (record(offset_of!(Record, sample_by)), &[4]),
        (record(offset_of!(Record, not_before)), &[1]),
        (record(offset_of!(Record, reserved)), &[1]),
        // It has a salt that no flag tells of; suppresses beside a level that is not off; an unknown flag.
        (record(offset_of!(Record, flags)), &[0]),
        (record(offset_of!(Record, flags)), &[flags::SALTED | flags::SUPPRESS]),
        (record(offset_of!(Record, flags)), &[flags::SALTED | 32]),
        (strings + offset_of!(StrRef, len), &[0]),
        (strings + offset_of!(StrRef, start), &[0xff; 4]),
        // No directive, no list.
        (place, &[4, 0, 0, 0]),
        (place, &[2, 0, 0, 0x80]),
        (lists, &[4, 0, 0, 0]),
        (heap, &[0xff]),
        (heap + number(first_record(&image).id.get()), b"\n"),
    ];
    for (offset, bytes) in changes {
        let mut changed = image.clone();
        let place = changed.get_mut(*offset..offset + bytes.len()).expect("lies in the image");
        assert_ne!(place, *bytes, "nothing changes at {offset}");
        place.copy_from_slice(bytes);
        seal(&mut changed);
        let got = DirectiveSet::from_image(changed);
        assert!(
            matches!(got, Err(ImageError::Malformed(_) | ImageError::WrongLength)),
            "{bytes:?} at {offset}: {got:?}"
        );
    }
}

#[test]
fn a_set_tells_sizes_and_no_names() {
    let set = DirectiveSet::decode(DOCUMENT, UnixMillis::new(0)).expect("is valid");
    assert_eq!(
        format!("{set:?}"),
        format!("DirectiveSet {{ directives: 4, image_bytes: {}, .. }}", set.as_image().len())
    );
    assert_eq!(set.id(DirectiveIndex::new(1)), Some("cd"));
    assert_eq!(set.id(DirectiveIndex::new(4)), None);
    assert_eq!(set.get(DirectiveIndex::new(4)), None);
}

fn image() -> Vec<u8> {
    let set = DirectiveSet::decode(DOCUMENT, UnixMillis::new(1000)).expect("is valid");
    set.as_image().to_vec()
}

fn header(image: &[u8]) -> &Header {
    Header::ref_from_prefix(image).expect("is long enough").0
}

fn first_record(image: &[u8]) -> Record {
    let set = DirectiveSet::from_image(image).expect("is one");
    *set.sections().records().first().expect("has one")
}

fn seal(image: &mut [u8]) {
    let checksum = hash::checksum(image.get(check::CHECKED_FROM..).expect("is long enough"));
    let place = offset_of!(Header, checksum);
    image.get_mut(place..place + 8).expect("is long enough").copy_from_slice(&checksum.to_le_bytes());
}

fn number(number: u32) -> usize {
    usize::try_from(number).expect("is small")
}
