//! `aldis get`: the active document.

use aldis_core::{DecodeError, UnixMillis, decode};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::kv::{KvEntry, Scope};
use crate::mirror::Digest;

use super::args::{GetArgs, Global};
use super::backend::{Backend, key, scope, source};
use super::console::BAD;
use super::failure::{Answer, Failure};
use super::{Console, check, input};

/// Prints the document as it is, so that it can be edited and published again; what is known of it goes to standard
/// error. Under a prefix without a name, every document in key order.
pub(super) async fn run(global: &Global, args: &GetArgs, console: &mut Console) -> Result<Answer, Failure> {
    let source = source(global)?;
    let (scope, name) = (scope(&source), args.name.name.as_deref());
    let only = match (&scope, name) {
        (Scope::Prefix(_), None) => None,
        (scope, name) => Some(key(scope, name)?),
    };
    let backend = Backend::open(&source, &global.etcd).await?;
    let mut entries = backend.list().await?.entries;
    entries.retain(|entry| only.as_ref().is_none_or(|only| *only == entry.key));
    if entries.is_empty() {
        let (Scope::Key(at) | Scope::Prefix(at)) = &scope;
        let message = format!("no document is published under {}", only.as_ref().unwrap_or(at));
        return Err(Failure::No { reason: "absent", message });
    }
    let now = input::now()?;
    let revisions = backend.has_revisions();
    let mut answer = Answer::Yes;
    for entry in &entries {
        let document = Document::of(entry, revisions, now);
        if document.error.is_some() {
            answer = Answer::No;
        }
        match console.is_json() {
            true => console.json(&document)?,
            false => print(&document, &entry.value, console)?,
        }
    }
    Ok(answer)
}

fn print(document: &Document, body: &[u8], console: &mut Console) -> Result<(), Failure> {
    let revision = document.revision.map(|revision| format!("revision {revision}, ")).unwrap_or_default();
    let what = match (document.directives, &document.error) {
        (Some(count), _) => check::directives(count),
        (None, Some(error)) => {
            format!("{} {error}; instances keep the last good one", Console::styled(BAD, "refused:"))
        }
        (None, None) => String::new(),
    };
    console.note(format!("{}: {revision}{what}, digest {}", document.key, document.digest));
    console.bytes(body)?;
    match body.ends_with(b"\n") {
        true => Ok(()),
        false => console.bytes(b"\n"),
    }
}

/// `{"key","revision","digest","directives","document"}`; a malformed document has `"directives":null` and an `error`,
/// and is a string if it is not JSON at all.
#[derive(Serialize)]
struct Document {
    key: String,
    revision: Option<u64>,
    digest: String,
    directives: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<DecodeError>,
    document: Option<Box<RawValue>>,
}

impl Document {
    fn of(entry: &KvEntry, has_revision: bool, now: UnixMillis) -> Self {
        let decoded = decode(&entry.value, now).map(|directives| directives.len());
        Self {
            key: entry.key.to_string(),
            revision: has_revision.then_some(entry.mod_revision.as_u64()),
            digest: Digest::of([(entry.key.as_bytes(), &*entry.value)]).to_string(),
            directives: decoded.as_ref().ok().copied(),
            error: decoded.err(),
            document: on_one_line(&entry.value),
        }
    }
}

/// The document without the white space between its parts; what is not JSON, as a string.
fn on_one_line(body: &[u8]) -> Option<Box<RawValue>> {
    let text = String::from_utf8_lossy(body);
    let json = RawValue::from_string(without_blanks(&text));
    json.or_else(|_| serde_json::value::to_raw_value(&text)).ok()
}

fn without_blanks(text: &str) -> String {
    let (mut in_string, mut escaped) = (false, false);
    let keeps = |c: &char| {
        match c {
            '"' if !escaped => in_string = !in_string,
            _ if in_string => {}
            c => return !matches!(c, ' ' | '\t' | '\n' | '\r'),
        }
        escaped = in_string && *c == '\\' && !escaped;
        true
    };
    text.chars().filter(keeps).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_fits_on_one_line_and_keeps_its_meaning() {
        for (body, line) in [
            ("{ \"a\" :\n [1, 2]\t}\r\n", r#"{"a":[1,2]}"#),
            (r#"{"a b":"c \" d \\" , "e" : 1}"#, r#"{"a b":"c \" d \\","e":1}"#),
            ("not json\n", r#""not json\n""#),
            ("", r#""""#),
        ] {
            assert_eq!(on_one_line(body.as_bytes()).expect("always").get(), line);
        }
    }
}
