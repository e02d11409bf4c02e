//! What is published: every document unlike every other, and some malformed.

use std::time::Duration;

use aldis_core::UnixMillis;
use aldis_etcd::kv::Bytes;
use fastrand::Rng;

/// When a directive is meant to be on.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Lifetime {
    /// For so long from when its revision is first seen.
    Relative(Duration),
    /// From one point, if there is one, to another.
    Absolute(Option<UnixMillis>, UnixMillis),
}

/// Who writes the documents, and remembers what each was to mean. A document holds one directive, whose id is its
/// number, or none, or is malformed.
#[derive(Debug, Default)]
pub(crate) struct Author {
    lifetimes: Vec<Lifetime>,
    malformed: u64,
}

impl Author {
    /// Another document, written now.
    pub(crate) fn write(&mut self, random: &mut Rng, now: UnixMillis) -> Bytes {
        let text = match random.u8(0..16) {
            0 | 1 => self.malformed(),
            2 => r#"{"directives":[]}"#.to_owned(),
            3..9 => {
                let seconds = random.u64(1..3_600);
                self.directive(Lifetime::Relative(Duration::from_secs(seconds)))
            }
            _ => {
                let starts = random.bool().then(|| after(now, random.u64(0..600_000)));
                let ends = after(starts.unwrap_or(now), random.u64(1_000..3_600_000));
                self.directive(Lifetime::Absolute(starts, ends))
            }
        };
        text.into_bytes().into()
    }

    /// When the directive of this number is meant to be on.
    pub(crate) fn lifetime(&self, number: u64) -> Lifetime {
        self.lifetimes[usize::try_from(number).expect("small")]
    }

    fn malformed(&mut self) -> String {
        self.malformed += 1;
        format!(r#"{{"malformed":{}}}"#, self.malformed)
    }

    fn directive(&mut self, lifetime: Lifetime) -> String {
        let number = self.lifetimes.len();
        self.lifetimes.push(lifetime);
        let lifetime = match lifetime {
            Lifetime::Relative(ttl) => format!(r#""ttl_secs":{}"#, ttl.as_secs()),
            Lifetime::Absolute(None, ends) => format!(r#""expires_at":"{ends}""#),
            Lifetime::Absolute(Some(starts), ends) => {
                format!(r#""not_before":"{starts}","expires_at":"{ends}""#)
            }
        };
        format!(r#"{{"directives":[{{"id":"{number}","level":"Shape","tenant":"{number}",{lifetime}}}]}}"#)
    }
}

/// Whether a document can be in force.
pub(crate) fn is_good(document: &[u8]) -> bool {
    document.starts_with(br#"{"directives""#)
}

/// The number of the directive in it.
pub(crate) fn number(document: &[u8]) -> Option<u64> {
    let rest = document.strip_prefix(br#"{"directives":[{"id":""#)?;
    let digits = rest.iter().position(|byte| !byte.is_ascii_digit())?;
    std::str::from_utf8(&rest[..digits]).ok()?.parse().ok()
}

fn after(point: UnixMillis, millis: u64) -> UnixMillis {
    UnixMillis::new(point.as_u64() + millis)
}
