//! How the server answers, and how the backend reads its pages.

use std::time::Instant;

use aldis_etcd::kv::{Header, KvEntry, KvError, KvUpdate, Listing, Revision, WatchMessage};
use aldis_etcd::watch::{Input, Output};

use crate::bounds::CALL_LIMIT;
use crate::link::{Paging, Parcel, ServerWatch, What, denied, failure, millis};
use crate::tally::Fault;
use crate::world::World;

/// How often the backend begins a list anew whose revision is compacted meanwhile.
const LIST_ATTEMPTS: u32 = 3;

/// Transactions in one response to a watch, at most.
const BATCH: u64 = 1_000;

impl World {
    /// Sends a call. The backend sees to the deadline of a list, page by page; beyond that the machine is on its own.
    pub(crate) fn call(&mut self, call: Output) {
        assert!(self.connection.is_some(), "{call:?} without a connection");
        if call == Output::List {
            self.begin_call();
        }
        self.post(What::Call(call));
    }

    fn begin_call(&mut self) {
        let number = self.number();
        let Some(connection) = &mut self.connection else { return };
        connection.call = Some(number);
        let deadline = Parcel { connection: connection.number, watch: None, what: What::Deadline(number) };
        self.parcels.insert((self.now + CALL_LIMIT, number), deadline);
    }

    /// The server's side of a call.
    pub(crate) fn serve(&mut self, call: &Output) {
        if *call == Output::RequestProgress {
            return self.tell_progress();
        }
        if let Some(cause) = self.refusal() {
            return self.answer(Input::CallFailed(cause));
        }
        match call {
            Output::Head => {
                let view = self.view();
                self.answer(Input::Head(view));
            }
            Output::List => {
                let is_small = self.troubles.small_pages.holds(self.now);
                let size = if is_small { self.random.usize(1..3) } else { 16 };
                if let Some(connection) = &mut self.connection {
                    let paging = Paging { header: None, entries: Vec::new(), size, pages: 0, attempt: 1 };
                    connection.paging = Some(paging);
                }
                self.serve_page();
            }
            Output::OpenWatch { from } => self.open_watch(*from),
            _ => {}
        }
    }

    /// Why a call fails at present, if it does.
    fn refusal(&mut self) -> Option<KvError> {
        let is_denied = self.connection.as_ref().is_some_and(|connection| connection.is_denied);
        let (fault, cause) = match () {
            () if is_denied || self.troubles.denying.holds(self.now) => (Fault::Denied, denied()),
            () if self.troubles.leaderless.holds(self.now) => {
                (Fault::LeaderLoss, failure("etcdserver: no leader"))
            }
            () if self.troubles.failing.holds(self.now) => (Fault::FailedCall, failure("unwell")),
            () => return None,
        };
        self.tally.count(fault);
        Some(cause)
    }

    /// How far the endpoint has come that is connected.
    fn view(&mut self) -> Header {
        let header = self.server.header();
        let Some(connection) = &self.connection else { return header };
        match self.troubles.lagging[connection.endpoint] {
            (lags, by) if lags.holds(self.now) => {
                self.tally.count(Fault::OtherOrder);
                let revision = Revision::new(header.revision.as_u64().saturating_sub(by).max(1));
                Header { revision, ..header }
            }
            _ => header,
        }
    }

    /// The server's side of a page.
    pub(crate) fn serve_page(&mut self) {
        let view = self.view();
        let is_stale = self.troubles.stale.holds(self.now);
        let back = if is_stale { self.random.u64(0..6) } else { 0 };
        let Some(connection) = &mut self.connection else { return };
        let Some(paging) = &mut connection.paging else { return };
        let stale = Revision::new(view.revision.as_u64().saturating_sub(back).max(1));
        let at = paging.header.unwrap_or(Header { revision: stale, ..view });
        if at.revision < view.revision && paging.header.is_none() {
            self.tally.count(Fault::StaleRead);
        }
        if at.revision < self.server.compacted() && paging.header.is_some() {
            self.tally.count(Fault::CompactionInList);
            return self.post(What::Page(None));
        }
        let state = self.server.state_at(self.server.incarnation(), at.revision).expect("at most the last");
        let rest = state.values().skip(paging.entries.len());
        let entries: Vec<KvEntry> = rest.clone().take(paging.size).cloned().collect();
        let is_more = rest.count() > entries.len();
        if !is_more && paging.pages > 0 && at.revision < self.server.header().revision {
            self.tally.count(Fault::PagedList);
        }
        self.post(What::Page(Some((at, entries, is_more))));
    }

    /// The backend's side of a page.
    pub(crate) fn turn_page(&mut self, page: Option<(Header, Vec<KvEntry>, bool)>) {
        let Some(connection) = &mut self.connection else { return };
        let Some(paging) = &mut connection.paging else { return };
        match page {
            None if paging.attempt >= LIST_ATTEMPTS => {
                connection.paging = None;
                let oldest = self.server.compacted();
                return self.tell(Input::CallFailed(KvError::Compacted { oldest }));
            }
            None => {
                paging.attempt += 1;
                (paging.header, paging.pages) = (None, 0);
                paging.entries.clear();
            }
            Some((header, entries, is_more)) => {
                paging.header.get_or_insert(header);
                paging.entries.extend(entries);
                paging.pages += 1;
                if !is_more {
                    return self.finish_list();
                }
            }
        }
        self.begin_call();
        self.post(What::NextPage);
    }

