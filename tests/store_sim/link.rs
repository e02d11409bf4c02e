//! The link: connections to the embedded backend that fail as the weather says.

use std::future::pending;
use std::time::Duration;

use aldis_etcd::kv::memory::MemoryKv;
use aldis_etcd::kv::{Connect, Header, KvError, KvSource, KvWatch, Listing, Revision, Scope};
use async_trait::async_trait;
use sim::Fault;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::stream::FaultyWatch;
use crate::weather::{GRID, Hole, Open, Shared, is_so};

/// The backend's own deadline of each call.
const CALL_LIMIT: Duration = Duration::from_secs(5);

/// Opens connections.
pub(crate) struct Link {
    pub(crate) world: Shared,
    pub(crate) endpoints: Vec<String>,
}

/// A connection.
#[derive(Clone)]
pub(crate) struct Connection {
    pub(crate) world: Shared,
    pub(crate) kv: MemoryKv,
    pub(crate) cluster_id: u64,
    /// True once it is broken; closed when another has taken its place.
    pub(crate) news: watch::Receiver<bool>,
}

#[async_trait]
impl Connect for Link {
    fn endpoints(&self) -> &[String] {
        &self.endpoints
    }

    async fn connect(&self, endpoint: usize) -> Result<Box<dyn KvSource>, KvError> {
        let (connection, is_refused, at) = {
            let mut weather = self.world.lock();
            let (is_silent, is_refused) =
                (is_so(weather.silent[endpoint]), is_so(weather.refusing[endpoint]));
            match (is_silent, is_refused) {
                (true, _) => weather.tally.count(Fault::SilentEndpoint),
                (false, true) => weather.tally.count(Fault::RefusingEndpoint),
                (false, false) => {}
            }
            let (sender, news) = watch::channel(false);
            let hole = Hole { to_server: is_silent, to_client: is_silent };
            weather.open = Some(Open { endpoint, hole, news: sender });
            weather.injected.clear();
            let (kv, cluster_id) = (weather.cluster.kv.clone(), weather.cluster.cluster_id);
            let connection = Connection { world: self.world.clone(), kv, cluster_id, news };
            let delay = weather.delay();
            drop(weather);
            (connection, is_refused && !is_silent, self.world.arrival(delay, true))
        };
        self.world.tell(&("connect", endpoint));
        let arrives = async {
            arrive(at).await;
            if connection.hole().to_client { pending().await } else { Ok(()) }
        };
        connection.unless_broken(arrives).await?;
        match is_refused {
            true => Err(failed("connection refused")),
            false => Ok(Box::new(connection)),
        }
    }
}

impl Connection {
    fn hole(&self) -> Hole {
        let is_mine = self.news.has_changed().is_ok();
        let weather = self.world.lock();
        // Another may have taken its place: then this one is silent for good.
        let silent = Hole { to_server: true, to_client: true };
        weather.open.as_ref().filter(|_| is_mine).map_or(silent, |open| open.hole)
    }

    pub(crate) fn swallows_questions(&self) -> bool {
        self.hole().to_server
    }

    pub(crate) fn swallows_answers(&self) -> bool {
        self.hole().to_client
    }

    /// What a call comes to, unless the connection breaks or nobody answers.
    async fn call<T>(
        &self,
        what: &'static str,
        answer: impl AsyncFnOnce(&MemoryKv) -> Result<T, KvError>,
    ) -> Result<T, KvError> {
        let [there, back] = {
            let mut weather = self.world.lock();
            let delays = [weather.delay(), weather.delay()];
            drop(weather);
            delays.map(|delay| self.world.arrival(delay, true))
        };
        self.world.tell(&what);
        let answered = async {
            arrive(there).await;
            if self.swallows_questions() {
                return pending().await;
            }
            self.refuse_if_unwell()?;
            let answer = answer(&self.kv).await;
            arrive(back.max(there)).await;
            if self.swallows_answers() { pending().await } else { answer }
        };
        let bounded = async {
            let bounded = timeout(CALL_LIMIT, answered).await;
            bounded.unwrap_or_else(|_| Err(KvError::Timeout { operation: what, limit_ms: 5_000 }))
        };
        self.unless_broken(bounded).await
    }

    async fn unless_broken<T>(&self, call: impl Future<Output = Result<T, KvError>>) -> Result<T, KvError> {
        let mut news = self.news.clone();
        let broken = async {
            if news.wait_for(|is_broken| *is_broken).await.is_err() {
                pending::<()>().await;
            }
            // The watch says so first: at the same moment it would be left to chance.
            sleep(Duration::from_millis(GRID)).await;
        };
        tokio::select! {
            biased;
            () = broken => Err(failed("connection reset")),
            answer = call => answer,
        }
    }

    /// The server as it was some transactions ago, while its reads are stale.
    fn stale(&self) -> Option<MemoryKv> {
        let mut weather = self.world.lock();
        if !is_so(weather.stale) {
            return None;
        }
        weather.tally.count(Fault::StaleRead);
        let back = weather.random.usize(1..6);
        Some(weather.cluster.past(back))
    }

    fn refuse_if_unwell(&self) -> Result<(), KvError> {
        let mut weather = self.world.lock();
        if is_so(weather.leaderless) {
            weather.tally.count(Fault::LeaderLoss);
            return Err(failed("etcdserver: no leader"));
        }
        if is_so(weather.failing) {
            weather.tally.count(Fault::FailedCall);
            return Err(failed("unwell"));
        }
        Ok(())
    }
}

#[async_trait]
impl KvSource for Connection {
    async fn head(&self, scope: &Scope) -> Result<Header, KvError> {
        let header = self.call("head", async |kv| kv.head(scope).await).await?;
        Ok(Header { cluster_id: self.cluster_id, ..header })
    }

    async fn list(&self, scope: &Scope) -> Result<Listing, KvError> {
        let stale = self.stale();
        let list = async |kv: &MemoryKv| stale.as_ref().unwrap_or(kv).list(scope).await;
        let mut listing = self.call("list", list).await?;
        listing.header.cluster_id = self.cluster_id;
        let mut weather = self.world.lock();
        assert!(!std::mem::take(&mut weather.panics), "as it was asked for");
        weather.heard_at = Instant::now();
        Ok(listing)
    }

    async fn watch(&self, scope: &Scope, from: Revision) -> Result<Box<dyn KvWatch>, KvError> {
        let inner = self.call("watch", async |kv| kv.watch(scope, from).await).await?;
        Ok(Box::new(FaultyWatch::new(inner, self.clone())))
    }
}

/// Waits for its time to arrive. After a pause of the process, what the watch has to say comes first.
async fn arrive(at: Instant) {
    sleep_until(at).await;
    if at.elapsed() >= Duration::from_millis(GRID / 2) {
        sleep(Duration::from_millis(GRID / 2)).await;
    }
}

fn failed(cause: &str) -> KvError {
    KvError::Failed { operation: "call", cause: cause.to_owned() }
}
