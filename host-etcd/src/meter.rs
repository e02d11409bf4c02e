//! What Aldis counts, through the [`metrics`] facade: whoever installs a recorder sees it, and without one nothing is
//! paid but a look for it. Named in OpenTelemetry's manner.
//!
//! No name and no label holds a tenant, a key, a directive's id or anything else of a document; every label takes a few
//! values only. On the way of a request through a [`Reader`](crate::Reader) or a guest nothing is counted but a guest's
//! mistakes.
//!
//! | name | kind | unit | labels | what |
//! |---|---|---|---|---|
//! | `aldis.store.state` | gauge | count | `store`, `state` | 1 for the state that the store is in (`starting`, `live`, `stale`, `stopped`), 0 for the others |
//! | `aldis.store.revision` | gauge | count | `store` | revision of what is in force |
//! | `aldis.store.directives` | gauge | count | `store` | directives in force, expired ones included |
//! | `aldis.store.refused` | gauge | count | `store` | documents that are refused at present |
//! | `aldis.store.last_confirmed` | gauge | seconds | `store` | when the server last confirmed what is in force, since 1970 |
//! | `aldis.store.snapshots.applied` | counter | count | `store` | snapshots put in force |
//! | `aldis.store.documents.refused` | counter | count | `store`, `reason` | documents refused, by the reason's stable name |
//! | `aldis.store.events` | counter | count | `store` | changes of keys that the watch delivered |
//! | `aldis.store.reconnects` | counter | count | `store` | attempts or connections that failed and were followed by another |
//! | `aldis.store.cancels` | counter | count | `store` | watches that the server ended |
//! | `aldis.store.repairs` | counter | count | `store` | keys that a verifying read found different and repaired |
//! | `aldis.store.panics` | counter | count | `store` | panics of the store's task |
//! | `aldis.store.cluster_changes` | counter | count | `store` | times that the cluster was restored, wiped or replaced |
//! | `aldis.store.sink.failures` | counter | count | `store`, `sink` | snapshots that a sink did not take |
//! | `aldis.fetch_cache.requests` | counter | count | `outcome` | loads of a tenant's directives, by how they were answered (`hit`, `miss_coalesced`, `miss_fetched`) |
//! | `aldis.fetch_cache.fetches` | counter | count | `outcome` | reads of tenants' documents, by what they came to (`found`, `absent`, `refused`, `timeout`, `failed`, `panicked`) |
//! | `aldis.fetch_cache.unread` | counter | count | `reason` | loads for which nothing was read (`busy`, `paused`, `bad_tenant`) |
//! | `aldis.fetch_cache.stale` | counter | count | | loads answered with the last that was known |
//! | `aldis.guest.faults` | counter | count | `kind` | guests that broke (`trap`, `timeout`, `nonsense`) |
//! | `aldis.guest.sets.refused` | counter | count | | sets that no guest took |
//! | `aldis.guest.replacements` | counter | count | | instances made to take the place of a broken one |
//! | `aldis.guest.evaluations` | counter | count | | evaluations that a guest answered; told with each snapshot |
//! | `aldis.guest.unanswered` | counter | count | `reason` | evaluations that were `OFF` for want of a guest (`not_ready`) or of room (`too_long`); told with each snapshot |
//! | `aldis.guest.shadow.evaluations` | counter | count | | evaluations that were decided natively as well; told with each snapshot |
//! | `aldis.guest.shadow.mismatches` | counter | count | | evaluations that a guest decided otherwise than the native core |
//! | `aldis.relay.requests` | counter | count | `route`, `status` | requests to the relay that were answered, by the route's pattern and the HTTP status |
//! | `aldis.relay.connections` | gauge | count | | connections to the relay that are open |
//! | `aldis.relay.connections.refused` | counter | count | | connections to the relay that were closed at once, as there were too many |
//! | `aldis.relay.waiting` | gauge | count | | requests to the relay that are held back until there is news |
//!
//! `store` is the [name](crate::Builder::name) that the builder was given: of several stores in one process each needs
//! its own, or their gauges overwrite each other.

