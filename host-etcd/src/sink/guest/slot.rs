//! One place for a guest: the instance, and what happens when it breaks.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};
use std::time::{Duration, Instant};

use aldis_abi::Stamp;
use aldis_core::{Decision, DirectiveSet, Request, UnixMillis};

use super::fault::{Fault, GuestError};
use super::instance::GuestInstance;
use super::{GuestDecision, GuestSink, MadeBy};
use crate::mirror::Snapshot;

/// The longest rest of a slot whose guests break one after the other.
const LONGEST_REST: Duration = Duration::from_secs(10);

/// A slot lies on cache lines of its own (two, since processors fetch pairs): threads in neighbouring slots share nothing.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct Slot {
    calls: AtomicU64,
    shadowed: AtomicU64,
    state: Mutex<State>,
}

/// What the holder of a slot's lock may touch.
#[derive(Debug, Default)]
pub(super) struct State {
    held: Option<Held>,
    /// Faults without a good answer in between.
    failures: u32,
    rest_until: Option<Instant>,
}

/// A guest, and the set that it holds for certain.
#[derive(Debug)]
struct Held {
    guest: GuestInstance,
    set: Loaded,
}

/// What a guest's set is a copy of, for as long as it is.
#[derive(Debug)]
struct Loaded {
    made_by: MadeBy,
    empty: bool,
    /// Kept for the shadow, and only where there is one.
    native: Option<Arc<DirectiveSet>>,
}

impl Slot {
    pub(super) fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Those of the calls that were decided natively as well.
    pub(super) fn shadowed(&self) -> u64 {
        self.shadowed.load(Ordering::Relaxed)
    }

    /// Bytes of the guest's memory; `None` without a guest.
    pub(super) fn memory_bytes(&self) -> Option<usize> {
        self.lock().held.as_ref().map(|held| held.guest.memory_bytes())
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| self.mend(poisoned.into_inner()))
    }

    /// `None` if another thread has it.
    pub(super) fn try_lock(&self) -> Option<MutexGuard<'_, State>> {
        match self.state.try_lock() {
            Ok(state) => Some(state),
            Err(TryLockError::Poisoned(poisoned)) => Some(self.mend(poisoned.into_inner())),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// A thread that panicked inside a call may have left the instance in any state: it is not used again.
    fn mend<'s>(&'s self, mut state: MutexGuard<'s, State>) -> MutexGuard<'s, State> {
        state.held = None;
        self.state.clear_poison();
        state
    }

    /// Decides on the guest of this slot, or on a new one if it broke before.
    pub(super) fn decide(
        &self,
        state: &mut State,
        sink: &GuestSink,
        request: &Request<'_>,
        now: UnixMillis,
    ) -> GuestDecision {
        let Some(held) = state.held_or_new(sink) else {
            sink.counters.not_ready();
            return GuestDecision::NOT_MADE;
        };
        let Held { guest, set } = held;
        let made_by = Some(set.made_by);
        if set.empty {
            return GuestDecision { decision: Decision::OFF, made_by };
        }
        match guest.evaluate(request, now) {
            Ok(decision) => {
                self.answered(sink, set, decision, |native| native.evaluate(request, now));
                state.failures = 0;
                GuestDecision { decision, made_by }
            }
            Err(GuestError::TooLong) => {
                sink.counters.too_long();
                GuestDecision::NOT_MADE
            }
            Err(GuestError::Refused { .. }) => {
                state.drop_guest(sink, &Fault::Nonsense("it refused a request in the right form"))
            }
            Err(GuestError::Fault(fault)) => state.drop_guest(sink, &fault),
        }
    }

    /// Counts a call that the guest answered. Where there is a shadow, and it is this call's turn, the native core decides
    /// as well.
    fn answered(
        &self,
        sink: &GuestSink,
        set: &Loaded,
        guest: Decision,
        decide: impl FnOnce(&DirectiveSet) -> Decision,
    ) {
        let call = count_alone(&self.calls);
        let Some((shadow, native)) = sink.shadow.as_ref().zip(set.native.as_ref()) else { return };
        if shadow.is_due(call) {
            count_alone(&self.shadowed);
            shadow.compare(set.made_by, guest, decide(native), &sink.counters);
        }
    }

    /// Loads `next` here first, and makes it the current one. If that does not work, the slot goes on with the set that is
    /// still current.
    pub(super) fn try_snapshot(&self, sink: &GuestSink, next: &Arc<Snapshot>) -> Result<(), GuestError> {
        let mut state = self.lock();
        let result = state.load(sink, next);
        match &result {
            Ok(()) => sink.put_in_force(next),
            Err(error) => {
                sink.counters.refused_set(error);
                state.held_or_new(sink);
            }
        }
        result
    }

    /// Loads `next`, which another slot holds already. If that does not work, this slot is empty, rather than deciding by
    /// a set that is no longer current, and the next evaluation tries again.
    pub(super) fn follow(&self, sink: &GuestSink, next: &Arc<Snapshot>) {
        let mut state = self.lock();
        if let Err(error) = state.load(sink, next) {
            state.held = None;
            state.rest();
            tracing::warn!(reason = %error, "a guest does not take a set that another one took");
        }
    }
}

impl State {
    /// The guest; if there is none and the slot does not rest, a new one with the current set.
    fn held_or_new(&mut self, sink: &GuestSink) -> Option<&mut Held> {
        if self.held.is_none() {
            if self.rest_until.is_some_and(|until| Instant::now() < until) {
                return None;
            }
            let current = sink.current()?;
            match Held::new(sink, &current) {
                Ok(held) => self.hold(sink, held),
                Err(error) => self.did_not_start(sink, &error),
            }
        }
        self.held.as_mut()
    }

