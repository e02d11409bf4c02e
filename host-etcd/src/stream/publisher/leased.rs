//! Entries under one lease: kept, and put again under another if it is lost.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Mutex as AsyncMutex;
use tracing::{info, warn};

use super::parts::Sizes;
use super::writer::{Writer, may_have_happened};
use super::{EtcdEntry, PubStatus};
use crate::kv::{Key, KvChange, KvError, Lease, LeaseId, Revision};

/// What one publisher has under its lease.
pub(super) struct Leased {
    writer: Arc<Writer>,
    sizes: Sizes,
    ttl: Duration,
    /// Held over every write, so that putting everything again cannot overtake what is being put.
    holdings: AsyncMutex<Holdings>,
    /// Beside it, so that the lease can be renewed while a write takes its time.
    status: Mutex<PubStatus>,
}

/// What is to be put again if the lease is lost.
#[derive(Default)]
struct Holdings {
    entries: BTreeMap<Key, Vec<u8>>,
    /// A lease under which not everything was put. What it holds must be gone before the next is filled: a create-only
    /// put would take its own keys for somebody else's.
    unfinished: Option<LeaseId>,
}

/// What entries have replaced.
type Replaced = Vec<(Key, Option<Vec<u8>>)>;

impl Leased {
    pub(super) async fn grant(writer: Arc<Writer>, sizes: Sizes, ttl: Duration) -> Result<Self, KvError> {
        let lease = writer.kv.grant(ttl).await?;
        let status = PubStatus { lease: Some(lease), ..PubStatus::default() };
        let holdings = AsyncMutex::default();
        Ok(Self { writer, sizes, ttl, holdings, status: Mutex::new(status) })
    }

    pub(super) fn status(&self) -> PubStatus {
        self.lock().clone()
    }

    /// Puts the entries under the lease; under another, if it turns out to be lost.
    pub(super) async fn put(&self, part: &[EtcdEntry]) -> Result<Revision, KvError> {
        let mut holdings = self.holdings.lock().await;
        match self.put_once(&mut holdings, part).await {
            Err(KvError::LeaseExpired) => self.put_once(&mut holdings, part).await,
            answer => answer,
        }
    }

    async fn put_once(&self, holdings: &mut Holdings, part: &[EtcdEntry]) -> Result<Revision, KvError> {
        let lease = self.standing(holdings).await?;
        // Before it is sent: if this future is dropped, or no answer comes, it may be there.
        let replaced = holdings.take(part);
        let answer = self.writer.put(part, Some(lease.id)).await;
        if let Err(error) = &answer
            && !may_have_happened(error)
        {
            holdings.restore(replaced);
            self.lost_if(error, lease.id);
        }
        self.lock().keys = holdings.entries.len();
        answer
    }

    /// Deletes keys, which are not put again from then on.
    pub(super) async fn withdraw(&self, deletes: &[KvChange]) -> Result<Revision, KvError> {
        let mut holdings = self.holdings.lock().await;
        let answer = self.writer.change(deletes).await;
        if answer.is_ok() {
            holdings.entries.retain(|key, _| !deletes.iter().any(|delete| delete.key() == key));
            self.lock().keys = holdings.entries.len();
        }
        answer
    }

    /// Renews the lease, or replaces it if it is lost; when to do so again.
    pub(super) async fn keep(&self) -> Result<Duration, KvError> {
        let lease = self.lock().lease;
        let renewed = match lease {
            Some(lease) => self.writer.kv.keep_alive(lease.id).await,
            None => Err(KvError::LeaseExpired),
        };
        let kept = match (renewed, lease) {
            (Err(KvError::LeaseExpired), lease) => {
                // Waits for a write under way. It may notice the loss, too, and have replaced the lease by then.
                let mut holdings = self.holdings.lock().await;
                lease.into_iter().for_each(|lease| self.lost_if(&KvError::LeaseExpired, lease.id));
                self.standing(&mut holdings).await.map(|lease| lease.ttl)
            }
            (renewed, _) => renewed,
        };
        self.lock().last_error = kept.as_ref().err().map(ToString::to_string);
        kept
    }

    /// Ends the lease, and with it all keys.
    pub(super) async fn end(&self) -> Result<(), KvError> {
        let mut holdings = self.holdings.lock().await;
        let lease = self.lock().lease;
        for lease in lease.map(|lease| lease.id).into_iter().chain(holdings.unfinished) {
            self.writer.kv.revoke(lease).await?;
        }
        *holdings = Holdings::default();
        Ok(())
    }

    /// The lease, or if that is lost another, with everything under it.
    async fn standing(&self, holdings: &mut Holdings) -> Result<Lease, KvError> {
        if let Some(lease) = self.lock().lease {
            return Ok(lease);
        }
        if let Some(unfinished) = holdings.unfinished {
            self.writer.kv.revoke(unfinished).await?;
        }
        let lease = self.writer.kv.grant(self.ttl).await?;
        holdings.unfinished = Some(lease.id);
        self.put_again(holdings, lease.id).await?;
        holdings.unfinished = None;
        info!(keys = holdings.entries.len(), "granted another lease and put everything again under it");
        let mut status = self.lock();
        status.lease = Some(lease);
        status.keys = holdings.entries.len();
        status.regranted = status.regranted.saturating_add(1);
        Ok(lease)
    }

    async fn put_again(&self, holdings: &mut Holdings, lease: LeaseId) -> Result<(), KvError> {
        let entries = holdings.entries.iter();
        let mut rest: Vec<_> =
            entries.map(|(key, value)| EtcdEntry::new(key.clone(), value.clone())).collect();
        for length in self.sizes.parts(&rest)? {
            let later = rest.split_off(length.min(rest.len()));
            while !rest.is_empty() {
                match self.writer.put(&rest, Some(lease)).await {
                    Ok(_) => break,
                    Err(KvError::AlreadyExists { key, .. }) => self.give_up(holdings, &mut rest, key),
                    Err(error) => return Err(error),
                }
            }
            rest = later;
        }
        Ok(())
    }

    /// Leaves a key to whoever has taken it.
    fn give_up(&self, holdings: &mut Holdings, part: &mut Vec<EtcdEntry>, key: Key) {
        warn!("somebody else has taken a key while the lease was lost; it is left alone");
        part.retain(|entry| entry.key != key);
        holdings.entries.remove(&key);
        self.lock().taken.insert(key);
    }

    /// Takes note that this lease is lost, unless another has replaced it already.
    fn lost_if(&self, error: &KvError, lease: LeaseId) {
        let mut status = self.lock();
        if *error == KvError::LeaseExpired && status.lease.is_some_and(|present| present.id == lease) {
            warn!("the lease is lost, and its keys with it");
            status.lease = None;
        }
    }

    /// Every update leaves the status whole, so a panic of another holder leaves nothing half done.
    fn lock(&self) -> MutexGuard<'_, PubStatus> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Holdings {
    fn take(&mut self, part: &[EtcdEntry]) -> Replaced {
        let put = |entry: &EtcdEntry| {
            (entry.key.clone(), self.entries.insert(entry.key.clone(), entry.value.clone()))
        };
        part.iter().map(put).collect()
    }

    fn restore(&mut self, replaced: Replaced) {
        for (key, value) in replaced {
            match value {
                Some(value) => self.entries.insert(key, value),
                None => self.entries.remove(&key),
            };
        }
    }
}
