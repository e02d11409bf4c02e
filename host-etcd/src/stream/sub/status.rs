//! What a subscription knows about itself.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::kv::Revision;
use crate::status::State;

/// A subscription's status at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SubStatus {
    /// Whether the server confirms what was delivered.
    pub state: State,
    /// Whether the subscription waits for its consumer. Meanwhile it reads nothing, and the state is that of when it
    /// began to wait.
    pub is_held_back: bool,
    /// The revision of the last burst, taken or not.
    pub revision: Option<Revision>,
    /// The server's revision when it last confirmed what was delivered. It counts changes outside of the scope, too.
    pub confirmed_revision: Option<Revision>,
    /// When it did so; `None` before the first time.
    pub confirmed_at: Option<Instant>,
    /// How many keys the scope has after the last burst.
    pub keys: usize,
    /// How many attempts or connections have failed and were followed by another.
    pub reconnects: u64,
    /// How many watches the server has ended.
    pub cancels: u64,
    /// How many keys a verifying read has found different; they were delivered as a difference.
    pub repairs: u64,
    /// How many times the task has panicked and gone on.
    pub panics: u64,
    /// The last failure, for people.
    pub last_error: Option<String>,
}

/// Where the task writes its status, and the handle reads it.
#[derive(Debug)]
pub(super) struct Board(Mutex<SubStatus>);

impl Board {
    pub(super) fn new() -> Self {
        Self(Mutex::new(SubStatus {
            state: State::Starting,
            is_held_back: false,
            revision: None,
            confirmed_revision: None,
            confirmed_at: None,
            keys: 0,
            reconnects: 0,
            cancels: 0,
            repairs: 0,
            panics: 0,
            last_error: None,
        }))
    }

    pub(super) fn status(&self) -> SubStatus {
        self.lock().clone()
    }

    pub(super) fn update(&self, update: impl FnOnce(&mut SubStatus)) {
        update(&mut self.lock());
    }

    /// Every update leaves the status whole, so a panic of another holder leaves nothing half done.
    fn lock(&self) -> MutexGuard<'_, SubStatus> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
