//! The digest by which operators compare instances.

use core::fmt;
use core::str::FromStr;

use sha2::{Digest as _, Sha256};

/// SHA-256 over the documents in force. Shown in lower-case hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of these documents, key and value, which must come in key order.
    ///
    /// For each document four things are hashed: the length of its key in bytes (as an unsigned little-endian number
    /// of eight bytes), the key, the length of its value likewise, the value. So no two lists of documents run together
    /// into the same bytes. No document at all gives the digest of nothing, `e3b0c442…`.
    pub fn of<'d>(documents: impl IntoIterator<Item = (&'d [u8], &'d [u8])>) -> Self {
        let mut hash = Sha256::new();
        for (key, value) in documents {
            for part in [key, value] {
                hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
                hash.update(part);
            }
        }
        Self(hash.finalize().into())
    }

    /// The digest that these 32 bytes are.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// What is no digest: not 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a digest is 64 hexadecimal digits")]
pub struct NoDigest;

impl FromStr for Digest {
    type Err = NoDigest;

    fn from_str(text: &str) -> Result<Self, NoDigest> {
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        let mut bytes = [0; 32];
        if !rest.is_empty() || pairs.len() != bytes.len() {
            return Err(NoDigest);
        }
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = digit(*high)? << 4 | digit(*low)?;
        }
        Ok(Self(bytes))
    }
}

fn digit(ascii: u8) -> Result<u8, NoDigest> {
    let digit = char::from(ascii).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    digit.ok_or(NoDigest)
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn a_digest_is_read_as_it_is_shown_and_nothing_else_is() {
        let digest = Digest::of([(&b"k"[..], &b"v"[..])]);
        assert_eq!(digest.to_string().parse(), Ok(digest));
        assert_eq!(digest.to_string().to_uppercase().parse(), Ok(digest));
        let digits = "0".repeat(64);
        assert!(digits.parse::<Digest>().is_ok());
        for bad in [
            "",
            "0",
            &"0".repeat(63),
            &"0".repeat(62),
            &format!("{digits}00"),
            &digits.replacen('0', "g", 1),
            &digits.replacen('0', "+", 1),
        ] {
            assert_eq!(bad.parse::<Digest>(), Err(NoDigest), "{bad}");
        }
    }
}
