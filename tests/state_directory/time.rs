//! Ends over restarts.

use std::path::Path;
use std::sync::Arc;

use aldis_etcd::{Decision, DirectiveStore, EtcdDirectiveStore, Request, UnixMillis};
use tempfile::TempDir;

use super::machine::{HOUR, Machine, NOON, SECOND};
use super::{Switch, document, shows};

const ACME: Request<'static> = Request { tenant: Some("acme"), ..Request::EMPTY };

async fn run_on(kv: &Switch, machine: &Arc<Machine>, directory: Option<&Path>) -> EtcdDirectiveStore {
    let builder = match directory {
        Some(directory) => kv.builder(directory),
        None => EtcdDirectiveStore::over(Arc::new(kv.clone())).scope(super::KEY),
    };
    builder.readings(Arc::<Machine>::clone(machine)).connect().await.expect("memory answers")
}

fn is_on(store: &EtcdDirectiveStore) -> bool {
    store.reader().decide(&ACME) != Decision::OFF
}

/// The end of what is in force, in milliseconds after noon.
fn end(store: &EtcdDirectiveStore) -> u64 {
    store.load().latest_expiry().expect("is not empty").as_u64() - NOON
}

#[tokio::test]
async fn a_relative_lifetime_goes_on_over_restarts_and_starts_anew_without_a_directory() {
    let (kv, home) = (Switch::new(), TempDir::new().expect("a scratch folder"));
    kv.put(document("one", 60)).await;
    for (start, is_in_force) in [(0, true), (50 * SECOND, true), (61 * SECOND, false), (5 * HOUR, false)] {
        let store = run_on(&kv, &Machine::at(NOON + start), Some(home.path())).await;
        assert_eq!((end(&store), is_on(&store)), (60 * SECOND, is_in_force), "{start}");
    }
    let twin = run_on(&kv, &Machine::at(NOON + 61 * SECOND), None).await;
    assert!(is_on(&twin), "it is the directory that keeps it ended");
}

#[tokio::test]
async fn what_has_expired_stays_so_though_the_wall_clock_was_set_back_meanwhile() {
    let (kv, home) = (Switch::new(), TempDir::new().expect("a scratch folder"));
    let expires_at = UnixMillis::new(NOON + 60 * SECOND);
    let absolute = format!(
        r#"{{"directives":[{{"id":"a","level":"Shape","tenant":"acme","expires_at":"{expires_at}"}}]}}"#
    );
    for document in [absolute, document("r", 60)] {
        kv.put(document).await;
        let home = home.path().join("state");
        let machine = Machine::at(NOON);
        let store = run_on(&kv, &machine, Some(&home)).await;
        assert!(is_on(&store));
        machine.pass(61 * SECOND);
        assert!(!is_on(&store));
        drop(store);

        let set_back = Machine::at(NOON - HOUR);
        let store = run_on(&kv, &set_back, Some(&home)).await;
        assert!(!is_on(&store) && store.now().as_u64() >= NOON + 61 * SECOND);
        for _ in 0..3 {
            set_back.pass(HOUR);
            assert!(!is_on(&store));
        }
        let twin = run_on(&kv, &Machine::at(NOON - HOUR), None).await;
        assert!(is_on(&twin), "it is the directory that keeps it ended");
        drop(store);
        std::fs::remove_dir_all(&home).expect("starts over");
    }
}

#[tokio::test]
async fn it_is_not_deaf_to_what_is_published_after_the_clock_was_set_back() {
    let (kv, home) = (Switch::new(), TempDir::new().expect("a scratch folder"));
    kv.put(document("old", 60)).await;
    let machine = Machine::at(NOON);
    let store = run_on(&kv, &machine, Some(home.path())).await;
    machine.pass(2 * HOUR);
    drop(store);

    // Its author's clock is right, and so is this machine's: it had been ahead before.
    let set_back = Machine::at(NOON - HOUR);
    let store = run_on(&kv, &set_back, Some(home.path())).await;
    let expires_at = UnixMillis::new(NOON - HOUR + 60 * SECOND);
    kv.put(format!(
        r#"{{"directives":[{{"id":"new","level":"Shape","tenant":"acme","expires_at":"{expires_at}"}}]}}"#
    ))
    .await;
    shows(&store, "new").await;
    assert!(is_on(&store));
    set_back.pass(59 * SECOND);
    assert!(is_on(&store));
    drop(store);
    // The next restart does not cut it short, nor prolong it.
    let later = Machine::at(NOON - HOUR + 59 * SECOND);
    let store = run_on(&kv, &later, Some(home.path())).await;
    assert!(is_on(&store));
    later.pass(2 * SECOND);
    assert!(!is_on(&store));
}

#[tokio::test]
async fn what_arrives_before_a_dead_clock_is_set_does_not_stay_on_for_years() {
    let (kv, home) = (Switch::new(), TempDir::new().expect("a scratch folder"));
    let store = run_on(&kv, &Machine::at(NOON), Some(home.path())).await;
    drop(store);

    // The battery has died: the machine starts in 1970, and learns the time a little later.
    let machine = Machine::at(1_000);
    let store = run_on(&kv, &machine, Some(home.path())).await;
    assert!(store.now().as_u64() >= NOON);
    let expires_at = UnixMillis::new(NOON + 2 * HOUR);
    kv.put(format!(
        r#"{{"directives":[{{"id":"a","level":"Shape","tenant":"acme","expires_at":"{expires_at}"}}]}}"#
    ))
    .await;
    shows(&store, "a").await;
    assert!(end(&store) > 365 * 24 * HOUR, "as far as anybody can tell");
    machine.set_wall(NOON + HOUR);
    rig::eventually("its end is what its author wrote", super::PATIENCE, || end(&store) == 2 * HOUR).await;
    assert!(is_on(&store));
    machine.pass(HOUR);
    assert!(!is_on(&store));
}

#[tokio::test]
async fn a_clock_that_was_wildly_ahead_is_not_believed_after_a_restart() {
    let (kv, home) = (Switch::new(), TempDir::new().expect("a scratch folder"));
    kv.put(document("one", 60)).await;
    let store = run_on(&kv, &Machine::at(NOON + 30 * 365 * 24 * HOUR), Some(home.path())).await;
    drop(store);
    let store = run_on(&kv, &Machine::at(NOON), Some(home.path())).await;
    assert!(is_on(&store) && store.now().as_u64() < NOON + HOUR);
    let refused = store.status().state_refused.expect("on show");
    assert!(refused.contains("ahead of this machine's clock"), "{refused}");
}
