//! Leases.

use std::time::Duration;

use async_trait::async_trait;
use etcd_client::{Error, LeaseClient};

use super::connection::EtcdConnection;
use crate::kv::lease::whole_seconds;
use crate::kv::{KvError, KvTtl, Lease, LeaseId};

#[async_trait]
impl KvTtl for EtcdConnection {
    async fn grant(&self, ttl: Duration) -> Result<Lease, KvError> {
        let seconds = i64::try_from(whole_seconds(ttl)?).unwrap_or(i64::MAX);
        let mut client = self.lease.clone();
        let granted = self.call("grant", client.grant(seconds, None)).await?;
        Ok(Lease { id: LeaseId(granted.id()), ttl: seconds_of(granted.ttl()) })
    }

    async fn keep_alive(&self, lease: LeaseId) -> Result<Duration, KvError> {
        let mut client = self.lease.clone();
        let ttl = self.call("keep alive", renew(&mut client, lease)).await?;
        match ttl > 0 {
            true => Ok(seconds_of(ttl)),
            false => Err(KvError::LeaseExpired),
        }
    }

    async fn revoke(&self, lease: LeaseId) -> Result<(), KvError> {
        let mut client = self.lease.clone();
        match self.call("revoke", client.revoke(lease.0)).await {
            Ok(_) | Err(KvError::LeaseExpired) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// Renews twice: the client library keeps the first answer to itself, and with it how long the lease lives.
async fn renew(client: &mut LeaseClient, lease: LeaseId) -> Result<i64, Error> {
    let (mut keeper, mut answers) = client.keep_alive(lease.0).await?;
    keeper.keep_alive().await?;
    match answers.message().await? {
        Some(answer) => Ok(answer.ttl()),
        None => Err(Error::LeaseKeepAliveError("the stream has ended".to_owned())),
    }
}

fn seconds_of(ttl: i64) -> Duration {
    Duration::from_secs(u64::try_from(ttl).unwrap_or_default())
}
