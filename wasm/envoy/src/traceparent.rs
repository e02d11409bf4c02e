//! The header `traceparent` of [W3C Trace Context](https://www.w3.org/TR/trace-context/#traceparent-header):
//! `00-<32 hex: trace id>-<16 hex: parent id>-<2 hex: flags>`, with more behind it in later versions.

use alloc::format;
use alloc::string::String;

/// The bit of the flags that says that the trace is recorded.
const SAMPLED: u8 = 1;

/// Where the flags stand.
const FLAGS: core::ops::Range<usize> = 53..55;

/// The trace id; `None` if the header is none.
pub(crate) fn trace_id(header: &str) -> Option<&str> {
    let [_, trace_id, _, _] = fields(header)?;
    Some(trace_id)
}

/// The header with the sampled bit set; `None` if it is set already, or the header is none.
pub(crate) fn sampled(header: &str) -> Option<String> {
    let [.., flags] = fields(header)?;
    let flags = u8::from_str_radix(flags, 16).ok()?;
    if flags & SAMPLED != 0 {
        return None;
    }
    let (before, behind) = (header.get(..FLAGS.start)?, header.get(FLAGS.end..)?);
    Some(format!("{before}{:02x}{behind}", flags | SAMPLED))
}

/// Version, trace id, parent id and flags of a header that is one.
fn fields(header: &str) -> Option<[&str; 4]> {
    let fields = [header.get(..2)?, header.get(3..35)?, header.get(36..52)?, header.get(FLAGS)?];
    let lower_hex = |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let bytes = header.as_bytes();
    let dashes = [2, 35, 52].iter().all(|&place| bytes.get(place) == Some(&b'-'));
    let [version, trace_id, parent_id, _] = fields;
    // Version 00 ends here; those to come go on behind a dash, and ff is none.
    let ends = match bytes.get(FLAGS.end) {
        None => true,
        Some(b'-') => version != "00",
        Some(_) => false,
    };
    let zero = |text: &str| text.bytes().all(|byte| byte == b'0');
    let is_one = dashes && ends && version != "ff" && fields.iter().all(|field| lower_hex(field));
    (is_one && !zero(trace_id) && !zero(parent_id)).then_some(fields)
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
        assert_eq!(trace_id(&header("00")), Some(ID));
        assert_eq!(sampled(&header("00")), Some(header("01")));
        assert_eq!(sampled(&header("02")), Some(header("03")));
        assert_eq!(sampled(&header("01")), None);
        let later = format!("cc-{ID}-00f067aa0ba902b7-00-what-comes");
        assert_eq!(trace_id(&later), Some(ID));
        assert_eq!(sampled(&later), Some(format!("cc-{ID}-00f067aa0ba902b7-01-what-comes")));
    }

    #[test]
    fn what_is_no_such_header_says_nothing_and_stays() {
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
            &"ä".repeat(40),
        ] {
            assert_eq!((trace_id(bad), sampled(bad)), (None, None), "{bad}");
        }
    }
}
