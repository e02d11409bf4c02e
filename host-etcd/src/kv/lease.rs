//! Keys that go by themselves.

use std::time::Duration;

use async_trait::async_trait;

use super::{Key, KvChange, KvError, KvTransact, VersionToken};

/// The name of a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaseId(pub i64);

/// A lease: the keys put under it go when it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Its name.
    pub id: LeaseId,
    /// How long it lives without being renewed, as the server grants it: whole seconds, and perhaps more than was
    /// asked for.
    pub ttl: Duration,
}

/// Keys that go by themselves.
///
/// A lease is not an expiry: it ends no sooner than it says, but over a restart of the server it may live several times
/// as long. What must end on time carries its end in its value.
#[async_trait]
pub trait KvTtl: KvTransact {
    /// Grants a lease of at least `ttl`, rounded up to whole seconds. One whose answer is lost ends by itself.
    ///
    /// # Errors
    ///
    /// [`KvError::TtlTooLong`], unsent, above [`MAX_LEASE_TTL`]; the backend's.
    async fn grant(&self, ttl: Duration) -> Result<Lease, KvError>;

    /// Renews a lease; how long it lives from now.
    ///
    /// # Errors
    ///
    /// [`KvError::LeaseExpired`] if it has ended; the backend's.
    async fn keep_alive(&self, lease: LeaseId) -> Result<Duration, KvError>;

    /// Ends a lease, and with it its keys, in one transaction. A lease that has ended is no error.
    ///
    /// # Errors
    ///
    /// The backend's.
    async fn revoke(&self, lease: LeaseId) -> Result<(), KvError>;

    /// Puts a value that goes after `ttl`, under a lease of its own. If the put fails the lease is ended again; should
    /// that fail as well, or the future be dropped between grant and put, it ends by itself.
    ///
    /// # Errors
    ///
    /// Those of [`grant`](Self::grant) and [`transact`](KvTransact::transact).
    async fn put_with_ttl(&self, key: &Key, value: &[u8], ttl: Duration) -> Result<VersionToken, KvError> {
        let lease = self.grant(ttl).await?;
        match self.transact(&[], &[KvChange::put_under(key.clone(), value, lease.id)]).await {
            Ok(revision) => Ok(revision.into()),
            Err(error) => {
                // What went wrong with the put is what the caller has to know.
                let _ = self.revoke(lease.id).await;
                Err(error)
            }
        }
    }
}

/// The longest lease that etcd grants, about 285 years.
pub const MAX_LEASE_TTL: Duration = Duration::from_secs(9_000_000_000);

/// The seconds to ask for.
pub(in crate::kv) fn whole_seconds(ttl: Duration) -> Result<u64, KvError> {
    match ttl > MAX_LEASE_TTL {
        true => Err(KvError::TtlTooLong { seconds: ttl.as_secs(), limit: MAX_LEASE_TTL.as_secs() }),
        false => Ok(ttl.as_secs().saturating_add(u64::from(ttl.subsec_nanos() > 0)).max(1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_rounded_up_and_bounded() {
        for (ttl, seconds) in [
            (Duration::ZERO, 1),
            (Duration::from_millis(1), 1),
            (Duration::from_millis(1001), 2),
            (Duration::from_secs(3), 3),
            (MAX_LEASE_TTL, 9_000_000_000),
        ] {
            assert_eq!(whole_seconds(ttl), Ok(seconds), "{ttl:?}");
        }
        let too_long = KvError::TtlTooLong { seconds: 9_000_000_001, limit: 9_000_000_000 };
        assert_eq!(whole_seconds(MAX_LEASE_TTL + Duration::from_secs(1)), Err(too_long));
    }
}
