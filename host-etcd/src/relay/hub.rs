//! Where the store's changes come in, once, and every client takes them from.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::HeaderValue;
use bytes::Bytes;
use tokio::sync::{OnceCell, broadcast, watch};

use super::tags;
use crate::answer::Event;
use crate::mirror::Snapshot;
use crate::publish::document;
use crate::status::{Change, Changes, State, Status};
use crate::store::EtcdDirectiveStore;
use crate::wire::UNKNOWN_CLUSTER;

/// Changes that a stream may be behind, or may resume after.
const BACKLOG: usize = 1024;

/// What is in force, ready to be sent.
pub(super) struct View {
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) state: State,
    /// The cluster that its revision counts in, if it is known.
    pub(super) cluster_id: u64,
    /// Whether the source has ever confirmed something to this process.
    pub(super) was_live: bool,
    /// Whether the relay ends.
    pub(super) is_ending: bool,
    pub(super) etag: HeaderValue,
    document: Arc<OnceCell<Bytes>>,
}

/// One change, as it goes to every stream.
#[derive(Clone)]
pub(super) struct Told {
    /// Whoever has heard it has heard everything up to here. `None` for a part of where things stand: half of it is not to
    /// be gone on from.
    pub(super) number: Option<u64>,
    pub(super) name: &'static str,
    pub(super) data: Arc<str>,
}

/// A stream of changes, from a known number on.
pub(super) struct Listening {
    /// What comes first: the changes that were missed, or else where things stand.
    pub(super) first: Vec<Told>,
    pub(super) rest: broadcast::Receiver<Told>,
}

pub(super) struct Hub {
    view: watch::Sender<Arc<View>>,
    log: Mutex<Log>,
    /// Tells the numbers of this process from those of the one before a restart.
    process: u32,
}

struct Log {
    last: u64,
    recent: VecDeque<Told>,
    /// The changes that lead to where things stand.
    standing: Vec<(&'static str, Arc<str>)>,
    sender: broadcast::Sender<Told>,
}

impl Hub {
    pub(super) fn new(store: &EtcdDirectiveStore) -> Self {
        let status = store.status();
        let view = View::new(store.snapshot(), &status, false);
        let (sender, _) = broadcast::channel(BACKLOG);
        let log = Log { last: 0, recent: VecDeque::new(), standing: standing(&status), sender };
        Self { view: watch::Sender::new(Arc::new(view)), log: Mutex::new(log), process: fastrand::u32(..) }
    }

    /// What is in force now.
    pub(super) fn view(&self) -> Arc<View> {
        Arc::clone(&self.view.borrow())
    }

    /// What is in force now, and whatever comes.
    pub(super) fn views(&self) -> watch::Receiver<Arc<View>> {
        self.view.subscribe()
    }

    /// From the change behind that of this id on; from where things stand, if the id is not known here.
    pub(super) fn listen(&self, last_id: Option<&str>) -> Listening {
        let after = last_id.and_then(|id| self.number_in(id));
        let log = self.log();
        Listening { first: log.since(after), rest: log.sender.subscribe() }
    }

    /// The id of a change, as it is given to clients.
    pub(super) fn id(&self, number: u64) -> String {
        format!("{:08x}-{number}", self.process)
    }

    /// Wakes whoever waits: the relay ends.
    pub(super) fn end(&self) {
        self.view.send_modify(|view| *view = Arc::new(View { is_ending: true, ..view.again() }));
    }

    /// How many wait or listen.
    pub(super) fn listeners(&self) -> usize {
        self.log().sender.receiver_count()
    }

    fn number_in(&self, id: &str) -> Option<u64> {
        let (process, number) = id.split_once('-')?;
        let is_ours = u32::from_str_radix(process, 16) == Ok(self.process);
        number.parse().ok().filter(|_| is_ours)
    }

    /// The view first: whoever hears of a change can read it.
    fn take(&self, change: &Change, store: &EtcdDirectiveStore) {
        let status = store.status();
        self.show(store, &status);
        let event = Event::of(change, store.now());
        let mut log = self.log();
        log.standing = standing(&status);
        log.tell(event.name(), text(&event));
    }

