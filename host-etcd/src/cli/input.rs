//! What comes in: files, and values on the command line.

use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::path::Path;
use std::time::{Duration, SystemTime};

use aldis_core::limits::MAX_BODY_BYTES;
use aldis_core::{EndpointKind, UnixMillis};

use super::failure::Failure;

/// Reads a document: a file, or standard input if it is called `-`. Of what is larger than any document, no more is read
/// than it takes to refuse it.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    read_at_most(path, u64::try_from(MAX_BODY_BYTES).unwrap_or(u64::MAX).saturating_add(1))
}

/// Reads what is no document, all of it.
pub(super) fn read_all(path: &Path) -> Result<Vec<u8>, Failure> {
    read_at_most(path, u64::MAX)
}

fn read_at_most(path: &Path, limit: u64) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    let result = match is_stdin(path) {
        true if io::stdin().is_terminal() => {
            anstream::eprintln!("reading standard input; end it with ctrl-d");
            io::stdin().lock().take(limit).read_to_end(&mut body)
        }
        true => io::stdin().lock().take(limit).read_to_end(&mut body),
        false => File::open(path).and_then(|file| file.take(limit).read_to_end(&mut body)),
    };
    match result {
        Ok(_) => Ok(body),
        Err(error) => Err(Failure::trouble(format!("cannot read {}: {}", name(path), io_cause(&error)))),
    }
}

/// What an input is called in answers.
pub(super) fn name(path: &Path) -> String {
    match is_stdin(path) {
        true => "<stdin>".to_owned(),
        false => path.display().to_string(),
    }
}

fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Lower case, and without the number.
pub(super) fn io_cause(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_lowercase()
}

/// The wall clock. A machine that does not know the time is told so, for every end would be wrong.
pub(super) fn now() -> Result<UnixMillis, Failure> {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok();
    let millis = since.and_then(|since| u64::try_from(since.as_millis()).ok());
    millis
        .map(UnixMillis::new)
        .ok_or_else(|| Failure::trouble("the clock of this machine is not set; say --now"))
}

/// RFC 3339, or milliseconds since 1970.
pub(super) fn time(text: &str) -> Result<UnixMillis, String> {
    let millis = text.parse().ok().map(UnixMillis::new);
    millis.or_else(|| UnixMillis::parse_rfc3339(text)).ok_or_else(|| {
        "expected RFC 3339 with offset, such as 2026-11-20T14:05:00Z, or milliseconds since 1970".to_owned()
    })
}

/// A number with a unit: `500ms`, `5s`, `1m`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    crate::duration::parse(text).ok_or_else(|| "expected a duration such as 500ms, 5s or 1m".to_owned())
}

/// The name of an endpoint.
pub(super) fn endpoint(text: &str) -> Result<EndpointKind, String> {
    EndpointKind::from_name(text).ok_or_else(|| {
        let names: Vec<_> = EndpointKind::ALL.iter().map(|kind| kind.as_str()).collect();
        format!("unknown endpoint; known are {}", names.join(", "))
    })
}

/// `name=value`. Either may be empty: a request may be anything.
pub(super) fn label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
        None => Err("expected NAME=VALUE".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_labels_are_read() {
        assert_eq!(time("1795183500000"), Ok(UnixMillis::new(1_795_183_500_000)));
        assert_eq!(time("2026-11-20T14:05:00Z"), Ok(UnixMillis::new(1_795_183_500_000)));
        assert!(time("tomorrow").is_err() && time("-1").is_err());
        assert_eq!(label("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
        assert!(label("=b").is_ok() && label("a").is_err());
        assert!(endpoint("search").expect_err("case matters").contains("Search"));
    }
}
