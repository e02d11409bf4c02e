//! Calls that are given up before they are answered.
//!
//! Whoever waits less long than a connection has to answer would never learn that it is dead, nor anybody else: the call
//! is dropped, and the next takes the same connection. So a call that is dropped unanswered speaks against its
//! connection, like one that failed.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use super::EtcdConnection;

/// A call that is dropped sooner says nothing about the connection.
const PATIENCE: Duration = Duration::from_millis(100);

/// The connection that has left a call unanswered last.
#[derive(Default)]
pub(super) struct Unanswered {
    suspect: Mutex<Weak<EtcdConnection>>,
}

/// A call under way.
pub(super) struct Waiting<'a> {
    unanswered: &'a Unanswered,
    connection: &'a Arc<EtcdConnection>,
    began: Instant,
    is_answered: bool,
}

impl Unanswered {
    /// A call begins.
    pub(super) fn waiting<'a>(&'a self, connection: &'a Arc<EtcdConnection>) -> Waiting<'a> {
        Waiting { unanswered: self, connection, began: Instant::now(), is_answered: false }
    }

    /// Whether this connection has left a call unanswered.
    pub(super) fn is_suspect(&self, connection: &Arc<EtcdConnection>) -> bool {
        let suspect = self.suspect.lock().unwrap_or_else(PoisonError::into_inner);
        std::ptr::eq(suspect.as_ptr(), Arc::as_ptr(connection))
    }
}

impl Waiting<'_> {
    /// It was answered, by whatever.
    pub(super) fn answered(mut self) {
        self.is_answered = true;
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if !self.is_answered && self.began.elapsed() >= PATIENCE {
            let mut suspect = self.unanswered.suspect.lock().unwrap_or_else(PoisonError::into_inner);
            *suspect = Arc::downgrade(self.connection);
        }
    }
}
