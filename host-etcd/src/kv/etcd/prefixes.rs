//! One stream for many prefixes, and whole transactions out of it.
//!
//! etcd delivers a transaction that touches several watches as a response for each, and nothing says which is the last.
//! A revision is whole when every watch has come so far: by a later event of its own, or by a progress notification,
//! which speaks for all watches of the stream. So whenever something waits, progress is asked for; the answer takes less
//! than a millisecond. Servers that let progress overtake events (see the module above) cannot be asked. From those one
//! watch covers everything between the first prefix and the last, and what lies between is dropped here; it needs the
//! right to read that whole range.

mod merge;

use std::collections::VecDeque;
use std::time::Duration;

use async_trait::async_trait;
use etcd_client::proto::PbWatchResponse;
use etcd_client::{Error, WatchClient, WatchOptions, WatchStream};
use tokio::sync::mpsc::Sender;
use tokio::time::{Instant, timeout, timeout_at};

use self::merge::{MAX_HELD_BYTES, Merge, is_progress_of_all};
use super::connection::EtcdConnection;
use super::error::{Failure, timeout as timed_out};
use super::pages::{self, Fetch, first_key, prefix_end};
use super::watch;
use crate::kv::follow::{Follow, follow};
use crate::kv::prefixes::Prefixes;
use crate::kv::{
    CursorLoss, Key, KvBatch, KvError, KvWatch, KvWatcher, Listing, Revision, WatchCursor, WatchMessage,
};

/// Watches that are asked for at once. The server answers each before it reads on, and both ends have bounded queues.
const MAX_UNANSWERED: usize = 32;

/// How long an answer to a request for progress is awaited, whatever else comes in meanwhile. A server does not answer
/// while a watch of the stream catches up, nor later what it was asked then
/// (<https://github.com/etcd-io/etcd/issues/20242>).
const PROGRESS_RETRY: Duration = Duration::from_millis(100);

#[async_trait]
impl Follow for EtcdConnection {
    async fn list_prefixes(&self, prefixes: &Prefixes) -> Result<Listing, KvError> {
        pages::list(self, prefixes.as_slice(), Fetch::Entries, "watch").await
    }

    async fn open(&self, prefixes: &Prefixes, from: Revision) -> Result<Box<dyn KvWatch>, KvError> {
        let ranges = match self.progress_is_ordered {
            true => prefixes
                .as_slice()
                .iter()
                .map(|prefix| (first_key(prefix), prefix_end(prefix.as_bytes())))
                .collect(),
            false => covering(prefixes),
        };
        let merge = Merge::new(ranges.len(), from, self.progress_is_ordered);
        let mut unsent = requests(ranges, from);
        let stream = self.call("watch", start(self.watch.clone(), &mut unsent)).await?;
        Ok(Box::new(PrefixWatch {
            stream,
            merge,
            prefixes: prefixes.clone(),
            unsent,
            may_send: 0,
            asked_at: None,
            connection: self.clone(),
        }))
    }
}

#[async_trait]
impl KvWatcher for EtcdConnection {
    async fn watch_prefixes(&self, prefixes: &[Key], tx: Sender<KvBatch>) -> Result<(), KvError> {
        follow(self, prefixes, &WatchCursor::none(), &tx).await
    }

    async fn watch_prefixes_from(
        &self,
        prefixes: &[Key],
        cursor: &WatchCursor,
        tx: Sender<KvBatch>,
    ) -> Result<(), KvError> {
        follow(self, prefixes, cursor, &tx).await
    }
}

/// A range as etcd names it: its first key, and the first behind it.
type Range = (Key, Vec<u8>);

/// The one range from the first prefix to the last. They are in order, so the last ends last.
fn covering(prefixes: &Prefixes) -> Vec<Range> {
    let (first, last) = (prefixes.as_slice().first(), prefixes.as_slice().last());
    first.zip(last).map(|(first, last)| (first_key(first), prefix_end(last.as_bytes()))).into_iter().collect()
}

/// A request for a watch: the key, and the rest.
type Request = (Vec<u8>, WatchOptions);

/// The watches are numbered from one, so that each answer names its range.
fn requests(ranges: Vec<Range>, from: Revision) -> VecDeque<Request> {
    let request = |(id, (key, end)): (i64, Range)| {
        (key.as_bytes().to_vec(), watch::start_options(from).with_range(end).with_watch_id(id))
    };
    (1..).zip(ranges).map(request).collect()
}

