//! What happens in a storm, and how the faults stop.

use std::time::Duration;

use aldis_etcd::kv::{Revision, WatchMessage};
use sim::Fault;
use tokio::time::Instant;

use crate::weather::{Hole, Weather, is_so};

impl Weather {
    pub(crate) fn wake_up_to_trouble(&mut self) {
        for endpoint in 0..self.silent.len() {
            let until = Some(Instant::now() + Duration::from_millis(self.random.u64(0..20_000)));
            match self.random.u8(0..4) {
                0 => self.silent[endpoint] = until,
                1 => self.refusing[endpoint] = until,
                _ => {}
            }
        }
    }

    /// Bursts and lulls.
    pub(crate) fn pause(&mut self) -> Duration {
        let is_burst = self.random.u8(0..3) == 0;
        Duration::from_millis(if is_burst { self.random.u64(0..30) } else { self.random.u64(0..4_000) })
    }

    pub(crate) fn write(&mut self, most: usize) {
        if !is_so(self.leaderless) {
            let Self { cluster, random, .. } = self;
            cluster.write(random, most);
        }
    }

    pub(crate) fn happen(&mut self, endpoints: usize) -> Option<Fault> {
        let endpoint = self.random.usize(0..endpoints);
        let until = Some(Instant::now() + Duration::from_millis(self.random.u64(0..20_000)));
        let fault = match self.random.u8(0..64) {
            0..32 => {
                self.write(3);
                return None;
            }
            32..35 => Fault::Cut,
            35 => Fault::Delay,
            36 | 37 => Fault::HoleBothWays,
            38 => Fault::HoleToServer,
            39 => Fault::HoleToClient,
            40..43 => Fault::SilentEndpoint,
            43..46 => Fault::RefusingEndpoint,
            46..48 => Fault::Replay,
            48..50 => Fault::Compaction,
            50 => Fault::Cancel,
            51 => Fault::LeaderLoss,
            52 => Fault::StaleRead,
            53 => Fault::Restore,
            54 => Fault::ReplacedOtherId,
            55 => Fault::ManyKeys,
            56 | 57 => Fault::Panic,
            58 => Fault::Pause,
            59 => Fault::LostEvents,
            60 => Fault::Overtaking,
            61 => Fault::Mute,
            _ => Fault::FailedCall,
        };
        self.go_wrong(fault, endpoint, until);
        Some(fault)
    }

    fn go_wrong(&mut self, fault: Fault, endpoint: usize, until: Option<Instant>) {
        let is_open_there = self.open.as_ref().is_some_and(|open| open.endpoint == endpoint);
        match fault {
            Fault::Cut => self.cut(),
            Fault::Delay => self.slow = until,
            Fault::HoleBothWays => self.swallow(fault, Hole { to_server: true, to_client: true }),
            Fault::HoleToServer => self.swallow(fault, Hole { to_server: true, to_client: false }),
            Fault::HoleToClient => self.swallow(fault, Hole { to_server: false, to_client: true }),
            Fault::SilentEndpoint => {
                self.silent[endpoint] = until;
                if is_open_there {
                    self.swallow(Fault::HoleBothWays, Hole { to_server: true, to_client: true });
                }
            }
            Fault::RefusingEndpoint => {
                self.refusing[endpoint] = until;
                if is_open_there {
                    self.cut();
                }
            }
            Fault::Compaction => {
                // It may have been compacted as far before.
                let _ = self.cluster.kv.compact(self.cluster.revision());
            }
            Fault::LeaderLoss => {
                self.leaderless = until;
                let reason = "etcdserver: no leader".to_owned();
                self.cancel(reason);
            }
            Fault::StaleRead => self.stale = until,
            Fault::Restore | Fault::ReplacedOtherId => self.replace_cluster(fault),
            Fault::Panic => {
                self.panics = true;
                self.tally.count(fault);
            }
            Fault::Pause => self.tally.count(fault),
            Fault::LostEvents => self.loses_next = true,
            Fault::Mute => self.mute = until,
            Fault::FailedCall => self.failing = until,
            Fault::ManyKeys => {
                self.tally.count(fault);
                self.write(20);
            }
            Fault::Cancel => self.cancel(String::new()),
            other => self.say_what_is_not_so(other),
        }
    }

    fn cancel(&mut self, reason: String) {
        let header = self.cluster.header();
        if self.inject(WatchMessage::Canceled { header, compacted: None, reason }) {
            self.tally.count(Fault::Cancel);
        }
    }

    fn say_what_is_not_so(&mut self, fault: Fault) {
        let message = match fault {
            Fault::Replay => {
                let Self { cluster, random, .. } = self;
                cluster.replay(random)
            }
            _ => {
                // It may be told before the events that lead there.
                self.write(3);
                WatchMessage::Progress(self.cluster.header())
            }
        };
        if self.inject(message) {
            self.tally.count(fault);
        }
    }

    fn replace_cluster(&mut self, fault: Fault) {
        let header = self.cluster.header();
        let back = self.random.u64(0..10);
        match fault {
            Fault::ReplacedOtherId => self.cluster.restore(Revision::new(1), header.cluster_id + 1),
            _ => {
                let to = Revision::new(header.revision.as_u64().saturating_sub(back).max(1));
                self.cluster.restore(to, header.cluster_id);
                // Once it has come further than before, nothing but a read can tell.
                self.needs_a_read = true;
            }
        }
        self.tally.count(fault);
        self.cut();
    }

    /// The faults stop, except that all endpoints but one may stay as they are.
    pub(crate) fn calm_down(&mut self) {
        (self.is_calm, self.panics, self.loses_next) = (true, false, false);
        (self.slow, self.failing, self.leaderless, self.stale, self.mute) = Default::default();
        let for_good = Some(Instant::now() + Duration::from_secs(3_600));
        let healthy = self.random.usize(0..self.silent.len());
        for endpoint in 0..self.silent.len() {
            let (refuses, silent) = (self.random.bool(), self.random.bool());
            self.refusing[endpoint] = for_good.filter(|_| refuses && endpoint != healthy);
            self.silent[endpoint] = for_good.filter(|_| silent && endpoint != healthy);
        }
    }
}
