//! The fetches under way, at most one for each key.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::BoxFuture;

use super::flight::{Flight, WeakFlight};

/// The fetches under way. Held weakly, so that nobody but their callers keeps them alive.
pub(super) struct Flights<K, T> {
    under_way: Mutex<UnderWay<K, T>>,
}

struct UnderWay<K, T> {
    flights: HashMap<K, Entry<T>>,
    begun: u64,
}

struct Entry<T> {
    number: u64,
    flight: WeakFlight<T>,
}

/// A flight's entry, removed when it lands or is given up.
pub(super) struct Seat<K: Eq + Hash, T> {
    flights: Arc<Flights<K, T>>,
    key: K,
    number: u64,
}

impl<K, T> Default for Flights<K, T> {
    fn default() -> Self {
        Self { under_way: Mutex::new(UnderWay { flights: HashMap::new(), begun: 0 }) }
    }
}

impl<K: Clone + Eq + Hash, T: Clone> Flights<K, T> {
    /// The flight under way for this key, or the one that `begin` makes. It must keep its seat until it lands.
    pub(super) fn join_or_begin(
        self: &Arc<Self>,
        key: &K,
        begin: impl FnOnce(Seat<K, T>) -> BoxFuture<'static, T>,
    ) -> Flight<T> {
        let mut under_way = self.lock();
        if let Some(flight) = under_way.flights.get(key).and_then(|entry| entry.flight.upgrade()) {
            return flight;
        }
        let number = under_way.begun;
        under_way.begun = number.wrapping_add(1);
        let flight = Flight::new(begin(Seat { flights: Arc::clone(self), key: key.clone(), number }));
        under_way.flights.insert(key.clone(), Entry { number, flight: flight.downgrade() });
        flight
    }
}

impl<K, T> Flights<K, T> {
    /// Every change leaves the map whole, so a panic of another holder leaves nothing half done.
    fn lock(&self) -> MutexGuard<'_, UnderWay<K, T>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn count(&self) -> usize {
        self.lock().flights.len()
    }
}

impl<K: Eq + Hash, T> Drop for Seat<K, T> {
    fn drop(&mut self) {
        let mut under_way = self.flights.lock();
        // A flight that is given up may be succeeded before it is gone; the seat is not its own any more then.
        if under_way.flights.get(&self.key).is_some_and(|entry| entry.number == self.number) {
            under_way.flights.remove(&self.key);
        }
    }
}
