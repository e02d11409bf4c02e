//! A fault of ours ends a worker's VM: what becomes of requests, and of decisions, under each of Envoy's policies.

use rig::envoy::{Builder, Delivery, OnTrap};
use rig::upstream::Upstream;
use rig::wire::Connection;
use serde_json::json;

use crate::module::trapping_module;
use crate::scene::{BOUND, Scene, document, relayed, seen};

/// Under this policy, behind the guard that the README recommends, with acme at `Shape`; and connections to both workers.
fn scene(on_trap: OnTrap) -> (Scene, Vec<Connection>) {
    let scene = Scene::of(trapping_module(), &relayed(), |builder| builder.on_trap(on_trap).guarded());
    scene.publish(1, &document("Shape"));
    let mut connections = scene.connections();
    scene.until_level(&mut connections, Some("Shape"));
    scene.envoy.until_counter("instances.present", 3, BOUND);
    (scene, connections)
}

/// Has the worker of this connection trap; the status of the request at which it does.
fn trap(connection: &mut Connection) -> u16 {
    connection.get("/", &[("x-aldis-trap", b"please")]).expect("is answered").status()
}

/// The status of a request of acme's, and the level that the upstream sees if there is an answer.
fn ask(connection: &mut Connection) -> (u16, Option<String>) {
    let answer = connection.get("/", &[("x-tenant", b"acme")]).expect("is answered");
    let status = answer.status();
    (status, if status == 200 { seen(&answer, "x-aldis-level") } else { None })
}

/// The recommended one.
#[test]
fn a_trap_costs_no_request_when_it_fails_open() {
    let (scene, mut connections) = scene(OnTrap::Open);
    assert_eq!(trap(&mut connections[0]), 200, "not even the one at which it happens");
    let both: Vec<_> = connections.iter_mut().map(ask).collect();
    let off = both.iter().filter(|answer| **answer == (200, None)).count();
    let decided = both.iter().filter(|answer| **answer == (200, Some("Shape".to_owned()))).count();
    assert!(off > 0 && decided > 0 && off + decided == both.len(), "off, or the last good: {both:?}");
    // The other worker follows on, whichever of them polled.
    scene.publish(2, &document("ShapeTiming"));
    rig::eventually_blocking("the worker that is left has what is new", BOUND, || {
        connections.iter_mut().map(ask).filter(|(_, level)| level.as_deref() == Some("ShapeTiming")).count()
            == decided
    });
    scene.envoy.until_counter("instances.silent", 1, BOUND);
    rig::eventually_blocking("the main thread's and one worker's are left", BOUND, || {
        scene.envoy.counter("instances.present") == 2
    });

    // Nobody is there any more on that worker to remove what clients claim, but the guard.
    for connection in &mut connections {
        let spoofed = connection.get("/", &[("X-Aldis-Level", b"ShapeRewriteDiff")]).expect("is answered");
        let seen = Upstream::seen(&spoofed);
        assert!(!seen.iter().any(|(name, _)| name == "x-aldis-level"), "{seen:?}");
    }
}

/// The twin: without the guard they reach the upstream there.
#[test]
fn a_trap_without_the_guard_lets_clients_claim_what_they_like() {
    let scene = Scene::of(trapping_module(), &relayed(), |builder| builder);
    let mut connection = scene.envoy.connect();
    let claim = |connection: &mut Connection| {
        let answer = connection.get("/", &[("x-aldis-level", b"ShapeRewriteDiff")]).expect("is answered");
        seen(&answer, "x-aldis-level")
    };
    assert_eq!(claim(&mut connection), None);
    trap(&mut connection);
    assert_eq!(claim(&mut connection).as_deref(), Some("ShapeRewriteDiff"));
}

#[test]
fn by_the_newer_name_of_the_policy_the_request_at_which_it_happens_is_lost() {
    let (scene, mut connections) = scene(OnTrap::OpenAfterwards);
    assert_eq!(trap(&mut connections[0]), 503);
    assert!(connections.iter_mut().map(ask).all(|(status, _)| status == 200));
    scene.envoy.until_counter("instances.silent", 1, BOUND);
}

/// What was polled outlives the VM: the next one has it at once, with the relay down.
#[test]
fn a_vm_that_is_made_anew_has_the_last_good_though_the_relay_is_down() {
    let (mut scene, mut connections) = scene(OnTrap::Reload);
    scene.relay.go_down();
    assert_eq!(trap(&mut connections[0]), 503);
    // 503 for about a second.
    rig::eventually_blocking("the worker has another VM", BOUND, || ask(&mut connections[0]).0 == 200);
    scene.until_level(&mut connections, Some("Shape"));
    assert_eq!(scene.envoy.stat("wasm.aldis.vm_reload_success"), Some(1));
    scene.envoy.until_counter("instances.silent", 1, BOUND);
    // And whoever polls finds the relay again.
    scene.publish(2, &document("ShapeTiming"));
    scene.relay.come_back();
    scene.until_level(&mut connections, Some("ShapeTiming"));
}

/// The way out of failing open, without a restart: any change of the configuration makes new instances.
#[test]
fn an_update_gives_a_worker_that_lost_its_vm_another() {
    let change = |builder: Builder| builder.delivery(Delivery::Extension);
    let mut scene = Scene::of(trapping_module(), &relayed(), change);
    scene.publish(1, &document("Shape"));
    let mut connections = scene.connections();
    scene.until_level(&mut connections, Some("Shape"));
    trap(&mut connections[0]);
    assert_eq!(ask(&mut connections[0]), (200, None));
    let mut configuration = relayed();
    configuration["refresh_ms"] = json!(90);
    scene.envoy.reconfigure(&configuration);
    scene.until_level(&mut connections, Some("Shape"));
}
