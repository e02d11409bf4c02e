//! The decision for one request: total, and without allocating.

use crate::decision::Decision;
use crate::directive::DirectiveIndex;
use crate::image::hash::{self, Combined};
use crate::image::{Group, Header, Record, Sections, facts, flags};
use crate::judge::{Buckets, judge};
use crate::request::Request;
use crate::set::DirectiveSet;
use crate::time::UnixMillis;
use crate::vocabulary::DiagLevel;

/// Sets of up to this many directives are walked: hashing the request's facts would cost more.
const WALKED: usize = 3;

impl DirectiveSet {
    /// Decides how much to record of `request` at `now`.
    ///
    /// Cost: no allocation and no I/O. A set of up to three directives is walked; of a larger one, each combination of
    /// facts that its directives ask for costs one probe of a hash table, until nothing left could change the decision.
    pub fn evaluate(&self, request: &Request<'_>, now: UnixMillis) -> Decision {
        if now.as_u64() >= self.header().latest_expiry.get() {
            return Decision::OFF;
        }
        let mut walk = Walk::new(self.sections(), request, now);
        let walked =
            if self.len() <= WALKED { walk.every_directive() } else { walk.every_group(self.header()) };
        match walked {
            Ok(()) => walk.decision,
            Err(Suppressed) => Decision::OFF,
        }
    }
}

/// A suppressing directive applies: nothing else matters.
struct Suppressed;

struct Walk<'i, 'r> {
    sections: Sections<'i>,
    request: &'r Request<'r>,
    now: UnixMillis,
    buckets: Buckets,
    decision: Decision,
}

impl<'i, 'r> Walk<'i, 'r> {
    fn new(sections: Sections<'i>, request: &'r Request<'r>, now: UnixMillis) -> Self {
        Self { sections, request, now, buckets: Buckets::default(), decision: Decision::OFF }
    }

    fn every_directive(&mut self) -> Result<(), Suppressed> {
        for (place, record) in (0_u32..).zip(self.sections.records()) {
            self.consider(place, record)?;
        }
        Ok(())
    }

    fn every_group(&mut self, header: &Header) -> Result<(), Suppressed> {
        let facts = Facts::of(self.request, header.facts);
        for group in self.sections.groups() {
            if group.facts & !facts.present != 0 || !self.could_change(group) {
                continue;
            }
            let combined = facts.combine(group.facts);
            if group.facts & facts::LABEL == 0 {
                self.probe(group, combined)?;
                continue;
            }
            for (name, value) in self.request.labels {
                let name = hash::value(name.as_bytes());
                if header.label_filter.get() & hash::filter_bit(name) != 0 {
                    self.probe(group, combined.and(name).and(hash::value(value.as_bytes())))?;
                }
            }
        }
        Ok(())
    }

    /// Whether any directive of the group could still add to the decision.
    fn could_change(&self, group: &Group) -> bool {
        let decision = &self.decision;
        let Some(decided_by) = decision.decided_by else { return true };
        let level = decision.level.code();
        group.max_level > level
            || group.flags & flags::SUPPRESS != 0
            || (group.flags & flags::RING_BUFFER != 0 && !decision.ring_buffer)
            || (group.flags & flags::CAPTURE != 0 && !decision.capture)
            || (group.max_level == level && group.first_of_max.get() < decided_by.as_u32())
    }

    fn probe(&mut self, group: &Group, combined: Combined) -> Result<(), Suppressed> {
        let Some((starts, entries)) = self.sections.table(group) else { return Ok(()) };
        let (bucket, tag) = combined.place(group.buckets.get());
        let Some([start, end]) = starts.get(bucket..).and_then(<[_]>::first_chunk) else { return Ok(()) };
        let index = |place: u32| usize::try_from(place).unwrap_or(usize::MAX);
        let bucket = entries.get(index(start.get())..index(end.get())).unwrap_or_default();
        for entry in bucket.iter().filter(|entry| entry.tag.get() == tag) {
            let place = entry.directive.get();
            if let Some(record) = self.sections.records().get(index(place)) {
                self.consider(place, record)?;
            }
        }
        Ok(())
    }

    /// Adds what a directive says, if it applies.
    fn consider(&mut self, place: u32, record: &'i Record) -> Result<(), Suppressed> {
        if judge(&self.sections, record, self.request, self.now, &mut self.buckets).is_err() {
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

/// The hashes of a request's facts.
struct Facts {
    present: u8,
    tenant: u64,
    index: u64,
    principal: u64,
    endpoint: u64,
}

impl Facts {
    /// Those that are `asked` for; nobody looks at the others.
    fn of(request: &Request<'_>, asked: u8) -> Self {
        let bit = |present: bool, fact: u8| if present { fact } else { 0 };
        let value = |fact: u8, text: Option<&str>| match text {
            Some(text) if asked & fact != 0 => hash::value(text.as_bytes()),
            _ => 0,
        };
        Self {
            present: bit(request.tenant.is_some(), facts::TENANT)
                | bit(request.index.is_some(), facts::INDEX)
                | bit(request.principal.is_some(), facts::PRINCIPAL)
                | bit(request.endpoint.is_some(), facts::ENDPOINT)
                | bit(!request.labels.is_empty(), facts::LABEL),
            tenant: value(facts::TENANT, request.tenant),
            index: value(facts::INDEX, request.index),
            principal: value(facts::PRINCIPAL, request.principal),
            endpoint: request.endpoint.map_or(0, hash::endpoint),
        }
    }

    /// In the order in which the compiler combines them.
    fn combine(&self, asked: u8) -> Combined {
        [
            (facts::TENANT, self.tenant),
            (facts::INDEX, self.index),
            (facts::PRINCIPAL, self.principal),
            (facts::ENDPOINT, self.endpoint),
        ]
        .into_iter()
        .filter(|&(fact, _)| asked & fact != 0)
        .fold(Combined::EMPTY, |combined, (_, value)| combined.and(value))
    }
}
