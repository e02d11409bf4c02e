use super::*;

mod proxy;

use std::rc::Rc;

use aldis_core::limits::IMAGE_VERSION;
use aldis_core::{DirectiveSet, UnixMillis};

use self::proxy::{BEGIN, Proxy, Reply, Worker};
use crate::config::Config;
use crate::limits::{MAX_BACKOFF_MS, SILENCE_MS};
use crate::record::Stamp;
use crate::shared::Shared;

const ACME: &str =
    r#"{"directives":[{"id":"acme","level":"Shape","expires_at":"2030-01-01T00:00:00Z","tenant":"acme"}]}"#;
const TIMING: &str = r#"{"directives":[{"id":"slow","level":"ShapeTiming","expires_at":"2030-01-01T00:00:00Z","tenant":"acme","capture":true}]}"#;
/// Ends a minute after every story's begin.
const MINUTE: &str =
    r#"{"directives":[{"id":"minute","level":"Shape","expires_at":"2027-01-15T08:01:00Z","tenant":"acme"}]}"#;

fn image(document: &str) -> Vec<u8> {
    DirectiveSet::decode(document.as_bytes(), UnixMillis::new(0)).expect("is a document").into_image()
}

const RELAYED: &str = r#"{"relay_cluster":"relay","tenant":{"header":"x-tenant"}}"#;

/// A proxy of two workers with this configuration, which must be taken.
fn proxy(configuration: &str) -> (Rc<Proxy>, [Worker; 2]) {
    let proxy = Proxy::new(configuration);
    let workers = [proxy.worker(), proxy.worker()];
    (proxy, workers)
}

/// The level that the upstream sees on a request of acme; `None`: no header.
fn level(worker: &mut Worker) -> Option<String> {
    worker.request(&[("x-tenant", "acme")]).get("x-aldis-level").cloned()
}

