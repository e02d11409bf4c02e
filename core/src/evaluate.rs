//! The decision for one request: total, and without allocating.

use crate::decision::Decision;
use crate::directive::DirectiveIndex;
use crate::hash;
use crate::image::key::{self, Key, Part};
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

    // In place on WebAssembly, where each function that is called looks at the deadline first.
    #[cfg_attr(target_family = "wasm", inline(always))]
    fn decide(&self, request: &Request<'_>, now: UnixMillis) -> Decision {
        let walk = || Walk::new(self.sections(), request, now);
        if self.len() <= WALKED { walk().every_directive() } else { walk().every_group() }
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
    verdict: Verdict,
}

impl<'i, 'r> Walk<'i, 'r> {
    fn new(sections: Sections<'i>, request: &'r Request<'r>, now: UnixMillis) -> Self {
        Self { sections, request, now, buckets: Buckets::new(), verdict: Verdict::NONE }
    }

    fn every_directive(mut self) -> Decision {
        for (place, record) in (0_u32..).zip(self.sections.records()) {
            if let Err(Suppressed) = self.consider(place, record) {
                return Decision::OFF;
            }
        }
        self.verdict.decision()
    }

    /// Every group that the request can meet. Not in place: a walk of few directives needs less of the stack.
    #[inline(never)]
    fn every_group(&mut self) -> Decision {
        let facts = Facts::of(self.request, &self.sections);
        let asking_labels = self.sections.layout().asking(facts::LABEL);
        let mut walked = self.probe_each(facts.groups & !asking_labels, |asked| facts.key(asked));
        if facts.groups & asking_labels != 0 {
            walked = walked.and_then(|()| self.every_label(facts.groups & asking_labels, &facts));
        }
        walked.map_or(Decision::OFF, |()| self.verdict.decision())
    }

    #[inline(never)]
    fn every_label(&mut self, groups: u32, facts: &Facts) -> Result<(), Suppressed> {
        for (name, value) in self.request.labels {
            let name = hash::text(name.as_bytes());
            if self.sections.layout().label_filter() & key::label_bit(name) != 0 {
                let label = key::label(name, hash::text(value.as_bytes()));
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
            if self.verdict.could_grow(group.flags, group.max_level, group.first_of_max.get()) {
                self.probe(group, key(group.facts))?;
            }
            groups &= groups.wrapping_sub(1);
        }
        Ok(())
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
            if !self.verdict.could_grow(flags, record.level, place) {
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
        self.verdict.grow(record.flags, record.level, place);
        Ok(())
    }
}

/// A decision in the making. Its parts are words: what is written byte by byte, and read as a word when it is handed on,
/// would keep the processor waiting.
struct Verdict {
    level: u32,
    /// Every flag of the directives that apply.
    flags: u32,
    /// The directive that set the level.
    decided_by: u32,
}

impl Verdict {
    /// No directive applies so far. There are fewer than the number that stands for none.
    const NONE: Self = Self { level: 0, flags: 0, decided_by: u32::MAX };

    /// Whether directives with at most these flags and this level, none before `first`, could still add to it.
    fn could_grow(&self, flags: u8, level: u8, first: u32) -> bool {
        let missing = u32::from(flags) & !self.flags;
        missing & u32::from(flags::SUPPRESS | flags::RING_BUFFER | flags::CAPTURE) != 0
            || self.is_decided_by(level, first)
    }

    /// Adds a directive that applies.
    #[inline(always)]
    fn grow(&mut self, flags: u8, level: u8, place: u32) {
        self.flags |= u32::from(flags);
        if self.is_decided_by(level, place) {
            self.level = level.into();
            self.decided_by = place;
        }
    }

    /// Whether a directive of this level at this place would decide: the highest level does, and of that the first.
    fn is_decided_by(&self, level: u8, place: u32) -> bool {
        let level = u32::from(level);
        level > self.level || (level == self.level && place < self.decided_by)
    }

    fn decision(&self) -> Decision {
        if self.decided_by == Self::NONE.decided_by {
            return Decision::OFF;
        }
        let level = u8::try_from(self.level).ok().and_then(DiagLevel::from_code).unwrap_or(DiagLevel::Off);
        Decision {
            level,
            ring_buffer: self.flags & u32::from(flags::RING_BUFFER) != 0,
            capture: self.flags & u32::from(flags::CAPTURE) != 0,
            decided_by: Some(DirectiveIndex::new(self.decided_by)),
        }
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
        let (with_tenant, tenant) = text(sections, 0, Part::Tenant, request.tenant);
        let (with_index, index) = text(sections, 1, Part::Index, request.index);
        let (with_principal, principal) = text(sections, 2, Part::Principal, request.principal);
        let endpoint =
            request.endpoint.map_or(Key::EMPTY, |kind| Key::part(Part::Endpoint, key::endpoint(kind)));
        let possible = request.endpoint.map_or(0, |kind| layout.groups_of_endpoint(kind.code()));
        let with_endpoint = !layout.asking(facts::ENDPOINT) | possible;
        let groups = layout.every_group() & with_tenant & with_index & with_principal & with_endpoint;
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

/// The groups that a request with such a text can meet, the text given by the number of the fact's bit, and its part of
/// the key.
#[inline(always)]
fn text(sections: &Sections<'_>, number: usize, part: Part, given: Option<&str>) -> (u32, Key) {
    let asking = sections.layout().asking(1 << number);
    // Nobody looks at what no directive asks for.
    let Some(given) = given.filter(|_| asking != 0) else { return (!asking, Key::EMPTY) };
    let hash = hash::text(given.as_bytes());
    (!asking | sections.groups_of(number, hash), Key::part(part, hash))
}
