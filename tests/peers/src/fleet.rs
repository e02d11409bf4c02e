//! How many instances one etcd feeds: each with a watch of its own, all in one process over one source, and behind tiers
//! of relays. Until the last has a publication.

use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aldis_etcd::relay::Relay;
use aldis_etcd::{EtcdDirectiveStore, Reader};
use anyhow::{Context, Result, bail};
use bench::{Clock, Goal, Peer, ProcessTime, Row, Unit, median};
use etcd_client::Client;
use osproxy_core::SystemClock;
use osproxy_observe::DirectiveStore;
use peers::scene;
use rig::etcd::Etcd;
use tokio::net::TcpListener;

use crate::report::Report;

const KEY: &str = "fleet";
const DIRECTIVES: usize = 100;
const MANY: usize = 1_000;
/// Relays of the second tier.
const RELAYS: usize = 10;
/// Odd, so that there is a middle.
const TURNS: usize = 7;
const PATIENCE: Duration = Duration::from_secs(60);
/// How exactly the time is told.
const LOOK_EVERY: Duration = Duration::from_micros(200);

pub(crate) fn run(report: &mut Report) -> Result<()> {
    let theirs = in_a_process_of_its_own(Make::References, MANY)?;
    for (make, instances, what) in [
        (Make::Shared, MANY, "1 000 instances in one process, over one source"),
        (Make::Direct, 1, "1 instance"),
        (Make::Direct, 100, "100 instances, a watch each"),
        (Make::Direct, MANY, "1 000 instances, a watch each"),
        (Make::OneTier, MANY, "1 000 instances behind a relay"),
        (Make::TwoTiers, MANY, "1 000 instances behind two tiers of relays"),
    ] {
        let goal = if make == Make::Shared { Goal::Ratio(0.05) } else { Goal::Reported };
        in_a_process_of_its_own(make, instances)?.report(report, what, &theirs, goal);
    }
    Ok(())
}

/// How the instances get their directives.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Make {
    Shared,
    Direct,
    OneTier,
    TwoTiers,
    References,
}

impl Make {
    const ALL: [(&str, Self); 5] = [
        ("shared", Self::Shared),
        ("direct", Self::Direct),
        ("one-tier", Self::OneTier),
        ("two-tiers", Self::TwoTiers),
        ("references", Self::References),
    ];

    fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, make)| *make == self).map_or("", |(name, _)| name)
    }
}

/// What `aldis-peers` is called with to measure one fleet and print its figures, so that none has the memory that another
/// left behind.
pub(crate) const ONE: &str = "one-fleet";

fn in_a_process_of_its_own(make: Make, instances: usize) -> Result<Figures> {
    let instances = instances.to_string();
    let output = Command::new(std::env::current_exe()?).args([ONE, make.name(), &instances]).output()?;
    let said = String::from_utf8(output.stdout)?;
    let figures: Vec<f64> = said.split_whitespace().filter_map(|figure| figure.parse().ok()).collect();
    let [last, processor, bytes, connections] = figures.as_slice() else {
        bail!("{} instances, {}: {}", instances, make.name(), String::from_utf8_lossy(&output.stderr));
    };
    Ok(Figures { last: *last, processor: *processor, bytes: *bytes, connections: *connections })
}

/// Measures the fleet that was asked for, in the process that was made for it.
pub(crate) fn one(arguments: &[String]) -> Result<()> {
    let [name, instances] = arguments else { bail!("which fleet, and how many instances?") };
    let make = Make::ALL.iter().find(|(known, _)| known == name).context("there is no such fleet")?.1;
    rig::open_files(4 * MANY + 500);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let Figures { last, processor, bytes, connections } =
        runtime.block_on(measure(make, instances.parse()?))?;
    println!("{last} {processor} {bytes} {connections}");
    Ok(())
}

/// What was measured of a fleet, all of which lives in this process.
struct Figures {
    /// Until the last instance has a publication, in nanoseconds.
    last: f64,
    /// Processor time of one publication for each instance, relays among it, in nanoseconds.
    processor: f64,
    /// Memory for each instance.
    bytes: f64,
    /// Connections that etcd has.
    connections: f64,
}

impl Figures {
    fn report(&self, report: &mut Report, what: &str, theirs: &Self, goal: Goal) {
        let mut row = |which: &str, unit, ours, theirs, goal| {
            let peer = Some(Peer { name: "1 000 osproxy".to_owned(), figure: theirs });
            report.row(Row { what: format!("fleet: {what}{which}"), unit, ours, peer, goal });
        };
        row(": put → the last has it", Unit::Nanos, self.last, theirs.last, goal);
        row("; processor time for each", Unit::Nanos, self.processor, theirs.processor, Goal::Reported);
        row("; memory for each", Unit::Bytes, self.bytes, theirs.bytes, Goal::Reported);
        row("; connections of etcd", Unit::Count, self.connections, theirs.connections, Goal::Reported);
    }
}

fn float(count: usize) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "far below 2^52")]
    let float = count as f64;
    float
}

/// Instances that follow one etcd.
struct Fleet {
    /// How many do not hold so many directives yet; asked until none is left.
    behind: Box<dyn FnMut(usize) -> usize + Send>,
    /// What has to live as long.
    _relays: tokio::task::JoinSet<()>,
}

