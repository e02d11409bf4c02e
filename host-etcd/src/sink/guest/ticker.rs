//! The pulse behind deadlines: moves wasmtime's epoch on, at which every guest that runs is looked at.

use std::io;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use wasmtime::Engine;

/// Between two looks at the guests that run, and so how exact deadlines are; finer would wake an idle process more often
/// for nothing.
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
