//! A cache of what is fetched on demand: bounded in time and size, one fetch at a time for each key.
//!
//! *Hit*: a value that was fetched less than a lifetime ago is handed out without a call. *Miss*: the first caller
//! begins the fetch, and whoever asks for the same key meanwhile waits for the same one. What holds:
//!
//! * **Errors are never cached.** Every caller of a failed fetch gets its error, and the next call fetches again. A
//!   failure that should be remembered is a value; whoever fetches decides.
//! * **A fetch belongs to all who wait for it.** If the caller who began it is dropped, the others carry the same fetch
//!   on from where it stands. If all are dropped, so is the fetch; nothing is cached, and the next call begins anew.
//! * **A panic of the fetch takes nobody down.** All its callers get [`FetchError::Panicked`], nothing is cached, and the
//!   next call begins anew. (The process's panic hook still tells of it.)
//! * **Each fetch is reported once**, by one of its callers, so that fetches can be counted by what callers are told.
//!
//! Lifetimes and capacity are [moka](https://docs.rs/moka)'s. Its single flight is not used: there a waiter begins a
//! fetch of its own when the one it waited for panics or is cancelled, so that one panic becomes one in every waiter,
//! and of 300 callers of which each in turn was dropped it made the last hundred panic.

use std::borrow::Borrow;
use std::fmt;
use std::hash::Hash;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use moka::future::{Cache, CacheBuilder};

mod flight;
mod flights;
mod landing;
mod outcome;

use flight::Flight;
use flights::Flights;
use landing::Landing;

pub use outcome::{CacheOutcome, FetchError};

/// The longest lifetime; moka panics at a thousand years.
const LONGEST_TTL: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// A cache of values `V` under keys `K`, whose fetches come to an outcome `O` and perhaps to an error `E`.
///
/// The outcome is what whoever operates it wants to know of each fetch, succeeded or not, such as the status of an
/// answer. It is not cached: the caller that reports the fetch gets it in [`CacheOutcome::MissFetched`].
///
/// Values should be cheap to clone, such as an [`Arc`]. Clones of the cache are handles to the same one.
///
/// ```
/// # async fn look_up() {
/// use std::sync::Arc;
/// use std::time::Duration;
///
/// use aldis_etcd::fetch_cache::{CacheOutcome, FetchCache};
///
/// let cache: FetchCache<String, Arc<str>, u16, String> = FetchCache::new(Duration::from_secs(60), 10_000);
/// let fetch = || async { (200, Ok(Arc::from("hello"))) };
/// let (outcome, value) = cache.try_get_or_fetch("greeting", fetch).await;
/// assert_eq!((outcome, value), (CacheOutcome::MissFetched { outcome: Some(200) }, Ok("hello".into())));
/// let (outcome, _) = cache.try_get_or_fetch("greeting", || async { panic!("is not called") }).await;
/// assert_eq!(outcome.label(), "hit");
/// # }
/// # tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(look_up());
/// ```
pub struct FetchCache<K, V, O, E> {
    entries: Cache<K, V>,
    flights: Arc<Flights<K, Landed<V, O, E>>>,
}

/// What a flight brings back, shared by its callers.
type Landed<V, O, E> = Arc<Landing<V, O, E>>;

impl<K, V, O, E> FetchCache<K, V, O, E>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    O: Clone + Send + Sync + 'static,
    E: Send + Sync + 'static,
{
    /// A cache of at most `max_entries` values, each handed out for `ttl` after it was fetched.
    ///
    /// Of more, those that are asked for often stay. A lifetime of zero caches nothing, and still fetches one at a
    /// time for each key; so does a capacity of zero.
    #[must_use]
    pub fn new(ttl: Duration, max_entries: u64) -> Self {
        Self::build(ttl, Cache::builder().max_capacity(max_entries))
    }

    /// A cache of values that weigh at most `max_weight` together, by `weigher`. A value that alone weighs more is
    /// not kept.
    pub fn weighted(
        ttl: Duration,
        max_weight: u64,
        weigher: impl Fn(&K, &V) -> u32 + Send + Sync + 'static,
    ) -> Self {
        Self::build(ttl, Cache::builder().max_capacity(max_weight).weigher(weigher))
    }

    fn build(ttl: Duration, builder: CacheBuilder<K, V, Cache<K, V>>) -> Self {
        let entries = builder.time_to_live(ttl.min(LONGEST_TTL)).build();
        Self { entries, flights: Arc::default() }
    }

    /// The value under `key`, if it is cached. Fetches nothing, waits for nothing.
    pub async fn get<Q>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.entries.get(key).await
    }

    /// The value under `key`: cached, or of the fetch under way for it, or else of `fetch`; and which of these it was.
    ///
    /// `fetch` runs as part of its callers' futures, not on a task of its own. It should end by itself within some
    /// deadline: it is given up only when every caller is.
    ///
    /// A hit costs a lookup and allocates nothing.
    pub async fn try_get_or_fetch<Q, F, Fut>(
        &self,
        key: &Q,
        fetch: F,
    ) -> (CacheOutcome<O>, Result<V, FetchError<E>>)
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ToOwned<Owned = K> + ?Sized,
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = (O, Result<V, E>)> + Send + 'static,
    {
        match self.entries.get(key).await {
            Some(value) => (CacheOutcome::Hit, Ok(value)),
            None => self.flight(key.to_owned(), fetch).await.report(),
        }
    }

    /// The flight under way for this key, or a new one. It runs from the first poll on.
    fn flight<F, Fut>(&self, key: K, fetch: F) -> Flight<Landed<V, O, E>>
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = (O, Result<V, E>)> + Send + 'static,
    {
        self.flights.join_or_begin(&key, |seat| {
            let attempt = attempt(self.entries.clone(), key.clone(), fetch);
            async move {
                let landing = AssertUnwindSafe(attempt).catch_unwind().await;
                // Whoever finds the seat empty finds the value cached.
                drop(seat);
                Arc::new(landing.unwrap_or_else(|_| Landing::panicked()))
            }
            .boxed()
        })
    }

    /// How many fetches are under way.
    #[must_use]
    pub fn fetches_under_way(&self) -> usize {
        self.flights.count()
    }

    /// How many values are held. Those that have expired or do not fit are removed first, which takes a while in a
    /// large cache.
    pub async fn entry_count(&self) -> u64 {
        self.entries.run_pending_tasks().await;
        self.entries.entry_count()
    }
}

/// Fetches and caches, unless another flight for the key has landed since the caller looked.
async fn attempt<K, V, O, E, F, Fut>(entries: Cache<K, V>, key: K, fetch: F) -> Landing<V, O, E>
where
    K: Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    F: FnOnce() -> Fut,
    Fut: Future<Output = (O, Result<V, E>)>,
{
    if let Some(value) = entries.get(&key).await {
        return Landing::Cached(value);
    }
    let (outcome, result) = fetch().await;
    if let Ok(value) = &result {
        entries.insert(key, value.clone()).await;
    }
    Landing::fetched(outcome, result)
}

impl<K, V, O, E> Clone for FetchCache<K, V, O, E> {
    fn clone(&self) -> Self {
        Self { entries: self.entries.clone(), flights: Arc::clone(&self.flights) }
    }
}

/// Neither keys nor values: they may be a tenant's.
impl<K, V, O, E> fmt::Debug for FetchCache<K, V, O, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FetchCache").finish_non_exhaustive()
    }
}
