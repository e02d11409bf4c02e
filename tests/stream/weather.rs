//! A subscription in any weather: seeded writes, cuts, compactions, wipes, faults and pauses of the consumer. First
//! every burst is held to what is promised; then the faults stop, and the consumer must come to what the store holds.
//!
//! `ALDIS_STREAM_SEEDS=5000..6000` chooses the seeds.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use aldis_etcd::kv::memory::MemoryKv;
use aldis_etcd::kv::{Key, KvChange, KvEntry, KvSource, KvUpdate, Revision, Scope};
use aldis_etcd::stream::{Burst, BurstKind, Subscription};
use fastrand::Rng;

use crate::faulty::{Fault, Faulty};
use crate::replica::Replica;

const SEEDS: Range<u64> = 0..500;

/// Virtual: several verifying reads, with room for a silent one among them.
const PATIENCE: Duration = Duration::from_secs(400);

const FAULTS: [Fault; 10] = [
    Fault::PanicInList,
    Fault::PanicInWatch,
    Fault::PanicInNext,
    Fault::SilentConnect,
    Fault::SilentHead,
    Fault::SilentList,
    Fault::SilentWatch,
    Fault::SilentNext,
    Fault::LoseEvents,
    Fault::SlowList,
];

#[test]
fn whatever_happens_the_bursts_add_up_to_what_the_store_holds() {
    let mut seen = (0, 0, 0);
    for seed in seeds() {
        let ran = virtually(async {
            let mut world = World::new(seed, Duration::from_secs(60)).await;
            world.run().await.map(|()| (world.live, world.replica.differences, world.replica.incarnations))
        });
        let (live, differences, incarnations) = ran.unwrap_or_else(|broken| {
            let replay = format!("ALDIS_STREAM_SEEDS={seed}..{}", seed + 1);
            panic!("{broken}\nreplay with: {replay} cargo test -p aldis-tests --test stream weather")
        });
        seen = (seen.0 + live, seen.1 + differences, seen.2 + incarnations);
    }
    eprintln!("live bursts, differences, incarnations: {seen:?}");
    assert!(seen.0 > 0 && seen.1 > 0 && seen.2 > 0, "the weather is too good: {seen:?}");
}

/// The known-bad twin: without the read that verifies, a lost event stays lost, and this must be noticed.
#[test]
fn a_subscription_that_does_not_verify_is_found_out() {
    let broken = virtually(async {
        let mut world = World::new(0, Duration::from_secs(1 << 20)).await;
        world.write();
        world.converge().await.expect("in good weather");
        world.replica.may_have_missed = true;
        world.faulty.set(Fault::LoseEvents);
        world.kv.transaction([KvChange::put("p/lost", b"1".to_vec())]);
        world.converge().await
    });
    assert!(broken.is_err_and(|broken| broken.contains("has come to")));
}

