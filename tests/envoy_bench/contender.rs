//! Envoys that differ only in their filter.

use aldis_core::{DirectiveSet, UnixMillis};
use anyhow::{Result, ensure};
use rig::envoy::{Builder, Envoy};
use rig::upstream::Upstream;
use rig::wire::Connection;
use serde_json::{Value, json};

use crate::modules::build;
use crate::turn::{self, CONNECTIONS, Turn};

/// The one that all others are compared to.
pub(crate) const PLAIN: &str = "with a plain filter: 4 calls and a `format!`";

const DIRECTIVES: usize = 10_000;

/// An Envoy with open connections.
pub(crate) struct Contender {
    pub(crate) name: &'static str,
    envoy: Envoy,
    connections: Vec<Connection>,
}

impl Contender {
    /// All of them, running.
    pub(crate) fn all(upstream: u16) -> Result<Vec<Self>> {
        let plain = build("aldis-envoy-plain", "wasm32-unknown-unknown")?;
        let ours = build("aldis-envoy", "wasm32v1-none")?;
        let with = |module, configuration: &Value| Builder::new(module, configuration, upstream);
        let inline = |document: Value| json!({"document": document, "tenant": {"header": "x-tenant"}});
        let contenders = [
            ("without a filter", Builder::without_filter(upstream)),
            (PLAIN, with(&plain, &json!({}))),
            ("with ours, an empty set", with(&ours, &inline(json!({"directives": []})))),
            ("with ours, 10 000 directives, half of the requests met", with(&ours, &inline(many()?))),
            ("with ours, 10 000 directives, no request met", with(&ours, &inline(many_others()?))),
        ];
        contenders.into_iter().map(|(name, builder)| Self::start(name, builder)).collect()
    }

    fn start(name: &'static str, builder: Builder) -> Result<Self> {
        // One worker, so that no contender is lucky with how connections fall to workers.
        let envoy = builder.without_access_log().workers(1).start();
        let connections = (0..CONNECTIONS).map(|_| envoy.connect()).collect();
        let mut contender = Self { name, envoy, connections };
        contender.must_do_its_work()?;
        Ok(contender)
    }

    /// Whoever does not what it is measured for would be quick.
    fn must_do_its_work(&mut self) -> Result<()> {
        let expected = match self.name {
            PLAIN => Some("x-plain"),
            name if name.contains("half") => Some("x-aldis-level"),
            _ => None,
        };
        let Some(connection) = self.connections.first_mut() else { return Ok(()) };
        let seen = Upstream::seen(&turn::ask(connection, 0));
        let mut names = seen.iter().map(|(name, _)| name.as_str());
        let found = names.find(|name| ["x-plain", "x-aldis-level"].contains(name));
        ensure!(found == expected, "{}: the upstream sees {found:?}", self.name);
        Ok(())
    }

    pub(crate) fn warm_up(&mut self) {
        if let Some(connection) = self.connections.first_mut() {
            (0..50).for_each(|number| drop(turn::ask(connection, number)));
        }
    }

    pub(crate) fn turn(&mut self) -> Turn {
        turn::take(&self.envoy, &mut self.connections)
    }
}

/// A directive for each of 10 000 tenants, `t0` and so on.
fn many() -> Result<Value> {
    directives("t")
}

/// For 10 000 tenants that never ask.
fn many_others() -> Result<Value> {
    directives("other-")
}

fn directives(tenant: &str) -> Result<Value> {
    let directive = |number| {
        json!({
            "id": format!("directive-{number}"),
            "level": "Shape",
            "expires_at": "2999-01-01T00:00:00Z",
            "tenant": format!("{tenant}{number}"),
        })
    };
    let document = json!({"directives": (0..DIRECTIVES).map(directive).collect::<Vec<_>>()});
    DirectiveSet::decode(document.to_string().as_bytes(), UnixMillis::new(0))?;
    Ok(document)
}