use aldis_core::UnixMillis;
use metrics::{SharedString, Unit, counter, describe_counter, describe_gauge, gauge};

/// Tells the recorder what all of it is. To be called once, after it is installed.
pub fn describe() {
    for &(name, unit, text) in GAUGES {
        describe_gauge!(name, unit, text);
    }
    for &(name, text) in COUNTERS {
        describe_counter!(name, Unit::Count, text);
    }
}

const STATE: &str = "aldis.store.state";
const REVISION: &str = "aldis.store.revision";
const DIRECTIVES: &str = "aldis.store.directives";
const REFUSED: &str = "aldis.store.refused";
const LAST_CONFIRMED: &str = "aldis.store.last_confirmed";
const SNAPSHOTS_APPLIED: &str = "aldis.store.snapshots.applied";
const DOCUMENTS_REFUSED: &str = "aldis.store.documents.refused";
const EVENTS: &str = "aldis.store.events";
const RECONNECTS: &str = "aldis.store.reconnects";
const CANCELS: &str = "aldis.store.cancels";
const REPAIRS: &str = "aldis.store.repairs";
const PANICS: &str = "aldis.store.panics";
const CLUSTER_CHANGES: &str = "aldis.store.cluster_changes";
const SINK_FAILURES: &str = "aldis.store.sink.failures";
const REQUESTS: &str = "aldis.fetch_cache.requests";
const FETCHES: &str = "aldis.fetch_cache.fetches";
const UNREAD: &str = "aldis.fetch_cache.unread";
const STALE: &str = "aldis.fetch_cache.stale";
const GUEST_FAULTS: &str = "aldis.guest.faults";
const GUEST_SETS_REFUSED: &str = "aldis.guest.sets.refused";
const GUEST_REPLACEMENTS: &str = "aldis.guest.replacements";
const GUEST_EVALUATIONS: &str = "aldis.guest.evaluations";
const GUEST_UNANSWERED: &str = "aldis.guest.unanswered";
const GUEST_SHADOWED: &str = "aldis.guest.shadow.evaluations";
const GUEST_MISMATCHES: &str = "aldis.guest.shadow.mismatches";

const RELAY_REQUESTS: &str = "aldis.relay.requests";
const RELAY_CONNECTIONS: &str = "aldis.relay.connections";
const RELAY_TURNED_AWAY: &str = "aldis.relay.connections.refused";
const RELAY_WAITING: &str = "aldis.relay.waiting";

const GAUGES: &[(&str, Unit, &str)] = &[
    (STATE, Unit::Count, "1 for the state that the store is in, 0 for the others"),
    (REVISION, Unit::Count, "revision of what is in force"),
    (DIRECTIVES, Unit::Count, "directives in force, expired ones included"),
    (REFUSED, Unit::Count, "documents that are refused at present"),
    (LAST_CONFIRMED, Unit::Seconds, "when the server last confirmed what is in force, since 1970"),
    (RELAY_CONNECTIONS, Unit::Count, "connections to the relay that are open"),
    (RELAY_WAITING, Unit::Count, "requests to the relay that are held back until there is news"),
];

const COUNTERS: &[(&str, &str)] = &[
    (SNAPSHOTS_APPLIED, "snapshots put in force"),
    (DOCUMENTS_REFUSED, "documents refused, by the reason's stable name"),
    (EVENTS, "changes of keys that the watch delivered"),
    (RECONNECTS, "attempts or connections that failed and were followed by another"),
    (CANCELS, "watches that the server ended"),
    (REPAIRS, "keys that a verifying read found different and repaired"),
    (PANICS, "panics of the store's task"),
    (CLUSTER_CHANGES, "times that the cluster was restored, wiped or replaced"),
    (SINK_FAILURES, "snapshots that a sink did not take"),
    (REQUESTS, "loads of a tenant's directives, by how they were answered"),
    (FETCHES, "reads of tenants' documents, by what they came to"),
    (UNREAD, "loads for which nothing was read"),
    (STALE, "loads answered with the last that was known"),
    (GUEST_FAULTS, "guests that broke"),
    (GUEST_SETS_REFUSED, "sets that no guest took"),
    (GUEST_REPLACEMENTS, "instances made to take the place of a broken one"),
    (GUEST_EVALUATIONS, "evaluations that a guest answered; told with each snapshot"),
    (GUEST_UNANSWERED, "evaluations that were off for want of a guest or of room; told with each snapshot"),
    (GUEST_SHADOWED, "evaluations that were decided natively as well; told with each snapshot"),
    (GUEST_MISMATCHES, "evaluations that a guest decided otherwise than the native core"),
    (RELAY_REQUESTS, "requests to the relay that were answered, by route and status"),
    (RELAY_TURNED_AWAY, "connections to the relay that were closed at once, as there were too many"),
];

