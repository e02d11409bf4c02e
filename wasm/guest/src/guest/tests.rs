//! The guest as a host would use it, on the native target; `tests/guest_abi.rs` does the same through the module.

use aldis_abi::{EXPLAIN_LINES, Facts, STAMP_BYTES, encode, put_frame_len};

use super::*;

const NOW: UnixMillis = UnixMillis::new(1_800_000_000_000);
const ACME: Facts<'static> = Facts {
    tenant: Some("acme"),
    index: None,
    principal: None,
    request_id: None,
    trace_id: None,
    endpoint: None,
    labels: &[],
};
const DOCUMENT: &str = r#"{"directives":[{"id":"all","level":"Off","ttl_secs":60,"ring_buffer":true},
    {"id":"acme","level":"ShapeTiming","ttl_secs":60,"tenant":"acme","capture":true}]}"#;

fn reserve(guest: &mut Guest, body: &[u8], revision: u64) -> usize {
    let len = body.len() + STAMP_BYTES;
    let room = guest.reserve_set(len).unwrap();
    room[..body.len()].copy_from_slice(body);
    room[body.len()..].copy_from_slice(&Stamp { revision, digest: [5; 32] }.to_bytes());
    len
}

fn load(guest: &mut Guest, document: &str, revision: u64) -> Result<u32, Status> {
    let len = reserve(guest, document.as_bytes(), revision);
    guest.load_document(len, NOW)
}

fn write(guest: &mut Guest, facts: &Facts<'_>) -> usize {
    encode(facts, guest.reserve_request(512).unwrap()).unwrap()
}

fn ask(guest: &mut Guest, facts: &Facts<'_>) -> Result<Answer, Status> {
    let len = write(guest, facts);
    evaluate(guest, len, NOW)
}

fn evaluate(guest: &Guest, len: usize, now: UnixMillis) -> Result<Answer, Status> {
    Answer::unpack(guest.evaluate(len, now)).unwrap()
}

#[test]
fn a_fresh_guest_decides_off_and_a_loaded_one_by_its_set() {
    let mut guest = Guest::new();
    let off = Answer { level: 0, ring_buffer: false, capture: false, decided_by: None };
    assert_eq!(ask(&mut guest, &ACME), Ok(off));
    assert_eq!(Info::from_bytes(guest.info()).unwrap().stamp, Stamp::NONE);
    assert_eq!(load(&mut guest, DOCUMENT, 7), Ok(2));
    let on = Answer { level: 2, ring_buffer: true, capture: true, decided_by: Some(1) };
    assert_eq!(ask(&mut guest, &ACME), Ok(on));
    let info = Info::from_bytes(guest.info()).unwrap();
    assert_eq!((info.stamp.revision, info.directives), (7, 2));
    assert_eq!(info.latest_expiry, NOW.as_u64() + 60_000);
    assert_eq!(evaluate(&guest, 20, UnixMillis::MAX), Ok(off), "no clock, nothing on");
    assert_eq!(guest.directive_id(1), Ok(&b"acme"[..]));
    assert_eq!(guest.directive_id(2), Err(Status::NoDirective));
    assert_eq!(guest.directive_id(usize::MAX), Err(Status::NoDirective));
}

