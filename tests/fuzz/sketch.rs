//! Directives and requests out of bytes: small vocabularies, so that they often match and often just miss. A byte is a
//! choice, so that a flipped bit is a small change.

use std::borrow::Cow;

use aldis_core::{
    DiagLevel, Directive, EndpointKind, EndpointSet, Request, SampleBy, Sampling, StrList, Target, UnixMillis,
};

use super::NOW;
use super::bytes::Bytes;

/// Texts whose order, case, normal form and length are easy to confuse, and members of the crowd.
const TEXTS: &[&str] = &["a", "b", "A", "ab", "\u{e9}", "e\u{301}", "t0", "t7", "t63"];
const NAMES: &[&str] = &["env", "zone", "tenant"];
const ENDPOINTS: &[EndpointKind] = &[EndpointKind::Search, EndpointKind::Count, EndpointKind::Unknown];
const SALTS: &[&str] = &["", "s", "\0"];

/// A sketch ends here, however many bytes are left.
const MOST: usize = 200;

/// A point within two milliseconds of [`NOW`].
pub(crate) fn near(bytes: &mut Bytes<'_>) -> UnixMillis {
    UnixMillis::new(NOW.as_u64() - 2 + u64::from(bytes.one_of(5)))
}

/// Directives as long as there are bytes. Now and then a crowd of them that differ in their tenant alone, so that tables
/// grow beyond a bucket.
pub(crate) fn directives(bytes: &mut Bytes<'_>) -> Vec<Directive<'static>> {
    let mut directives: Vec<Directive<'static>> = Vec::new();
    while !bytes.is_empty() && directives.len() < MOST {
        let crowd = if bytes.byte() == u8::MAX { 64 } else { 1 };
        let drawn = directive(bytes);
        for member in 0..crowd {
            let mut directive = drawn.clone();
            directive.id = Cow::Owned(format!("d{}", directives.len()));
            if crowd > 1 {
                directive.target.tenants = StrList::One(Cow::Owned(format!("t{member}")));
            }
            directives.push(directive);
        }
    }
    directives
}

fn directive(bytes: &mut Bytes<'_>) -> Directive<'static> {
    let suppress = bytes.one_of(8) == 7;
    let level = bytes.pick(DiagLevel::ALL);
    Directive {
        id: Cow::Borrowed("d"),
        level: if suppress { DiagLevel::Off } else { level },
        not_before: match bytes.one_of(4) {
            0 => Some(near(bytes)),
            1 => Some(UnixMillis::new(0)),
            _ => None,
        },
        expires_at: if bytes.one_of(4) == 0 { near(bytes) } else { NOW.saturating_add_secs(10) },
        target: target(bytes),
        sampling: sampling(bytes),
        ring_buffer: bytes.flag(),
        capture: bytes.flag(),
        suppress,
    }
}

fn target(bytes: &mut Bytes<'_>) -> Target<'static> {
    // One bit for each fact: which are set decides the group.
    let facts = bytes.byte();
    let asks = |bit: u8| facts & bit != 0;
    let mut list = |bit| if asks(bit) { list(bytes) } else { StrList::Any };
    let (tenants, indices, principals) = (list(1), list(2), list(4));
    let endpoints = match asks(8) {
        true => (0..=bytes.one_of(2)).map(|_| bytes.pick(ENDPOINTS)).collect(),
        false => EndpointSet::EMPTY,
    };
    let labels = if asks(16) { labels(bytes) } else { Vec::new() };
    Target { tenants, indices, principals, endpoints, labels }
}

fn list(bytes: &mut Bytes<'_>) -> StrList<'static> {
    match bytes.one_of(4) {
        more @ 2.. => StrList::AnyOf((0..more).map(|_| Cow::Borrowed(bytes.pick(TEXTS))).collect()),
        _ => StrList::One(Cow::Borrowed(bytes.pick(TEXTS))),
    }
}

/// With distinct names, in an order of their own.
fn labels(bytes: &mut Bytes<'_>) -> Vec<(Cow<'static, str>, Cow<'static, str>)> {
    let (first, count) = (usize::from(bytes.byte()), usize::from(bytes.one_of(3)) + 1);
    let names = NAMES.iter().cycle().skip(first % NAMES.len()).take(count);
    names.map(|&name| (name.into(), bytes.pick(TEXTS).into())).collect()
}

fn sampling(bytes: &mut Bytes<'_>) -> Sampling<'static> {
    let per_mille = match bytes.one_of(4) {
        0 => bytes.u16() % 1001,
        1 => 0,
        _ => return Sampling { salt: None, ..Sampling::ALL },
    };
    let salt = bytes.flag().then(|| bytes.pick(SALTS).into());
    Sampling { per_mille, by: bytes.pick(SampleBy::ALL), salt }
}

/// The facts of a request: each may be missing, and a label may be given twice.
pub(crate) struct Facts {
    texts: [Option<&'static str>; 3],
    keys: [Option<String>; 2],
    endpoint: Option<EndpointKind>,
    labels: Vec<(&'static str, &'static str)>,
}

impl Facts {
    pub(crate) fn new(bytes: &mut Bytes<'_>) -> Self {
        let known = bytes.byte();
        let is_known = |bit: u8| known & bit != 0;
        let mut text = |bit| is_known(bit).then(|| bytes.pick(TEXTS));
        let texts = [text(1), text(2), text(4)];
        let mut key = |bit| is_known(bit).then(|| format!("r{}", bytes.u16()));
        let keys = [key(8), key(16)];
        let endpoint = is_known(32).then(|| bytes.pick(ENDPOINTS));
        let labels = (0..bytes.one_of(5)).map(|_| (bytes.pick(NAMES), bytes.pick(TEXTS))).collect();
        Self { texts, keys, endpoint, labels }
    }

    pub(crate) fn ask(&self, ask: impl FnOnce(&Request<'_>)) {
        let [tenant, index, principal] = self.texts;
        ask(&Request {
            tenant,
            index,
            principal,
            endpoint: self.endpoint,
            request_id: self.keys[0].as_deref(),
            trace_id: self.keys[1].as_deref(),
            labels: &self.labels,
        });
    }
}
