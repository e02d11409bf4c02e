//! Who may publish: whoever has one of the tokens in a file.

use std::fmt;
use std::io;
use std::path::PathBuf;

use axum::http::{HeaderMap, header};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// The shortest token: 16 bytes are 64 bits even in hexadecimal.
const SHORTEST: usize = 16;

/// A file with a token on each line; blank lines and those that begin with `#` do not count.
///
/// It is read at each attempt to publish, so tokens come and go without a restart: while clients move from one to the
/// next, both stand in it.
pub struct Tokens {
    path: PathBuf,
}

impl Tokens {
    /// The tokens in this file.
    ///
    /// # Errors
    ///
    /// If it cannot be read, holds no token, or one of fewer than 16 bytes.
    pub fn open(path: impl Into<PathBuf>) -> io::Result<Self> {
        let tokens = Self { path: path.into() };
        tokens.read().map(|_| tokens)
    }

    /// Whether `Authorization: Bearer …` holds one of them. Takes as long for any token, as it compares their hashes, and
    /// all of them.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub(super) fn admit(&self, headers: &HeaderMap) -> io::Result<bool> {
        let shown = Sha256::digest(bearer(headers).unwrap_or_default());
        let known = self.read()?;
        let is_one =
            known.lines().filter(|line| is_token(line)).fold(subtle::Choice::from(0), |found, line| {
                found | Sha256::digest(line.trim()).as_slice().ct_eq(shown.as_slice())
            });
        Ok(bool::from(is_one))
    }

    fn read(&self) -> io::Result<String> {
        let text = std::fs::read_to_string(&self.path)?;
        let mut tokens = text.lines().filter(|line| is_token(line)).peekable();
        let refuse = |cause| Err(io::Error::new(io::ErrorKind::InvalidData, cause));
        if tokens.peek().is_none() {
            return refuse("it holds no token".to_owned());
        }
        match tokens.any(|line| line.trim().len() < SHORTEST) {
            true => refuse(format!("a token has at least {SHORTEST} bytes")),
            false => Ok(text),
        }
    }
}

fn is_token(line: &str) -> bool {
    !line.trim().is_empty() && !line.starts_with('#')
}

fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(header::AUTHORIZATION)?.as_bytes();
    let (scheme, token) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
}

/// Without the tokens.
impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").field("path", &self.path).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use axum::http::HeaderValue;

    use super::*;

    fn with(text: &str) -> (tempfile::TempDir, io::Result<Tokens>) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("tokens");
        fs::write(&path, text).expect("can be written");
        let tokens = Tokens::open(path);
        (folder, tokens)
    }

    fn shown(value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(header::AUTHORIZATION, HeaderValue::from_static(value))])
    }

    #[test]
    fn whoever_shows_one_of_the_tokens_is_admitted() {
        let (folder, tokens) = with("# of the night shift\n0123456789abcdef\n\n  fedcba9876543210\r\n");
        let tokens = tokens.expect("are tokens");
        for good in ["Bearer 0123456789abcdef", "bearer fedcba9876543210", "BEARER   0123456789abcdef "] {
            assert!(tokens.admit(&shown(good)).expect("can be read"), "{good}");
        }
        for bad in [
            "",
            "Bearer ",
            "Bearer 0123456789abcde",
            "Basic 0123456789abcdef",
            "0123456789abcdef",
            "Bearer # of the night shift",
        ] {
            assert!(!tokens.admit(&shown(bad)).expect("can be read"), "{bad}");
        }
        assert!(!tokens.admit(&HeaderMap::new()).expect("can be read"));
        fs::write(folder.path().join("tokens"), "another-token-of-16").expect("can be written");
        assert!(!tokens.admit(&shown("Bearer 0123456789abcdef")).expect("can be read"));
        assert!(tokens.admit(&shown("Bearer another-token-of-16")).expect("can be read"));
    }

    #[test]
    fn a_file_that_would_admit_nobody_or_anybody_is_refused() {
        for text in ["", "\n# none\n", "short", "0123456789abcdef\nshort"] {
            assert!(with(text).1.is_err(), "{text:?}");
        }
        assert!(Tokens::open("/nowhere/tokens").is_err());
    }
}
