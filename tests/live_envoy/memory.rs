//! Sets come and go, and memory stays.

use std::fs;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use aldis_core::limits::MAX_DIRECTIVES;
use aldis_core::{DirectiveSet, UnixMillis};
use rig::envoy::Envoy;
use rig::say;
use serde_json::{Value, json};

use crate::scene::{BOUND, Scene, relayed, seen, set};

/// Each makes an image of two thirds of a megabyte, which each of three VMs holds.
const DIRECTIVES: usize = 10_000;
/// Until every allocation has its place.
const WARM_UP: u64 = 40;
const UPDATES: u64 = 160;
/// If only one copy in one VM were kept of each, it would be 107 megabytes.
const MAY_GROW: u64 = 32 << 20;

#[test]
fn memory_stays_flat_while_sets_come_and_go() {
    let mut configuration = relayed();
    configuration["refresh_ms"] = json!(10);
    configuration["headers"] = json!({"revision": "x-aldis-revision"});
    configuration["when_off"] = json!(true);
    let scene = Scene::with(&configuration, |builder| builder);
    let mut connections = scene.connections();
    let images = [document(DIRECTIVES), document(DIRECTIVES - 500)].map(|document| set(&document));
    let mut at_first = 0;
    let begun = Instant::now();
    for revision in 1..=WARM_UP + UPDATES {
        if revision == WARM_UP {
            at_first = resident(&scene.envoy);
        }
        scene.relay.publish(revision, &images[usize::from(revision % 2 == 0)]);
        let revision = revision.to_string();
        rig::eventually_blocking("each worker has the set", BOUND, || {
            connections.iter_mut().all(|connection| {
                let answer = connection.get("/", &[]).expect("is answered");
                seen(&answer, "x-aldis-revision").as_ref() == Some(&revision)
            })
        });
    }
    let grown = resident(&scene.envoy).saturating_sub(at_first);
    say(&format!(
        "{UPDATES} sets of {DIRECTIVES} directives: {} KiB more, in {:.0?}",
        grown >> 10,
        begun.elapsed()
    ));
    assert!(grown < MAY_GROW, "{grown} bytes more");
}

/// As many directives as there may be.
#[test]
fn the_largest_set_arrives() {
    let scene = Scene::new();
    let mut connections = scene.connections();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    let now = UnixMillis::new(u64::try_from(now.as_millis()).expect("fits"));
    let directive =
        |number| format!(r#"{{"id":"{number}","level":"Shape","ttl_secs":31536000,"tenant":"{number}"}}"#);
    let directives = (0..MAX_DIRECTIVES).map(directive).collect::<Vec<_>>().join(",");
    let document = format!(r#"{{"directives":[{directives}]}}"#);
    let largest = DirectiveSet::decode(document.as_bytes(), now).expect("is just not too large");
    say(&format!("{MAX_DIRECTIVES} directives: an image of {} KiB", largest.as_image().len() >> 10));
    scene.relay.publish(1, &largest);
    let last = (MAX_DIRECTIVES - 1).to_string();
    rig::eventually_blocking("each worker has the set", BOUND, || {
        connections.iter_mut().all(|connection| {
            let answer = connection.get("/", &[("x-tenant", last.as_bytes())]).expect("is answered");
            seen(&answer, "x-aldis-decided-by").as_ref() == Some(&last)
        })
    });
}

fn document(directives: usize) -> Value {
    let directive = |number| {
        json!({
            "id": format!("directive-{number}"),
            "level": "Shape",
            "expires_at": "2999-01-01T00:00:00Z",
            "tenant": format!("tenant-{number}"),
        })
    };
    json!({"directives": (0..directives).map(directive).collect::<Vec<_>>()})
}

/// Bytes of memory that Envoy has in use.
fn resident(envoy: &Envoy) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", envoy.pid())).expect("Envoy runs");
    let kilobytes =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse().ok());
    kilobytes.map(|kilobytes: u64| kilobytes << 10).expect("says how much")
}
