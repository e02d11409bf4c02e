//! One future that several callers wait for, and that whoever of them is polled carries on.
//!
//! As `futures_util::future::Shared`, but without its [missed wake-up](https://github.com/rust-lang/futures-rs/issues/2706):
//! there a wake that falls into a poll is the polling caller's alone, and is lost with it.

use std::collections::BTreeMap;
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::future::BoxFuture;

/// A caller's hold on the future. When the last is dropped, so is the future.
pub(super) struct Flight<T> {
    shared: Arc<Shared<T>>,
    /// Under which the waker lies.
    ticket: u64,
}

/// A hold that keeps nothing alive.
pub(super) struct WeakFlight<T>(Weak<Shared<T>>);

struct Shared<T> {
    progress: Mutex<Progress<T>>,
    bell: Arc<Bell>,
}

enum Progress<T> {
    Waits(BoxFuture<'static, T>),
    /// Some caller polls it at this moment.
    IsPolled,
    Landed(T),
}

impl<T> Flight<T> {
    /// Begins with the first poll. The future must not panic: there would be nothing to tell the others.
    pub(super) fn new(future: BoxFuture<'static, T>) -> Self {
        let progress = Mutex::new(Progress::Waits(future));
        Self::hold(Arc::new(Shared { progress, bell: Arc::default() }))
    }

    pub(super) fn downgrade(&self) -> WeakFlight<T> {
        WeakFlight(Arc::downgrade(&self.shared))
    }

    fn hold(shared: Arc<Shared<T>>) -> Self {
        let ticket = shared.bell.lock().admit();
        Self { shared, ticket }
    }
}

impl<T> WeakFlight<T> {
    pub(super) fn upgrade(&self) -> Option<Flight<T>> {
        self.0.upgrade().map(Flight::hold)
    }
}

impl<T: Clone> Future for Flight<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let Shared { progress, bell } = &*self.shared;
        // Before looking: whoever lands it, or puts it back, from here on rings for this caller, too.
        bell.lend(self.ticket, context.waker());
        let mut future = match progress_of(progress).take() {
            Progress::Waits(future) => future,
            Progress::IsPolled => return Poll::Pending,
            Progress::Landed(value) => return Poll::Ready(value),
        };
        bell.lock().has_rung = false;
        let polled = future.as_mut().poll(&mut Context::from_waker(&Waker::from(Arc::clone(bell))));
        match polled {
            Poll::Ready(value) => {
                *progress_of(progress) = Progress::Landed(value.clone());
                bell.ring();
                Poll::Ready(value)
            }
            Poll::Pending => {
                *progress_of(progress) = Progress::Waits(future);
                // Whoever came by during the poll found nothing to do; this caller may never be polled again.
                if bell.lock().has_rung {
                    bell.ring();
                }
                Poll::Pending
            }
        }
    }
}

impl<T> Drop for Flight<T> {
    fn drop(&mut self) {
        self.shared.bell.dismiss(self.ticket);
    }
}

impl<T: Clone> Progress<T> {
    /// What there is to do now, which is this caller's from here on.
    fn take(&mut self) -> Self {
        match self {
            Self::Landed(value) => Self::Landed(value.clone()),
            Self::Waits(_) | Self::IsPolled => mem::replace(self, Self::IsPolled),
        }
    }
}

/// Every change leaves it whole, so a panic of another holder leaves nothing half done.
fn progress_of<T>(progress: &Mutex<Progress<T>>) -> MutexGuard<'_, Progress<T>> {
    progress.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Wakes all callers at once: any of them may be gone before it is polled. A waker is anybody's code, so none is woken or
/// dropped under the lock.
#[derive(Default)]
struct Bell(Mutex<Callers>);

#[derive(Default)]
struct Callers {
    admitted: u64,
    wakers: BTreeMap<u64, Waker>,
    /// Whether it has rung since the last poll began.
    has_rung: bool,
}

impl Bell {
    fn lock(&self) -> MutexGuard<'_, Callers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lend(&self, ticket: u64, waker: &Waker) {
        let _before = self.lock().wakers.insert(ticket, waker.clone());
    }

    fn dismiss(&self, ticket: u64) {
        let _waker = self.lock().wakers.remove(&ticket);
    }

    fn ring(&self) {
        let wakers = {
            let mut callers = self.lock();
            callers.has_rung = true;
            mem::take(&mut callers.wakers)
        };
        wakers.into_values().for_each(Waker::wake);
    }
}

impl Callers {
    fn admit(&mut self) -> u64 {
        self.admitted = self.admitted.wrapping_add(1);
        self.admitted
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.ring();
    }
}
