//! Bytes that nobody should have sent. They are refused, or they are a set on which every question has an answer;
//! nothing here may panic.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that cannot go on ends, saying why"
)]

use aldis_core::limits::IMAGE_VERSION;
use aldis_core::{DecodeError, DirectiveSet, ImageError, UnixMillis, decode};
use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, any, prop_assert, prop_assert_eq, proptest};
use proptest::sample::Index;
use rapidhash::v3::rapidhash_v3;
use rig::generate::{NOW, directives, request, seeded, strikes};
use rig::golden;
use rig::vectors::{self, Request};

/// Where the layout keeps the checksum, and from where on it covers the image.
const CHECKSUM: usize = 16;
const CHECKED_FROM: usize = 24;

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
    let requests = seeded(&vec(request(), 2), 1);
    let mut taken = 0;
    for place in CHECKED_FROM..golden::image().len() {
        for bit in 0..8 {
            let mut flipped = golden::image();
            flipped[place] ^= 1 << bit;
            seal(&mut flipped);
            taken += usize::from(ask_everything(flipped, &requests));
        }
    }
    assert!(taken > 1000, "only {taken} are taken for a set: the checksum refuses what the check should");
}

/// What the tests below stand on: they could seal an image wrongly, and see nothing but bad checksums.
#[test]
fn sealing_an_untouched_image_changes_nothing() {
    let mut image = golden::image();
    seal(&mut image);
    assert_eq!(image, golden::image());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whoever can write the checksum can write anything behind it.
    #[test]
    fn a_sealed_image_with_foreign_bytes_is_refused_or_total(
        strikes in strikes(),
        requests in vec(request(), 2),
    ) {
        let mut image = golden::image();
        for (place, byte) in &strikes {
            let place = place.index(image.len());
            image[place] = *byte;
        }
        seal(&mut image);
        ask_everything(image, &requests);
    }

    #[test]
    fn a_sealed_image_with_an_odd_number_in_it_is_refused_or_total(
        place in any::<Index>(),
        number in proptest::sample::select(&[0_u32, 1, 2, 3, 63, 64, 65, 255, 0x7fff_ffff, u32::MAX][..]),
        requests in vec(request(), 2),
    ) {
        let mut image = golden::image();
        let place = place.index(image.len() / 4) * 4;
        image[place..place + 4].copy_from_slice(&number.to_le_bytes());
        seal(&mut image);
        ask_everything(image, &requests);
    }

    #[test]
    fn arbitrary_bytes_are_no_image(bytes in vec(any::<u8>(), 0..300), headed in any::<bool>()) {
        let mut bytes = bytes;
        if headed && bytes.len() >= CHECKED_FROM {
            bytes[..8].copy_from_slice(b"aldisimg");
            bytes[8..10].copy_from_slice(&IMAGE_VERSION.to_le_bytes());
            bytes[10..12].fill(0);
            let len = u32::try_from(bytes.len()).expect("is short");
            bytes[12..16].copy_from_slice(&len.to_le_bytes());
            seal(&mut bytes);
        }
        prop_assert!(DirectiveSet::from_image(bytes).is_err());
    }

    #[test]
    fn arbitrary_bytes_are_no_document(bytes in vec(any::<u8>(), 0..200)) {
        if let Err(error) = decode(&bytes, NOW) {
            is_placed_within(&error, &bytes);
        }
    }

    /// Bytes struck out of documents that the vectors know: far deeper into the decoder than noise gets.
    #[test]
    fn a_struck_document_is_refused_in_its_place_or_means_something(
        which in any::<Index>(),
        strikes in strikes(),
        cut in any::<Index>(),
    ) {
        let mut body = which.get(documents()).clone();
        for (place, byte) in &strikes {
            let place = place.index(body.len());
            // Mostly what JSON is made of: other bytes end in the first token that they are in.
            let alphabet = br#"{}[]",:\0159-.eEu tnf"#;
            body[place] = if *byte < 200 { alphabet[usize::from(*byte) % alphabet.len()] } else { *byte };
        }
        if cut.index(4) == 0 {
            body.truncate(cut.index(body.len()));
        }
        match decode(&body, NOW) {
            Err(error) => is_placed_within(&error, &body),
            Ok(directives) => {
                let set = DirectiveSet::from_directives(directives.iter().cloned()).expect("keeps the rules");
                prop_assert_eq!(&set, &DirectiveSet::decode(&body, NOW).expect("was decoded before"));
            }
        }
    }
}

/// Values are what operators must never find in a log: whatever is wrong with a document, no value is told.
#[test]
fn a_refusal_tells_no_value() {
    const SECRET: &str = "s3cret";
    let long = SECRET.repeat(100);
    let mut told = 0;
    let fields = vectors::FIELDS.into_iter().chain(["tennant"]);
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

/// Makes the checksum fit whatever the image holds now.
fn seal(image: &mut [u8]) {
    let checksum = rapidhash_v3(&image[CHECKED_FROM..]);
    image[CHECKSUM..CHECKED_FROM].copy_from_slice(&checksum.to_le_bytes());
}

/// If the bytes are taken for a set, every question to it is answered. Says whether they are.
fn ask_everything(image: Vec<u8>, requests: &[Request]) -> bool {
    let Ok(set) = DirectiveSet::from_image(image) else { return false };
    let directives = set.iter().count();
    assert_eq!(directives, set.len());
    assert!(set.iter().all(|directive| !directive.id.is_empty()));
    assert_eq!(set.earliest_expiry(), set.iter().map(|directive| directive.expires_at).min());
    assert_eq!(set.latest_expiry(), set.iter().map(|directive| directive.expires_at).max());
    for request in requests {
        request.with_facts(|request| {
            for now in [UnixMillis::new(0), NOW, UnixMillis::MAX] {
                let decision = set.evaluate(request, now);
                assert!(decision.decided_by.is_none_or(|index| set.id(index).is_some()));
                assert_eq!(
                    set.explain(request, now).map(|told| format!("{:?}", told.outcome)).count(),
                    directives
                );
            }
        });
    }
    true
}

/// Line and column are those of a character of the document, or of its end.
fn is_placed_within(error: &DecodeError, body: &[u8]) {
    let span = error.span();
    assert!(span.start <= span.end && span.end <= body.len(), "{span:?} of {} bytes", body.len());
    let lines: Vec<&[u8]> = body.split(|&byte| byte == b'\n').collect();
    let line = lines[usize::try_from(error.line()).expect("is small") - 1];
    let column = usize::try_from(error.column()).expect("is small");
    assert!(column >= 1 && column <= line.len() + 1, "{error} of a line of {} bytes", line.len());
    assert!(!error.message().is_empty() && !error.message().contains('\n'));
}

/// The documents of the vectors that are not too large to be struck thousands of times.
fn documents() -> &'static [Vec<u8>] {
    static DOCUMENTS: std::sync::OnceLock<Vec<Vec<u8>>> = std::sync::OnceLock::new();
    DOCUMENTS.get_or_init(|| {
        let bodies = vectors::all().into_iter().map(|case| case.vector.body());
        let mut documents: Vec<_> = bodies.filter(|body| (1..2000).contains(&body.len())).collect();
        let generated = seeded(&directives(3), 1);
        let generated = serde_json::to_string(&generated).expect("serializes");
        documents.push(format!(r#"{{"directives":{generated}}}"#).into_bytes());
        documents
    })
}
