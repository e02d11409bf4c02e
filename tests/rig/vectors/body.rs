//! The bytes of a document, from the three ways in which a vector may give them.

use serde::{Deserialize, Serialize};

/// A piece of a body that is too long, or too odd, to be written out.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Part {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    /// Bytes in hexadecimal, blanks between them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hex: Option<String>,
    /// How often it stands there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    times: Option<usize>,
    /// What each repetition replaces by its number, counted from zero.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    number: Option<String>,
}

/// The parts one after the other.
pub(super) fn joined(parts: &[Part]) -> Vec<u8> {
    parts.iter().map(Part::bytes).collect::<Vec<_>>().concat()
}

impl Part {
    fn bytes(&self) -> Vec<u8> {
        let times = self.times.unwrap_or(1);
        match (&self.text, &self.hex, &self.number) {
            (Some(text), None, None) => text.as_bytes().repeat(times),
            (Some(text), None, Some(mark)) => {
                (0..times).map(|number| text.replace(mark, &number.to_string())).collect::<String>().into()
            }
            (None, Some(hex), None) => from_hex(hex).repeat(times),
            _ => panic!("a part has either `text` or `hex`, and `number` only beside `text`: {self:?}"),
        }
    }
}

fn from_hex(bytes: &str) -> Vec<u8> {
    bytes.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).expect("is hexadecimal")).collect()
}

/// The JSON without the blanks between its tokens; order, duplicates and escapes stay as they are.
pub(super) fn compact(json: &str) -> String {
    let (mut in_string, mut escaped) = (false, false);
    json.chars()
        .filter(|&c| {
            let keep = in_string || !c.is_ascii_whitespace();
            if c == '"' && !escaped {
                in_string = !in_string;
            }
            escaped = in_string && c == '\\' && !escaped;
            keep
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compacting_drops_blanks_between_tokens_only() {
        for (json, compacted) in [
            ("{ \"a\" :\n [ 1 , 2 ] }", r#"{"a":[1,2]}"#),
            (r#"{ "a b" : "c \" d" , "e\\" : 1 }"#, r#"{"a b":"c \" d","e\\":1}"#),
            (r#"{ "x" : 1, "x" : "\u0020 " }"#, r#"{"x":1,"x":"\u0020 "}"#),
        ] {
            assert_eq!(compact(json), compacted);
        }
    }

    #[test]
    fn parts_repeat_count_and_need_not_be_text() {
        let parts: Vec<Part> =
            serde_json::from_str(r##"[{"text":"<#>","times":3,"number":"#"},{"hex":"ff 00","times":2}]"##)
                .expect("are parts");
        assert_eq!(joined(&parts), b"<0><1><2>\xff\x00\xff\x00");
    }
}
