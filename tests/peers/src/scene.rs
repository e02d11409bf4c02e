//! What is measured on: a document, and the facts of requests. The same for every contender, and in every run.

use aldis_core::{Decision, EndpointKind, Request, UnixMillis};
use fastrand::Rng;

/// When documents are first seen. Everything lives for an hour.
pub const ANCHOR: UnixMillis = UnixMillis::new(1_800_000_000_000);

/// When requests come: a second later.
pub const NOW: UnixMillis = UnixMillis::new(1_800_000_001_000);

/// How many directives the document has on which decoding is measured: one that etcd just takes.
pub const DECODED: usize = 10_000;

/// How many different requests are asked in turn: enough that no branch predictor learns them by heart.
const REQUESTS: usize = 1024;

/// A document, and requests to ask it about.
#[derive(Debug)]
pub struct Scene {
    /// JSON that Aldis and the reference both read.
    pub document: String,
    /// The facts of each request.
    pub facts: Vec<Facts>,
}

/// The facts of one request; the reference knows no request without any of these.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Whose data.
    pub tenant: String,
    /// Which index.
    pub index: String,
    /// Who asks.
    pub principal: String,
    /// What kind of operation.
    pub endpoint: EndpointKind,
    /// 36 characters, as most proxies have them.
    pub request_id: String,
}

impl Facts {
    /// As Aldis is asked.
    #[must_use]
    pub fn request(&self) -> Request<'_> {
        Request {
            tenant: Some(&self.tenant),
            index: Some(&self.index),
            principal: Some(&self.principal),
            endpoint: Some(self.endpoint),
            request_id: Some(&self.request_id),
            ..Request::EMPTY
        }
    }

    /// A request that no directive is meant for. Its names look like those of the directives, as long and with the
    /// same beginning: otherwise comparing would cost nobody anything.
    fn stranger(rng: &mut Rng) -> Self {
        let some = rng.usize(500_000..1_000_000);
        Self {
            tenant: tenant(some),
            index: index(some),
            principal: principal(some),
            endpoint: *rng.choice(EndpointKind::ALL).unwrap_or(&EndpointKind::Unknown),
            request_id: request_id(rng),
        }
    }
}

/// A decision as a number, for comparing with others.
#[must_use]
pub fn code(decision: Decision) -> u64 {
    u64::from(decision.level.code()) | u64::from(decision.ring_buffer) << 2 | u64::from(decision.capture) << 3
}

/// A count as the tables write it.
#[must_use]
pub fn grouped(count: usize) -> String {
    match (count / 1000, count % 1000) {
        (0, _) => count.to_string(),
        (thousands, rest) => format!("{thousands} {rest:03}"),
    }
}

/// The level of a rule: each of the three that record, in turn.
#[must_use]
pub fn level(place: usize) -> &'static str {
    ["Shape", "ShapeTiming", "ShapeRewriteDiff"].get(place % 3).copied().unwrap_or("Shape")
}

/// A directive for each of `count` tenants; every request is one of theirs. Without any tenant, every request misses.
#[must_use]
pub fn tenants(count: usize) -> Scene {
    let directive = |place| format!("\"tenant\":\"{}\"{}", tenant(place), flags(place));
    let mut rng = Rng::with_seed(1);
    let facts = |_| {
        let stranger = Facts::stranger(&mut rng);
        if count == 0 { stranger } else { Facts { tenant: tenant(rng.usize(..count)), ..stranger } }
    };
    Scene { facts: (0..REQUESTS).map(facts).collect(), document: document(count, directive) }
}

/// Directives on a mixture of targets, a tenth of them sampled. Every other request is aimed at one of them, the others
/// meet none.
#[must_use]
pub fn mixed(count: usize) -> Scene {
    let mut rng = Rng::with_seed(2);
    let facts = |turn: usize| {
        let stranger = Facts::stranger(&mut rng);
        if turn.is_multiple_of(2) { aimed(rng.usize(..count.max(1)), stranger) } else { stranger }
    };
    let facts = (0..REQUESTS).map(facts).collect();
    let directive = |place| target(place).as_json() + &sampling(place) + flags(place);
    Scene { facts, document: document(count, directive) }
}

/// The label keys of [`labelled`].
pub const LABELS: [&str; 3] = ["environment", "service", "zone"];

/// A document of directives on labels, and requests that carry a value for each of [`LABELS`].
#[derive(Debug)]
pub struct Labelled {
    /// JSON that Aldis reads.
    pub document: String,
    /// Values for each request.
    pub values: Vec<[String; 3]>,
}

