//! The decision for one request: total, and without allocating.

use crate::decision::Decision;
use crate::hash;
use crate::image::bucket::Tagged;
use crate::image::key::{self, Key, Part};
use crate::image::layout::Sections;
use crate::image::{Group, LIST, Record, facts, flags};
use crate::judge::{Buckets, WhyNot, judge};
use crate::request::{Request, RequestFacts};
use crate::set::DirectiveSet;
use crate::time::UnixMillis;
use crate::vocabulary::EndpointKind;

mod verdict;

use verdict::Verdict;

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
        if self.is_over(now) { Decision::OFF } else { self.decide(request, now) }
    }

    /// [`evaluate`](Self::evaluate), of a request in any form.
    #[inline]
    pub fn evaluate_facts(&self, request: &impl RequestFacts, now: UnixMillis) -> Decision {
        if self.is_over(now) { Decision::OFF } else { self.decide(request, now) }
    }

    fn is_over(&self, now: UnixMillis) -> bool {
        now.as_u64() >= self.sections().layout().latest_expiry()
    }

    #[cfg_attr(target_family = "wasm", inline(always))]
    fn decide(&self, request: &impl RequestFacts, now: UnixMillis) -> Decision {
        let walk = Walk { sections: self.sections(), request, now, buckets: Buckets::new() };
        let verdict = if self.len() <= WALKED { walk.every_directive() } else { walk.every_group() };
        verdict.decision()
    }
}

/// A directive does not apply, whatever the reason.
struct NotAtAll;

impl From<WhyNot<'_>> for NotAtAll {
    #[inline(always)]
    fn from(_: WhyNot<'_>) -> Self {
        Self
    }
}

/// What stays the same all the way; the [`Verdict`] goes from hand to hand beside it.
///
/// On WebAssembly what a decision nearly always comes through is two functions, [`decide`](DirectiveSet::decide) and
/// [`probe`](Self::probe). Each that is called looks at the deadline first; but of one large function the compiler of the
/// host moves more numbers to and fro than a call costs.
struct Walk<'i, 'r, R> {
    sections: Sections<'i>,
    request: &'r R,
    now: UnixMillis,
    buckets: Buckets,
}

