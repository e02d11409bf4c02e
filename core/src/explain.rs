//! The same walk as `evaluate`, over every directive, saying why and why not.

use crate::directive::DirectiveIndex;
use crate::judge::{Buckets, WhyNot, judge};
use crate::request::{Request, RequestFacts};
use crate::set::{DirectiveSet, id};
use crate::time::UnixMillis;

/// What one directive has to do with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Explanation<'s> {
    /// Which directive.
    pub index: DirectiveIndex,
    /// Its id.
    pub id: &'s str,
    /// Whether it applies.
    pub outcome: Outcome<'s>,
}

/// Whether a directive applies to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome<'s> {
    /// It does.
    Applies,
    /// It does not, for this reason.
    Not(WhyNot<'s>),
}

impl DirectiveSet {
    /// Says for every directive, in document order, whether it applies to `request` at `now`, or the first reason why
    /// not. Always agrees with [`evaluate`](Self::evaluate). Cost: grows with the number of directives; allocates
    /// nothing.
    pub fn explain<'s>(
        &'s self,
        request: &'s Request<'s>,
        now: UnixMillis,
    ) -> impl Iterator<Item = Explanation<'s>> {
        self.explain_facts(request, now)
    }

    /// [`explain`](Self::explain), of a request in any form.
    pub fn explain_facts<'s>(
        &'s self,
        request: &'s impl RequestFacts,
        now: UnixMillis,
    ) -> impl Iterator<Item = Explanation<'s>> {
        let sections = self.sections();
        let buckets = Buckets::new();
        (0_u32..).zip(sections.records()).map(move |(place, record)| Explanation {
            index: DirectiveIndex::new(place),
            id: id(&sections, record),
            outcome: match judge(&sections, record, request, now, &buckets) {
                Ok(()) => Outcome::Applies,
                Err(why_not) => Outcome::Not(why_not),
            },
        })
    }
}