/// The twin of the eye for gaps: an event that is lost where none may be is missed by the next burst.
#[test]
fn an_event_that_is_lost_in_a_lossless_world_is_missed() {
    let broken = virtually(async {
        let mut world = World::new(0, Duration::from_secs(1 << 20)).await;
        world.write();
        world.converge().await.expect("in good weather");
        world.faulty.set(Fault::LoseEvents);
        for value in ["1", "2"] {
            let put = KvChange::put("p/lost", value);
            let effects = BTreeSet::from([format!("p/lost={value}")]);
            world.history.insert((world.kv.transaction([put]), effects));
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
        world.converge().await
    });
    assert!(broken.is_err_and(|broken| broken.contains("is missing between")));
}

/// And the twin of the consumer's own eyes: what is told twice, goes back, or is missing is found.
#[test]
fn a_consumer_that_is_told_wrongly_notices() {
    let burst = |kind, revision, value: &str| {
        let (key, revision) = (Key::from("p/a"), Revision::new(revision));
        let entry = KvEntry { key, value: value.to_owned().into(), mod_revision: revision };
        Burst { kind, revision, updates: vec![KvUpdate::Put(entry)] }
    };
    let mut replica = Replica::default();
    replica.apply_gapless(&burst(BurstKind::Live, 3, "1")).expect_err("no snapshot yet");
    replica.apply_gapless(&burst(BurstKind::Snapshot, 3, "1")).expect("the first");
    replica.apply_gapless(&burst(BurstKind::Snapshot, 4, "2")).expect_err("a second snapshot");
    replica.apply_gapless(&burst(BurstKind::Live, 3, "1")).expect_err("again");
    replica.apply(&burst(BurstKind::Difference, 3, "1")).expect_err("again");
    replica.apply(&burst(BurstKind::Difference, 2, "0")).expect_err("back");
    replica.apply_gapless(&burst(BurstKind::Live, 5, "2")).expect_err("a gap");
    let mut future = burst(BurstKind::Live, 4, "2");
    future.revision = Revision::new(3);
    replica.apply(&future).expect_err("ahead of its burst");
    replica.apply_gapless(&burst(BurstKind::Live, 4, "2")).expect("the next");
}

fn seeds() -> Range<u64> {
    let Ok(text) = std::env::var("ALDIS_STREAM_SEEDS") else { return SEEDS };
    let bounds = text.split_once("..").and_then(|(from, to)| Some(from.parse().ok()?..to.parse().ok()?));
    bounds.expect("ALDIS_STREAM_SEEDS must look like 5000..6000")
}

fn virtually<T>(run: impl Future<Output = T>) -> T {
    let builder = &mut tokio::runtime::Builder::new_current_thread();
    builder.enable_all().start_paused(true).build().expect("a runtime").block_on(run)
}

struct World {
    random: Rng,
    kv: MemoryKv,
    faulty: Faulty,
    scope: Scope,
    subscription: Subscription,
    replica: Replica,
    existing: BTreeSet<Key>,
    /// What each transaction did to the scope, of every incarnation.
    history: BTreeSet<(Revision, BTreeSet<String>)>,
    /// Whether nothing happens here in which an event may be lost, nor a change of incarnation: then none may be missing.
    is_lossless: bool,
    live: usize,
}

impl World {
    async fn new(seed: u64, verify_every: Duration) -> Self {
        // From here the subscription takes the seed of its jitter.
        fastrand::seed(seed);
        let mut random = Rng::with_seed(seed);
        let (kv, scope) = (MemoryKv::new(), Scope::parse("p/"));
        let faulty = Faulty::over(&kv);
        let builder = Subscription::builder(Arc::new(faulty.clone()), scope.clone());
        let builder = builder.capacity(random.usize(1..5)).verify_every(verify_every);
        let subscription = builder.start().await.expect("memory answers");
        Self {
            random,
            kv,
            faulty,
            scope,
            subscription,
            replica: Replica::default(),
            existing: BTreeSet::new(),
            history: BTreeSet::new(),
            is_lossless: seed.is_multiple_of(2),
            live: 0,
        }
    }

    async fn run(&mut self) -> Result<(), String> {
        for _ in 0..self.random.usize(20..120) {
            self.happen().await?;
        }
        self.faulty.clear();
        self.converge().await?;
        self.write();
        self.converge().await
    }

    async fn happen(&mut self) -> Result<(), String> {
        match self.random.u32(0..100) {
            0..50 => self.write(),
            50..60 => self.kv.cut_watches(),
            60..64 => {
                let _already_compacted = self.kv.compact(self.kv.revision());
            }
            64..66 if !self.is_lossless => self.wipe(),
            66..71 => self.misbehave(),
            71..76 => tokio::time::sleep(Duration::from_millis(self.random.u64(0..5_000))).await,
            76..79 => tokio::time::sleep(Duration::from_secs(self.random.u64(0..300))).await,
            _ => self.read().await?,
        }
        Ok(())
    }

    /// A transaction over a few keys, some of them outside of the scope.
    fn write(&mut self) {
        let mut keys = BTreeSet::new();
        for _ in 0..self.random.usize(1..4) {
            let folder = ["p", "p", "p", "q"][self.random.usize(0..4)];
            keys.insert(format!("{folder}/{}", self.random.u32(0..6)));
        }
        let (mut changes, mut effects) = (Vec::new(), BTreeSet::new());
        for name in keys {
            let key = Key::from(name.as_str());
            let value = self.random.u32(0..4).to_string();
            let is_delete = value == "0";
            let (change, effect, happens) = match is_delete {
                true => (KvChange::Delete(key.clone()), format!("-{name}"), self.existing.remove(&key)),
                false => (KvChange::put(key.clone(), value.clone()), format!("{name}={value}"), true),
            };
            if !is_delete {
                self.existing.insert(key.clone());
            }
            if happens && self.scope.contains(&key) {
                effects.insert(effect);
            }
            changes.push(change);
        }
        self.history.insert((self.kv.transaction(changes), effects));
    }

    fn wipe(&mut self) {
        self.replica.may_have_missed = true;
        self.existing.clear();
        self.kv.wipe();
    }

    fn misbehave(&mut self) {
        let fault = FAULTS[self.random.usize(0..FAULTS.len())];
        // A watch that falls silent takes along what it was about to say, and is asked again before it is given up.
        let loses = matches!(fault, Fault::LoseEvents | Fault::SilentNext);
        if !(loses && self.is_lossless) {
            self.replica.may_have_missed |= loses;
            self.faulty.set(fault);
        }
    }

    /// Takes some of what waits.
    async fn read(&mut self) -> Result<(), String> {
        for _ in 0..self.random.usize(1..8) {
            let patience = Duration::from_millis(self.random.u64(0..1_000));
            match tokio::time::timeout(patience, self.subscription.next()).await {
                Ok(burst) => self.apply(&burst.ok_or("it ended")?)?,
                Err(_) => break,
            }
        }
        Ok(())
    }

    fn apply(&mut self, burst: &Burst) -> Result<(), String> {
        let last = self.replica.revision();
        self.replica.apply(burst)?;
        if self.is_lossless && burst.kind == BurstKind::Live {
            self.check_gapless(last, burst.revision)?;
        }
        if burst.kind != BurstKind::Live {
            return Ok(());
        }
        self.live += 1;
        let told = burst.updates.iter().map(|update| match update {
            KvUpdate::Put(entry) => format!("{}={}", entry.key, String::from_utf8_lossy(&entry.value)),
            KvUpdate::Delete { key, .. } => format!("-{key}"),
        });
        let told: BTreeSet<String> = told.collect();
        match self.history.contains(&(burst.revision, told)) {
            true => Ok(()),
            false => Err(format!("no transaction did {burst:?}")),
        }
    }

    /// A transaction of the scope that lies between two bursts was to come as one of its own.
    fn check_gapless(&self, last: Revision, next: Revision) -> Result<(), String> {
        let is_missing = |(revision, effects): &&(Revision, BTreeSet<String>)| {
            *revision > last && *revision < next && !effects.is_empty()
        };
        match self.history.iter().find(is_missing) {
            None => Ok(()),
            Some(missing) => Err(format!("{missing:?} is missing between {last} and {next}")),
        }
    }

    async fn converge(&mut self) -> Result<(), String> {
        let end = tokio::time::Instant::now() + PATIENCE;
        let store = self.kv.list(&self.scope).await.map_err(|error| error.to_string())?.entries;
        while !self.replica.equals(&store) {
            match tokio::time::timeout_at(end, self.subscription.next()).await {
                Ok(burst) => self.apply(&burst.ok_or("it ended")?)?,
                Err(_) => {
                    return Err(format!("after all it has come to {}: {store:?}", self.replica.shown()));
                }
            }
        }
        Ok(())
    }
}