async fn start(mut client: WatchClient, unsent: &mut VecDeque<Request>) -> Result<WatchStream, Error> {
    let Some((key, options)) = unsent.pop_front() else {
        return Err(Error::WatchError("there is nothing to watch".to_owned()));
    };
    let mut stream = client.watch(key, Some(options)).await?;
    for (key, options) in unsent.drain(..unsent.len().min(MAX_UNANSWERED - 1)) {
        stream.watch(key, Some(options)).await?;
    }
    Ok(stream)
}

/// The open watches of one stream, as one.
struct PrefixWatch {
    stream: WatchStream,
    merge: Merge,
    prefixes: Prefixes,
    unsent: VecDeque<Request>,
    /// How many of those may be sent now.
    may_send: usize,
    /// When progress was last asked for, until it is answered.
    asked_at: Option<Instant>,
    connection: EtcdConnection,
}

impl PrefixWatch {
    /// Asks for what is needed to go on. What is not sent when this is dropped is sent the next time.
    async fn ask(&mut self) -> Result<(), KvError> {
        while self.may_send > 0
            && let Some((key, options)) = self.unsent.front().cloned()
        {
            let sent = timeout(self.limit(), self.stream.watch(key, Some(options))).await;
            self.check_sent(sent)?;
            self.unsent.pop_front();
            self.may_send -= 1;
        }
        match self.merge.waits() && self.ask_again_at().is_none_or(|at| at <= Instant::now()) {
            true => self.request_progress().await,
            false => Ok(()),
        }
    }

    /// The next response; `None` if it is time to ask for progress again.
    async fn response(&mut self) -> Result<Option<PbWatchResponse>, KvError> {
        let ask_again_at = self.ask_again_at().filter(|_| self.merge.waits());
        let next = self.stream.message();
        let answer = match ask_again_at {
            Some(at) => match timeout_at(at, next).await {
                Ok(answer) => answer,
                Err(_) => return Ok(None),
            },
            None => next.await,
        };
        match answer {
            Ok(Some(response)) => Ok(Some(response.0)),
            Ok(None) => Err(self.error(Failure::Broken("the stream has ended".to_owned()))),
            Err(error) => Err(self.error(Failure::of(&error))),
        }
    }

    fn ask_again_at(&self) -> Option<Instant> {
        self.asked_at.and_then(|at| at.checked_add(PROGRESS_RETRY))
    }

    /// Takes in a response. If that says nothing by itself, it shows at least that the watch lives.
    fn take_in(&mut self, response: PbWatchResponse) -> Result<Option<WatchMessage>, KvError> {
        self.may_send += usize::from(response.created);
        if is_progress_of_all(&response) {
            // If it was answered before the last of what waits came in, it is asked again.
            self.asked_at = None;
        }
        match self.merge.handle(response) {
            Some(WatchMessage::Events(header, mut updates)) => {
                updates.retain(|update| self.prefixes.contains(update.key()));
                match updates.is_empty() {
                    true => Ok(Some(WatchMessage::Progress(header))),
                    false => Ok(Some(WatchMessage::Events(header, updates))),
                }
            }
            Some(WatchMessage::Canceled { compacted: None, reason, .. }) => {
                Err(self.error(Failure::of_cancel(&reason)))
            }
            None if self.merge.is_overfull() => {
                let cause = CursorLoss::TooFarBehind { limit_bytes: MAX_HELD_BYTES };
                Err(KvError::CursorExpired { cause })
            }
            None => Ok(self.merge.delivered().map(WatchMessage::Progress)),
            message => Ok(message),
        }
    }

    /// How long a request may take to be handed over.
    fn limit(&self) -> Duration {
        self.connection.limits.request_timeout
    }

    fn check_sent<E>(&self, sent: Result<Result<(), Error>, E>) -> Result<(), KvError> {
        match sent {
            Ok(sent) => sent.map_err(|error| self.error(Failure::of(&error))),
            Err(_) => Err(timed_out("watch", self.limit())),
        }
    }

    fn error(&self, failure: Failure) -> KvError {
        self.connection.error("watch", failure)
    }
}

#[async_trait]
impl KvWatch for PrefixWatch {
    async fn next(&mut self) -> Result<Option<WatchMessage>, KvError> {
        loop {
            self.ask().await?;
            if let Some(response) = self.response().await?
                && let Some(message) = self.take_in(response)?
            {
                return Ok(Some(message));
            }
        }
    }

    async fn request_progress(&mut self) -> Result<(), KvError> {
        let sent = timeout(self.limit(), self.stream.request_progress()).await;
        self.check_sent(sent)?;
        self.asked_at = Some(Instant::now());
        Ok(())
    }
}
