//! Entries under one lease: kept, and put again under another if it is lost.

use std::collections::BTreeMap;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Mutex as AsyncMutex;
use tokio::time::Instant;
use tracing::{info, warn};

use super::parts::Sizes;
use super::writer::{Writer, is_refused, may_have_happened};
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
        let asked_at = Instant::now().into_std();
        let lease = writer.kv.grant(ttl).await?;
        let status = PubStatus { lease: Some(lease), renewed_at: Some(asked_at), ..PubStatus::default() };
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
        match &answer {
            Ok(_) => self.accepted(part),
            Err(error) if may_have_happened(error) => {}
            Err(error) => {
                holdings.restore(replaced);
                self.lost_if(error, lease.id);
            }
        }
        self.count(holdings);
        answer
    }

    /// Deletes keys, which are not put again from then on.
    pub(super) async fn withdraw(&self, deletes: &[KvChange]) -> Result<Revision, KvError> {
        let mut holdings = self.holdings.lock().await;
        let answer = self.writer.change(deletes).await;
        if answer.is_ok() {
            for delete in deletes {
                holdings.entries.remove(delete.key());
                self.lock().refused.remove(delete.key());
            }
            self.count(&holdings);
        }
        answer
    }

    /// Renews the lease, or replaces it if it is lost; when to do so again.
    pub(super) async fn keep(&self) -> Result<Duration, KvError> {
        let (lease, asked_at) = (self.lock().lease, Instant::now().into_std());
        let renewed = match lease {
            Some(lease) => self.writer.kv.keep_alive(lease.id).await,
            None => Err(KvError::LeaseExpired),
        };
        if renewed.is_ok() {
            self.lock().renewed_at = Some(asked_at);
        }
        let kept = match (renewed, lease) {
            (Err(KvError::LeaseExpired), lease) => {
                // Waits for a write under way. It may notice the loss, too, and have replaced the lease by then.
                let mut holdings = self.holdings.lock().await;
                lease.into_iter().for_each(|lease| self.lost_if(&KvError::LeaseExpired, lease.id));
                self.standing(&mut holdings).await.map(|lease| lease.ttl)
            }
            (Ok(lifetime), Some(lease)) => self.put_refused(lease.id).await.map(|()| lifetime),
            (renewed, _) => renewed,
        };
        self.lock().last_error = kept.as_ref().err().map(ToString::to_string);
        kept
    }

    /// Ends the lease, and with it all keys.
    pub(super) async fn end(&self) -> Result<(), KvError> {
        let mut holdings = self.holdings.lock().await;
        let lease = self.lock().lease;
        // One at most: while one is unfinished none stands.
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
        let asked_at = Instant::now().into_std();
        let lease = self.writer.kv.grant(self.ttl).await?;
        holdings.unfinished = Some(lease.id);
        let everything = holdings.entries(|_| true);
        self.put_again(holdings, everything, lease.id).await?;
        holdings.unfinished = None;
        info!(keys = holdings.entries.len(), "granted another lease and put everything again under it");
        self.count(holdings);
        let mut status = self.lock();
        (status.lease, status.renewed_at) = (Some(lease), Some(asked_at));
        status.regranted = status.regranted.saturating_add(1);
        Ok(lease)
    }

    /// Tries once more what was refused: rights are given back, and servers restarted with other limits. Not create-only,
    /// where a try without an answer could not be told from somebody else's key.
    async fn put_refused(&self, lease: LeaseId) -> Result<(), KvError> {
        let refused = self.lock().refused.clone();
        if refused.is_empty() || self.writer.create_only {
            return Ok(());
        }
        let mut holdings = self.holdings.lock().await;
        let entries = holdings.entries(|key| refused.contains_key(key));
        let put = self.put_again(&mut holdings, entries, lease).await;
        put.as_ref().err().into_iter().for_each(|error| self.lost_if(error, lease));
        self.count(&holdings);
        put
    }

    /// Puts these as far as they are accepted. One that is refused has its whole transaction refused, so that is halved
    /// until it is alone, and keeps nobody else away.
    async fn put_again(
        &self,
        holdings: &mut Holdings,
        mut entries: Vec<EtcdEntry>,
        lease: LeaseId,
    ) -> Result<(), KvError> {
        let mut parts = Vec::new();
        for length in self.sizes.parts(&entries)? {
            let later = entries.split_off(length.min(entries.len()));
            parts.push(mem::replace(&mut entries, later));
        }
        while let Some(mut part) = parts.pop() {
            match self.writer.put(&part, Some(lease)).await {
                Ok(_) => self.accepted(&part),
                Err(KvError::AlreadyExists { key, .. }) => {
                    self.give_up(holdings, &mut part, key);
                    parts.extend(Some(part).filter(|part| !part.is_empty()));
                }
                Err(error) if !is_refused(&error) => return Err(error),
                Err(error) if part.len() < 2 => self.refused(part, &error),
                Err(_) => {
                    let half = part.split_off(part.len() / 2);
                    parts.extend([half, part]);
                }
            }
        }
        Ok(())
    }

    fn accepted(&self, part: &[EtcdEntry]) {
        let mut status = self.lock();
        part.iter().for_each(|entry| drop(status.refused.remove(&entry.key)));
    }

    fn refused(&self, part: Vec<EtcdEntry>, error: &KvError) {
        for entry in part {
            if self.lock().refused.insert(entry.key, error.clone()).is_none() {
                warn!(cause = %error, "a key is refused and stays away; the others are put");
            }
        }
    }

    fn count(&self, holdings: &Holdings) {
        let mut status = self.lock();
        status.keys = holdings.entries.len().saturating_sub(status.refused.len());
    }

    /// Leaves a key to whoever has taken it.
    fn give_up(&self, holdings: &mut Holdings, part: &mut Vec<EtcdEntry>, key: Key) {
        warn!("somebody else has taken a key while the lease was lost; it is left alone");
        part.retain(|entry| entry.key != key);
        holdings.entries.remove(&key);
        let mut status = self.lock();
        status.refused.remove(&key);
        status.taken.insert(key);
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
    fn entries(&self, is_wanted: impl Fn(&Key) -> bool) -> Vec<EtcdEntry> {
        let wanted = self.entries.iter().filter(|(key, _)| is_wanted(key));
        wanted.map(|(key, value)| EtcdEntry::new(key.clone(), value.clone())).collect()
    }

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
