//! The model: what a set decides, written down as plainly as the contract says it, over the directives themselves. It
//! shares no code with the evaluator and knows nothing of images, tables or hashes of targets.

use aldis_core::{Decision, DiagLevel, Directive, DirectiveIndex, Request, SampleBy, StrList, UnixMillis};

/// The decision. Looks at every directive, three times over.
pub fn decide(directives: &[Directive<'_>], request: &Request<'_>, now: UnixMillis) -> Decision {
    let applying: Vec<(u32, &Directive<'_>)> =
        (0..).zip(directives).filter(|(_, directive)| applies(directive, request, now)).collect();
    if applying.is_empty() || applying.iter().any(|(_, directive)| directive.suppress) {
        return Decision::OFF;
    }
    let level = applying.iter().map(|(_, directive)| directive.level).max().unwrap_or(DiagLevel::Off);
    let decided_by = applying.iter().find(|(_, directive)| directive.level == level);
    Decision {
        level,
        ring_buffer: applying.iter().any(|(_, directive)| directive.ring_buffer),
        capture: applying.iter().any(|(_, directive)| directive.capture),
        decided_by: decided_by.map(|&(place, _)| DirectiveIndex::new(place)),
    }
}

/// Whether one directive applies to a request.
pub fn applies(directive: &Directive<'_>, request: &Request<'_>, now: UnixMillis) -> bool {
    let has_begun = directive.not_before.is_none_or(|not_before| not_before <= now);
    let has_ended = now >= directive.expires_at;
    has_begun && !has_ended && is_meant(directive, request) && is_sampled(directive, request)
}

fn is_meant(directive: &Directive<'_>, request: &Request<'_>) -> bool {
    let target = &directive.target;
    let endpoint_fits = match (target.endpoints.is_empty(), request.endpoint) {
        (true, _) => true,
        (false, None) => false,
        (false, Some(endpoint)) => target.endpoints.iter().any(|wanted| wanted == endpoint),
    };
    is_one_of(&target.tenants, request.tenant)
        && is_one_of(&target.indices, request.index)
        && is_one_of(&target.principals, request.principal)
        && endpoint_fits
        && target.labels.iter().all(|(name, value)| first_label(request, name) == Some(&**value))
}

fn is_one_of(wanted: &StrList<'_>, fact: Option<&str>) -> bool {
    match wanted {
        StrList::Any => true,
        StrList::One(value) => fact == Some(&**value),
        StrList::AnyOf(values) => values.iter().any(|value| fact == Some(&**value)),
    }
}

fn first_label<'r>(request: &Request<'r>, name: &str) -> Option<&'r str> {
    for &(given, value) in request.labels {
        if given == name {
            return Some(value);
        }
    }
    None
}

fn is_sampled(directive: &Directive<'_>, request: &Request<'_>) -> bool {
    let sampling = &directive.sampling;
    if sampling.per_mille == 1000 {
        return true;
    }
    let key = match sampling.by {
        SampleBy::RequestId => request.request_id,
        SampleBy::TraceId => request.trace_id,
        SampleBy::Tenant => request.tenant,
        SampleBy::Principal => request.principal,
    };
    let Some(key) = key else { return false };
    let hashed = match &sampling.salt {
        None => key.as_bytes().to_vec(),
        Some(salt) => [salt.as_bytes(), &[0], key.as_bytes()].concat(),
    };
    fnv1a_64(&hashed) % 1000 < u64::from(sampling.per_mille)
}

/// FNV-1a with 64 bits, as its authors write it down: for each byte, exclusive or, then times the prime.
pub fn fnv1a_64(bytes: &[u8]) -> u64 {
    let mut hash = 14_695_981_039_346_656_037_u64;
    for &byte in bytes {
        hash ^= u64::from(byte);
        hash = hash.wrapping_mul(1_099_511_628_211);
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::fnv1a_64;

    #[test]
    fn the_hash_gives_the_values_its_authors_publish() {
        for (text, hash) in
            [("", 0xcbf2_9ce4_8422_2325), ("a", 0xaf63_dc4c_8601_ec8c), ("foobar", 0x8594_4171_f739_67e8)]
        {
            assert_eq!(fnv1a_64(text.as_bytes()), hash, "{text}");
        }
    }
}
