//! Images. Bytes are refused, or they are a set that answers every question; nothing that is on in an answer lacks a
//! directive that says so; and an image as the compiler lays it out decides what its directives say.

use aldis_core::limits::IMAGE_VERSION;
use aldis_core::{
    CompileError, Decision, Directive, DirectiveSet, ImageError, Outcome, Reason, Request, UnixMillis,
};
use twox_hash::XxHash64;

use super::NOW;
use crate::model;

/// What is put to the test. The twins put something else.
pub(crate) struct Subject {
    pub(crate) load: fn(Vec<u8>) -> Result<DirectiveSet, ImageError>,
    pub(crate) evaluate: fn(&DirectiveSet, &Request<'_>, UnixMillis) -> Decision,
}

pub(crate) const CORE: Subject =
    Subject { load: |image| DirectiveSet::from_image(image), evaluate: DirectiveSet::evaluate };

const MAGIC: &[u8] = b"aldisimg";
const VERSION_AT: usize = 8;
const LEN_AT: usize = 12;
const CHECKSUM_AT: usize = 16;
/// Where the bytes start that the checksum covers.
pub(crate) const CHECKED_FROM: usize = 24;

/// More bytes than the head of any version has.
const A_HEAD: usize = 256;

/// Directives whose own requests are asked about.
const ASKED: usize = 8;

pub(crate) fn run(bytes: &[u8]) {
    holds(&CORE, bytes);
}

/// For the bytes as they are, and under a head and a checksum that fit: else hardly any would come past these.
pub(crate) fn holds(subject: &Subject, bytes: &[u8]) {
    is_refused_or_total(subject, bytes);
    let mut sealed = bytes.to_vec();
    seal(&mut sealed);
    is_refused_or_total(subject, &sealed);
}

/// Makes whatever the bytes say of themselves fit what they are.
pub(crate) fn seal(image: &mut [u8]) {
    if image.len() < CHECKED_FROM {
        return;
    }
    let (head, content) = image.split_at_mut(CHECKED_FROM);
    let len = u32::try_from(head.len() + content.len()).expect("is short");
    head[..VERSION_AT].copy_from_slice(MAGIC);
    head[VERSION_AT..VERSION_AT + 2].copy_from_slice(&IMAGE_VERSION.to_le_bytes());
    head[LEN_AT..CHECKSUM_AT].copy_from_slice(&len.to_le_bytes());
    head[CHECKSUM_AT..].copy_from_slice(&XxHash64::oneshot(0, content).to_le_bytes());
}

fn is_refused_or_total(subject: &Subject, image: &[u8]) {
    match (subject.load)(image.to_vec()) {
        Err(error) => is_told(&error, image),
        Ok(set) => {
            assert_eq!(set.as_image(), image, "what was taken is what was given");
            let mut sealed = image.to_vec();
            seal(&mut sealed);
            assert_eq!(sealed, image, "an image that is taken has the head and the checksum of one");
            answers(subject, &set);
        }
    }
}

/// A version that we do not read is named, whatever else may be wrong.
fn is_told(error: &ImageError, image: &[u8]) {
    assert!(!error.to_string().is_empty());
    if let ImageError::Malformed(offset) = error {
        assert!(*offset as usize <= image.len(), "{error} of {} bytes", image.len());
    }
    let version = image.get(VERSION_AT..VERSION_AT + 2).map(|bytes| u16::from_le_bytes([bytes[0], bytes[1]]));
    let foreign = version.filter(|version| image.starts_with(MAGIC) && *version != IMAGE_VERSION);
    if let (Some(version), true) = (foreign, image.len() >= A_HEAD) {
        assert_eq!(*error, ImageError::UnsupportedVersion(version));
    }
}

fn answers(subject: &Subject, set: &DirectiveSet) {
    let directives: Vec<Directive<'_>> = set.iter().collect();
    assert_eq!(directives.len(), set.len());
    assert_eq!(set.earliest_expiry(), directives.iter().map(|directive| directive.expires_at).min());
    assert_eq!(set.latest_expiry(), directives.iter().map(|directive| directive.expires_at).max());
    let compiled = DirectiveSet::from_directives(directives.iter().cloned());
    if let Err(error) = &compiled {
        assert!(is_left_to_documents(error), "a directive that no document may hold: {error}");
    }
    let is_canonical = compiled.as_ref() == Ok(set);
    let ask = |request: &Request<'_>, now| {
        let decision = (subject.evaluate)(set, request, now);
        has_its_reasons(set, &directives, decision, request, now);
        if is_canonical {
            assert_eq!(decision, model::decide(&directives, request, now), "{request:?} at {now}");
        }
    };
    ask(&Request::EMPTY, NOW);
    for directive in directives.iter().take(ASKED) {
        let begin = directive.not_before.unwrap_or(UnixMillis::new(0));
        for now in [NOW, begin, directive.expires_at, UnixMillis::new(0), UnixMillis::MAX] {
            meant_by(directive, |request| ask(request, now));
        }
    }
}

/// Rules that the check of an image does not repeat, for an image that breaks them costs and means no more than it says. All
/// others it holds to: a reference that leads nowhere would read as an empty value, or as none.
fn is_left_to_documents(error: &CompileError) -> bool {
    use Reason::{DuplicateField, TooManyTargets};
    matches!(
        error,
        CompileError::Directive { reason: TooManyTargets | DuplicateField, .. } | CompileError::TooLarge
    )
}

/// Soundness, which the check of an image must give even where somebody else wrote it: `explain` looks at every
/// directive, and what is decided is what one of those says that apply.
fn has_its_reasons(
    set: &DirectiveSet,
    directives: &[Directive<'_>],
    decision: Decision,
    request: &Request<'_>,
    now: UnixMillis,
) {
    let explained: Vec<_> = set.explain(request, now).collect();
    assert_eq!(explained.len(), directives.len());
    for (directive, explanation) in directives.iter().zip(&explained) {
        assert_eq!(directive.id, explanation.id);
        assert!(!format!("{:?}", explanation.outcome).is_empty());
    }
    let applying: Vec<_> = directives
        .iter()
        .zip(&explained)
        .filter(|(_, explanation)| explanation.outcome == Outcome::Applies)
        .collect();
    let any = |says: fn(&Directive<'_>) -> bool| applying.iter().any(|(directive, _)| says(directive));
    assert!(!decision.ring_buffer || any(|directive| directive.ring_buffer), "{decision:?} of {applying:#?}");
    assert!(!decision.capture || any(|directive| directive.capture), "{decision:?} of {applying:#?}");
    match decision.decided_by {
        None => assert_eq!(decision, Decision::OFF),
        Some(index) => {
            let by = applying.iter().find(|(_, explanation)| explanation.index == index);
            assert_eq!(by.map(|(directive, _)| directive.level), Some(decision.level), "{applying:#?}");
        }
    }
}

/// A request with everything that a directive asks for.
fn meant_by(directive: &Directive<'_>, ask: impl FnOnce(&Request<'_>)) {
    let target = &directive.target;
    let labels: Vec<(&str, &str)> = target.labels.iter().map(|(name, value)| (&**name, &**value)).collect();
    ask(&Request {
        tenant: target.tenants.as_slice().last().map(|value| &**value),
        index: target.indices.as_slice().last().map(|value| &**value),
        principal: target.principals.as_slice().last().map(|value| &**value),
        endpoint: target.endpoints.iter().last(),
        request_id: Some("7f9c2ba4"),
        trace_id: None,
        labels: &labels,
    });
}
