//! What clients send under our names never reaches the upstream.

use rig::upstream::Upstream;
use rig::wire::Connection;
use serde_json::json;

use crate::scene::{BOUND, Scene, document, relayed};

/// In several spellings, several times; and one header that is not ours.
const SPOOFED: [(&str, &[u8]); 8] = [
    ("x-aldis-level", b"ShapeRewriteDiff"),
    ("X-Aldis-Level", b"ShapeRewriteDiff"),
    ("X-ALDIS-LEVEL", b""),
    ("x-aldis-decided-by", b"spoofed"),
    ("X-Aldis-Decided-By", b"spoofed"),
    ("x-aldis-flags", b"capture"),
    ("X-aldis-Flags", b"\xff\xfe"),
    ("x-aldis-other", b"stays"),
];

/// The headers under our names, or nearly, that the upstream sees on a request with all of these.
fn get_through(connection: &mut Connection, tenant: &[u8]) -> Vec<String> {
    let headers: Vec<(&str, &[u8])> = [("x-tenant", tenant)].into_iter().chain(SPOOFED).collect();
    let answer = connection.get("/", &headers).expect("is answered");
    assert_eq!(answer.status(), 200);
    let seen = Upstream::seen(&answer).into_iter().filter(|(name, _)| name.starts_with("x-aldis-"));
    seen.map(|(name, value)| format!("{name}={}", String::from_utf8_lossy(&value))).collect()
}

#[test]
fn copies_of_our_headers_are_gone_whatever_is_decided() {
    let scene = Scene::new();
    let mut connections = scene.connections();
    for connection in &mut connections {
        assert_eq!(get_through(connection, b"acme"), ["x-aldis-other=stays"], "nothing is loaded");
    }
    scene.publish(1, &document("Shape"));
    scene.until_level(&mut connections, Some("Shape"));
    for connection in &mut connections {
        let decided = ["x-aldis-level=Shape", "x-aldis-decided-by=acme"];
        let mut seen = get_through(connection, b"acme");
        assert_eq!(seen.remove(0), "x-aldis-other=stays");
        assert_eq!(seen, decided, "ours, each once");
        assert_eq!(get_through(connection, b"other"), ["x-aldis-other=stays"], "off");
    }
    scene.envoy.until_counter("spoofed", 3 * connections.len() as u64, BOUND);
}

/// The twin: under other names ours are headers like any others, and the same question finds them.
#[test]
fn what_gets_through_is_noticed() {
    let mut configuration = relayed();
    configuration["headers"] = json!({"level": "x-diagnostics"});
    let scene = Scene::with(&configuration, |builder| builder);
    let seen = get_through(&mut scene.envoy.connect(), b"acme");
    assert_eq!(seen.len(), SPOOFED.len(), "{seen:?}");
}
