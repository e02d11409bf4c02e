//! Reading: a scope as bursts, over everything that happens to the link and the cluster.

mod burst;
mod delivered;
mod feed;
mod status;
mod subscription;

pub use burst::{Burst, BurstKind};
pub use status::SubStatus;
pub use subscription::{Subscription, SubscriptionBuilder, etcd_sub};
