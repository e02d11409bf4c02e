//! Guests: the core as a WebAssembly module in wasmtime, fed the same image as the native cache.
//!
//! ```text
//! GuestSink ── current: the set that all guests should hold
//!    ├── slot 0: Mutex<instance>     a thread takes the first slot that is free, beginning with its own
//!    └── slot n: Mutex<instance>     a broken instance is dropped, a new one gets `current`
//! GuestEngine ── the module, compiled once or loaded as what was compiled before, and the ticker behind every deadline
//! ```
//!
//! What is expected of a guest is nothing: it may loop, grow, trap or lie. Then that call answers `OFF`, the instance is
//! thrown away, and [`GuestReport`] says why. A lie that is in the right form shows only beside the native core:
//! [`GuestSink::shadow`].
//!
//! Compiling a guest takes a fifth of a second. [`GuestEngine::deserialize`] loads in less than a hundredth of that what
//! `aldis precompile`, `GuestEngine::precompile` or `GuestEngine::serialize` made before, and with the feature
//! `guest-runtime` in place of `guest` the compiler is not even linked. There is no directory in which the host keeps
//! such code by itself: whoever could write there would run what he likes in this process, so which place can be trusted
//! is yours to say.

use std::cell::Cell;
use std::num::{NonZeroU64, NonZeroUsize};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aldis_core::{Decision, Request, UnixMillis};

use super::{Sink, SinkError};
use crate::kv::Revision;
use crate::mirror::{Digest, Snapshot};

mod budget;
#[cfg(feature = "guest")]
mod compile;
mod contract;
mod counters;
mod engine;
mod fault;
mod instance;
mod precompiled;
mod shadow;
mod slot;
mod ticker;

#[cfg(feature = "guest")]
pub use compile::embedded_module;
pub use contract::{ContractError, check_contract};
pub use counters::GuestReport;
pub use engine::{EngineError, GuestEngine, GuestLimits};
pub use fault::{Fault, GuestError};
pub use instance::GuestInstance;
pub use precompiled::PrecompiledError;

use counters::Counters;
use shadow::Shadow;
use slot::{Slot, State};

/// Evaluates in guests, one instance per slot. `Send + Sync`: any thread may evaluate at any time.
///
/// Until the first set is applied, and while no guest is fit, every decision is [`Decision::OFF`].
#[derive(Debug)]
pub struct GuestSink {
    engine: GuestEngine,
    slots: Box<[Slot]>,
    /// What every guest should hold. Read when an instance is replaced, never on the way to a decision.
    current: Mutex<Option<Arc<Snapshot>>>,
    /// The current set is empty, or there is none: a decision needs no guest.
    nothing: AtomicBool,
    /// One update at a time.
    applying: Mutex<()>,
    counters: Counters,
    /// Off unless it is asked for.
    shadow: Option<Shadow>,
}

/// A decision, and which set made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GuestDecision {
    /// The decision; `decided_by` is a place in the set of `made_by`.
    pub decision: Decision,
    /// Which set decided. `None` if no guest was fit to decide, or the request is too long for the boundary; the decision
    /// is `OFF` then.
    pub made_by: Option<MadeBy>,
}

/// What a guest's set is a copy of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MadeBy {
    /// The snapshot's revision.
    pub revision: Revision,
    /// The snapshot's digest.
    pub digest: Digest,
}

impl GuestDecision {
    const NOT_MADE: Self = Self { decision: Decision::OFF, made_by: None };
}

impl GuestSink {
    /// A sink of `shards` guests; as many as threads will evaluate at once is right. They are instantiated when the
    /// first set is applied.
    #[must_use]
    pub fn new(engine: GuestEngine, shards: NonZeroUsize) -> Self {
        Self {
            engine,
            slots: (0..shards.get()).map(|_| Slot::default()).collect(),
            current: Mutex::new(None),
            nothing: AtomicBool::new(true),
            applying: Mutex::new(()),
            counters: Counters::default(),
            shadow: None,
        }
    }