    fn finish_list(&mut self) {
        let paging = self.connection.as_mut().and_then(|connection| connection.paging.take());
        let Some(Paging { header: Some(header), mut entries, .. }) = paging else { return };
        if self.troubles.foreign.holds(self.now) {
            let key = self.random.choice(&self.keys.foreign).expect("there are some").clone();
            let value = br#"{"directives":[]}"#.as_slice().into();
            entries.push(KvEntry { key, value, mod_revision: header.revision });
            self.tally.count(Fault::ForeignKey);
        }
        self.tell(Input::Listed(Listing { header, entries }));
    }

    fn open_watch(&mut self, from: Revision) {
        let number = self.number();
        let view = self.view();
        let is_over = self.troubles.cancelling.holds(self.now);
        let syncs_at = if from <= view.revision { self.be_unsynced(number) } else { self.now };
        let watch = ServerWatch {
            number,
            next: from,
            is_over,
            loses_next: false,
            syncs_at,
            heard: Revision::new(from.as_u64() - 1),
            last_arrival: self.now,
            pieces: Vec::new(),
        };
        if let Some(connection) = &mut self.connection {
            connection.watch = Some(watch);
        }
        if !is_over || self.random.bool() {
            self.say(WatchMessage::Created(view));
        }
        if is_over {
            self.tally.count(Fault::CancelAtCreate);
            let reason = "etcdserver: permission denied".to_owned();
            self.say(WatchMessage::Canceled { header: view, compacted: None, reason });
        }
        self.pump();
    }

    /// When the server comes to a watch that is to deliver what was.
    fn be_unsynced(&mut self, watch: u64) -> Instant {
        let longest = if self.is_calm { 200 } else { 3_000 };
        let at = self.now + millis(self.random.u64(0..longest));
        // A read may come before that, and tell more.
        self.troubles.behind.extend(at + millis(1_000));
        if let Some(connection) = &self.connection {
            let parcel = Parcel { connection: connection.number, watch: Some(watch), what: What::Sync };
            let key = (at, self.number());
            self.parcels.insert(key, parcel);
        }
        self.tally.count(Fault::Unsynced);
        at
    }

    fn tell_progress(&mut self) {
        if self.troubles.mute.holds(self.now) {
            return self.tally.count(Fault::Mute);
        }
        self.pump();
        let (view, now) = (self.view(), self.now);
        if self.is_old && self.watch().is_some_and(|watch| !watch.is_over && now < watch.syncs_at) {
            self.tally.count(Fault::EarlyProgress);
            return self.say(WatchMessage::Progress(view));
        }
        if self.watch().is_some_and(|watch| !watch.is_over && watch.next > view.revision) {
            self.say(WatchMessage::Progress(view));
        }
    }

    pub(crate) fn watch(&mut self) -> Option<&mut ServerWatch> {
        self.connection.as_mut().and_then(|connection| connection.watch.as_mut())
    }

    /// Sends the watch what it has not been sent yet.
    pub(crate) fn pump(&mut self) {
        let (compacted, incarnation) = (self.server.compacted(), self.server.incarnation());
        let (view, now) = (self.view(), self.now);
        if self.watch().is_some_and(|watch| now < watch.syncs_at) {
            return;
        }
        while let Some(watch) = self.watch().filter(|watch| !watch.is_over && watch.next <= view.revision) {
            if watch.next < compacted {
                watch.is_over = true;
                self.tally.count(Fault::Compaction);
                let compacted = Some(compacted);
                return self.say(WatchMessage::Canceled { header: view, compacted, reason: String::new() });
            }
            let first = watch.next;
            let end = Revision::new((first.as_u64() + BATCH).min(view.revision.as_u64() + 1));
            watch.next = end;
            let loses = std::mem::take(&mut watch.loses_next);
            let batch = self.batch(incarnation, first, end, loses);
            if let Some(last) = batch.last().map(KvUpdate::mod_revision) {
                self.say_events(Header { revision: last, ..view }, batch);
            }
        }
    }

    fn batch(&mut self, incarnation: usize, from: Revision, end: Revision, mut loses: bool) -> Vec<KvUpdate> {
        let mut batch = Vec::new();
        for revision in (from.as_u64()..end.as_u64()).map(Revision::new) {
            let events = self.server.transaction(incarnation, revision);
            if !events.is_empty() && std::mem::take(&mut loses) {
                self.tally.count(Fault::LostEvents);
                self.client.loses(revision);
            } else {
                batch.extend(events.iter().cloned());
            }
        }
        if let Some(watch) = self.watch() {
            watch.loses_next = loses;
        }
        batch
    }

    /// In one piece, or in several.
    fn say_events(&mut self, header: Header, mut events: Vec<KvUpdate>) {
        while !self.is_calm && events.len() > 1 && self.random.bool() {
            let rest = events.split_off(self.random.usize(1..events.len()));
            self.stream(What::Piece(std::mem::replace(&mut events, rest)));
        }
        self.say(WatchMessage::Events(header, events));
    }

    pub(crate) fn say(&mut self, message: WatchMessage) {
        self.stream(What::Answer(Input::Message(message)));
    }

    /// Sends on the stream, which keeps its order.
    pub(crate) fn stream(&mut self, what: What) {
        let Some(connection) = &self.connection else { return };
        let Some(watch) = &connection.watch else { return };
        let parcel = Parcel { connection: connection.number, watch: Some(watch.number), what };
        let at = self.send(parcel, watch.last_arrival);
        if let Some(watch) = self.watch() {
            watch.last_arrival = at;
        }
    }
}
