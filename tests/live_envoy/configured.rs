//! A malformed configuration: Envoy does not start with it, and keeps what it had at an update.

use rig::envoy::{Builder, Delivery};
use rig::upstream::Upstream;
use serde_json::{Value, json};

use crate::module::module;
use crate::scene::{BOUND, Scene, acme, document};

fn inline(level: &str) -> Value {
    json!({"document": document(level), "tenant": {"header": "x-tenant"}})
}

/// Configurations that are refused, and what the log then says.
fn malformed() -> [(Value, &'static str); 3] {
    let relative = json!({"directives": [{"id": "a", "level": "Shape", "ttl_secs": 60}]});
    let mut typo = inline("ShapeTiming");
    typo["document"]["directives"][0]["tennant"] = json!("acme");
    [
        (json!({"document": document("Shape"), "tennant": {"header": "x"}}), "unknown field `tennant`"),
        (typo, "did you mean `tenant`?"),
        (json!({"document": relative}), "give `expires_at`"),
    ]
}

#[test]
fn envoy_does_not_start_with_a_malformed_configuration() {
    let upstream = Upstream::start();
    for (configuration, complaint) in malformed() {
        let started = Builder::new(module(), &configuration, upstream.port()).try_start();
        let log = started.err().expect("it ends");
        assert!(log.contains("aldis: the configuration is refused") && log.contains(complaint), "{log}");
    }
}

#[test]
fn a_malformed_update_is_refused_and_what_was_in_force_stays() {
    let deliveries = [
        (Delivery::Listener, "listener_manager.lds.update_rejected"),
        (Delivery::Extension, "extension_config_discovery.http_filter.aldis.update_rejected"),
    ];
    for (delivery, rejected) in deliveries {
        let mut scene = Scene::with(&inline("Shape"), |builder| builder.delivery(delivery));
        let mut connections = scene.connections();
        scene.until_level(&mut connections, Some("Shape"));
        for (count, (configuration, complaint)) in (1..).zip(malformed()) {
            scene.envoy.reconfigure(&configuration);
            rig::eventually_blocking("the update is refused", BOUND, || {
                scene.envoy.stat(rejected).is_some_and(|refused| refused >= count)
            });
            assert!(scene.envoy.log().contains(complaint), "{complaint}");
            scene.until_level(&mut connections, Some("Shape"));
            scene.until_level(&mut scene.connections(), Some("Shape"));
        }
        assert!(scene.envoy.counter("configurations.refused") >= 3);
        // The twin: a good one is taken in the same way.
        scene.envoy.reconfigure(&inline("ShapeTiming"));
        rig::eventually_blocking("a good update is taken", BOUND, || {
            acme(&mut scene.envoy.connect()).as_deref() == Some("ShapeTiming")
        });
    }
}
