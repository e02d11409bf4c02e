//! A fault from its beginning to its end: how soon a store notices, how soon it converges, and that meanwhile it shows
//! only what was published, in that order, with nothing blanked, widened, revived or taken back.
//!
//! Knows no store: whoever watches one tells what is seen, as a [`Witness`].

mod course;
mod document;
mod figures;
mod judge;
mod sight;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use self::course::Course;
pub use self::document::{SHORT, SHORT_LIFE, document};
pub use self::figures::Figures;
pub use self::sight::Sight;
use crate::stall;
use crate::wait::eventually;

/// How soon a fault must show. The contract says 10 s; the rest is for a machine with other things to do.
pub const NOTICED_WITHIN: Duration = Duration::from_millis(10_500);

/// How soon after the end of a fault the present value must show.
pub const CONVERGED_WITHIN: Duration = Duration::from_secs(15);

/// What a store goes through. It is told what is published, and what its witnesses see; each of them is judged on its
/// own.
pub struct Ordeal {
    fault: String,
    course: Mutex<Course>,
}

impl Ordeal {
    /// A fault that begins now, for a store in which `shown` is in force: ids, joined by blanks.
    pub fn new(fault: impl Into<String>, shown: &str) -> Self {
        stall::watch();
        Self { fault: fault.into(), course: Mutex::new(Course::new(shown)) }
    }

    /// One more who looks, and must see something.
    pub fn witness(self: &Arc<Self>, who: &'static str) -> Witness {
        Witness { ordeal: Arc::clone(self), place: self.course().joined_by(who) }
    }

    /// From now on the store may show this. To be called before it is written.
    pub fn publish(&self, ids: &str) {
        self.course().published.push(ids.to_owned());
    }

    /// What should be in force in the end.
    pub fn newest(&self) -> String {
        self.course().published.last().cloned().unwrap_or_default()
    }

    /// How many were published, and followed by what shows, without ever showing to anyone.
    pub fn skipped(&self) -> usize {
        self.course().skipped()
    }

    /// The store has reported that it follows another cluster.
    pub fn reports_another_cluster(&self) {
        self.course().cluster_changes += 1;
    }

    /// How often it has.
    pub fn cluster_changes(&self) -> u32 {
        self.course().cluster_changes
    }

    /// How often readers have seen the revision decrease.
    pub fn decreases(&self) -> u32 {
        self.course().decreases()
    }

    /// The fault begins now, not when this was made.
    pub fn begins(&self) {
        self.began_at(Instant::now());
    }

    /// The fault began then.
    pub fn began_at(&self, began: Instant) {
        self.course().began = began;
    }

    /// Waits until the store notices.
    ///
    /// # Panics
    ///
    /// When it takes longer than [`NOTICED_WITHIN`] from the beginning of the fault, and as much as the machine stood
    /// still meanwhile.
    pub async fn noticed(&self, mut notices: impl FnMut() -> bool) {
        self.noticed_at(|| notices().then(Instant::now)).await;
    }

    /// The same where it can be told when it did: whoever looks may be late.
    ///
    /// # Panics
    ///
    /// As [`Ordeal::noticed`].
    pub async fn noticed_at(&self, mut when: impl FnMut() -> Option<Instant>) {
        let (began, mut at) = (self.course().began, None);
        // Beyond the bound, to see by how much it was missed, and whether by the machine.
        let left = (NOTICED_WITHIN * 2).saturating_sub(began.elapsed());
        let notices = || {
            at = when();
            at.is_some()
        };
        eventually(&format!("{}: the store notices", self.fault), left, notices).await;
        let at = at.unwrap_or_else(Instant::now);
        let (took, late) = (at.saturating_duration_since(began), stall::beside(began, at));
        assert!(
            took < NOTICED_WITHIN + late,
            "{}: noticed only after {took:?}, the machine late by {late:?}",
            self.fault
        );
        self.course().figures.noticed(took);
    }

    /// The fault ends now.
    pub fn stops(&self) {
        self.stopped_at(Instant::now());
    }

    /// The fault ended then.
    pub fn stopped_at(&self, stopped: Instant) {
        self.course().stopped = Some(stopped);
    }

    /// What is to come takes so long by itself, and so much later it may show.
    pub fn transfers(&self, transfer: Duration) {
        self.course().transfer = transfer;
    }

    /// Waits until the store has converged, and all witnesses have seen what was published last.
    ///
    /// # Panics
    ///
    /// When it takes longer than [`CONVERGED_WITHIN`] from the end of the fault, which is now if nobody has said, and as
    /// much as the machine stood still meanwhile; and as soon as something was seen that must not be.
    pub async fn converged(&self, mut has: impl FnMut() -> bool) {
        let (stopped, limit) = self.course().convergence();
        let left = (limit * 2).saturating_sub(stopped.elapsed());
        let has = || !self.course().violations().is_empty() || (has() && self.course().newest_is_seen());
        eventually(&format!("{}: the store converges", self.fault), left, has).await;
        self.goes_well();
        self.has_converged();
    }

    /// The store has converged just now.
    ///
    /// # Panics
    ///
    /// As [`Ordeal::converged`].
    pub fn has_converged(&self) {
        let mut course = self.course();
        let (stopped, limit) = course.convergence();
        let (took, late) = (stopped.elapsed(), stall::since(stopped));
        assert!(
            took < limit + late,
            "{}: converged only after {took:?}, the machine late by {late:?}",
            self.fault
        );
        course.figures.converged(took);
    }

    /// # Panics
    ///
    /// If so far something was seen that must not be.
    pub fn goes_well(&self) {
        let wrong = self.course().violations();
        assert!(wrong.is_empty(), "{}: {wrong:#?}", self.fault);
    }

    /// Ends it, after the store should have reported so many changes of the cluster.
    ///
    /// # Panics
    ///
    /// If something was seen that must not be, nothing was seen at all, or another number of changes was reported.
    pub fn ends(&self, cluster_changes: u32) -> Figures {
        let wrong = self.course().verdict(cluster_changes);
        assert!(wrong.is_empty(), "{}: {wrong:#?}", self.fault);
        self.course().figures
    }

    /// The fault and its figures in one line.
    pub fn line(&self) -> String {
        format!("{} | {}", self.fault, self.course().figures)
    }

    /// A panic of another thread leaves nothing half done here.
    fn course(&self) -> MutexGuard<'_, Course> {
        self.course.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One who looks at a store all the time, or at all that it puts in force.
pub struct Witness {
    ordeal: Arc<Ordeal>,
    place: usize,
}

impl Witness {
    /// To be called with what is seen, in that order. Does not panic: it is called in the store's own task.
    pub fn sees(&self, sight: Sight) {
        self.ordeal.course().seen_by(self.place, sight);
    }
}

#[cfg(test)]
mod tests;
