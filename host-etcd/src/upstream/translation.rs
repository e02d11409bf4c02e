//! What a relay tells, in the store's time.
//!
//! A relay tells ends by the wall clock. While the store's clock is [ahead](crate::clock) of that, a directive that is new
//! is later by the lead; one that was there before is as it was, so that what has expired does not come back by an image
//! that is new for another's sake.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use aldis_core::{Directive, DirectiveSet};

use crate::mirror::{NEGLIGIBLE_LEAD, Snapshot, later};

/// What was told last, and by how much each of its directives is later here.
#[derive(Debug, Default)]
pub(super) struct Translation {
    told: Option<Arc<Snapshot>>,
    /// In the order of the set; empty: none is.
    leads: Vec<Duration>,
}

impl Translation {
    /// What was told, by a clock with this lead. Costs nothing unless there is one, or was.
    pub(super) fn of(&mut self, told: Arc<Snapshot>, lead: Duration) -> Arc<Snapshot> {
        let leads = match lead < NEGLIGIBLE_LEAD && self.leads.is_empty() {
            true => Vec::new(),
            false => self.leads_of(told.told(), lead),
        };
        self.leads = leads;
        self.told = Some(Arc::clone(&told));
        self.translated(&told)
    }

    /// The same again, if the wall clock has come forward: ends come nearer by as much.
    pub(super) fn catch_up(&mut self, lead: Duration) -> Option<Arc<Snapshot>> {
        let largest = *self.leads.iter().max()?;
        if largest < lead.saturating_add(NEGLIGIBLE_LEAD) {
            return None;
        }
        self.leads.iter_mut().for_each(|had| *had = (*had).min(lead));
        self.told.as_ref().map(|told| self.translated(told))
    }

    fn leads_of(&self, told: &DirectiveSet, lead: Duration) -> Vec<Duration> {
        let before = self.told.iter().flat_map(|before| before.told().iter());
        let had = self.leads.iter().copied().chain(std::iter::repeat(Duration::ZERO));
        let mut known: HashMap<String, Vec<(Directive<'_>, Duration)>> = HashMap::new();
        for (directive, had) in before.zip(had) {
            known.entry(directive.id.to_string()).or_default().push((directive, had));
        }
        let lead_of = |directive: Directive<'_>| {
            let mut same = known.get(&*directive.id).into_iter().flatten();
            same.find(|(before, _)| *before == directive).map_or(lead, |(_, had)| lead.min(*had))
        };
        told.iter().map(lead_of).collect()
    }

    fn translated(&self, told: &Arc<Snapshot>) -> Arc<Snapshot> {
        if self.leads.iter().all(|lead| *lead < NEGLIGIBLE_LEAD) {
            return Arc::clone(told);
        }
        let directives = told.told().iter().zip(&self.leads).map(|(directive, lead)| later(directive, *lead));
        // A set of the same size always fits; should it not, the directives end early rather than late.
        match DirectiveSet::from_directives(directives) {
            Ok(set) => Arc::new(Snapshot::clone(told).translated(Arc::new(set))),
            Err(_) => Arc::clone(told),
        }
    }
}

#[cfg(test)]
mod tests {
    use aldis_core::UnixMillis;

    use super::*;
    use crate::kv::Revision;
    use crate::mirror::Digest;

    const HOUR: Duration = Duration::from_secs(3_600);

    /// Directives of these ids that end at the epoch's second hour.
    fn told(ids: &[&str]) -> Arc<Snapshot> {
        let directives = ids.iter().map(|id| {
            format!(r#"{{"id":"{id}","level":"Shape","expires_at":"1970-01-01T02:00:00Z","tenant":"acme"}}"#)
        });
        let document = format!(r#"{{"directives":[{}]}}"#, directives.collect::<Vec<_>>().join(","));
        let set = DirectiveSet::decode(document.as_bytes(), UnixMillis::new(0)).expect("is valid");
        Arc::new(Snapshot::new(Revision::new(1), Digest::of([]), Arc::new(set)))
    }

    /// The hours at which the directives end.
    fn hours(snapshot: &Snapshot) -> Vec<u64> {
        snapshot.set.iter().map(|directive| directive.expires_at.as_u64() / 3_600_000).collect()
    }

    #[test]
    fn without_a_lead_it_is_what_was_told() {
        let (mut translation, first, second) = (Translation::default(), told(&["a"]), told(&["a", "b"]));
        assert!(Arc::ptr_eq(&translation.of(Arc::clone(&first), Duration::ZERO), &first));
        assert!(Arc::ptr_eq(&translation.of(Arc::clone(&second), Duration::ZERO), &second));
        assert!(translation.catch_up(Duration::ZERO).is_none());
    }

    #[test]
    fn what_is_new_is_later_by_the_lead_and_what_was_there_is_as_it_was() {
        let mut translation = Translation::default();
        assert_eq!(hours(&translation.of(told(&["a"]), Duration::ZERO)), [2]);
        let both = translation.of(told(&["b", "a"]), 5 * HOUR);
        assert_eq!(
            (hours(&both), both.told()),
            (vec![7, 2], told(&["b", "a"]).told()),
            "others are told it so"
        );
        assert_eq!(hours(&translation.of(told(&["b", "c", "a"]), 4 * HOUR)), [6, 6, 2]);
        assert_eq!(hours(&translation.of(told(&["a", "d"]), 4 * HOUR)), [2, 6]);
    }

    #[test]
    fn ends_come_nearer_as_the_wall_clock_comes_forward() {
        let mut translation = Translation::default();
        assert_eq!(hours(&translation.of(told(&["a"]), 5 * HOUR)), [7]);
        assert!(translation.catch_up(5 * HOUR).is_none());
        assert_eq!(hours(&translation.catch_up(HOUR).expect("is nearer")), [3]);
        assert!(translation.catch_up(2 * HOUR).is_none(), "and stay so");
        assert_eq!(hours(&translation.catch_up(Duration::ZERO).expect("is nearer")), [2]);
        assert!(translation.catch_up(Duration::ZERO).is_none());
        assert_eq!(hours(&translation.of(told(&["b"]), Duration::ZERO)), [2]);
    }
}
