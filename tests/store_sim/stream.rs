//! A watch over the link.

use std::collections::VecDeque;
use std::future::pending;

use aldis_etcd::kv::{Header, KvError, KvWatch, WatchMessage};
use async_trait::async_trait;
use sim::Fault;
use tokio::time::{Instant, sleep_until};

use crate::link::Connection;
use crate::weather::is_so;

/// The backend's watch, whose messages are late, doubled, lost, and joined by others.
pub(crate) struct FaultyWatch {
    inner: Box<dyn KvWatch>,
    connection: Connection,
    /// On their way, in their order.
    on_the_way: VecDeque<(Instant, WatchMessage)>,
    /// The server has ended it and left the stream open.
    is_over: bool,
}

impl FaultyWatch {
    pub(crate) fn new(inner: Box<dyn KvWatch>, connection: Connection) -> Self {
        Self { inner, connection, on_the_way: VecDeque::new(), is_over: false }
    }

    /// The server says something.
    fn send(&mut self, message: WatchMessage) {
        if self.is_over {
            return;
        }
        let world = self.connection.world.clone();
        let mut weather = world.lock();
        let is_events = matches!(message, WatchMessage::Events(..));
        if is_events && std::mem::take(&mut weather.loses_next) {
            weather.tally.count(Fault::LostEvents);
            weather.needs_a_read = true;
            return;
        }
        if matches!(message, WatchMessage::Canceled { compacted: Some(_), .. }) {
            weather.tally.count(Fault::Compaction);
        }
        self.is_over = matches!(message, WatchMessage::Canceled { .. });
        let delay = weather.delay();
        let is_twice = !weather.is_calm && weather.random.u8(0..12) == 0;
        if is_twice {
            weather.tally.count(Fault::Duplicate);
        }
        drop(weather);
        let last = self.on_the_way.back().map(|(at, _)| *at);
        let at = world.arrival(delay, false).max(last.unwrap_or_else(Instant::now));
        let message = self.of_this_cluster(message);
        if is_twice {
            self.on_the_way.push_back((at, message.clone()));
        }
        self.on_the_way.push_back((at, message));
    }

    fn of_this_cluster(&self, message: WatchMessage) -> WatchMessage {
        let own = |header: Header| Header { cluster_id: self.connection.cluster_id, ..header };
        match message {
            WatchMessage::Created(header) => WatchMessage::Created(own(header)),
            WatchMessage::Events(header, events) => WatchMessage::Events(own(header), events),
            WatchMessage::Progress(header) => WatchMessage::Progress(own(header)),
            WatchMessage::Canceled { header, compacted, reason } => {
                WatchMessage::Canceled { header: own(header), compacted, reason }
            }
        }
    }

    /// The next message that has arrived.
    async fn arrived(on_the_way: &VecDeque<(Instant, WatchMessage)>, is_swallowed: bool) {
        match on_the_way.front().filter(|_| !is_swallowed) {
            Some((at, _)) => sleep_until(*at).await,
            None => pending().await,
        }
    }

    fn receive(&mut self) -> Option<WatchMessage> {
        let (_, message) = self.on_the_way.pop_front()?;
        let mut weather = self.connection.world.lock();
        assert!(!std::mem::take(&mut weather.panics), "as it was asked for");
        if matches!(message, WatchMessage::Events(..) | WatchMessage::Progress(_)) {
            weather.heard_at = Instant::now();
        }
        drop(weather);
        self.connection.world.tell(&message);
        Some(message)
    }
}

#[async_trait]
impl KvWatch for FaultyWatch {
    async fn next(&mut self) -> Result<Option<WatchMessage>, KvError> {
        loop {
            if *self.connection.news.borrow_and_update() {
                return Ok(None);
            }
            let injected = self.connection.world.lock().injected.pop_front();
            if let Some(message) = injected {
                self.send(message);
                continue;
            }
            let is_swallowed = self.connection.swallows_answers();
            tokio::select! {
                biased;
                news = self.connection.news.changed() => {
                    if news.is_err() {
                        // Cut, and nobody is left who could say more: whether that was told is seen above.
                        let is_broken = *self.connection.news.borrow();
                        return if is_broken { Ok(None) } else { pending().await };
                    }
                }
                () = Self::arrived(&self.on_the_way, is_swallowed) => {
                    if let Some(message) = self.receive() {
                        return Ok(Some(message));
                    }
                }
                message = self.inner.next(), if !self.is_over => match message? {
                    Some(message) => self.send(message),
                    None => return Ok(None),
                },
            }
        }
    }

    async fn request_progress(&mut self) -> Result<(), KvError> {
        let is_mute = is_so(self.connection.world.lock().mute);
        if is_mute {
            self.connection.world.lock().tally.count(Fault::Mute);
        }
        match is_mute || self.connection.swallows_questions() {
            true => Ok(()),
            false => self.inner.request_progress().await,
        }
    }
}