    /// Changes were missed: what is told instead is where things stand.
    fn resync(&self, changes: &mut Changes, store: &EtcdDirectiveStore) {
        let Some(status) = changes.resync() else { return };
        self.show(store, status);
        let mut log = self.log();
        log.standing = standing(status);
        for (name, data) in log.standing.clone() {
            log.tell(name, data);
        }
    }

    fn show(&self, store: &EtcdDirectiveStore, status: &Status) {
        let snapshot = store.snapshot();
        self.view.send_if_modified(|view| {
            let is_same = Arc::ptr_eq(&view.snapshot, &snapshot);
            if is_same && view.state == status.state && view.cluster_id == cluster_id(status) {
                return false;
            }
            let next = View::new(snapshot, status, view.was_live);
            // What has been written of the same set is not written again.
            let document = if is_same { Arc::clone(&view.document) } else { Arc::default() };
            *view = Arc::new(View { document, is_ending: view.is_ending, ..next });
            true
        });
    }

    /// Every change of it leaves it whole.
    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes in what the store tells, for as long as it is polled.
pub(super) async fn follow(hub: &Hub, store: &EtcdDirectiveStore) -> Infallible {
    let mut changes = store.changes();
    // What has changed since the hub was made.
    hub.show(store, changes.status());
    hub.log().standing = standing(changes.status());
    while let Some(change) = changes.next().await {
        match change {
            Change::Missed { .. } => hub.resync(&mut changes, store),
            change => hub.take(&change, store),
        }
    }
    // The store has stopped, and nothing changes any more.
    std::future::pending().await
}

impl View {
    fn new(snapshot: Arc<Snapshot>, status: &Status, was_live: bool) -> Self {
        Self {
            etag: tags::of(&snapshot),
            state: status.state,
            cluster_id: cluster_id(status),
            was_live: was_live || status.state == State::Live,
            is_ending: false,
            document: Arc::default(),
            snapshot,
        }
    }

    /// The same view, to be changed.
    fn again(&self) -> Self {
        Self {
            snapshot: Arc::clone(&self.snapshot),
            etag: self.etag.clone(),
            document: Arc::clone(&self.document),
            ..*self
        }
    }

    /// The image. No copy: the bytes are those that the store has.
    pub(super) fn image(&self) -> Bytes {
        Bytes::from_owner(Image(Arc::clone(&self.snapshot)))
    }

    /// The document, which is written once for all who ask.
    pub(super) async fn document(&self) -> Bytes {
        let write = || async {
            let snapshot = Arc::clone(&self.snapshot);
            let written = tokio::task::spawn_blocking(move || document(snapshot.told().iter())).await;
            Bytes::from(written.unwrap_or_default())
        };
        self.document.get_or_init(write).await.clone()
    }
}

struct Image(Arc<Snapshot>);

impl AsRef<[u8]> for Image {
    fn as_ref(&self) -> &[u8] {
        self.0.told().as_image()
    }
}

impl Log {
    fn tell(&mut self, name: &'static str, data: Arc<str>) {
        self.last += 1;
        let told = Told { number: Some(self.last), name, data };
        if self.recent.len() >= BACKLOG {
            self.recent.pop_front();
        }
        self.recent.push_back(told.clone());
        // Fails if nobody listens, which is fine.
        let _listeners = self.sender.send(told);
    }

    fn since(&self, after: Option<u64>) -> Vec<Told> {
        let oldest = self.last.saturating_sub(u64::try_from(self.recent.len()).unwrap_or(u64::MAX));
        match after {
            Some(after) if (oldest..=self.last).contains(&after) => {
                self.recent.iter().filter(|told| told.number > Some(after)).cloned().collect()
            }
            _ => {
                let told = |(name, data): &(&'static str, Arc<str>)| Told {
                    number: None,
                    name,
                    data: Arc::clone(data),
                };
                let mut standing: Vec<_> = self.standing.iter().map(told).collect();
                if let Some(last) = standing.last_mut() {
                    last.number = Some(self.last);
                }
                standing
            }
        }
    }
}

fn cluster_id(status: &Status) -> u64 {
    status.cluster_id.unwrap_or(UNKNOWN_CLUSTER)
}

fn standing(status: &Status) -> Vec<(&'static str, Arc<str>)> {
    Event::all_of(status).iter().map(|event| (event.name(), text(event))).collect()
}

fn text(event: &Event<'_>) -> Arc<str> {
    serde_json::to_string(event).unwrap_or_default().into()
}
