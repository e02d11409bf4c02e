//! How the world does what happens.

use std::time::Duration;

use aldis_etcd::kv::{KvUpdate, Revision, WatchMessage};
use aldis_etcd::watch::Input;

use crate::weather::Happening;
use crate::world::{Parcel, Until, What, World, failure};

impl World {
    pub(crate) fn happen(&mut self, happening: Happening) {
        self.note(&happening);
        let until = Until(Some(self.now + Duration::from_millis(self.random.u64(0..20_000))));
        match happening {
            Happening::Write => self.write(true),
            Happening::ForeignWrite => self.write(false),
            Happening::Compact => {
                let last = self.server.header().revision.as_u64();
                self.server.compact(self.random.u64(1..=last));
                self.pump();
            }
            Happening::Cut => self.cut(),
            Happening::Refuse(endpoint) => {
                self.refusing[endpoint] = until;
                if self.connection.as_ref().is_some_and(|connection| connection.endpoint == endpoint) {
                    self.cut();
                }
            }
            Happening::Silence(endpoint) => {
                self.silent[endpoint] = until;
                if self.connection.as_ref().is_some_and(|connection| connection.endpoint == endpoint) {
                    self.freeze();
                }
            }
            Happening::Freeze => self.freeze(),
            Happening::Cancel => self.cancel(),
            Happening::Replay => self.replay(),
            Happening::Overtake => self.overtake(),
            Happening::Lose => {
                if let Some(watch) = self.connection.as_mut().and_then(|connection| connection.watch.as_mut())
                {
                    watch.loses_next = true;
                }
            }
            Happening::FailCalls => self.failing = until,
            Happening::StaleLists => self.stale = until,
            Happening::Mute => self.mute = until,
            Happening::Restore => self.restore(),
            Happening::Panic => self.panics = true,
            Happening::Pause => {
                self.now += Duration::from_millis(self.random.u64(0..60_000));
                self.heard_at = self.now;
            }
        }
    }

    /// The stream ends, and every call under way fails.
    fn cut(&mut self) {
        if let Some(connection) = &mut self.connection {
            let (number, has_watch) = (connection.number, connection.watch.is_some());
            connection.is_dead = true;
            self.parcels.retain(|_, parcel| parcel.connection != number);
            match has_watch {
                true => self.tell(Input::StreamEnded(None)),
                false => self.tell(Input::CallFailed(failure("connection reset"))),
            }
        }
    }

    fn freeze(&mut self) {
        if let Some(connection) = &mut self.connection {
            connection.is_dead = true;
        }
    }

    fn cancel(&mut self) {
        let header = self.server.header();
        let reason = if self.random.bool() { String::new() } else { "permission denied".to_owned() };
        if let Some(watch) = self.connection.as_mut().and_then(|connection| connection.watch.as_mut()) {
            watch.is_over = true;
            self.say(WatchMessage::Canceled { header, compacted: None, reason });
        }
    }

    /// Old transactions, whole and in part, and keys of others.
    fn replay(&mut self) {
        let header = self.server.header();
        let past = self.random.u64(1..=header.revision.as_u64());
        let Some(watch) = self.connection.as_ref().and_then(|connection| connection.watch.as_ref()) else {
            return;
        };
        let sent = watch.next;
        let mut events: Vec<KvUpdate> = (past..=past + 2)
            .map(Revision::new)
            .filter(|revision| *revision < sent)
            .flat_map(|revision| self.server.transaction(revision))
            .collect();
        events.push(KvUpdate::Delete { key: "foreign".into(), mod_revision: Revision::new(1_000_000) });
        self.say(WatchMessage::Events(header, events));
    }

    /// A progress notification that arrives before the events it speaks for.
    fn overtake(&mut self) {
        self.write(true);
        let header = self.server.header();
        let Some(connection) = &self.connection else { return };
        let Some(watch) = &connection.watch else { return };
        if !watch.is_over {
            let parcel = Parcel {
                connection: connection.number,
                watch: Some(watch.number),
                what: What::Answer(Input::Message(WatchMessage::Progress(header))),
            };
            let key = (self.now, self.number());
            self.parcels.insert(key, parcel);
            self.client.was_overtaken = true;
        }
    }

    fn restore(&mut self) {
        let cluster_id = match self.random.bool() {
            true => self.server.header().cluster_id,
            false => self.random.u64(1..4),
        };
        let last = self.server.header().revision.as_u64();
        let back = if self.random.u8(0..4) == 0 { last } else { self.random.u64(0..5) };
        self.server.restore(last.saturating_sub(back), cluster_id);
        self.cut();
    }

    /// The faults stop, except that all endpoints but one may stay as they are, for good.
    pub(crate) fn calm_down(&mut self) {
        (self.is_calm, self.panics) = (true, false);
        (self.failing, self.stale, self.mute) = Default::default();
        if let Some(watch) = self.connection.as_mut().and_then(|connection| connection.watch.as_mut()) {
            watch.loses_next = false;
        }
        let for_good = Until(Some(self.now + Duration::from_secs(3_600)));
        let healthy = self.random.usize(0..self.refusing.len());
        for endpoint in 0..self.refusing.len() {
            let (refuses, silent) = (self.random.bool(), self.random.bool());
            let is_healthy = endpoint == healthy;
            self.refusing[endpoint] = if refuses && !is_healthy { for_good } else { Until::default() };
            self.silent[endpoint] = if silent && !is_healthy { for_good } else { Until::default() };
        }
    }
}