async fn measure(make: Make, instances: usize) -> Result<Figures> {
    let etcd = Etcd::start();
    let mut client = Client::connect([etcd.endpoint()], None).await?;
    client.put(KEY, scene::mixed(DIRECTIVES).document, None).await?;
    let before = resident()?;
    let mut fleet = Fleet::make(make, etcd.endpoint(), instances).await?;
    let bytes = float(usize::try_from(resident()?.saturating_sub(before))?) / float(instances);
    // One of them is ours.
    let connections = float(connections(etcd.client_port())?.saturating_sub(1));
    let (mut samples, mut spent) = (Vec::with_capacity(TURNS), Duration::ZERO);
    for turn in 1..=TURNS {
        let (begun, busy) = (Instant::now(), ProcessTime.now());
        // Each has one directive more than the last, by which it is known.
        client.put(KEY, scene::mixed(DIRECTIVES + turn).document, None).await?;
        fleet.until_all_have(DIRECTIVES + turn).await?;
        samples.push(begun.elapsed().as_secs_f64() * 1e9);
        spent += ProcessTime.now().saturating_sub(busy);
        // Whatever goes on beside it settles.
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    let processor = spent.as_secs_f64() * 1e9 / float(TURNS) / float(instances);
    Ok(Figures { last: median(&samples).context("was measured")?, processor, bytes, connections })
}

impl Fleet {
    async fn make(make: Make, endpoint: String, instances: usize) -> Result<Self> {
        match make {
            Make::Shared => Self::shared(endpoint, instances).await,
            Make::Direct => Self::direct(endpoint, instances).await,
            Make::OneTier => Self::one_tier(endpoint, instances).await,
            Make::TwoTiers => Self::two_tiers(endpoint, instances).await,
            Make::References => Self::references(endpoint, instances).await,
        }
    }

    async fn until_all_have(&mut self, directives: usize) -> Result<()> {
        let begun = Instant::now();
        while (self.behind)(directives) > 0 {
            if begun.elapsed() > PATIENCE {
                bail!("{} instances are behind after {PATIENCE:?}", (self.behind)(directives));
            }
            // A look now and then: who looks all the time takes it from those who are looked at.
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    fn of_readers(mut readers: Vec<Reader>, relays: tokio::task::JoinSet<()>) -> Self {
        let mut first = 0;
        let mut asked = 0;
        let behind = move |directives: usize| {
            if asked != directives {
                (first, asked) = (0, directives);
            }
            // Who has it is not asked again.
            while readers.get_mut(first).is_some_and(|reader| reader.load().len() == directives) {
                first += 1;
            }
            readers.len() - first
        };
        Self { behind: Box::new(behind), _relays: relays }
    }

    async fn shared(endpoint: String, instances: usize) -> Result<Self> {
        let store = EtcdDirectiveStore::builder([endpoint]).scope(KEY).connect().await?;
        Ok(Self::of_readers((0..instances).map(|_| store.reader()).collect(), tokio::task::JoinSet::new()))
    }

    async fn direct(endpoint: String, instances: usize) -> Result<Self> {
        let mut readers = Vec::with_capacity(instances);
        for _ in 0..instances {
            let builder = EtcdDirectiveStore::builder([endpoint.clone()]).scope(KEY);
            readers.push(builder.connect().await?.reader());
        }
        Ok(Self::of_readers(readers, tokio::task::JoinSet::new()))
    }

    async fn one_tier(endpoint: String, instances: usize) -> Result<Self> {
        let mut relays = tokio::task::JoinSet::new();
        let store = EtcdDirectiveStore::builder([endpoint]).scope(KEY).connect().await?;
        let url = serve(store, &mut relays).await?;
        Ok(Self::of_readers(behind_relays(&[url], instances).await?, relays))
    }

    async fn two_tiers(endpoint: String, instances: usize) -> Result<Self> {
        let mut relays = tokio::task::JoinSet::new();
        let store = EtcdDirectiveStore::builder([endpoint]).scope(KEY).connect().await?;
        let first = serve(store, &mut relays).await?;
        let mut second = Vec::new();
        for _ in 0..RELAYS {
            second
                .push(serve(EtcdDirectiveStore::relay([first.clone()]).connect().await?, &mut relays).await?);
        }
        Ok(Self::of_readers(behind_relays(&second, instances).await?, relays))
    }

    async fn references(endpoint: String, instances: usize) -> Result<Self> {
        let mut stores = Vec::with_capacity(instances);
        for _ in 0..instances {
            let endpoints = [endpoint.clone()];
            stores.push(
                osproxy_etcd::EtcdDirectiveStore::connect(&endpoints, KEY, Arc::new(SystemClock)).await?,
            );
        }
        let behind =
            move |directives: usize| stores.iter().filter(|store| store.load().len() != directives).count();
        Ok(Self { behind: Box::new(behind), _relays: tokio::task::JoinSet::new() })
    }
}

async fn serve(store: EtcdDirectiveStore, relays: &mut tokio::task::JoinSet<()>) -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    relays.spawn(async move { drop(Relay::new(store).serve(listener, std::future::pending()).await) });
    Ok(url)
}

async fn behind_relays(urls: &[String], count: usize) -> Result<Vec<Reader>> {
    let mut readers = Vec::with_capacity(count);
    for url in urls.iter().cycle().take(count) {
        readers.push(EtcdDirectiveStore::relay([url.clone()]).connect().await?.reader());
    }
    Ok(readers)
}

/// Connections that are established to this port of this machine, as the kernel lists them.
fn connections(port: u16) -> Result<usize> {
    const ESTABLISHED: &str = "01";
    let table = std::fs::read_to_string("/proc/net/tcp")?;
    let local = format!(":{port:04X}");
    let of_port = |line: &&str| {
        let mut columns = line.split_whitespace().skip(1);
        let (at, state) = (columns.next(), columns.nth(1));
        at.is_some_and(|at| at.ends_with(&local)) && state == Some(ESTABLISHED)
    };
    Ok(table.lines().filter(of_port).count())
}

/// What this process holds, in bytes.
fn resident() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("Linux says")?;
    let kibibytes: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kibibytes << 10)
}
