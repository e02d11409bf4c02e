//! What a case publishes, in order, and the judge of what a reader sees of it: nothing blanked, widened, revived or
//! taken back.

use std::sync::{Mutex, MutexGuard, PoisonError};

use aldis_etcd::{DiagLevel, DirectiveSet, Request, Snapshot, UnixMillis};
use serde::{Deserialize, Serialize};

/// The scope of every case.
pub(crate) const SCOPE: &str = "faults/";

/// The key whose document changes.
pub(crate) const NUMBER: &str = "faults/number";

/// A key whose document is published once, and ends by itself soon after it was first seen.
pub(crate) const SHORT: &str = "faults/short";

const SHORT_LIFE_SECS: u64 = 3;

/// A document of one directive, for the tenant of this name, with blanks behind it.
pub(crate) fn document(id: &str, tenant: &str, ttl_secs: u64, blanks: usize) -> String {
    let document = format!(
        r#"{{"directives":[{{"id":"{id}","level":"Shape","ttl_secs":{ttl_secs},"tenant":"{tenant}"}}]}}"#
    );
    document + &" ".repeat(blanks)
}

/// The document with this number.
pub(crate) fn numbered(number: u32, blanks: usize) -> String {
    document(&format!("n{number}"), "acme", 600, blanks)
}

pub(crate) fn short() -> String {
    document("short", "short", SHORT_LIFE_SECS, 0)
}

/// What has been published under [`NUMBER`], each step before it is: a number, or nothing.
#[derive(Debug, Default)]
pub(crate) struct Story(Mutex<Vec<Option<u32>>>);

impl Story {
    /// The next number.
    pub(crate) fn next(&self) -> u32 {
        let mut steps = self.steps();
        let number = steps.iter().flatten().max().map_or(1, |number| number + 1);
        steps.push(Some(number));
        number
    }

    /// The document is gone, or about to be.
    pub(crate) fn nothing(&self) {
        self.steps().push(None);
    }

    /// What should be in force in the end.
    pub(crate) fn newest(&self) -> Option<u32> {
        self.steps().last().copied().flatten()
    }

    /// The first place, from this one on, at which this was published.
    fn place(&self, from: usize, number: Option<u32>) -> Option<usize> {
        self.steps().iter().enumerate().skip(from).find(|(_, step)| **step == number).map(|(place, _)| place)
    }

    fn steps(&self) -> MutexGuard<'_, Vec<Option<u32>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a reader sees at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sight {
    pub(crate) revision: u64,
    /// The number of the document that decides for its tenant.
    pub(crate) number: Option<u32>,
    /// Whether the short one is still on.
    pub(crate) short: bool,
    /// Whether tenants that nobody published anything for are watched.
    pub(crate) others: bool,
    /// How many directives belong to neither document.
    pub(crate) bystanders: usize,
}

impl Sight {
    pub(crate) fn of(snapshot: &Snapshot, now: UnixMillis) -> Self {
        let on = |tenant| level(&snapshot.set, tenant, now) != DiagLevel::Off;
        let number = snapshot.set.iter().find_map(|directive| directive.id.strip_prefix('n')?.parse().ok());
        let ours = |id: &str| id.starts_with('n') || id == "short";
        Self {
            revision: snapshot.revision.as_u64(),
            number: number.filter(|_| on(Some("acme"))),
            short: on(Some("short")),
            others: on(Some("other")) || on(None),
            bystanders: snapshot.set.iter().filter(|directive| !ours(&directive.id)).count(),
        }
    }
}

fn level(set: &DirectiveSet, tenant: Option<&str>, now: UnixMillis) -> DiagLevel {
    set.evaluate(&Request { tenant, ..Request::EMPTY }, now).level
}

/// Looks at one sight after the other.
#[derive(Debug, Default)]
pub(crate) struct Judge {
    place: usize,
    last: Option<Sight>,
    short_is_over: bool,
    /// How often the revision has decreased. It may once for each change of the cluster.
    pub(crate) decreases: u32,
    /// How many sights there were.
    pub(crate) sights: u64,
    pub(crate) violations: Vec<String>,
}

impl Judge {
    pub(crate) fn see(&mut self, story: &Story, sight: Sight) {
        self.sights += 1;
        let last = self.last.replace(sight).unwrap_or(sight);
        if last == sight && self.sights > 1 {
            return;
        }
        match story.place(self.place, sight.number) {
            Some(place) => self.place = place,
            None if sight.number.is_none() => self.violate("blanked", last, sight),
            None => self.violate("taken back", last, sight),
        }
        self.short_is_over |= last.short && !sight.short;
        for (what, is_so) in [
            ("widened", sight.others),
            ("revived", sight.short && self.short_is_over),
            ("not whole", sight.bystanders != last.bystanders && sight.number.is_some()),
        ] {
            if is_so {
                self.violate(what, last, sight);
            }
        }
        self.decreases += u32::from(sight.revision < last.revision);
    }

    fn violate(&mut self, what: &str, last: Sight, sight: Sight) {
        self.violations.push(format!("{what}: {last:?}, then {sight:?}"));
    }
}
