//! One transaction, tried again where that is safe.

use std::sync::Arc;
use std::time::Duration;

use super::EtcdEntry;
use crate::backoff::Backoff;
use crate::kv::{KvChange, KvCondition, KvError, KvTtl, LeaseId, Revision};

/// How often a transaction is tried that may be tried again.
const ATTEMPTS: u32 = 3;

/// Ceiling of the first delay between them.
const RETRY_BASE: Duration = Duration::from_millis(100);

/// Ceiling of every delay between them.
const RETRY_CAP: Duration = Duration::from_secs(1);

/// Writes transactions.
pub(super) struct Writer {
    pub(super) kv: Arc<dyn KvTtl>,
    pub(super) create_only: bool,
}

impl Writer {
    pub(super) fn new(kv: Arc<dyn KvTtl>, create_only: bool) -> Self {
        Self { kv, create_only }
    }

    /// Puts the entries in one transaction.
    pub(super) async fn put(&self, part: &[EtcdEntry], lease: Option<LeaseId>) -> Result<Revision, KvError> {
        let absent = part.iter().filter(|_| self.create_only);
        let conditions: Vec<_> = absent.map(|entry| KvCondition::absent(entry.key.clone())).collect();
        let put =
            |entry: &EtcdEntry| KvChange::Put { key: entry.key.clone(), value: entry.value.clone(), lease };
        let changes: Vec<_> = part.iter().map(put).collect();
        let is_repeatable = if self.create_only { was_not_sent } else { may_fare_better };
        match self.transact(&conditions, &changes, is_repeatable).await {
            Err(KvError::Conflict { key, actual, .. }) => {
                Err(KvError::AlreadyExists { key, revision: actual })
            }
            answer => answer,
        }
    }

    /// Makes changes that are the same done twice.
    pub(super) async fn change(&self, changes: &[KvChange]) -> Result<Revision, KvError> {
        self.transact(&[], changes, may_fare_better).await
    }

    /// An attempt that may have happened leaves its doubt, whatever a later one fails with: that it could not be sent says
    /// nothing about the first.
    async fn transact(
        &self,
        conditions: &[KvCondition],
        changes: &[KvChange],
        is_repeatable: fn(&KvError) -> bool,
    ) -> Result<Revision, KvError> {
        let mut delays = Backoff::new(RETRY_BASE, RETRY_CAP, fastrand::u64(..));
        let (mut left, mut doubt) = (ATTEMPTS, None);
        loop {
            left = left.saturating_sub(1);
            let error = match self.kv.transact(conditions, changes).await {
                Err(error) => error,
                done => return done,
            };
            if may_have_happened(&error) {
                doubt = Some(error.clone());
            }
            match error {
                // Under a lease that has ended there is nothing, whoever put it.
                KvError::LeaseExpired => return Err(error),
                error if left == 0 || !is_repeatable(&error) => return Err(doubt.unwrap_or(error)),
                _ => tokio::time::sleep(delays.next_delay()).await,
            }
        }
    }
}

/// Whether a write that ended so may have happened.
pub(super) fn may_have_happened(error: &KvError) -> bool {
    matches!(error, KvError::Timeout { .. } | KvError::Failed { .. })
}

/// Whether the server will not have this, so that asking for less may fare better.
pub(super) fn is_refused(error: &KvError) -> bool {
    matches!(error, KvError::Denied { .. } | KvError::TooLarge { .. } | KvError::TooLargeForServer { .. })
}

fn was_not_sent(error: &KvError) -> bool {
    matches!(error, KvError::Connect { .. })
}

fn may_fare_better(error: &KvError) -> bool {
    was_not_sent(error) || may_have_happened(error)
}
