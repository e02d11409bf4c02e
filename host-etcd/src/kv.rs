//! The key-value seam: what Aldis asks of the place where documents are published.
//!
//! Two backends stand behind it, [`etcd`] and the embedded [`memory`] one, held to each other by one suite of tests. Keys
//! and values are bytes. A *revision* counts the changes of the whole store, so that a transaction over many keys is one
//! revision; a *version* names the state of one key.
//!
//! | trait | does | fails on purpose with |
//! |---|---|---|
//! | [`KvReader`] | one key, the keys of a prefix, the entries of a prefix at one revision | |
//! | [`KvTransact`] | several changes at one revision, if every key is at the version expected of it | [`KvError::Conflict`] |
//! | [`KvWriter`] | the usual transactions of one change: put, create, update, delete | that, [`KvError::AlreadyExists`] |
//! | [`KvTtl`] | leases, and keys that go with them | [`KvError::LeaseExpired`] |
//! | [`KvPurge`] | a key away for good | |
//! | [`KvWatcher`] | what is there and then every change, or only what lies behind a cursor | [`KvError::CursorExpired`] |
//! | [`Connect`], [`KvSource`], [`KvWatch`] | the parts, for a client that holds a cache fresh: [`watch`](crate::watch) | |
//!
//! What a backend cannot serve is refused before it is sent, and alike by each: a version of another backend, an empty
//! key, a key named twice, too many changes, too large values. Tokens and cursors are opaque and inline; kept as bytes,
//! they are refused when they are not whole.
//!
//! ```
//! use aldis_etcd::kv::memory::MemoryKv;
//! use aldis_etcd::kv::{Key, KvError, KvReader, KvTtl, KvUpdate, KvWatcher, KvWriter, WatchCursor};
//! use std::time::Duration;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let kv = MemoryKv::new();
//! let key = Key::from("team/a");
//!
//! // Compare and swap: of two who saw the same version, one gets through.
//! let first = kv.create(&key, b"1").await?;
//! kv.update(&key, b"2", &first).await?;
//! assert!(matches!(kv.update(&key, b"3", &first).await, Err(KvError::Conflict { .. })));
//!
//! // Watch: what is there, as one batch; then each transaction.
//! let (tx, mut batches) = tokio::sync::mpsc::channel(16);
//! let watched = kv.clone();
//! let watch = tokio::spawn(async move { watched.watch_prefix(&"team/".into(), tx).await });
//! let present = batches.recv().await.ok_or("the watch has ended")?;
//! assert!(matches!(&present.updates[..], [KvUpdate::Put(entry)] if *entry.value == *b"2"));
//! kv.put_with_ttl(&"team/b".into(), b"here", Duration::from_secs(30)).await?;
//! let change = batches.recv().await.ok_or("the watch has ended")?;
//! assert_eq!(change.updates[0].key(), &"team/b".into());
//!
//! // Keep the cursor; another process goes on from behind it.
//! let kept = change.cursor.as_bytes().to_vec();
//! drop(batches);
//! watch.await??;
//! kv.delete(&key).await?;
//! let (tx, mut batches) = tokio::sync::mpsc::channel(16);
//! let cursor = WatchCursor::from_bytes(&kept)?;
//! tokio::spawn(async move { kv.watch_prefix_from(&"team/".into(), &cursor, tx).await });
//! let missed = batches.recv().await.ok_or("the watch has ended")?;
//! assert!(matches!(&missed.updates[..], [KvUpdate::Delete { .. }]));
//! # Ok(())
//! # }
//! ```

mod cursor;
mod entry;
mod error;
pub mod etcd;
mod follow;
mod key;
mod lease;
pub mod memory;
mod prefixes;
mod read;
mod request;
mod source;
mod token;
mod transact;
mod watcher;
mod write;

pub use bytes::Bytes;
pub use cursor::{InvalidCursor, WatchCursor};
pub use entry::{Header, KvEntry, KvUpdate, Listing};
pub use error::{CursorLoss, KvError};
pub use key::{Key, Revision, Scope};
pub use lease::{KvTtl, Lease, LeaseId, MAX_LEASE_TTL};
pub use read::KvReader;
pub use request::MAX_TRANSACTION_OPERATIONS;
pub(crate) use request::{REQUEST_OVERHEAD_BYTES, room_of_key};
pub use source::{Connect, KvSource, KvWatch, WatchMessage};
pub use token::{OversizeToken, VersionToken};
pub use transact::{KvChange, KvCondition, KvTransact};
pub use watcher::{KvBatch, KvWatcher};
pub use write::{KvPurge, KvWriter};