#[test]
fn an_inline_set_decides_and_what_clients_claim_is_gone() {
    let (proxy, [mut one, _]) =
        proxy(&format!(r#"{{"document":{TIMING},"tenant":{{"header":"x-tenant"}},"when_off":false}}"#));
    let seen =
        one.request(&[("x-tenant", "acme"), ("x-aldis-level", "Off"), ("x-aldis-level", "x"), ("y", "z")]);
    assert_eq!(seen["x-aldis-level"], "ShapeTiming");
    assert_eq!(seen["x-aldis-decided-by"], "slow");
    assert_eq!(seen["x-aldis-flags"], "capture");
    assert_eq!(seen["y"], "z");
    let line =
        r#"{"level":"ShapeTiming","ring_buffer":false,"capture":true,"decided_by":"slow","revision":null}"#;
    assert_eq!(one.property("aldis").as_deref(), Some(line));
    let spoofed =
        one.request(&[("x-tenant", "other"), ("x-aldis-level", "ShapeTiming"), ("x-aldis-flags", "capture")]);
    assert_eq!(spoofed.keys().collect::<Vec<_>>(), ["x-tenant"]);
    one.tick();
    assert_eq!(proxy.metric("aldis.spoofed"), 2);
    assert_eq!((proxy.metric("aldis.decisions.off"), proxy.metric("aldis.decisions.shape_timing")), (1, 1));
}

#[test]
fn a_request_costs_one_call_for_an_empty_set_and_two_for_one_that_is_not_met() {
    let (_, [mut empty, _]) = proxy(r#"{"document":{"directives":[]},"tenant":{"header":"x-tenant"}}"#);
    empty.request(&[("x-tenant", "acme")]);
    assert_eq!(empty.calls(), 1);
    let (_, [mut missed, _]) = proxy(&format!(r#"{{"document":{ACME},"tenant":{{"header":"x-tenant"}}}}"#));
    missed.request(&[("x-tenant", "other")]);
    assert_eq!(missed.calls(), 2);
}

#[test]
fn without_a_clock_everything_is_off() {
    let (proxy, [mut one, _]) = proxy(&format!(r#"{{"document":{ACME},"tenant":{{"header":"x-tenant"}}}}"#));
    assert_eq!(level(&mut one).as_deref(), Some("Shape"));
    proxy.stop_the_clock();
    assert_eq!(level(&mut one), None);
}

#[test]
fn what_has_expired_does_not_come_back_when_the_clock_is_set_back() {
    let (proxy, [mut asked, mut ticked]) =
        proxy(&format!(r#"{{"document":{MINUTE},"tenant":{{"header":"x-tenant"}}}}"#));
    assert_eq!(level(&mut asked).as_deref(), Some("Shape"));
    assert_eq!(level(&mut ticked).as_deref(), Some("Shape"));
    proxy.pass(60_000);
    assert_eq!(level(&mut asked), None);
    ticked.tick();
    proxy.set_back(3_600_000);
    assert_eq!((level(&mut asked), level(&mut ticked)), (None, None));
    let configuration =
        format!(r#"{{"document":{MINUTE},"tenant":{{"header":"x-tenant"}},"when_off":false}}"#);
    asked.configure_anew(&configuration);
    assert!(ticked.reconfigure(&configuration));
    assert_eq!((level(&mut asked), level(&mut ticked)), (None, None), "the same set configured anew");
}

#[test]
fn another_set_counts_by_the_clock_as_it_is() {
    let (proxy, [mut one, mut other]) = proxy(RELAYED);
    one.tick();
    one.answer(&Reply::image(5, &image(ACME)));
    other.tick();
    let decades = 20 * 365 * 24 * 3_600_000;
    proxy.pass(decades);
    assert_eq!(level(&mut one), None);
    one.tick();
    proxy.set_back(decades - SILENCE_MS);
    other.tick();
    assert_eq!((level(&mut one), level(&mut other)), (None, None), "all go by one time");
    assert_eq!(level(&mut proxy.worker()), None, "and so does a VM that is made anew");

    one.tick();
    one.answer(&Reply::image(6, &image(ACME)));
    assert_eq!(level(&mut one), None, "the same documents, as from another relay");
    assert_eq!(level(&mut proxy.worker()), None);
    other.tick();
    assert_eq!(level(&mut other), None);

    proxy.pass(MAX_BACKOFF_MS);
    one.tick();
    one.answer(&Reply::image(7, &image(TIMING)));
    assert_eq!(level(&mut one).as_deref(), Some("ShapeTiming"));
    other.tick();
    assert_eq!(level(&mut other).as_deref(), Some("ShapeTiming"));
    assert_eq!(level(&mut proxy.worker()).as_deref(), Some("ShapeTiming"));
}

#[test]
fn one_polls_and_all_decide_by_what_it_got() {
    let (proxy, [mut one, mut other]) = proxy(RELAYED);
    one.tick();
    other.tick();
    assert_eq!((one.open_calls(), other.open_calls()), (1, 0));
    let call = one.last_call().expect("was made");
    assert_eq!((call.cluster.as_str(), call.timeout_ms), ("relay", 35_000));
    assert_eq!(call.header(":path"), Some("/v1/image?wait=30s"));
    assert_eq!(call.header("if-none-match"), None);

    one.answer(&Reply::image(5, &image(ACME)));
    assert_eq!(level(&mut one).as_deref(), Some("Shape"));
    assert_eq!(level(&mut other), None, "it has not looked yet");
    other.tick();
    assert_eq!(level(&mut other).as_deref(), Some("Shape"));
    assert_eq!((proxy.metric("aldis.revision"), proxy.metric("aldis.directives")), (5, 1));
    assert_eq!((proxy.metric("aldis.polls.changed"), proxy.metric("aldis.elections")), (1, 1));
    assert_eq!(proxy.metric("aldis.confirmed_at"), BEGIN / 1000);

    proxy.pass(100);
    one.tick();
    assert_eq!(
        one.last_call().and_then(|call| call.header("if-none-match").map(str::to_owned)).as_deref(),
        Some("\"5\"")
    );
    proxy.pass(SILENCE_MS);
    one.tick();
    one.answer(&Reply::unchanged());
    assert_eq!(level(&mut one).as_deref(), Some("Shape"));
    assert_eq!(proxy.metric("aldis.polls.unchanged"), 1);
}

#[test]
fn whoever_polls_and_is_gone_is_replaced_and_nothing_is_lost() {
    let (proxy, [mut one, mut other]) = proxy(RELAYED);
    one.tick();
    one.answer(&Reply::image(5, &image(ACME)));
    other.tick();
    drop(one);
    proxy.pass(SILENCE_MS - 1);
    other.tick();
    assert_eq!(other.open_calls(), 0);
    proxy.pass(1);
    other.tick();
    assert_eq!(other.open_calls(), 1);
    assert_eq!(
        other.last_call().and_then(|call| call.header("if-none-match").map(str::to_owned)).as_deref(),
        Some("\"5\"")
    );
    assert_eq!(level(&mut other).as_deref(), Some("Shape"));
    let mut fresh = proxy.worker();
    assert_eq!(level(&mut fresh).as_deref(), Some("Shape"), "state outlives a VM");
}

#[test]
fn a_vm_that_is_lost_is_missed_and_one_that_ends_is_not() {
    let (proxy, [mut one, mut other]) = proxy(RELAYED);
    let mut third = proxy.worker();
    for worker in [&mut one, &mut other, &mut third] {
        worker.tick();
    }
    assert_eq!(proxy.metric("aldis.instances.present"), 3);
    third.delete();
    assert_eq!(proxy.metric("aldis.instances.present"), 2);
    drop(other);
    for _ in 0..5 {
        proxy.pass(1_000);
        one.tick();
    }
    assert_eq!((proxy.metric("aldis.instances.present"), proxy.metric("aldis.instances.silent")), (1, 1));
}

#[test]
fn whoever_looks_seldom_is_neither_replaced_nor_missed() {
    let seldom = RELAYED.replacen('{', r#"{"refresh_ms":10000,"#, 1);
    let (proxy, [mut one, mut other]) = proxy(&seldom);
    for _ in 0..5 {
        proxy.pass(5_000);
        one.tick();
        proxy.pass(5_000);
        other.tick();
    }
    assert_eq!((proxy.metric("aldis.instances.present"), proxy.metric("aldis.instances.silent")), (2, 0));
    assert_eq!((other.open_calls(), proxy.metric("aldis.elections")), (0, 1));
}

#[test]
fn a_filter_that_reads_other_images_is_not_heeded() {
    let proxy = Proxy::new(RELAYED);
    let (host, now) = (proxy.host(), UnixMillis::new(BEGIN));
    let config = Config::parse(RELAYED.as_bytes()).expect("is a configuration");
    let other = Shared::for_images(&config.relay.expect("is given"), IMAGE_VERSION - 1);
    other.prepare(&host);
    assert!(other.leads(&host, 7, now, SILENCE_MS));
    let version = other.take(&host).expect("is a record").version;
    assert!(other.put(
        &host,
        b"of another version".to_vec(),
        &Stamp { number: 3, ..Stamp::default() },
        version
    ));
    other.announce(&host, 3, now);

    let mut one = proxy.worker();
    one.tick();
    assert_eq!(one.open_calls(), 1, "nobody polls for it yet");
    one.answer(&Reply::image(5, &image(ACME)));
    one.tick();
    assert_eq!(level(&mut one).as_deref(), Some("Shape"));
    assert_eq!((proxy.metric("aldis.sets.loaded"), proxy.metric("aldis.sets.refused")), (1, 0));
}

#[test]
fn whoever_is_deleted_leaves_at_once() {
    let (_, [mut one, mut other]) = proxy(RELAYED);
    one.tick();
    one.delete();
    other.tick();
    assert_eq!(other.open_calls(), 1);
}

#[test]
fn an_instance_beside_another_in_one_vm_is_not_given_its_answers() {
    let (proxy, [mut one, _]) = proxy(RELAYED);
    one.tick();
    // What Envoy does at an update: a second instance, whose calls are counted from one as well.
    one.configure_anew(RELAYED);
    one.tick();
    assert_eq!(one.open_calls(), 0, "the first still leads");
    proxy.pass(SILENCE_MS);
    one.tick();
    assert_eq!(one.last_call().map(|call| call.token), Some(1));
    one.answer(&Reply::image(5, &image(ACME)));
    assert_eq!(level(&mut one).as_deref(), Some("Shape"));
}

#[test]
fn malformed_answers_keep_the_last_good_and_are_counted() {
    let (proxy, [mut one, _]) = proxy(RELAYED);
    one.tick();
    one.answer(&Reply::image(5, &image(ACME)));
    let good = image(TIMING);
    let mut flipped = good.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    let without = |name: &str| Reply::image(6, &good).without(name);
    let malformed = [
        Reply::image(6, b""),
        Reply::image(6, b"<html>"),
        Reply::image(6, &flipped),
        Reply::image(6, &good[..good.len() - 1]),
        without("etag"),
        without("aldis-revision"),
        without("aldis-digest"),
    ];
    for (count, reply) in (1..).zip(&malformed) {
        proxy.pass(MAX_BACKOFF_MS);
        one.tick();
        one.answer(reply);
        assert_eq!(level(&mut one).as_deref(), Some("Shape"), "{count}");
        assert_eq!(proxy.metric("aldis.polls.refused"), count);
    }
    for status in [500, 503, 404, 200 + 4, 301] {
        proxy.pass(MAX_BACKOFF_MS);
        one.tick();
        one.answer(&Reply::status(status));
        assert_eq!(level(&mut one).as_deref(), Some("Shape"));
    }
    assert_eq!(proxy.metric("aldis.polls.failed"), 5);
    proxy.pass(MAX_BACKOFF_MS);
    one.tick();
    one.answer(&Reply::image(6, &good));
    assert_eq!(level(&mut one).as_deref(), Some("ShapeTiming"), "and a good one is taken");
}

#[test]
fn an_older_revision_is_asked_for_again_and_believed_at_last() {
    let (proxy, [mut one, _]) = proxy(RELAYED);
    one.tick();
    one.answer(&Reply::image(5, &image(ACME)));
    // It may have been cut off, and not know it yet.
    for expected in ["Shape", "Shape", "Shape", "ShapeTiming"] {
        proxy.pass(MAX_BACKOFF_MS / 2);
        one.tick();
        one.answer(&Reply::image(4, &image(TIMING)));
        assert_eq!(level(&mut one).as_deref(), Some(expected));
    }
    assert_eq!((proxy.metric("aldis.polls.older"), proxy.metric("aldis.revision")), (3, 4));
}

/// One of several relays that has lost etcd: what was turned off since does not come back by it.
#[test]
fn a_relay_that_is_cut_off_takes_nothing_back() {
    let (proxy, [mut one, _]) = proxy(RELAYED);
    one.tick();
    one.answer(&Reply::image(5, &image(ACME)));
    let behind = Reply::image(4, &image(TIMING));
    let elsewhere = Reply::image(9, &image(TIMING)).with("aldis-cluster", "c2");
    for turn in 0..10 {
        for (reply, state) in [(&behind, "stale"), (&elsewhere, "stale"), (&behind, "starting")] {
            proxy.pass(MAX_BACKOFF_MS);
            one.tick();
            one.answer(&reply.clone().with("aldis-state", state));
            assert_eq!(level(&mut one).as_deref(), Some("Shape"), "{turn}");
        }
    }
    assert_eq!((proxy.metric("aldis.polls.older"), proxy.metric("aldis.polls.stale")), (30, 0));
    proxy.pass(MAX_BACKOFF_MS);
    one.tick();
    one.answer(&Reply::image(6, &image(TIMING)).with("aldis-state", "stale"));
    assert_eq!(level(&mut one).as_deref(), Some("ShapeTiming"), "what goes on is followed, stale or not");
}

#[test]
fn an_older_revision_is_believed_although_the_clock_is_set_back_meanwhile() {
    let (proxy, [mut one, _]) = proxy(RELAYED);
    one.tick();
    one.answer(&Reply::image(5, &image(ACME)));
    for turn in 0..5 {
        proxy.pass(MAX_BACKOFF_MS);
        one.tick();
        one.answer(&Reply::image(4, &image(TIMING)));
        if turn == 0 {
            proxy.set_back(3_600_000);
        }
    }
    assert_eq!(level(&mut one).as_deref(), Some("ShapeTiming"));
}

/// It began from its disk, and says which cluster it follows once it knows.
#[test]
fn a_relay_that_does_not_know_its_cluster_yet_goes_on_all_the_same() {
    let (proxy, [mut one, _]) = proxy(RELAYED);
    for (revision, document, cluster, state, expected) in [
        (5, ACME, "c1", "live", "Shape"),
        (6, TIMING, "0", "stale", "ShapeTiming"),
        (7, ACME, "c1", "stale", "Shape"),
        (6, TIMING, "0", "stale", "Shape"),
    ] {
        one.tick();
        let reply = Reply::image(revision, &image(document));
        one.answer(&reply.with("aldis-cluster", cluster).with("aldis-state", state));
        assert_eq!(level(&mut one).as_deref(), Some(expected), "{revision} {cluster}");
        proxy.pass(MAX_BACKOFF_MS);
    }
    assert_eq!(proxy.metric("aldis.polls.older"), 1);
}

#[test]
fn another_cluster_counts_anew_and_is_followed_at_once() {
    let (proxy, [mut one, _]) = proxy(RELAYED);
    one.tick();
    one.answer(&Reply::image(5, &image(ACME)));
    proxy.pass(MAX_BACKOFF_MS);
    one.tick();
    one.answer(&Reply::image(1, &image(TIMING)).with("aldis-cluster", "c2"));
    assert_eq!(level(&mut one).as_deref(), Some("ShapeTiming"));
    assert_eq!((proxy.metric("aldis.polls.older"), proxy.metric("aldis.revision")), (0, 1));
}

#[test]
fn a_relay_that_is_stale_confirms_nothing_and_is_followed_all_the_same() {
    let (proxy, [mut one, _]) = proxy(RELAYED);
    one.tick();
    one.answer(&Reply::image(5, &image(ACME)).with("aldis-state", "stale"));
    assert_eq!(level(&mut one).as_deref(), Some("Shape"));
    assert_eq!((proxy.metric("aldis.confirmed_at"), proxy.metric("aldis.polls.stale")), (0, 1));
    proxy.pass(MAX_BACKOFF_MS);
    one.tick();
    one.answer(&Reply::unchanged());
    assert_eq!(proxy.metric("aldis.confirmed_at"), (BEGIN + MAX_BACKOFF_MS) / 1000);
}

#[test]
fn a_cluster_that_does_not_exist_is_a_failure_and_no_trap() {
    let (proxy, [mut one, _]) = proxy(RELAYED);
    proxy.refuse_calls();
    one.tick();
    assert_eq!(proxy.metric("aldis.polls.failed"), 1);
    assert_eq!(one.open_calls(), 0);
    one.tick();
    assert_eq!(proxy.metric("aldis.polls.failed"), 1, "it waits before the next");
    assert_eq!(proxy.lines().len(), 1);
}

#[test]
fn the_same_complaint_is_logged_once_and_so_is_its_end() {
    let (proxy, [mut one, _]) = proxy(RELAYED);
    for status in [503, 503, 500, 500] {
        proxy.pass(MAX_BACKOFF_MS);
        one.tick();
        one.answer(&Reply::status(status));
    }
    proxy.pass(MAX_BACKOFF_MS);
    one.tick();
    one.answer(&Reply::image(1, &image(ACME)));
    assert_eq!(
        proxy.lines(),
        [
            "aldis: nothing new from the relay relay: status 503",
            "aldis: nothing new from the relay relay: status 500",
            "aldis: the relay answers again",
        ],
    );
}

#[test]
fn a_malformed_configuration_is_refused_and_what_was_there_stays() {
    let (proxy, [mut one, _]) = proxy(&format!(r#"{{"document":{ACME},"tenant":{{"header":"x-tenant"}}}}"#));
    assert!(!one.reconfigure(r#"{"document":{}}"#));
    assert_eq!(level(&mut one).as_deref(), Some("Shape"));
    assert_eq!(proxy.metric("aldis.configurations.refused"), 1);
    let line = "aldis: the configuration is refused: document: 1:1: the field `directives` is missing [missing_directives]";
    assert_eq!(proxy.lines(), [line]);
}

#[test]
fn an_answer_to_nobody_changes_nothing() {
    let (_, [mut one, _]) = proxy(RELAYED);
    one.tick();
    let mut call = one.last_call().expect("was made");
    call.token = 77;
    one.answer_to(&call, &Reply::image(5, &image(ACME)));
    assert_eq!(level(&mut one), None);
}

#[test]
fn from_a_level_on_a_request_is_marked_as_sampled() {
    let parent = |flags: &str| format!("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-{flags}");
    let configuration = |from: &str| {
        format!(
            r#"{{"document":{TIMING},"tenant":{{"header":"x-tenant"}},
            "sampled":{{"from":"{from}","traceparent":true,"header":"x-force","value":"yes"}}}}"#
        )
    };
    let (_, [mut reached, _]) = proxy(&configuration("ShapeTiming"));
    let seen = reached.request(&[("x-tenant", "acme"), ("traceparent", &parent("00"))]);
    assert_eq!((seen["traceparent"].as_str(), seen["x-force"].as_str()), (parent("01").as_str(), "yes"));
    let (_, [mut missed, _]) = proxy(&configuration("ShapeRewriteDiff"));
    let seen =
        missed.request(&[("x-tenant", "acme"), ("traceparent", &parent("00")), ("x-force", "spoofed")]);
    assert_eq!((seen["traceparent"].as_str(), seen.get("x-force")), (parent("00").as_str(), None));
}

#[test]
fn properties_are_asked_for_only_by_a_set_that_needs_them() {
    let principal = r#"{"directives":[{"id":"p","level":"Shape","expires_at":"2030-01-01T00:00:00Z","principal":"CN=a"}]}"#;
    let configuration =
        |document: &str| format!(r#"{{"document":{document},"principal":{{"peer_principal":true}}}}"#);
    let (_, [mut asks, _]) = proxy(&configuration(principal));
    asks.set_property(b"connection\0uri_san_peer_certificate", "");
    asks.set_property(b"connection\0subject_peer_certificate", "CN=a");
    assert_eq!(asks.request(&[]).get("x-aldis-level").map(String::as_str), Some("Shape"));
    let (_, [mut does_not, _]) = proxy(&configuration(ACME));
    does_not.request(&[]);
    assert_eq!(does_not.calls(), 2);
}
