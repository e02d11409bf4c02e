//! One instance among all in the proxy: it has a number of its own, and answers the roll.

use alloc::format;
use alloc::string::String;

use aldis_core::UnixMillis;

use crate::host::Host;
use crate::limits::ROLL_MS;
use crate::roll::Roll;
use crate::shared::{key, put_first};
use crate::stats::{Counter, Gauge, Stats};

/// So often a ticket is tried for, while others draw theirs.
const TRIES: usize = 64;

/// An instance with its number.
#[derive(Debug)]
pub(crate) struct Instance {
    /// Zero: none could be drawn. Such a one neither polls nor answers the roll.
    ticket: u64,
    /// The key of the roll that it answers: one for each name that instances are counted by.
    roll: String,
    /// For how long it may be silent.
    silence_ms: u64,
    answers_at: UnixMillis,
}

impl Instance {
    /// Draws a number that no other instance has.
    pub(crate) fn new(host: &impl Host, stats_prefix: &str, silence_ms: u64) -> Self {
        let (tickets, roll) = (key("tickets"), key(&format!("roll/{stats_prefix}")));
        put_first(host, &tickets, &[0; 8]);
        put_first(host, &roll, &[]);
        let draw = |_| {
            let (last, version) = host.shared(&tickets)?;
            let last = last.first_chunk::<8>().copied().map_or(0, u64::from_le_bytes);
            let ticket = last.checked_add(1)?;
            host.set_shared(&tickets, &ticket.to_le_bytes(), version).then_some(ticket)
        };
        let ticket = (0..TRIES).find_map(draw).unwrap_or(0);
        Self { ticket, roll, silence_ms, answers_at: UnixMillis::new(0) }
    }

    pub(crate) const fn ticket(&self) -> u64 {
        self.ticket
    }

    /// Says about once a second that it is there, or at each tick if those are farther apart. Only at ticks: an instance that
    /// Envoy makes to try a configuration has none.
    pub(crate) fn on_tick(&mut self, host: &impl Host, now: UnixMillis, stats: &mut Stats) {
        let left = self.answers_at.as_u64().saturating_sub(now.as_u64());
        if self.ticket == 0 || left > 0 && left <= ROLL_MS {
            return;
        }
        let Some((roll, version)) = host.shared(&self.roll) else { return };
        let mut roll = Roll::from_bytes(&roll);
        let silent = roll.answer(self.ticket, now, self.silence_ms);
        // Somebody else answered at the same time: the next tick is soon enough.
        if host.set_shared(&self.roll, &roll.to_bytes(), version) {
            self.answers_at = now.saturating_add_secs(ROLL_MS / 1000);
            stats.count_many(Counter::InstancesSilent, silent);
            stats.show(host, Gauge::Instances, roll.present());
        }
    }

    /// It ends, and is not to be missed.
    pub(crate) fn leave(&self, host: &impl Host, stats: &Stats) {
        let Some((roll, version)) = host.shared(&self.roll) else { return };
        let mut roll = Roll::from_bytes(&roll);
        roll.leave(self.ticket);
        if host.set_shared(&self.roll, &roll.to_bytes(), version) {
            stats.show(host, Gauge::Instances, roll.present());
        }
    }
}
