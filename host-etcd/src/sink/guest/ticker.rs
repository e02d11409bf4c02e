//! The clock behind deadlines: moves wasmtime's epoch on, and with it every guest that runs too long out.

use std::io;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use wasmtime::Engine;

/// Between two ticks. A deadline is a number of ticks, so this is also how exact deadlines are; finer would wake an
/// idle process more often for nothing.
pub(super) const TICK: Duration = Duration::from_millis(10);

/// A thread that ticks until this is dropped.
#[derive(Debug)]
pub(super) struct Ticker {
    /// Never sent through: its end is the message.
    _alive: SyncSender<()>,
}

impl Ticker {
    pub(super) fn start(engine: Engine) -> io::Result<Self> {
        let (alive, ended) = sync_channel::<()>(0);
        thread::Builder::new().name("aldis-guest-ticker".into()).spawn(move || {
            while ended.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                engine.increment_epoch();
            }
        })?;
        Ok(Self { _alive: alive })
    }
}

/// The ticks of a deadline, rounded down so that a call ends within it, but never fewer than two: the first tick may
/// come at once.
pub(super) fn ticks(deadline: Duration) -> u64 {
    u64::try_from(deadline.as_millis() / TICK.as_millis()).unwrap_or(u64::MAX).clamp(2, u64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_at_least_one_whole_tick() {
        assert_eq!(ticks(Duration::ZERO), 2);
        assert_eq!(ticks(Duration::from_millis(59)), 5);
        assert_eq!(ticks(Duration::MAX), u64::from(u32::MAX));
    }
}