/// Directives on one, two or all three of the label keys, in turn. Every other request is aimed at one of them.
#[must_use]
pub fn labelled(count: usize) -> Labelled {
    let mut rng = Rng::with_seed(3);
    let values = |turn: usize| {
        let aimed_at = rng.usize(..count.max(1));
        let stranger = rng.usize(500_000..1_000_000);
        let asks_for = |key: usize| turn.is_multiple_of(2) && (aimed_at % 7 + 1) >> key & 1 == 1;
        [0, 1, 2].map(|key| label(if asks_for(key) { aimed_at } else { stranger }))
    };
    let values = (0..REQUESTS).map(values).collect();
    let directive = |place: usize| {
        let asked = LABELS.iter().enumerate().filter(|(key, _)| (place % 7 + 1) >> key & 1 == 1);
        let asked: Vec<String> = asked.map(|(_, name)| format!(r#""{name}":"{}""#, label(place))).collect();
        format!(r#""labels":{{{}}}{}"#, asked.join(","), flags(place))
    };
    Labelled { values, document: document(count, directive) }
}

fn label(place: usize) -> String {
    format!("value-{place:06}")
}

fn document(count: usize, directive: impl Fn(usize) -> String) -> String {
    let one = |place| {
        let (level, rest) = (level(place), directive(place));
        format!(r#"{{"id":"directive-{place:06}","level":"{level}","ttl_secs":3600,{rest}}}"#)
    };
    format!(r#"{{"directives":[{}]}}"#, (0..count).map(one).collect::<Vec<_>>().join(","))
}

/// The name of a tenant.
#[must_use]
pub fn tenant(place: usize) -> String {
    format!("tenant-{place:06}")
}

fn index(place: usize) -> String {
    format!("index-{place:06}")
}

fn principal(place: usize) -> String {
    format!("principal-{place:06}")
}

/// A quarter asks for the ring buffer, an eighth for capture; the others set a level only.
fn flags(place: usize) -> &'static str {
    match place / 3 % 8 {
        1 | 6 => r#","ring_buffer":true"#,
        4 => r#","capture":true"#,
        _ => "",
    }
}

fn sampling(place: usize) -> String {
    if place % 10 == 5 { r#","sample_per_mille":250"#.to_owned() } else { String::new() }
}

/// Which facts a directive of the mixture asks for.
struct Mixture {
    tenant: Option<String>,
    index: Option<String>,
    principal: Option<String>,
    endpoint: Option<EndpointKind>,
}

/// By far the most common are a tenant, an index or a principal, alone or with an endpoint.
fn target(place: usize) -> Mixture {
    let (tenants, indices, principals, endpoints) = match place % 8 {
        0 => (true, false, false, false),
        1 => (true, true, false, false),
        2 => (true, false, false, true),
        3 => (false, true, false, false),
        4 => (false, false, true, false),
        5 => (false, true, false, true),
        6 => (true, false, true, false),
        _ => (true, true, true, true),
    };
    let endpoint = EndpointKind::ALL.get(place / 8 % EndpointKind::ALL.len()).copied();
    Mixture {
        tenant: tenants.then(|| tenant(place)),
        index: indices.then(|| index(place)),
        principal: principals.then(|| principal(place)),
        endpoint: endpoint.filter(|_| endpoints),
    }
}

impl Mixture {
    fn as_json(&self) -> String {
        let named = |(name, value): (&str, Option<&str>)| Some(format!(r#""{name}":"{}""#, value?));
        let fields = [
            ("tenant", self.tenant.as_deref()),
            ("index", self.index.as_deref()),
            ("principal", self.principal.as_deref()),
            ("endpoint", self.endpoint.map(EndpointKind::as_str)),
        ];
        fields.into_iter().filter_map(named).collect::<Vec<_>>().join(",")
    }
}

/// A request for which the directive at `place` is meant.
fn aimed(place: usize, stranger: Facts) -> Facts {
    let Mixture { tenant, index, principal, endpoint } = target(place);
    Facts {
        tenant: tenant.unwrap_or(stranger.tenant),
        index: index.unwrap_or(stranger.index),
        principal: principal.unwrap_or(stranger.principal),
        endpoint: endpoint.unwrap_or(stranger.endpoint),
        request_id: stranger.request_id,
    }
}

fn request_id(rng: &mut Rng) -> String {
    let (a, b, c, d, e) =
        (rng.u32(..), rng.u16(..), rng.u16(..), rng.u16(..), rng.u64(..0x0001_0000_0000_0000));
    format!("{a:08x}-{b:04x}-{c:04x}-{d:04x}-{e:012x}")
}
