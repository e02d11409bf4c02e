//! What the connections through a link are subject to.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

/// The directions in which nothing arrives any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blackhole {
    /// Neither side hears the other.
    Both,
    /// The server hears nothing; what it sends arrives.
    ToServer,
    /// The client hears nothing; what it sends arrives.
    ToClient,
}

/// One of the two ways through a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the server.
    ToServer,
    /// From the server to the client.
    ToClient,
}

/// What holds for every connection.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Weather {
    pub(super) blackhole: Option<Blackhole>,
    pub(super) delay: Duration,
    /// Bytes per second, for each connection and direction.
    pub(super) throttle: Option<u32>,
    /// Connections with a smaller number are silent for ever.
    pub(super) frozen_below: usize,
}

/// How often in a second a throttled direction delivers something.
const SLICES_PER_SECOND: u32 = 20;

impl Weather {
    /// Whether this direction of this connection delivers nothing.
    pub(super) fn holds(&self, number: usize, direction: Direction) -> bool {
        let swallowed = match self.blackhole {
            None => false,
            Some(Blackhole::Both) => true,
            Some(Blackhole::ToServer) => direction == Direction::ToServer,
            Some(Blackhole::ToClient) => direction == Direction::ToClient,
        };
        swallowed || number < self.frozen_below
    }

    /// How many of these bytes go at once, and how long the next have to wait.
    pub(super) fn pace(&self, length: usize) -> (usize, Duration) {
        let Some(rate) = self.throttle else { return (length, Duration::ZERO) };
        let slice = (rate / SLICES_PER_SECOND).max(1);
        let slice = u32::try_from(length).unwrap_or(u32::MAX).min(slice);
        (usize::try_from(slice).unwrap_or(length), Duration::from_secs(1) * slice / rate.max(1))
    }
}

/// Blows after so many bytes in one direction, once.
#[derive(Default)]
pub(super) struct Fuse {
    left: Mutex<Option<(Direction, usize)>>,
    blown: Notify,
}

impl Fuse {
    pub(super) fn arm(&self, direction: Direction, bytes: usize) {
        *self.left.lock().unwrap_or_else(PoisonError::into_inner) = Some((direction, bytes));
    }

    /// Whether it waits for its bytes.
    pub(super) fn is_armed(&self) -> bool {
        self.left.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// How many of these bytes may still pass. It blows when that is not all of them.
    pub(super) fn burn(&self, direction: Direction, bytes: usize) -> usize {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((_, rest)) = left.as_mut().filter(|(armed, _)| *armed == direction) else { return bytes };
        if bytes <= *rest {
            *rest -= bytes;
            return bytes;
        }
        let passes = *rest;
        *left = None;
        self.blown.notify_one();
        passes
    }

    /// Waits until it blows.
    pub(super) async fn blown(&self) {
        self.blown.notified().await;
    }
}
