//! How a decision goes out beside the headers: in access logs, in counters, and in the trace.

use serde_json::json;

use crate::scene::{BOUND, Scene, acme, document, relayed, seen};

#[test]
fn the_access_log_has_the_decision() {
    let scene = Scene::new();
    scene.publish(12, &document("Shape"));
    let mut connections = scene.connections();
    scene.until_level(&mut connections, Some("Shape"));
    let connection = &mut connections[0];
    connection.get("/logged", &[("x-tenant", b"acme")]).expect("is answered");
    connection.get("/off", &[("x-tenant", b"other")]).expect("is answered");
    let decision =
        r#"{"level":"Shape","ring_buffer":false,"capture":false,"decided_by":"acme","revision":12}"#;
    for line in [format!("/logged 200 {decision}"), "/off 200 -".to_owned()] {
        rig::eventually_blocking(&line, BOUND, || scene.envoy.access_log().contains(&line));
    }
}

#[test]
fn decisions_are_counted_by_level_and_gauges_say_what_is_in_force() {
    let scene = Scene::new();
    scene.publish(7, &document("ShapeTiming"));
    let mut connections = scene.connections();
    scene.until_level(&mut connections, Some("ShapeTiming"));
    for connection in &mut connections {
        acme(connection);
        connection.get("/", &[("x-tenant", b"other")]).expect("is answered");
    }
    let number = connections.len() as u64;
    scene.envoy.until_counter("decisions.shape_timing", number, BOUND);
    scene.envoy.until_counter("decisions.off", number, BOUND);
    // Each request once: what Envoy itself has counted comes to the same.
    rig::eventually_blocking("as many decisions as requests", BOUND, || {
        let levels = ["off", "shape", "shape_timing", "shape_rewrite_diff"];
        let decisions: u64 =
            levels.iter().map(|level| scene.envoy.counter(&format!("decisions.{level}"))).sum();
        scene.envoy.stat("http.in.downstream_rq_total") == Some(decisions)
    });
    assert_eq!((scene.envoy.counter("revision"), scene.envoy.counter("directives")), (7, 1));
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    assert!(now.as_secs().abs_diff(scene.envoy.counter("confirmed_at")) < 60);
}

#[test]
fn from_the_chosen_level_on_the_trace_is_sampled() {
    let mut configuration = relayed();
    configuration["sampled"] =
        json!({"from": "ShapeTiming", "traceparent": true, "header": "x-force-trace", "value": "yes"});
    let scene = Scene::with(&configuration, |builder| builder);
    let mut connections = scene.connections();
    let parent = |flags: &str| format!("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-{flags}");
    for (revision, level, flags, forced) in [
        (1, "Shape", "00", None),
        (2, "ShapeTiming", "01", Some("yes")),
        (3, "ShapeRewriteDiff", "01", Some("yes")),
    ] {
        scene.publish(revision, &document(level));
        scene.until_level(&mut connections, Some(level));
        let headers =
            [("x-tenant", &b"acme"[..]), ("traceparent", parent("00").as_bytes()), ("x-force-trace", b"no")]
                .map(|(name, value)| (name, value.to_vec()));
        let headers: Vec<(&str, &[u8])> =
            headers.iter().map(|(name, value)| (*name, value.as_slice())).collect();
        let answer = connections[0].get("/", &headers).expect("is answered");
        assert_eq!(seen(&answer, "traceparent"), Some(parent(flags)), "{level}");
        assert_eq!(seen(&answer, "x-force-trace").as_deref(), forced, "{level}");
    }
}