    /// Loads into the guest that is here, and if that one cannot, into a new one: memory that ran full or a broken
    /// instance must not keep a good set out.
    fn load(&mut self, sink: &GuestSink, next: &Arc<Snapshot>) -> Result<(), GuestError> {
        if let Some(mut held) = self.held.take() {
            match held.load(sink, next) {
                Ok(()) => {
                    self.held = Some(held);
                    return Ok(());
                }
                Err(GuestError::Fault(fault)) => {
                    sink.counters.fault(&fault);
                    self.failures = self.failures.saturating_add(1);
                }
                Err(GuestError::Refused { .. } | GuestError::TooLong) => self.held = Some(held),
            }
        }
        Held::new(sink, next).map(|held| self.hold(sink, held)).inspect_err(|error| {
            if let GuestError::Fault(fault) = error {
                sink.counters.fault(fault);
            }
        })
    }

    fn hold(&mut self, sink: &GuestSink, held: Held) {
        self.held = Some(held);
        self.rest_until = None;
        if self.failures > 0 {
            sink.counters.replacement();
        }
    }

    fn drop_guest(&mut self, sink: &GuestSink, fault: &Fault) -> GuestDecision {
        sink.counters.fault(fault);
        self.held = None;
        self.rest();
        GuestDecision::NOT_MADE
    }

    fn did_not_start(&mut self, sink: &GuestSink, error: &GuestError) {
        if let GuestError::Fault(fault) = error {
            sink.counters.fault(fault);
        }
        self.rest();
    }

    /// The first fault costs one decision; a guest that breaks on every one must not make every request pay for an
    /// instance and a deadline.
    fn rest(&mut self) {
        let doublings = self.failures.min(20);
        self.failures = self.failures.saturating_add(1);
        let rest = Duration::from_millis((1 << doublings) - 1).min(LONGEST_REST);
        self.rest_until = Instant::now().checked_add(rest);
    }
}

impl Held {
    fn new(sink: &GuestSink, snapshot: &Snapshot) -> Result<Self, GuestError> {
        let mut guest = sink.engine.instantiate()?;
        load(&mut guest, snapshot)?;
        Ok(Self { guest, set: Loaded::of(sink, snapshot) })
    }

    fn load(&mut self, sink: &GuestSink, snapshot: &Snapshot) -> Result<(), GuestError> {
        load(&mut self.guest, snapshot)?;
        self.set = Loaded::of(sink, snapshot);
        Ok(())
    }
}

impl Loaded {
    fn of(sink: &GuestSink, snapshot: &Snapshot) -> Self {
        Self {
            made_by: MadeBy::of(snapshot),
            empty: snapshot.set.is_empty(),
            native: sink.shadow.is_some().then(|| Arc::clone(&snapshot.set)),
        }
    }
}

impl MadeBy {
    const fn of(snapshot: &Snapshot) -> Self {
        Self { revision: snapshot.revision, digest: snapshot.digest }
    }
}

fn load(guest: &mut GuestInstance, snapshot: &Snapshot) -> Result<(), GuestError> {
    let stamp = Stamp { revision: snapshot.revision.as_u64(), digest: *snapshot.digest.as_bytes() };
    let directives = guest.load_image(snapshot.set.as_image(), stamp)?;
    if directives == snapshot.set.len() {
        Ok(())
    } else {
        Err(Fault::Nonsense("it counts other directives than the host").into())
    }
}

/// Counts one more, and says how many were counted before. Only the holder of the slot's lock counts, so this needs no
/// atomic addition.
fn count_alone(counter: &AtomicU64) -> u64 {
    let before = counter.load(Ordering::Relaxed);
    counter.store(before.wrapping_add(1), Ordering::Relaxed);
    before
}

#[cfg(test)]
#[cfg(feature = "guest")]
mod tests {
    use std::num::NonZeroUsize;

    use super::super::{GuestEngine, GuestLimits};
    use super::*;
    use crate::kv::Revision;
    use crate::mirror::Digest;

    fn snapshot(revision: u64) -> Arc<Snapshot> {
        let document = br#"{"directives":[{"id":"a","level":"Shape","ttl_secs":60,"tenant":"acme"}]}"#;
        let set = DirectiveSet::decode(document, UnixMillis::new(0)).expect("is valid");
        let digest = Digest::of([(&b"key"[..], &document[..])]);
        Arc::new(Snapshot::new(Revision::new(revision), digest, Arc::new(set)))
    }

    /// Between the first guest's and the others'.
    #[test]
    fn a_guest_that_breaks_before_the_others_have_the_set_is_replaced_by_one_that_has_it() {
        let engine = GuestEngine::embedded(GuestLimits::STANDARD).expect("is compiled");
        let sink = GuestSink::new(engine, NonZeroUsize::MIN);
        sink.try_apply(&snapshot(1)).expect("is a good set");
        let [slot] = &*sink.slots else { panic!("one was asked for") };
        slot.try_snapshot(&sink, &snapshot(2)).expect("is a good set");
        let mut state = slot.lock();
        state.held = None;
        let decided = slot.decide(&mut state, &sink, &Request::EMPTY, UnixMillis::new(1));
        assert_eq!(decided.made_by.map(|set| set.revision), Some(Revision::new(2)));
    }
}
