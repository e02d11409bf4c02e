//! The header `traceparent`: where the trace id of a request stands.

use alloc::format;
use alloc::string::String;

/// The bit of the flags that says that the trace is recorded.
const SAMPLED: u8 = 1;

/// Where the flags stand, and how long they are.
const FLAGS_AT: usize = 53;
const FLAGS_LEN: usize = 2;

/// A header `traceparent` of [W3C Trace Context](https://www.w3.org/TR/trace-context/#traceparent-header):
/// `00-<32 hex: trace id>-<16 hex: parent id>-<2 hex: flags>`, with more behind it in later versions.
///
/// The [trace id](crate::Request::trace_id) of a request is the one of such a header in every engine, so that they take the
/// same traces into a sample.
///
/// ```
/// use aldis_core::Traceparent;
///
/// let header = Traceparent::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00");
/// assert_eq!(header.map(Traceparent::trace_id), Some("4bf92f3577b34da6a3ce929d0e0e4736"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traceparent<'a> {
    trace_id: &'a str,
    flags: u8,
    /// What stands before the flags, and behind them.
    rest: (&'a str, &'a str),
}

impl<'a> Traceparent<'a> {
    /// Reads the value of a header; `None` if it is none of this kind. Whoever gets such a one has to treat it as if it
    /// were not there.
    #[must_use]
    pub fn parse(header: &'a str) -> Option<Self> {
        let (before, flags_on) = header.split_at_checked(FLAGS_AT)?;
        let (flags, behind) = flags_on.split_at_checked(FLAGS_LEN)?;
        let fields = [before.get(..2)?, before.get(3..35)?, before.get(36..52)?, flags];
        let lower_hex = |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let dashes = [2, 35, 52].iter().all(|&place| before.as_bytes().get(place) == Some(&b'-'));
        let [version, trace_id, parent_id, _] = fields;
        // Version 00 ends here; those to come go on behind a dash, and ff is none.
        let ends = behind.is_empty() || version != "00" && behind.starts_with('-');
        let zero = |text: &str| text.bytes().all(|byte| byte == b'0');
        let is_one = dashes && ends && version != "ff" && fields.iter().all(|field| lower_hex(field));
        let flags = u8::from_str_radix(flags, 16).ok()?;
        let rest = (before, behind);
        (is_one && !zero(trace_id) && !zero(parent_id)).then_some(Self { trace_id, flags, rest })
    }

    /// 32 digits, hexadecimal and lower-case, not all zero.
    #[must_use]
    pub const fn trace_id(self) -> &'a str {
        self.trace_id
    }

    /// Whether the trace is recorded by who sent it.
    #[must_use]
    pub const fn is_sampled(self) -> bool {
        self.flags & SAMPLED != 0
    }

    /// The header with the sampled bit set, and nothing else changed.
    #[must_use]
    pub fn sampled(self) -> String {
        let (before, behind) = self.rest;
        format!("{before}{:02x}{behind}", self.flags | SAMPLED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    fn header(flags: &str) -> String {
        format!("00-{ID}-00f067aa0ba902b7-{flags}")
    }

    #[test]
    fn the_trace_id_is_read_and_the_bit_is_set_beside_others() {
        for (flags, is_sampled, sampled) in [("00", false, "01"), ("02", false, "03"), ("01", true, "01")] {
            let header_text = header(flags);
            let read = Traceparent::parse(&header_text).expect("is one");
            assert_eq!((read.trace_id(), read.is_sampled()), (ID, is_sampled), "{flags}");
            assert_eq!(read.sampled(), header(sampled), "{flags}");
        }
        let later = format!("cc-{ID}-00f067aa0ba902b7-00-what-comes");
        let read = Traceparent::parse(&later).expect("is one");
        assert_eq!(read.trace_id(), ID);
        assert_eq!(read.sampled(), format!("cc-{ID}-00f067aa0ba902b7-01-what-comes"));
    }

    #[test]
    fn what_is_no_such_header_says_nothing() {
        let zeros = "0".repeat(32);
        for bad in [
            "",
            "00",
            &format!("00-{ID}-00f067aa0ba902b7-0"),
            &format!("00-{ID}-00f067aa0ba902b7-00-more"),
            &format!("00-{ID}-00f067aa0ba902b7-000"),
            &format!("ff-{ID}-00f067aa0ba902b7-00"),
            &format!("00-{}-00f067aa0ba902b7-00", ID.to_uppercase()),
            &format!("00-{zeros}-00f067aa0ba902b7-00"),
            &format!("00-{ID}-0000000000000000-00"),
            &format!("00_{ID}-00f067aa0ba902b7-00"),
            &format!("00-{ID}-00f067aa0ba902b7-0g"),
            &format!("00-{ID}-00f067aa0ba902b7-+1"),
            &"ä".repeat(40),
        ] {
            assert_eq!(Traceparent::parse(bad), None, "{bad}");
        }
    }
}
