//! What has happened, as far as it is remembered.

use std::collections::VecDeque;

use crate::kv::{Key, KvUpdate, Revision};

/// Transactions whose events one answer to a watch may hold, as in etcd.
const MAX_BATCH: usize = 1000;

/// Transactions that are remembered; older ones are compacted away. etcd leaves that to its operator, a store in a
/// proxy's memory has none.
const MAX_TRANSACTIONS: usize = 10_000;

/// Bytes of the keys and values in them: ten thousand of the largest would be fifteen gigabytes.
const MAX_BYTES: usize = 64 << 20;

/// The events of each transaction, oldest first.
#[derive(Debug, Default)]
pub(super) struct History {
    transactions: VecDeque<Transaction>,
    bytes: usize,
}

#[derive(Debug)]
struct Transaction {
    revision: Revision,
    events: Vec<KvUpdate>,
    bytes: usize,
}

impl History {
    pub(super) fn push(&mut self, revision: Revision, events: Vec<KvUpdate>) {
        let bytes = events.iter().map(size).sum();
        self.bytes = self.bytes.saturating_add(bytes);
        self.transactions.push_back(Transaction { revision, events, bytes });
    }

    /// Forgets what is too much, the oldest first; the oldest revision that is left, if any had to go. The latest stays,
    /// however large it is.
    pub(super) fn bound(&mut self) -> Option<Revision> {
        let mut has_forgotten = false;
        while self.transactions.len() > 1
            && (self.transactions.len() > MAX_TRANSACTIONS || self.bytes > MAX_BYTES)
        {
            self.forget_oldest();
            has_forgotten = true;
        }
        self.transactions.front().filter(|_| has_forgotten).map(|oldest| oldest.revision)
    }

    pub(super) fn forget_before(&mut self, revision: Revision) {
        while self.transactions.front().is_some_and(|oldest| oldest.revision < revision) {
            self.forget_oldest();
        }
    }

    /// Events of the wanted keys from `from` on, and the revision behind the last one that was looked at.
    pub(super) fn events(
        &self,
        is_wanted: impl Fn(&Key) -> bool,
        from: Revision,
    ) -> (Vec<KvUpdate>, Revision) {
        let start = self.transactions.partition_point(|transaction| transaction.revision < from);
        let (mut events, mut next, mut held) = (Vec::new(), from, 0);
        for transaction in self.transactions.iter().skip(start) {
            let before = events.len();
            events.extend(transaction.events.iter().filter(|event| is_wanted(event.key())).cloned());
            next = transaction.revision.next();
            // Not counted if nobody wants it: what has no events says that there is nothing more.
            held += usize::from(events.len() > before);
            if held == MAX_BATCH {
                break;
            }
        }
        (events, next)
    }

    fn forget_oldest(&mut self) {
        let bytes = self.transactions.pop_front().map_or(0, |oldest| oldest.bytes);
        self.bytes = self.bytes.saturating_sub(bytes);
    }
}

fn size(event: &KvUpdate) -> usize {
    let value = match event {
        KvUpdate::Put(entry) => entry.value.len(),
        KvUpdate::Delete { .. } => 0,
    };
    event.key().as_bytes().len().saturating_add(value)
}