#[test]
fn what_is_refused_leaves_the_set_and_says_why() {
    let mut guest = Guest::new();
    load(&mut guest, DOCUMENT, 7).unwrap();
    assert_eq!(load(&mut guest, r#"{"directives":[{"tennant":1}]}"#, 8), Err(Status::BadDocument));
    assert!(guest.last_error().starts_with(br#"{"reason":"unknown_field","path":"directives[0].tennant""#));
    let len = reserve(&mut guest, b"not an image", 8);
    assert_eq!(guest.load_image(len), Err(Status::BadImage));
    assert!(guest.last_error().starts_with(br#"{"reason":"bad_image","message":""#));
    assert_eq!(Info::from_bytes(guest.info()).unwrap().stamp.revision, 7);
    assert_eq!(ask(&mut guest, &ACME).unwrap().level, 2);
    guest.reserve_set(STAMP_BYTES - 1).unwrap();
    assert_eq!(guest.load_image(STAMP_BYTES - 1), Err(Status::BadStamp));
    assert_eq!(guest.last_error(), b"", "what was refused before is not why this one is");
    load(&mut guest, "{", 8).unwrap_err();
    load(&mut guest, DOCUMENT, 9).unwrap();
    assert_eq!(guest.last_error(), b"");
}

#[test]
fn an_image_decides_as_the_document_it_came_from() {
    let mut guest = Guest::new();
    let set = DirectiveSet::decode(DOCUMENT.as_bytes(), NOW).unwrap();
    let len = reserve(&mut guest, set.as_image(), 3);
    assert_eq!(guest.load_image(len), Ok(2));
    assert_eq!(ask(&mut guest, &ACME).unwrap().decided_by, Some(1));
    let info = Info::from_bytes(guest.info()).unwrap();
    assert_eq!(usize::try_from(info.image_bytes).unwrap(), set.as_image().len());
}

#[test]
fn lengths_that_were_not_reserved_are_refused() {
    let mut guest = Guest::new();
    assert_eq!(evaluate(&guest, 1, NOW), Err(Status::NotReserved));
    assert_eq!(guest.evaluate_batch(1, NOW), Err(Status::NotReserved));
    assert_eq!(guest.explain(1, NOW, 0), Err(Status::NotReserved));
    assert_eq!(guest.load_image(40), Err(Status::NotReserved));
    assert_eq!(guest.reserve_request(MAX_REQUEST_BUFFER + 1), Err(Status::TooLarge));
    assert_eq!(guest.reserve_set(MAX_SET_BUFFER + 1), Err(Status::TooLarge));
    guest.reserve_set(STAMP_BYTES).unwrap();
    assert_eq!(guest.load_document(STAMP_BYTES - 1, NOW), Err(Status::BadStamp));
    assert_eq!(guest.load_document(STAMP_BYTES, NOW), Err(Status::NotReserved), "a load takes the buffer");
    let asked = guest.reserve_request(0).unwrap().len();
    assert_eq!(evaluate(&guest, asked + 1, NOW), Err(Status::NotReserved));
    assert_eq!(evaluate(&guest, asked, NOW), Err(Status::BadRequest));
}

#[test]
fn a_batch_answers_each_request_in_its_place() {
    let mut guest = Guest::new();
    load(&mut guest, DOCUMENT, 1).unwrap();
    let tenants = ["acme", "other", "acme"];
    let room = guest.reserve_request(512).unwrap();
    let mut at = 0;
    for tenant in tenants {
        let len = encode(&Facts { tenant: Some(tenant), ..ACME }, &mut room[at + 4..]).unwrap();
        put_frame_len(&mut room[at..], len).unwrap();
        at += 4 + len;
    }
    put_frame_len(&mut room[at..], 16).unwrap();
    room[at + 4..at + 20].fill(0xff);
    assert_eq!(guest.evaluate_batch(at + 20, NOW), Ok(4));
    let (answers, _) = guest.buffers.request.as_chunks::<ANSWER_BYTES>();
    let levels: Vec<_> = answers
        .iter()
        .take(4)
        .map(|&answer| Answer::unpack(u64::from_le_bytes(answer)).unwrap().map(|answer| answer.level))
        .collect();
    assert_eq!(levels, [Ok(2), Ok(0), Ok(2), Err(Status::BadRequest)]);
    assert_eq!(guest.evaluate_batch(0, NOW), Ok(0));
    guest.reserve_request(512).unwrap()[..4].fill(1);
    assert_eq!(guest.evaluate_batch(64, NOW), Err(Status::BadBatch));
}

#[test]
fn labels_reach_the_core_whether_few_or_many() {
    let mut guest = Guest::new();
    let document = r#"{"directives":[{"id":"a","level":"Shape","ttl_secs":9,"labels":{"k19":"v"}}]}"#;
    load(&mut guest, document, 1).unwrap();
    let names: Vec<String> = (0..20).map(|i| alloc::format!("k{i}")).collect();
    let labels: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "v")).collect();
    assert_eq!(ask(&mut guest, &Facts { labels: &labels, ..ACME }).unwrap().level, 1);
    assert_eq!(ask(&mut guest, &Facts { labels: &labels[..19], ..ACME }).unwrap().level, 0);
    assert_eq!(ask(&mut guest, &Facts { labels: &labels[4..], ..ACME }).unwrap().level, 1);
    assert_eq!(ask(&mut guest, &Facts { endpoint: Some(12), ..ACME }), Err(Status::BadRequest));
}

#[test]
fn explanations_come_in_pages_of_json_lines() {
    let mut guest = Guest::new();
    load(&mut guest, DOCUMENT, 1).unwrap();
    let len = write(&mut guest, &Facts { tenant: Some("other"), ..ACME });
    let lines = String::from_utf8(guest.explain(len, NOW, 0).unwrap().to_vec()).unwrap();
    assert!(
        lines.starts_with("{\"id\":\"all\",\"applies\":true}\n{\"id\":\"acme\",\"applies\":false,\"why\":"),
        "{lines}"
    );
    assert_eq!(guest.explain(len, NOW, 1).unwrap(), lines.split_once('\n').unwrap().1.as_bytes());
    assert_eq!(guest.explain(len, NOW, 2), Ok(&b""[..]));
    let one = |i| alloc::format!(r#"{{"id":"{i}","level":"Shape","ttl_secs":9}}"#);
    let many: Vec<String> = (0..EXPLAIN_LINES + 1).map(one).collect();
    load(&mut guest, &alloc::format!(r#"{{"directives":[{}]}}"#, many.join(",")), 2).unwrap();
    let lines = |bytes: &[u8]| bytes.iter().filter(|&&byte| byte == b'\n').count();
    assert_eq!(lines(guest.explain(len, NOW, 0).unwrap()), EXPLAIN_LINES);
    assert_eq!(lines(guest.explain(len, NOW, EXPLAIN_LINES).unwrap()), 1);
}
