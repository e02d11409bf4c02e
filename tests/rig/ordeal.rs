//! A fault from its beginning to its end: how soon a store notices, how soon it converges, and that meanwhile it shows
//! only what was published, in that order.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use aldis_core::DirectiveSet;

use crate::wait::eventually;

/// How soon a fault must show. The contract says 10 s; the rest is for a machine with other things to do.
pub const NOTICED_WITHIN: Duration = Duration::from_millis(10_500);

/// How soon after the end of a fault the present value must show.
pub const CONVERGED_WITHIN: Duration = Duration::from_secs(15);

/// What a store goes through. It is told what is published, and what the store puts in force; the first that was not
/// published, or had already been replaced, fails the test.
pub struct Ordeal {
    fault: String,
    course: Mutex<Course>,
}

struct Course {
    /// What may show, in order. What shows never goes back.
    published: Vec<String>,
    /// The place of what shows.
    shown: usize,
    /// How many were published and never showed.
    skipped: usize,
    violation: Option<String>,
    began: Instant,
    noticed: Option<Duration>,
    stopped: Option<Instant>,
}

impl Ordeal {
    /// A fault that begins now, for a store in which `shown` is in force: ids, joined by blanks.
    pub fn new(fault: impl Into<String>, shown: &str) -> Self {
        let course = Course {
            published: vec![shown.to_owned()],
            shown: 0,
            skipped: 0,
            violation: None,
            began: Instant::now(),
            noticed: None,
            stopped: None,
        };
        Self { fault: fault.into(), course: Mutex::new(course) }
    }

    /// The fault begins now, not when this was made.
    pub fn begins(&self) {
        self.course().began = Instant::now();
    }

    /// From now on the store may show this. To be called before it is written.
    pub fn publish(&self, ids: &str) {
        self.course().published.push(ids.to_owned());
    }

    /// To be called with each set that the store puts in force, by a sink of it. Does not panic: it is called in the
    /// store's own task.
    pub fn saw(&self, set: &DirectiveSet) {
        let ids = set.iter().map(|directive| directive.id.into_owned()).collect::<Vec<_>>().join(" ");
        let mut course = self.course();
        let allowed = course.published.get(course.shown..).unwrap_or_default();
        match allowed.iter().position(|published| *published == ids) {
            Some(ahead) => {
                course.shown += ahead;
                course.skipped += ahead.saturating_sub(1);
            }
            None => {
                let violation = format!("{ids:?} shows, where only {allowed:?} may");
                course.violation.get_or_insert(violation);
            }
        }
    }

    /// How many were published, and followed by what shows, without ever showing.
    pub fn skipped(&self) -> usize {
        self.course().skipped
    }

    /// Waits until the store notices.
    ///
    /// # Panics
    ///
    /// When it takes longer than [`NOTICED_WITHIN`] from the beginning of the fault.
    pub async fn noticed(&self, notices: impl FnMut() -> bool) {
        let began = self.course().began;
        let left = NOTICED_WITHIN.saturating_sub(began.elapsed());
        eventually(&format!("{}: the store notices", self.fault), left, notices).await;
        self.course().noticed = Some(began.elapsed());
    }

    /// The fault ends now.
    pub fn stops(&self) {
        self.course().stopped = Some(Instant::now());
    }

    /// Waits until the store has converged, and says in one line how it went.
    ///
    /// # Panics
    ///
    /// When it takes longer than [`CONVERGED_WITHIN`] from the end of the fault, or if meanwhile something showed that
    /// must not.
    pub async fn converged(&self, has: impl FnMut() -> bool) {
        let stopped = *self.course().stopped.get_or_insert_with(Instant::now);
        let left = CONVERGED_WITHIN.saturating_sub(stopped.elapsed());
        eventually(&format!("{}: the store converges", self.fault), left, has).await;
        let took = stopped.elapsed();
        let (noticed, violation) = {
            let course = self.course();
            (course.noticed, course.violation.clone())
        };
        let noticed = noticed.map_or_else(|| "-".to_owned(), |noticed| format!("{noticed:.1?}"));
        eprintln!("{} | {noticed} | {took:.1?}", self.fault);
        if let Some(violation) = violation {
            panic!("{}: {violation}", self.fault);
        }
    }

    /// A panic of another thread leaves nothing half done here.
    fn course(&self) -> MutexGuard<'_, Course> {
        self.course.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aldis_core::UnixMillis;

    fn set(ids: &[&str]) -> DirectiveSet {
        let directives: Vec<String> = ids
            .iter()
            .map(|id| format!(r#"{{"id":"{id}","level":"Shape","ttl_secs":600,"tenant":"{id}"}}"#))
            .collect();
        let body = format!(r#"{{"directives":[{}]}}"#, directives.join(","));
        DirectiveSet::decode(body.as_bytes(), UnixMillis::new(0)).expect("is valid")
    }

    /// What is wrong with a store that shows these, one after the other, while `one`, `two` and nothing are published.
    fn violation(shown: &[&[&str]]) -> Option<String> {
        let ordeal = Ordeal::new("none", "one");
        ordeal.publish("two");
        ordeal.publish("");
        for ids in shown {
            ordeal.saw(&set(ids));
        }
        ordeal.course().violation.clone()
    }

    #[test]
    fn what_is_published_may_show_in_that_order_with_gaps_and_repeats() {
        assert_eq!(violation(&[&["one"], &["two"], &["two"], &[]]), None);
        assert_eq!(violation(&[&["one"], &[]]), None);
    }

    #[test]
    fn what_never_showed_is_counted() {
        let ordeal = Ordeal::new("none", "one");
        for ids in ["two", "three", "four"] {
            ordeal.publish(ids);
        }
        ordeal.saw(&set(&["two"]));
        assert_eq!(ordeal.skipped(), 0);
        ordeal.saw(&set(&["four"]));
        assert_eq!(ordeal.skipped(), 1);
    }

    #[test]
    fn what_is_taken_back_blanked_or_widened_is_noticed() {
        assert!(violation(&[&["two"], &["one"]]).is_some(), "taken back");
        assert!(violation(&[&[], &["two"]]).is_some(), "revived");
        assert!(violation(&[&["one", "two"]]).is_some(), "widened");
        let early = Ordeal::new("none", "one");
        early.saw(&set(&[]));
        early.publish("");
        assert!(early.course().violation.is_some(), "blanked before that was published");
    }

    #[tokio::test]
    #[should_panic(expected = "none: \"other\" shows, where only [\"one\"] may")]
    async fn a_store_that_showed_something_else_has_not_converged() {
        let ordeal = Ordeal::new("none", "one");
        ordeal.saw(&set(&["other"]));
        ordeal.converged(|| true).await;
    }

    #[tokio::test(start_paused = true)]
    #[should_panic(expected = "none: the store notices")]
    async fn a_store_that_never_notices_fails() {
        let ordeal = Ordeal::new("none", "one");
        // As if the fault had begun long ago: patience is measured by the wall clock.
        ordeal.course().began = Instant::now().checked_sub(NOTICED_WITHIN).expect("up for a while");
        ordeal.noticed(|| false).await;
    }
}