impl<'i, R: RequestFacts> Walk<'i, '_, R> {
    #[cfg_attr(target_family = "wasm", inline(never))]
    fn every_directive(&self) -> Verdict {
        let mut verdict = Verdict::NONE;
        for (place, record) in (0_u32..).zip(self.sections.records()) {
            verdict = self.consider(place, record, verdict);
            if verdict.is_suppressed() {
                break;
            }
        }
        verdict
    }

    /// Every group that the request can meet. Natively not in place: a walk of few directives needs less of the stack.
    #[cfg_attr(target_family = "wasm", inline(always))]
    #[cfg_attr(not(target_family = "wasm"), inline(never))]
    fn every_group(&self) -> Verdict {
        let facts = Facts::of(self.request, &self.sections);
        let asking_labels = self.sections.layout().asking(facts::LABEL);
        let groups = facts.groups & !asking_labels;
        let mut verdict = self.probe_each(groups, |asked| facts.key(asked), Verdict::NONE);
        if facts.groups & asking_labels != 0 {
            verdict = self.every_label(facts.groups & asking_labels, facts, verdict);
        }
        verdict
    }

    #[inline(never)]
    fn every_label(&self, groups: u32, facts: Facts, mut verdict: Verdict) -> Verdict {
        for (name, value) in self.request.labels() {
            let name = hash::text(name);
            if self.sections.layout().label_filter() & key::label_bit(name) != 0 {
                let label = key::label(name, hash::text(value));
                verdict = self.probe_each(groups, |asked| facts.key(asked).and(label), verdict);
            }
        }
        verdict
    }

    /// Probes groups, given as one bit each, in their order.
    #[inline(always)]
    fn probe_each(&self, mut groups: u32, key: impl Fn(u8) -> Key, mut verdict: Verdict) -> Verdict {
        while groups != 0 && !verdict.is_suppressed() {
            let Some(group) = self.sections.group(groups.trailing_zeros()) else { break };
            if verdict.could_grow(group.flags, group.max_level, group.first_of_max.get()) {
                verdict = self.probe(group, key(group.facts), verdict);
            }
            groups &= groups.wrapping_sub(1);
        }
        verdict
    }

    /// Looks a key up in the table of a group.
    #[cfg_attr(target_family = "wasm", inline(never))]
    #[cfg_attr(not(target_family = "wasm"), inline(always))]
    fn probe(&self, group: &Group, key: Key, mut verdict: Verdict) -> Verdict {
        let count = group.buckets.get();
        let (mut at, tag) = key.place(count);
        // Nearly always the first bucket is the last.
        for _ in 0..count {
            let Some(bucket) = self.sections.bucket(group.first_bucket.get().wrapping_add(at)) else { break };
            let mut places = bucket.tagged(tag);
            if let Some(place) = places.next() {
                verdict = self.consider_place(group, place, verdict);
            }
            // And nearly always its first place with this tag is the only one.
            if !places.is_empty() {
                verdict = self.consider_others(group, places, verdict);
            }
            if !bucket.is_overflown() || verdict.is_suppressed() {
                break;
            }
            at = at.wrapping_add(1) & count.wrapping_sub(1);
        }
        verdict
    }

    #[cold]
    #[inline(never)]
    fn consider_others(&self, group: &Group, places: Tagged<'_>, mut verdict: Verdict) -> Verdict {
        for place in places {
            if verdict.is_suppressed() {
                break;
            }
            verdict = self.consider_place(group, place, verdict);
        }
        verdict
    }

    /// What stands in a bucket: a directive, or where a list of several starts.
    #[inline(always)]
    fn consider_place(&self, group: &Group, place: u32, verdict: Verdict) -> Verdict {
        if place & LIST != 0 {
            return self.consider_list(group, place & !LIST, verdict);
        }
        self.sections.record(place).map_or(verdict, |record| self.consider(place, record, verdict))
    }

    #[inline(never)]
    fn consider_list(&self, group: &Group, start: u32, mut verdict: Verdict) -> Verdict {
        for place in self.sections.list(start) {
            let Some(record) = self.sections.record(place) else { break };
            // Those that decide most come first, so what cannot add to the decision ends the list. Flags are not in that
            // order: any of the group's may follow.
            let flags = record.flags & flags::SUPPRESS | group.flags & !flags::SUPPRESS;
            if verdict.is_suppressed() || !verdict.could_grow(flags, record.level, place) {
                break;
            }
            verdict = self.consider(place, record, verdict);
        }
        verdict
    }

    /// Adds what a directive says, if it applies.
    #[inline(always)]
    fn consider(&self, place: u32, record: &'i Record, verdict: Verdict) -> Verdict {
        match judge(&self.sections, record, self.request, self.now, &self.buckets) {
            Ok(()) => verdict.with(record.flags, record.level, place),
            Err(NotAtAll) => verdict,
        }
    }
}

/// What the facts of a request come to: the groups that it can meet, and what to look for there.
#[derive(Clone, Copy)]
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
    fn of(request: &impl RequestFacts, sections: &Sections<'_>) -> Self {
        let layout = sections.layout();
        let (with_tenant, tenant) = text(sections, 0, Part::Tenant, || request.tenant());
        let (with_index, index) = text(sections, 1, Part::Index, || request.index());
        let (with_principal, principal) = text(sections, 2, Part::Principal, || request.principal());
        let (with_endpoint, endpoint) = kind(sections, || request.endpoint());
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
fn text<'r>(
    sections: &Sections<'_>,
    number: usize,
    part: Part,
    given: impl FnOnce() -> Option<&'r [u8]>,
) -> (u32, Key) {
    let asking = sections.layout().asking(1 << number);
    // Nobody looks at what no directive asks for.
    let given = if asking == 0 { None } else { given() };
    let Some(given) = given else { return (!asking, Key::EMPTY) };
    let hash = hash::text(given);
    (!asking | sections.groups_of(number, hash), Key::part(part, hash))
}

/// The same of its endpoint.
#[inline(always)]
fn kind(sections: &Sections<'_>, given: impl FnOnce() -> Option<EndpointKind>) -> (u32, Key) {
    let layout = sections.layout();
    let asking = layout.asking(facts::ENDPOINT);
    let given = if asking == 0 { None } else { given() };
    let Some(given) = given else { return (!asking, Key::EMPTY) };
    let key = Key::part(Part::Endpoint, key::endpoint(given));
    (!asking | layout.groups_of_endpoint(given.code()), key)
}