/// What is counted of one store.
#[derive(Debug)]
pub(crate) struct StoreMeter {
    store: SharedString,
}

/// What can be read off a store at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Readings {
    pub(crate) state: &'static str,
    pub(crate) revision: Option<u64>,
    pub(crate) directives: usize,
    pub(crate) refused: usize,
    pub(crate) last_confirmed: Option<UnixMillis>,
    pub(crate) reconnects: u64,
    pub(crate) cancels: u64,
    pub(crate) repairs: u64,
    pub(crate) panics: u64,
}

impl StoreMeter {
    /// A meter for the store of this name, in one of these states.
    pub(crate) fn new(store: String) -> Self {
        let meter = Self { store: store.into() };
        // So that a recorder shows zeros from the start, and not nothing.
        for name in [SNAPSHOTS_APPLIED, EVENTS, RECONNECTS, CANCELS, REPAIRS, PANICS, CLUSTER_CHANGES] {
            meter.count(name, 0);
        }
        meter
    }

    /// Tells what has changed. While a store lives it is confirmed every few seconds, and then its gauges are set
    /// anew: a recorder that was installed late sees them all.
    pub(crate) fn changed(&self, states: &[&'static str], before: Option<Readings>, after: Readings) {
        if before == Some(after) {
            return;
        }
        for &state in states {
            let is_in = if state == after.state { 1.0 } else { 0.0 };
            gauge!(STATE, "store" => self.store.clone(), "state" => state).set(is_in);
        }
        self.gauge(DIRECTIVES, number(after.directives));
        self.gauge(REFUSED, number(after.refused));
        if let Some(revision) = after.revision {
            self.gauge(REVISION, float(revision));
        }
        if let Some(confirmed) = after.last_confirmed {
            self.gauge(LAST_CONFIRMED, float(confirmed.as_u64()) / 1000.0);
        }
        let Some(before) = before else { return };
        self.count(RECONNECTS, after.reconnects.saturating_sub(before.reconnects));
        self.count(CANCELS, after.cancels.saturating_sub(before.cancels));
        self.count(REPAIRS, after.repairs.saturating_sub(before.repairs));
        self.count(PANICS, after.panics.saturating_sub(before.panics));
    }

    pub(crate) fn snapshot_applied(&self) {
        self.count(SNAPSHOTS_APPLIED, 1);
    }

    pub(crate) fn events(&self, count: usize) {
        self.count(EVENTS, u64::try_from(count).unwrap_or(u64::MAX));
    }

    pub(crate) fn cluster_changed(&self) {
        self.count(CLUSTER_CHANGES, 1);
    }

    pub(crate) fn document_refused(&self, reason: &'static str) {
        counter!(DOCUMENTS_REFUSED, "store" => self.store.clone(), "reason" => reason).increment(1);
    }

    pub(crate) fn sink_failed(&self, sink: &'static str) {
        counter!(SINK_FAILURES, "store" => self.store.clone(), "sink" => sink).increment(1);
    }

    fn count(&self, name: &'static str, by: u64) {
        counter!(name, "store" => self.store.clone()).increment(by);
    }

    fn gauge(&self, name: &'static str, value: f64) {
        gauge!(name, "store" => self.store.clone()).set(value);
    }
}

/// A tenant's directives were loaded from memory. Allocates nothing, unlike a label that is not known before.
pub(crate) fn hit() {
    counter!(REQUESTS, "outcome" => "hit").increment(1);
}

/// They were not.
pub(crate) fn miss(outcome: &'static str, is_stale: bool) {
    counter!(REQUESTS, "outcome" => outcome).increment(1);
    if is_stale {
        counter!(STALE).increment(1);
    }
}

/// They were read for that.
pub(crate) fn fetch(outcome: &'static str) {
    counter!(FETCHES, "outcome" => outcome).increment(1);
}

/// They were not even read, for this reason.
pub(crate) fn unread(reason: &'static str) {
    counter!(UNREAD, "reason" => reason).increment(1);
}

/// What happens to guests.
#[cfg(feature = "guest-runtime")]
pub(crate) mod guest {
    use super::{
        GUEST_EVALUATIONS, GUEST_FAULTS, GUEST_MISMATCHES, GUEST_REPLACEMENTS, GUEST_SETS_REFUSED,
        GUEST_SHADOWED, GUEST_UNANSWERED, counter,
    };

