//! From a put to what the next request is decided by, over a real etcd: ours and the reference beside a bare watch.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use aldis_etcd::EtcdDirectiveStore;
use anyhow::{Context, Result, bail};
use bench::{Goal, Peer, Row, Unit, median};
use etcd_client::{Client, EventType};
use osproxy_core::SystemClock;
use osproxy_observe::DirectiveStore;
use peers::scene;
use rig::etcd::Etcd;

use crate::report::Report;

/// How often each of them has its turn: a put of a few hundred microseconds takes now more, now less.
const QUICK_TURNS: usize = 1001;
const LONG_TURNS: usize = 101;

/// After so long something is wrong.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) fn run(report: &mut Report) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let etcd = Etcd::start();
    runtime.block_on(async {
        row(report, &etcd, "put → in force: 1 directive", 1, QUICK_TURNS, 1.05).await?;
        row(report, &etcd, "put → in force: 9 000 directives, 1 MB", 9_000, LONG_TURNS, 1.3).await
    })
}

async fn row(
    report: &mut Report,
    etcd: &Etcd,
    what: &str,
    directives: usize,
    turns: usize,
    goal: f64,
) -> Result<()> {
    // Two documents in turn, of the same size: each put changes what is in force.
    let document = scene::mixed(directives).document;
    let documents = [document.clone(), document.replacen("\"Shape\"", "\"Off\"", 1)];
    if documents[0] == documents[1] {
        bail!("the documents must differ");
    }
    let mut all = [Subject::bare(etcd).await?, Subject::aldis(etcd).await?, Subject::reference(etcd).await?];
    let mut samples = vec![Vec::with_capacity(turns); all.len()];
    for turn in 0..turns {
        // Each begins as often as the others: what comes first finds the machine otherwise than what comes last.
        let order = (0..all.len()).map(|place| (place + turn) % all.len());
        for place in order.collect::<Vec<_>>() {
            let (Some(subject), Some(samples)) = (all.get_mut(place), samples.get_mut(place)) else {
                continue;
            };
            let document = documents.get(turn % 2).context("there are two")?;
            samples.push(subject.put(document).await?);
        }
    }
    let medians: Vec<f64> = samples.iter().filter_map(|samples| median(samples)).collect();
    let [bare, ours, theirs] = medians.as_slice() else { bail!("nobody was timed") };
    let beside = |name: &str, figure: f64, goal| Row {
        what: what.to_owned(),
        unit: Unit::Nanos,
        ours: *ours,
        peer: Some(Peer { name: name.to_owned(), figure }),
        goal,
    };
    report.row(beside("a bare watch event", *bare, Goal::Ratio(goal)));
    report.row(beside("osproxy", *theirs, Goal::Reported));
    Ok(())
}

/// Somebody who follows a key of their own.
struct Subject {
    client: Client,
    key: &'static str,
    /// A number that changes with what is in force.
    seen: Box<dyn Fn() -> u64>,
}

impl Subject {
    /// A watch, and nothing done with what it brings. As with the others, who puts has another connection.
    async fn bare(etcd: &Etcd) -> Result<Self> {
        let key = "bare";
        let client = Client::connect([etcd.endpoint()], None).await?;
        let mut watching = Client::connect([etcd.endpoint()], None).await?.watch(key, None).await?;
        let count = Arc::new(AtomicU64::new(0));
        let seen = Arc::clone(&count);
        tokio::spawn(async move {
            while let Ok(Some(response)) = watching.message().await {
                let puts =
                    response.events().iter().filter(|event| event.event_type() == EventType::Put).count();
                count.fetch_add(puts as u64, Ordering::Release);
            }
        });
        Ok(Self { client, key, seen: Box::new(move || seen.load(Ordering::Acquire)) })
    }

    async fn aldis(etcd: &Etcd) -> Result<Self> {
        let key = "aldis";
        let store = EtcdDirectiveStore::builder([etcd.endpoint()]).scope(key).connect().await?;
        let client = Client::connect([etcd.endpoint()], None).await?;
        Ok(Self {
            client,
            key,
            seen: Box::new(move || store.with_snapshot(|snapshot| snapshot.revision.as_u64())),
        })
    }

    async fn reference(etcd: &Etcd) -> Result<Self> {
        let key = "reference";
        let endpoints = [etcd.endpoint()];
        let store = osproxy_etcd::EtcdDirectiveStore::connect(&endpoints, key, Arc::new(SystemClock)).await?;
        let client = Client::connect(endpoints, None).await?;
        // The address of a set that is held: it differs from that of any other that is.
        let seen = move || Arc::as_ptr(&store.load()) as u64;
        Ok(Self { client, key, seen: Box::new(seen) })
    }

    /// Puts, and returns the nanoseconds until it is in force.
    async fn put(&mut self, document: &str) -> Result<f64> {
        let before = (self.seen)();
        let begun = Instant::now();
        // Not only after the put is answered: the event may be faster.
        let put = self.client.put(self.key, document, None);
        let mut put = std::pin::pin!(put);
        let mut is_put = false;
        while (self.seen)() == before {
            if begun.elapsed() > PATIENCE {
                bail!("{}: nothing is in force after {PATIENCE:?}", self.key);
            }
            if is_put {
                tokio::task::yield_now().await;
            } else {
                tokio::select! {
                    biased;
                    answered = &mut put => { answered?; is_put = true; }
                    () = tokio::task::yield_now() => {}
                }
            }
        }
        let nanos = begun.elapsed().as_secs_f64() * 1e9;
        if !is_put {
            put.await?;
        }
        Ok(nanos)
    }
}
