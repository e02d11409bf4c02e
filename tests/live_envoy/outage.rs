//! The relay answers nonsense, is down, or begins anew: what was good stays, no request is lost, and the counters say why.

use rig::relay::Reply;
use serde_json::json;

use crate::scene::{BOUND, Scene, document, relayed, set};

#[test]
fn malformed_answers_keep_the_last_good() {
    let mut configuration = relayed();
    // Not held, so that an answer that is good again comes soon.
    configuration["poll_wait_secs"] = json!(0);
    configuration["poll_interval_ms"] = json!(20);
    let scene = Scene::with(&configuration, |builder| builder);
    let mut connections = scene.connections();
    scene.publish(1, &document("Shape"));
    scene.until_level(&mut connections, Some("Shape"));

    let image = set(&document("ShapeTiming")).into_image();
    let mut flipped = image.clone();
    flipped[image.len() / 2] ^= 1;
    let whole = || Reply::image(2, image.as_slice());
    let refused = [
        Reply::image(2, ""),
        Reply::image(2, "<html>502 Bad Gateway</html>"),
        Reply::image(2, flipped),
        Reply::image(2, &image[..image.len() - 1]),
        Reply::image(2, vec![0; 1 << 20]),
        whole().without("etag"),
        whole().without("aldis-revision"),
        whole().without("aldis-digest"),
    ];
    let failed = ["500 Internal Server Error", "404 Not Found", "301 Moved Permanently", "204 No Content"];
    let malformed = refused.map(|reply| ("polls.refused", reply)).into_iter();
    for (counter, reply) in malformed.chain(failed.map(|status| ("polls.failed", Reply::status(status)))) {
        let (counted, unchanged) = (scene.envoy.counter(counter), scene.envoy.counter("polls.unchanged"));
        scene.relay.answer_with(Some(reply));
        scene.envoy.until_counter(counter, counted + 1, BOUND);
        scene.until_level(&mut connections, Some("Shape"));
        scene.relay.answer_with(None);
        scene.envoy.until_counter("polls.unchanged", unchanged + 1, BOUND);
        scene.until_level(&mut connections, Some("Shape"));
    }
    // The twin: the same image in a good answer is taken.
    scene.relay.answer_with(Some(whole()));
    scene.until_level(&mut connections, Some("ShapeTiming"));
    assert!(scene.envoy.log().contains("aldis: the relay answers again"));
}

#[test]
fn a_relay_that_is_down_costs_no_request_and_is_found_again() {
    let mut scene = Scene::new();
    let mut connections = scene.connections();
    scene.publish(1, &document("Shape"));
    scene.until_level(&mut connections, Some("Shape"));
    scene.relay.go_down();
    scene.envoy.until_counter("polls.failed", 3, BOUND);
    scene.until_level(&mut connections, Some("Shape"));
    scene.publish(2, &document("ShapeTiming"));
    scene.relay.come_back();
    scene.until_level(&mut connections, Some("ShapeTiming"));
    assert!(scene.envoy.log().contains("aldis: nothing new from the relay relay: status 503"));
}

#[test]
fn a_relay_that_was_restarted_is_followed_once_it_knows_something() {
    let mut scene = Scene::new();
    let mut connections = scene.connections();
    scene.publish(5, &document("Shape"));
    scene.until_level(&mut connections, Some("Shape"));
    scene.relay.restart();
    scene.envoy.until_counter("polls.failed", 2, BOUND);
    scene.until_level(&mut connections, Some("Shape"));
    // The same revision under another etag, and then another one.
    scene.publish(5, &document("Shape"));
    scene.envoy.until_counter("polls.changed", 2, BOUND);
    scene.until_level(&mut connections, Some("Shape"));
    scene.publish(6, &document("ShapeTiming"));
    scene.until_level(&mut connections, Some("ShapeTiming"));
}

/// An etcd that was restored has an older revision. It is believed after a few answers.
#[test]
fn an_older_revision_is_followed_in_the_end() {
    let scene = Scene::new();
    let mut connections = scene.connections();
    scene.publish(50, &document("Shape"));
    scene.until_level(&mut connections, Some("Shape"));
    scene.publish(3, &document("ShapeTiming"));
    scene.until_level(&mut connections, Some("ShapeTiming"));
    scene.envoy.until_counter("polls.older", 2, BOUND);
    assert_eq!(scene.envoy.counter("revision"), 3);
}

#[test]
fn a_relay_that_is_not_there_at_the_start_leaves_the_inline_set_in_force() {
    let mut configuration = relayed();
    configuration["document"] = document("Shape");
    let mut scene = Scene::with(&configuration, |builder| builder);
    scene.relay.go_down();
    let mut connections = scene.connections();
    scene.until_level(&mut connections, Some("Shape"));
    scene.publish(1, &json!({"directives": []}));
    scene.relay.come_back();
    scene.until_level(&mut connections, None);
}
