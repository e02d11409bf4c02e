//! What happens on a request: headers of ours that the client sent are removed, a decision is made, and goes out. Apart from
//! that, and but for properties that are asked for, it costs one call of the host for all headers and one for the time; an
//! empty set costs only the first.

use alloc::string::ToString;

use aldis_core::{Decision, Traceparent};

use super::Root;
use crate::host::Host;
use crate::outputs::{self, Sampled};
use crate::stats::Counter;
use crate::wanted::Found;

impl Root {
    /// Decides on the request whose headers have come.
    pub(crate) fn on_request_headers(&mut self, host: &impl Host) {
        let block = host.request_headers();
        #[cfg(feature = "trap-for-tests")]
        trap_if_asked(&block);
        let found = self.config.wanted.find(&block);
        let mut spoofed = false;
        for name in self.config.outputs.spoofed(&found) {
            host.remove_header(name);
            spoofed = true;
        }
        if spoofed {
            self.stats.count(Counter::Spoofed);
        }
        let decision = self.decide(host, &found);
        self.stats.decided(decision.level);
        if self.config.outputs.tells(decision) {
            self.tell(host, decision);
        }
        if let Some(sampled) = self.config.outputs.sampling(decision) {
            mark(host, sampled, &found);
        }
    }

    fn decide(&self, host: &impl Host, found: &Found<'_>) -> Decision {
        if self.in_force.set.is_empty() {
            return Decision::OFF;
        }
        // A missing clock means off, never on.
        let Some(now) = host.now().map(|now| self.in_force.time(now)) else { return Decision::OFF };
        let mapping = &self.config.mapping;
        let properties = mapping.fetch(host, self.in_force.needs);
        mapping.with_request(found, &properties, self.in_force.needs, |request| {
            self.in_force.set.evaluate(request, now)
        })
    }

    /// Headers are added, which is cheaper than setting them: no copy is left by now.
    fn tell(&self, host: &impl Host, decision: Decision) {
        let (outputs, set) = (&self.config.outputs, &self.in_force.set);
        if let Some(header) = &outputs.level {
            host.add_header(&header.name, decision.level.as_str().as_bytes());
        }
        if let (Some(header), Some(id)) = (&outputs.decided_by, outputs::decided_by(set, decision)) {
            host.add_header(&header.name, id.as_bytes());
        }
        if let (Some(header), Some(flags)) = (&outputs.flags, outputs::flags(decision)) {
            host.add_header(&header.name, flags.as_bytes());
        }
        if let (Some(header), Some(revision)) = (&outputs.revision, self.in_force.revision) {
            host.add_header(&header.name, revision.to_string().as_bytes());
        }
        if !outputs.property.is_empty() {
            let line = outputs::json(set, decision, self.in_force.revision);
            host.set_property(&outputs.property, line.as_bytes());
        }
    }
}

fn mark(host: &impl Host, sampled: &Sampled, found: &Found<'_>) {
    let traceparent = sampled.traceparent.and_then(|slot| found.text(slot)).and_then(Traceparent::parse);
    if let Some(header) = traceparent.filter(|header| !header.is_sampled()) {
        host.set_header("traceparent", header.sampled().as_bytes());
    }
    if let Some((header, value)) = &sampled.header {
        host.add_header(&header.name, value.as_bytes());
    }
}

/// Ends the VM at a request that asks for it, as a fault of ours would.
#[cfg(feature = "trap-for-tests")]
fn trap_if_asked(block: &[u8]) {
    if crate::block::value(block, "x-aldis-trap").is_some() {
        #[cfg(target_arch = "wasm32")]
        core::arch::wasm32::unreachable();
    }
}
