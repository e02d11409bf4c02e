//! The decision for one request: total, and without allocating.

use crate::decision::Decision;
use crate::directive::DirectiveIndex;
use crate::image::hash::{self, Key, Part};
use crate::image::layout::Sections;
use crate::image::{Group, LIST, Record, facts, flags};
use crate::judge::{Buckets, WhyNot, judge};
use crate::request::Request;
use crate::set::DirectiveSet;
use crate::time::UnixMillis;
use crate::vocabulary::DiagLevel;

/// Sets of up to this many directives are walked: hashing the request's facts would cost more.
const WALKED: usize = 3;

impl DirectiveSet {
    /// Decides how much to record of `request` at `now`.
    ///
    /// Cost: no allocation and no I/O. An empty set, or one whose last directive has ended, costs one comparison. A set of
    /// up to three directives is walked; of a larger one, each combination of facts that its directives ask for, and
    /// that this request can meet, costs one probe of a hash table, until nothing left could change the decision.
    #[inline]
    pub fn evaluate(&self, request: &Request<'_>, now: UnixMillis) -> Decision {
        if now.as_u64() >= self.sections().layout().latest_expiry() {
            return Decision::OFF;
        }
        self.decide(request, now)
    }

    fn decide(&self, request: &Request<'_>, now: UnixMillis) -> Decision {
        let walk = Walk::new(self.sections(), request, now);
        if self.len() <= WALKED { walk.every_directive() } else { walk.every_group() }
    }
}

/// A suppressing directive applies: nothing else matters.
struct Suppressed;

/// A directive does not apply, whatever the reason.
struct NotAtAll;

impl From<WhyNot<'_>> for NotAtAll {
    #[inline(always)]
    fn from(_: WhyNot<'_>) -> Self {
        Self
    }
}

struct Walk<'i, 'r> {
    sections: Sections<'i>,
    request: &'r Request<'r>,
    now: UnixMillis,
    buckets: Buckets,
    decision: Decision,
}

impl<'i, 'r> Walk<'i, 'r> {
    fn new(sections: Sections<'i>, request: &'r Request<'r>, now: UnixMillis) -> Self {
        Self { sections, request, now, buckets: Buckets::new(), decision: Decision::OFF }
    }

    fn every_directive(mut self) -> Decision {
        for (place, record) in (0_u32..).zip(self.sections.records()) {
            if let Err(Suppressed) = self.consider(place, record) {
                return Decision::OFF;
            }
        }
        self.decision
    }

    /// Every group that the request can meet. Not in place: a walk of few directives needs less of the stack.
    #[inline(never)]
    fn every_group(mut self) -> Decision {
        let facts = Facts::of(self.request, &self.sections);
        let asking_labels = self.sections.layout().asking(facts::LABEL);
        let mut walked = self.probe_each(facts.groups & !asking_labels, |asked| facts.key(asked));
        if facts.groups & asking_labels != 0 {
            walked = walked.and_then(|()| self.every_label(facts.groups & asking_labels, &facts));
        }
        walked.map_or(Decision::OFF, |()| self.decision)
    }

    #[inline(never)]
    fn every_label(&mut self, groups: u32, facts: &Facts) -> Result<(), Suppressed> {
        for (name, value) in self.request.labels {
            let name = hash::value(name.as_bytes());
            if self.sections.layout().label_filter() & hash::label_bit(name) != 0 {
                let label = hash::label(name, hash::value(value.as_bytes()));
                self.probe_each(groups, |asked| facts.key(asked).and(label))?;
            }
        }
        Ok(())
    }

    /// Probes groups, given as one bit each, in their order.
    #[inline(always)]
    fn probe_each(&mut self, mut groups: u32, key: impl Fn(u8) -> Key) -> Result<(), Suppressed> {
        while groups != 0 {
            let Some(group) = self.sections.group(groups.trailing_zeros()) else { return Ok(()) };
            if self.could_add(group.flags, group.max_level, group.first_of_max.get()) {
                self.probe(group, key(group.facts))?;
            }
            groups &= groups.wrapping_sub(1);
        }
        Ok(())
    }

    /// Whether directives with at most these flags and this level, none before `first`, could still add to the decision.
    fn could_add(&self, flags: u8, level: u8, first: u32) -> bool {
        let decision = &self.decision;
        let Some(decided_by) = decision.decided_by else { return true };
        let decided = decision.level.code();
        level > decided
            || flags & flags::SUPPRESS != 0
            || (flags & flags::RING_BUFFER != 0 && !decision.ring_buffer)
            || (flags & flags::CAPTURE != 0 && !decision.capture)
            || (level == decided && first < decided_by.as_u32())
    }

