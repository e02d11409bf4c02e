//! An Envoy between an upstream and a relay, and the questions that most tests ask of it.

use std::path::Path;
use std::time::Duration;

use aldis_core::{DirectiveSet, UnixMillis};
use rig::envoy::{Builder, Envoy};
use rig::relay::Relay;
use rig::upstream::Upstream;
use rig::wire::{Connection, Message};
use serde_json::{Value, json};

use crate::module::module;

/// Within this everything happens that is bound to happen: far more than a loaded machine needs.
pub(crate) const BOUND: Duration = Duration::from_secs(60);

/// All that a test stands on.
pub(crate) struct Scene {
    pub(crate) relay: Relay,
    pub(crate) envoy: Envoy,
    _upstream: Upstream,
}

impl Scene {
    /// With this configuration, and what else a test wants of Envoy.
    pub(crate) fn with(configuration: &Value, change: impl FnOnce(Builder) -> Builder) -> Self {
        Self::of(module(), configuration, change)
    }

    /// The same with another module.
    pub(crate) fn of(module: &Path, configuration: &Value, change: impl FnOnce(Builder) -> Builder) -> Self {
        let (upstream, relay) = (Upstream::start(), Relay::start());
        let builder = Builder::new(module, configuration, upstream.port()).relay(relay.port());
        Self { relay, envoy: change(builder).start(), _upstream: upstream }
    }

    /// With the relay's sets, and the tenant from a header.
    pub(crate) fn new() -> Self {
        Self::with(&relayed(), |builder| builder)
    }

    /// Connections, at least one to each worker, and eight in all.
    pub(crate) fn connections(&self) -> Vec<Connection> {
        connections(&self.envoy)
    }

    /// Waits until acme's requests are decided at this level on each connection.
    pub(crate) fn until_level(&self, connections: &mut [Connection], level: Option<&str>) {
        let what = format!("acme is {level:?} on each connection");
        rig::eventually_blocking(&what, BOUND, || {
            connections.iter_mut().all(|connection| acme(connection).as_deref() == level)
        });
    }

    /// Publishes a document at this revision.
    pub(crate) fn publish(&self, revision: u64, document: &Value) {
        self.relay.publish(revision, &set(document));
    }
}

/// Connections, at least one to each worker, and eight in all.
pub(crate) fn connections(envoy: &Envoy) -> Vec<Connection> {
    const ENOUGH: usize = 8;
    let active = |worker| {
        let port = envoy.port();
        envoy.stat(&format!("listener.127.0.0.1_{port}.worker_{worker}.downstream_cx_active"))
    };
    let both_have_some = || [0, 1].iter().all(|worker| active(worker).is_some_and(|active| active > 0));
    let mut connections: Vec<Connection> = Vec::new();
    while connections.len() < ENOUGH || !both_have_some() {
        assert!(connections.len() < 100, "all of these go to one worker");
        let mut connection = envoy.connect();
        connection.get("/hello", &[]).expect("is answered");
        connections.push(connection);
    }
    connections
}

/// The configuration of most tests.
pub(crate) fn relayed() -> Value {
    json!({"relay_cluster": "relay", "poll_interval_ms": 50, "tenant": {"header": "x-tenant"}})
}

/// A document that has acme at this level.
pub(crate) fn document(level: &str) -> Value {
    json!({"directives": [{"id": "acme", "level": level, "expires_at": "2999-01-01T00:00:00Z", "tenant": "acme"}]})
}

/// A document as a set.
pub(crate) fn set(document: &Value) -> DirectiveSet {
    let text = document.to_string();
    DirectiveSet::decode(text.as_bytes(), UnixMillis::new(0)).expect("is a document")
}

/// The level that the upstream sees on a request of acme, which must be answered.
pub(crate) fn acme(connection: &mut Connection) -> Option<String> {
    let answer = connection.get("/", &[("x-tenant", b"acme")]).expect("is answered");
    assert_eq!(answer.status(), 200, "no request is lost");
    seen(&answer, "x-aldis-level")
}

/// The value of a header that the upstream saw, which was not there twice.
pub(crate) fn seen(answer: &Message, name: &str) -> Option<String> {
    let headers = Upstream::seen(answer);
    let mut values = headers.iter().filter(|(known, _)| known == name).map(|(_, value)| value);
    let value = values.next().map(|value| String::from_utf8(value.clone()).expect("is text"));
    assert_eq!(values.next(), None, "{name} twice");
    value
}
