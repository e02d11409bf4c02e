//! What a host without manners writes: requests, documents and images, mostly right, so that it comes far.

use aldis_abi::{Facts, STAMP_BYTES, Stamp, encode, put_frame_len};
use aldis_core::DirectiveSet;

use super::Call;
use crate::targets::NOW;
use crate::targets::bytes::Bytes;
use crate::targets::image::seal;

/// What every guest must still be able to take at the end.
pub(crate) const ONE_FOR_ALL: &[u8] = br#"{"directives":[{"id":"a","level":"Shape","ttl_secs":9}]}"#;

/// Targets, labels, samples, a beginning, and enough of them to be probed.
const DOCUMENT: &str = r#"{"directives":[{"id":"acme","level":"Shape","ttl_secs":600,"tenant":"acme",
    "labels":{"k":"v"},"sample_per_mille":500,"salt":"s","endpoints":["Search","Count"]},
    {"id":"b","level":"ShapeTiming","ttl_secs":5,"tenants":["acme","b"],"capture":true},
    {"id":"c","level":"Off","ttl_secs":5,"principal":"\u00fc","suppress":true},
    {"id":"d","level":"Shape","ttl_secs":5,"not_before":"2027-01-15T08:00:01Z","ring_buffer":true}]}"#;

/// A call with whatever numbers come to mind.
pub(crate) fn call(bytes: &mut Bytes<'_>) -> Call {
    match bytes.one_of(10) {
        0 => Call::ReserveRequest(len(bytes)),
        1 => Call::ReserveSet(len(bytes)),
        2 => Call::LoadImage(len(bytes)),
        3 => Call::LoadDocument(len(bytes), now(bytes)),
        4 => Call::Evaluate(len(bytes), now(bytes)),
        5 => Call::EvaluateBatch(len(bytes), now(bytes)),
        6 => Call::Explain(len(bytes), now(bytes), place(bytes)),
        7 => Call::DirectiveId(place(bytes)),
        8 => Call::Info,
        _ => Call::LastError,
    }
}

/// Lengths at every kind of edge; mostly small ones.
pub(crate) fn len(bytes: &mut Bytes<'_>) -> u32 {
    match bytes.one_of(32) {
        0 => bytes.u32(),
        1 => bytes.pick(&[0x8000_0000, u32::MAX, (16 << 20) - 1, 16 << 20, (16 << 20) + 1]),
        2 => bytes.pick(&[64 << 20, (64 << 20) + 1, 4096, 4097, 39, 40]),
        _ => u32::from(bytes.u16()) % 512,
    }
}

pub(crate) fn now(bytes: &mut Bytes<'_>) -> u64 {
    if bytes.one_of(4) == 0 { bytes.u64() } else { NOW.as_u64() + u64::from(bytes.byte()) }
}

fn place(bytes: &mut Bytes<'_>) -> u32 {
    if bytes.one_of(4) == 0 { bytes.u32() } else { bytes.one_of(6).into() }
}

/// A request, or a batch of framed ones, with a byte or two changed.
pub(crate) fn request(bytes: &mut Bytes<'_>, batch: bool) -> Vec<u8> {
    let mut all = Vec::new();
    let count = if batch { bytes.one_of(4) } else { 1 };
    for _ in 0..count {
        let request = match bytes.one_of(8) {
            0 => literal(bytes),
            _ => encoded(bytes),
        };
        if batch {
            let mut frame = [0; 4];
            put_frame_len(&mut frame, request.len()).expect("fits");
            all.extend(frame);
        }
        all.extend(request);
    }
    strike(bytes, &mut all);
    all
}

fn encoded(bytes: &mut Bytes<'_>) -> Vec<u8> {
    let known = bytes.byte();
    let mut fact = |bit: u8, texts: &[&'static str]| (known & bit != 0).then(|| bytes.pick(texts));
    let (tenant, index) = (fact(1, &["acme", "b", ""]), fact(2, &["i"]));
    let (principal, request_id, trace_id) =
        (fact(4, &["\u{fc}", "u"]), fact(8, &["0123456789", "r"]), fact(16, &["t"]));
    let endpoint = (known & 32 != 0).then(|| bytes.one_of(14));
    // More than sixteen make the guest allocate.
    let labels = &[("k", "v"); 20][..usize::from(bytes.one_of(20))];
    let facts = Facts { tenant, index, principal, request_id, trace_id, endpoint, labels };
    let mut room = vec![0; 400];
    let len = encode(&facts, &mut room).expect("fits");
    room.truncate(len);
    room
}

/// A document or an image and its stamp.
pub(crate) fn payload(bytes: &mut Bytes<'_>, by_image: bool) -> (Vec<u8>, Stamp) {
    let literal_body = bytes.one_of(4) == 0;
    let mut body = match (literal_body, by_image) {
        (true, _) => literal(bytes),
        (false, true) => {
            let set = DirectiveSet::decode(DOCUMENT.as_bytes(), NOW).expect("is a document");
            set.into_image()
        }
        (false, false) => DOCUMENT.as_bytes().to_vec(),
    };
    strike(bytes, &mut body);
    if by_image && bytes.flag() {
        seal(&mut body);
    }
    let stamp = Stamp { revision: bytes.byte().into(), digest: [7; 32] };
    body.extend(stamp.to_bytes());
    if bytes.one_of(16) == 15 {
        body.truncate(usize::from(bytes.one_of(STAMP_BYTES as u8)));
    }
    (body, stamp)
}

/// Bytes as they stand in the input.
fn literal(bytes: &mut Bytes<'_>) -> Vec<u8> {
    let len = usize::from(bytes.u16()) % 2048;
    bytes.take(len).to_vec()
}

fn strike(bytes: &mut Bytes<'_>, body: &mut [u8]) {
    for _ in 0..bytes.one_of(4) {
        let (place, byte) = (usize::from(bytes.u16()), bytes.byte());
        if !body.is_empty() {
            body[place % body.len()] = byte;
        }
    }
}