    #[inline(always)]
    fn probe(&mut self, group: &Group, key: Key) -> Result<(), Suppressed> {
        let buckets = group.buckets.get();
        let (first, tag) = key.place(buckets);
        // Nearly always the first bucket is the last.
        for step in 0..buckets {
            let at = first.wrapping_add(step) & buckets.wrapping_sub(1);
            let Some(bucket) = self.sections.bucket(group.first_bucket.get().wrapping_add(at)) else { break };
            for place in bucket.tagged(tag) {
                match place & LIST {
                    0 => self.consider_at(place)?,
                    _ => self.consider_list(group, place & !LIST)?,
                }
            }
            if !bucket.is_overflown() {
                break;
            }
        }
        Ok(())
    }

    #[inline(always)]
    fn consider_at(&mut self, place: u32) -> Result<(), Suppressed> {
        self.sections.record(place).map_or(Ok(()), |record| self.consider(place, record))
    }

    #[inline(never)]
    fn consider_list(&mut self, group: &Group, start: u32) -> Result<(), Suppressed> {
        for place in self.sections.list(start) {
            let Some(record) = self.sections.record(place) else { break };
            // Those that decide most come first, so what cannot add to the decision ends the list. Flags are not in that
            // order: any of the group's may follow.
            let flags = record.flags & flags::SUPPRESS | group.flags & !flags::SUPPRESS;
            if !self.could_add(flags, record.level, place) {
                break;
            }
            self.consider_at(place)?;
        }
        Ok(())
    }

    /// Adds what a directive says, if it applies.
    #[inline(always)]
    fn consider(&mut self, place: u32, record: &'i Record) -> Result<(), Suppressed> {
        let judged = judge(&self.sections, record, self.request, self.now, &mut self.buckets);
        if let Err(NotAtAll) = judged {
            return Ok(());
        }
        if record.flags & flags::SUPPRESS != 0 {
            return Err(Suppressed);
        }
        let decision = &mut self.decision;
        decision.ring_buffer |= record.flags & flags::RING_BUFFER != 0;
        decision.capture |= record.flags & flags::CAPTURE != 0;
        let (level, index) =
            (DiagLevel::from_code(record.level).unwrap_or(DiagLevel::Off), DirectiveIndex::new(place));
        let decides = decision
            .decided_by
            .is_none_or(|by| level > decision.level || (level == decision.level && index < by));
        if decides {
            decision.level = level;
            decision.decided_by = Some(index);
        }
        Ok(())
    }
}

/// What the facts of a request come to: the groups that it can meet, and what to look for there.
struct Facts {
    /// One bit per group; labels are not considered.
    groups: u32,
    tenant: Key,
    index: Key,
    principal: Key,
    endpoint: Key,
}

impl Facts {
    #[inline(always)]
    fn of(request: &Request<'_>, sections: &Sections<'_>) -> Self {
        let layout = sections.layout();
        let mut groups = layout.every_group();
        let mut text = |number: usize, part: Part, given: Option<&str>| {
            let asking = layout.asking(1 << number);
            // Nobody looks at what no directive asks for.
            let Some(given) = given.filter(|_| asking != 0) else {
                groups &= !asking;
                return Key::EMPTY;
            };
            let hash = hash::value(given.as_bytes());
            groups &= !asking | sections.groups_of(number, hash);
            Key::part(part, hash)
        };
        let tenant = text(0, Part::Tenant, request.tenant);
        let index = text(1, Part::Index, request.index);
        let principal = text(2, Part::Principal, request.principal);
        let endpoint =
            request.endpoint.map_or(Key::EMPTY, |kind| Key::part(Part::Endpoint, hash::endpoint(kind)));
        let possible = request.endpoint.map_or(0, |kind| layout.groups_of_endpoint(kind.code()));
        groups &= !layout.asking(facts::ENDPOINT) | possible;
        Self { groups, tenant, index, principal, endpoint }
    }

    /// The key of the facts that are asked for.
    fn key(&self, asked: u8) -> Key {
        Key::EMPTY
            .and_if(asked & facts::TENANT != 0, self.tenant)
            .and_if(asked & facts::INDEX != 0, self.index)
            .and_if(asked & facts::PRINCIPAL != 0, self.principal)
            .and_if(asked & facts::ENDPOINT != 0, self.endpoint)
    }
}
