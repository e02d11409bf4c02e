//! A publisher with a lease, in any weather.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aldis_etcd::kv::{KvChange, KvError, KvTransact, KvTtl};
use aldis_etcd::stream::{EtcdEntry, Publisher};

use crate::leasing::{PATIENCE, TTL};
use crate::publishing::{plain, shown};
use crate::troubled::{Trouble, Troubled};

/// Random publishes and withdrawals, losses of the lease and of answers. Some callers publish again what is handed back,
/// others give up: whatever they know of their keys is so in the end.
#[test]
fn in_any_weather_the_keys_are_what_was_published_last() {
    for seed in 0..300 {
        let builder = &mut tokio::runtime::Builder::new_current_thread();
        let runtime = builder.enable_all().start_paused(true).build().expect("a runtime");
        runtime.block_on(any_weather(seed));
    }
}

/// What may be under each key: one thing, unless a caller was left in doubt. Nothing is `None`.
type Expected = BTreeMap<String, BTreeSet<Option<String>>>;

async fn any_weather(seed: u64) {
    fastrand::seed(seed);
    let mut random = fastrand::Rng::with_seed(seed);
    let kv = Troubled::new();
    let create_only = seed.is_multiple_of(3);
    let builder = plain(&kv).lease_ttl(TTL);
    let builder = if create_only { builder.create_only() } else { builder };
    let publisher = builder.open().await.expect("memory grants");
    let mut expected = Expected::new();
    for number in 0..random.u32(5..60) {
        let troubles =
            [None, None, Some(Trouble::RequestLost), Some(Trouble::AnswerLost), Some(Trouble::Unsent)];
        let weather: Vec<_> = (0..6).map(|_| troubles[random.usize(0..troubles.len())]).collect();
        match random.u32(0..11) {
            0..5 => {
                // A create-only key is not published twice: it would be in its own way.
                let key = |nth: usize| match create_only {
                    true => format!("k{number}.{nth}"),
                    false => format!("k{}", (number as usize + nth) % 6),
                };
                let keys = (0..random.usize(1..4)).map(key).collect();
                publish(&publisher, keys, number, random.bool() && !create_only, &mut expected).await;
            }
            5 => {
                if let Some(lease) = publisher.status().lease {
                    kv.kv.revoke(lease.id).await.expect("memory revokes");
                }
            }
            6 => kv.trouble_transactions(weather),
            7 => kv.trouble_leases(weather),
            8 => {
                let Some(key) = random.choice(expected.keys().cloned().collect::<Vec<_>>()) else { continue };
                while publisher.withdraw([key.as_str().into()]).await.is_err() {}
                expected.insert(key, [None].into());
            }
            _ => tokio::time::sleep(Duration::from_millis(random.u64(0..20_000))).await,
        }
    }
    kv.trouble_transactions([]);
    kv.trouble_leases([]);
    tokio::time::sleep(PATIENCE).await;
    assert_held(&kv, &expected, seed).await;
    // Somebody else's transaction, so that a wrong lease below would show.
    kv.kv.transact(&[], &[KvChange::put("theirs", "1")]).await.expect("memory takes it");
    publisher.close().await.expect("memory revokes");
    assert_eq!(shown(&kv).await, "theirs=1", "seed {seed}");
}

/// Publishes until it is done, or once.
async fn publish(
    publisher: &Publisher,
    keys: Vec<String>,
    number: u32,
    persists: bool,
    expected: &mut Expected,
) {
    let value = number.to_string();
    let mut rest: Vec<_> = keys.iter().map(|key| EtcdEntry::new(key.as_str(), value.as_str())).collect();
    let cause = loop {
        match publisher.publish(rest).await {
            Ok(_) => break None,
            Err(error) if persists => rest = error.rest,
            Err(error) => break Some(error.cause),
        }
    };
    for key in keys {
        let may_be = expected.entry(key).or_insert_with(|| [None].into());
        match &cause {
            None => *may_be = [Some(value.clone())].into(),
            Some(KvError::Timeout { .. }) => drop(may_be.insert(Some(value.clone()))),
            Some(KvError::Connect { .. }) => {}
            Some(other) => panic!("{other}"),
        }
    }
}

async fn assert_held(kv: &Troubled, expected: &Expected, seed: u64) {
    let shown = shown(kv).await;
    let mut held: BTreeMap<_, _> = shown.split(' ').filter_map(|shown| shown.split_once('=')).collect();
    for (key, may_be) in expected {
        let held = held.remove(key.as_str()).map(ToOwned::to_owned);
        assert!(may_be.contains(&held), "seed {seed}: {key} is {held:?} and not of {may_be:?}");
    }
    assert!(held.is_empty(), "seed {seed}: nobody published {held:?}");
}
