//! Versions and positions that callers keep and hand back without looking into them.

use std::fmt;

use super::Revision;

/// Bytes that a [`VersionToken`] takes.
const VERSION_CAPACITY: usize = 10;

/// The version of a key, as its backend counts: opaque, inline, compared for equality only.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct VersionToken {
    length: u8,
    bytes: [u8; VERSION_CAPACITY],
}

/// Bytes are no token of ours: too many of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{bytes} bytes are more than the {limit} of a token")]
pub struct OversizeToken {
    /// How many there are.
    pub bytes: usize,
    /// How many there may be.
    pub limit: usize,
}

impl VersionToken {
    /// No version: of something whose version is not known. No backend accepts it. It is the default, and no bytes.
    #[must_use]
    pub fn unknown() -> Self {
        Self::default()
    }

    /// Whether this is no version.
    #[must_use]
    pub const fn is_unknown(&self) -> bool {
        self.length == 0
    }

    /// The token that [`as_bytes`](Self::as_bytes) wrote.
    ///
    /// # Errors
    ///
    /// If there are too many bytes. Cutting them short would name another version.
    pub fn from_bytes(token: &[u8]) -> Result<Self, OversizeToken> {
        let mut bytes = [0; VERSION_CAPACITY];
        let oversize = OversizeToken { bytes: token.len(), limit: VERSION_CAPACITY };
        bytes.get_mut(..token.len()).ok_or(oversize)?.copy_from_slice(token);
        Ok(Self { length: u8::try_from(token.len()).map_err(|_| oversize)?, bytes })
    }

    /// The bytes, to be kept.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.length)).unwrap_or_default()
    }

    /// The revision, if the backend counts by revisions.
    #[must_use]
    pub fn revision(&self) -> Option<Revision> {
        Some(Revision::new(u64::from_be_bytes(self.as_bytes().try_into().ok()?)))
    }
}

/// Revision zero is the version of a key that does not exist.
impl From<Revision> for VersionToken {
    fn from(revision: Revision) -> Self {
        let mut bytes = [0; VERSION_CAPACITY];
        for (byte, digit) in bytes.iter_mut().zip(revision.as_u64().to_be_bytes()) {
            *byte = digit;
        }
        Self { length: 8, bytes }
    }
}

impl fmt::Debug for VersionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.revision() {
            Some(revision) => write!(f, "VersionToken({revision})"),
            None => write!(f, "VersionToken({:02x?})", self.as_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_holds_what_fits_and_refuses_the_rest() {
        for length in 0..=VERSION_CAPACITY {
            let bytes = vec![7; length];
            assert_eq!(VersionToken::from_bytes(&bytes).expect("fits").as_bytes(), bytes);
        }
        let refused = OversizeToken { bytes: 11, limit: 10 };
        assert_eq!(VersionToken::from_bytes(&[0; 11]), Err(refused));
    }

    #[test]
    fn unknown_is_the_default_and_no_bytes() {
        let unknown = VersionToken::unknown();
        assert!(unknown.is_unknown() && unknown.as_bytes().is_empty() && unknown.revision().is_none());
        assert_eq!(VersionToken::from_bytes(&[]), Ok(unknown));
        assert!(!VersionToken::from(Revision::ZERO).is_unknown(), "that is the version of no key");
    }

    #[test]
    fn a_revision_comes_back_and_other_tokens_have_none() {
        let token = VersionToken::from(Revision::new(0x0102_0304_0506_0708));
        assert_eq!(token.as_bytes(), [1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!(token.revision(), Some(Revision::new(0x0102_0304_0506_0708)));
        assert_eq!(VersionToken::from_bytes(token.as_bytes()), Ok(token));
        for foreign in [&[][..], &[0; 7], &[0; 9]] {
            assert_eq!(VersionToken::from_bytes(foreign).expect("fits").revision(), None);
        }
    }
}