    /// The same sink with a shadow: of the decisions of each shard the first, and then one in `one_in`, is made natively
    /// as well, from the very set that its guest holds and at the same `now`. [`GuestReport`] counts how many were
    /// compared, and how many differed.
    ///
    /// **A mismatch changes no decision**: the guest's stands. A fleet whose decisions depended on which request happened
    /// to be looked at would be worse to understand than one that is wrong alike, and which of the two is right, nobody
    /// here knows. It is for operators: `aldis.guest.shadow.mismatches` counts each, and a warning, at most one a minute,
    /// names revision and digest of the set, and both decisions. Of a sound guest there is none, so one is reason enough
    /// to look, and to decide natively meanwhile.
    ///
    /// Cost: a native evaluation for each that is compared; and what is compared with, the set of the native cache, lives
    /// as long as a guest holds its copy. Where traffic repeats itself, choose a number that its period does not divide
    /// into, such as 1009, or the same requests are looked at each time.
    #[must_use]
    pub fn shadow(mut self, one_in: NonZeroU64) -> Self {
        self.shadow = Some(Shadow::new(one_in));
        self
    }

    /// Decides. Never blocks longer than the deadline of a call times the threads that wait for the same slot, and with as
    /// many slots as threads never waits.
    pub fn evaluate(&self, request: &Request<'_>, now: UnixMillis) -> Decision {
        // An empty set is the usual state of a fleet, and answered here it costs no boundary.
        if self.nothing.load(Ordering::Acquire) {
            return Decision::OFF;
        }
        self.decide(request, now).decision
    }

    /// Decides, and says which set did.
    #[must_use]
    pub fn decide(&self, request: &Request<'_>, now: UnixMillis) -> GuestDecision {
        match self.check_out() {
            Some((slot, mut state)) => slot.decide(&mut state, self, request, now),
            None => GuestDecision::NOT_MADE,
        }
    }

    /// Puts a snapshot in force in every guest.
    ///
    /// The first guest tries it. Once that holds it, the others follow, and whichever cannot is replaced. During the
    /// call decisions come from the old set or from the new one; after it, from the new one.
    ///
    /// Cost: per guest one copy of the image and its validation.
    ///
    /// # Errors
    ///
    /// The guest does not take this set, not even a fresh instance of it. All guests keep the set they have.
    pub fn try_apply(&self, snapshot: &Arc<Snapshot>) -> Result<(), GuestError> {
        let _one = lock(&self.applying);
        self.counters.tell(&self.slots, self.shadow.is_some());
        let mut slots = self.slots.iter();
        if let Some(first) = slots.next() {
            first.try_snapshot(self, snapshot)?;
        }
        for slot in slots {
            slot.follow(self, snapshot);
        }
        Ok(())
    }

    /// What the guests went through. Waits for each guest in turn, so it is for whoever operates them, not for requests.
    #[must_use]
    pub fn report(&self) -> GuestReport {
        self.counters.report(&self.slots)
    }

    /// The first free slot, beginning with this thread's own; that one, however long it takes, if none is. There is
    /// always one.
    fn check_out(&self) -> Option<(&Slot, MutexGuard<'_, State>)> {
        let home = thread_number() % self.slots.len().max(1);
        let (before, from) = self.slots.split_at_checked(home)?;
        let free = from.iter().chain(before).find_map(|slot| Some((slot, slot.try_lock()?)));
        free.or_else(|| from.first().map(|own| (own, own.lock())))
    }

    /// From here on guests that are made anew hold this set. To be called while the first that holds it is locked: should it
    /// break at once, its successor must not hold the set before.
    fn put_in_force(&self, snapshot: &Arc<Snapshot>) {
        *lock(&self.current) = Some(Arc::clone(snapshot));
        self.nothing.store(snapshot.set.is_empty(), Ordering::Release);
    }

    fn current(&self) -> Option<Arc<Snapshot>> {
        lock(&self.current).clone()
    }
}

impl Sink for GuestSink {
    fn name(&self) -> &'static str {
        "guest"
    }

    fn apply(&self, snapshot: &Arc<Snapshot>) -> Result<(), SinkError> {
        self.try_apply(snapshot).map_err(|error| SinkError::new(error.to_string()))
    }
}

/// A number for this thread, given out in turn, so that threads spread over the slots.
fn thread_number() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    const UNKNOWN: usize = usize::MAX;
    thread_local! { static NUMBER: Cell<usize> = const { Cell::new(UNKNOWN) } }
    NUMBER.with(|number| {
        if number.get() == UNKNOWN {
            number.set(NEXT.fetch_add(1, Ordering::Relaxed));
        }
        number.get()
    })
}

/// Nothing behind these locks can be left half done by a panic: each is one assignment.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
