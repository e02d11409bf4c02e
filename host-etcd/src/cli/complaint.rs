//! A refused document, shown at the place where it is refused.

use std::ops::Range;

use aldis_core::DecodeError;
use annotate_snippets::{AnnotationKind, Level, Origin, Renderer, Snippet};

/// Bytes of a document around the place that are shown at most. A document may be one line of megabytes.
const MAX_SHOWN: usize = 16 << 10;

/// Several lines for people, with a caret under the place.
pub(super) fn render(file: &str, body: &[u8], error: &DecodeError) -> String {
    let title = Level::ERROR.primary_title(error.message()).id(error.reason().as_str());
    let mut group = match excerpt(body, error.span()) {
        Some((text, first_line, span)) => title.element(
            Snippet::source(text)
                .path(file)
                .line_start(first_line)
                .annotation(AnnotationKind::Primary.span(span)),
        ),
        None => title.element(Origin::path(format!("{file}:{}:{}", error.line(), error.column()))),
    };
    if !error.path().is_empty() {
        group = group.element(Level::NOTE.no_name().message(format!("at {}", error.path())));
    }
    if let Some(help) = error.help() {
        group = group.element(Level::HELP.message(help));
    }
    Renderer::styled().render(&[group])
}

/// The line of the span and the one before it, the number of the first, and the span therein. `None` if that is not
/// text, or too much of it.
fn excerpt(body: &[u8], span: Range<usize>) -> Option<(&str, usize, Range<usize>)> {
    let (before, from) = body.split_at_checked(span.start)?;
    let line = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
    let previous = before.get(..line.saturating_sub(1)).unwrap_or_default();
    let start = match line {
        0 => 0,
        _ => previous.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1),
    };
    let end = from.iter().position(|&byte| byte == b'\n').map_or(body.len(), |at| span.start + at);
    let text = body.get(start..end).filter(|text| text.len() <= MAX_SHOWN)?;
    let first_line = body.get(..start)?.iter().filter(|&&byte| byte == b'\n').count() + 1;
    // A span over several lines is shown where it begins.
    let in_text = span.start - start..span.end.clamp(span.start, end) - start;
    Some((std::str::from_utf8(text).ok()?, first_line, in_text))
}

#[cfg(test)]
mod tests {
    use aldis_core::{DirectiveSet, UnixMillis};

    use super::*;

    fn rendered(body: &[u8]) -> String {
        let error = DirectiveSet::decode(body, UnixMillis::new(0)).expect_err("is refused");
        anstream::adapter::strip_str(&render("file.json", body, &error)).to_string()
    }

    #[test]
    fn the_place_is_shown_with_its_line_and_help() {
        let body = b"{\"directives\": [\n  {\"id\": \"a\", \"level\": \"Shape\",\n   \"ttl_secs\": 60, \"tennant\": \"x\"}\n]}";
        let text = rendered(body);
        for part in
            ["error[unknown_field]", "file.json:3:20", "\"tennant\"", "^^^", "tenant", "directives[0]"]
        {
            assert!(text.contains(part), "{part} is missing in:\n{text}");
        }
        assert_eq!(text.matches('\u{1b}').count(), 0);
    }

    #[test]
    fn what_cannot_be_shown_is_named_by_its_position() {
        let long = format!("{{\"directives\":[{}x]}}", " ".repeat(MAX_SHOWN));
        for body in [&b"{\"directives\":[\xff]}"[..], long.as_bytes(), b"", b"{\"directives\":[", b"\n\n\n"] {
            let text = rendered(body);
            assert!(text.contains("file.json:"), "{text}");
        }
    }
}