    pub(crate) fn fault(kind: &'static str) {
        counter!(GUEST_FAULTS, "kind" => kind).increment(1);
    }

    pub(crate) fn set_refused() {
        counter!(GUEST_SETS_REFUSED).increment(1);
    }

    pub(crate) fn replaced() {
        counter!(GUEST_REPLACEMENTS).increment(1);
    }

    /// What has happened on request threads since this was told last.
    pub(crate) fn evaluated(answered: u64, not_ready: u64, too_long: u64) {
        counter!(GUEST_EVALUATIONS).increment(answered);
        counter!(GUEST_UNANSWERED, "reason" => "not_ready").increment(not_ready);
        counter!(GUEST_UNANSWERED, "reason" => "too_long").increment(too_long);
    }

    /// What has been decided natively as well since this was told last.
    pub(crate) fn shadowed(count: u64) {
        counter!(GUEST_SHADOWED).increment(count);
        // So that a recorder shows a zero while all is well, and not nothing.
        counter!(GUEST_MISMATCHES).increment(0);
    }

    pub(crate) fn mismatched() {
        counter!(GUEST_MISMATCHES).increment(1);
    }
}

/// What happens in a relay.
#[cfg(feature = "relay")]
pub(crate) mod relay {
    use metrics::SharedString;

    use super::{RELAY_CONNECTIONS, RELAY_REQUESTS, RELAY_TURNED_AWAY, RELAY_WAITING, counter, gauge};

    /// Something that goes on, and is counted for as long as this is held.
    pub(crate) struct Under(&'static str);

    impl Under {
        fn way(name: &'static str) -> Self {
            gauge!(name).increment(1.0);
            Self(name)
        }
    }

    impl Drop for Under {
        fn drop(&mut self) {
            gauge!(self.0).decrement(1.0);
        }
    }

    pub(crate) fn connected() -> Under {
        // So that a recorder shows a zero while all is well, and not nothing.
        counter!(RELAY_TURNED_AWAY).increment(0);
        Under::way(RELAY_CONNECTIONS)
    }

    pub(crate) fn waiting() -> Under {
        Under::way(RELAY_WAITING)
    }

    pub(crate) fn turned_away() {
        counter!(RELAY_TURNED_AWAY).increment(1);
    }

    /// `route` is one of the relay's patterns, never a path as it was asked for.
    pub(crate) fn answered(route: &str, status: u16) {
        let route = SharedString::from(route.to_owned());
        counter!(RELAY_REQUESTS, "route" => route, "status" => status.to_string()).increment(1);
    }
}

/// Exact up to 2⁵³, which no count of ours comes near.
fn float(number: u64) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "a gauge holds nothing finer")]
    let float = number as f64;
    float
}

fn number(count: usize) -> f64 {
    float(u64::try_from(count).unwrap_or(u64::MAX))
}
