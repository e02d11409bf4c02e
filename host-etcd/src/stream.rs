//! Keys of etcd as a stream of changes.
//!
//! [`etcd_sub`] reads a key or a prefix and then follows it, in *bursts* that are to be applied whole: first everything
//! that is there, then whatever changes. It survives what a store survives, so a program that applies each burst to a
//! map of its own always holds what etcd held at the burst's revision, and nobody has to write the reconnects again.
//! [`Subscription`] says what is promised.
//!
//! ```
//! use std::collections::BTreeMap;
//! use std::sync::Arc;
//!
//! use aldis_etcd::kv::memory::MemoryKv;
//! use aldis_etcd::kv::{KvUpdate, KvWriter, Scope};
//! use aldis_etcd::stream::{BurstKind, etcd_sub};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // The embedded backend; for etcd: Arc::new(EtcdConnector::new(&EtcdOptions::new(["http://127.0.0.1:2379"]))?)
//! let kv = MemoryKv::new();
//! kv.put(&"fleet/one".into(), b"10.0.0.1").await?;
//!
//! let mut bursts = etcd_sub(Arc::new(kv.clone()), Scope::parse("fleet/")).await?;
//! kv.put(&"fleet/two".into(), b"10.0.0.2").await?;
//! kv.delete(&"fleet/one".into()).await?;
//!
//! let mut fleet = BTreeMap::new();
//! for expected in [BurstKind::Snapshot, BurstKind::Live, BurstKind::Live] {
//!     let burst = bursts.next().await.ok_or("the runtime ends")?;
//!     assert_eq!(burst.kind, expected);
//!     for update in burst.updates {
//!         match update {
//!             KvUpdate::Put(entry) => fleet.insert(entry.key, entry.value),
//!             KvUpdate::Delete { key, .. } => fleet.remove(&key),
//!         };
//!     }
//! }
//! assert_eq!(fleet.keys().map(ToString::to_string).collect::<Vec<_>>(), ["fleet/two"]);
//! # Ok(())
//! # }
//! ```
//!
//! [`etcd_pub`] writes what a stream yields, and [`Publisher`] what it is handed: each burst as one transaction where it
//! fits. With a lease the keys announce that their publisher lives. They are renewed while it does, vanish when it
//! closes, and are put again if etcd loses the lease while nobody meant it to.
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use aldis_etcd::kv::KvReader;
//! use aldis_etcd::kv::memory::MemoryKv;
//! use aldis_etcd::stream::{EtcdEntry, Publisher};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // The embedded backend; for etcd: Arc::new(EtcdKv::connect(&EtcdOptions::new(["http://127.0.0.1:2379"])).await?)
//! let kv = Arc::new(MemoryKv::new());
//! let publisher = Publisher::builder(kv.clone()).lease_ttl(Duration::from_secs(15)).open().await?;
//! publisher.publish([EtcdEntry::new("fleet/one", "10.0.0.1"), EtcdEntry::new("load/one", "0.7")]).await?;
//! assert!(kv.get(&"fleet/one".into()).await?.1.is_some());
//!
//! publisher.close().await?;
//! assert!(kv.get(&"fleet/one".into()).await?.1.is_none());
//! # Ok(())
//! # }
//! ```

mod publisher;
mod sub;

pub use publisher::{EtcdEntry, EtcdPubExt, PubStatus, PublishError, Publisher, PublisherBuilder, etcd_pub};
pub use sub::{Burst, BurstKind, SubStatus, Subscription, SubscriptionBuilder, etcd_sub};
