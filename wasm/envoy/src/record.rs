//! An image in shared data, and what is known of it. What is known follows the image, so that it can be cut off without
//! moving what may be megabytes.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

/// Ends a record, and names its layout.
const MAGIC: &[u8; 4] = b"ALD1";

/// What a relay said of an image, and which one it is among those that this proxy has had.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// Counted by those who poll, one after the other; zero: there was no image yet.
    pub(crate) number: u64,
    pub(crate) revision: u64,
    /// What operators compare; 64 hexadecimal digits.
    pub(crate) digest: String,
    /// What the relay is asked by whether there is something newer.
    pub(crate) etag: String,
    /// The cluster that the revision counts in; empty if the relay does not say.
    pub(crate) cluster: String,
}

impl Stamp {
    /// A relay that began from its disk has this in the place of its cluster until it has read from that.
    const UNKNOWN_CLUSTER: &str = "0";

    pub(crate) fn knows_cluster(&self) -> bool {
        self.cluster != Self::UNKNOWN_CLUSTER
    }
}

/// Appends what is known of it to an image.
pub(crate) fn write(mut image: Vec<u8>, stamp: &Stamp) -> Vec<u8> {
    for text in [&stamp.digest, &stamp.etag, &stamp.cluster] {
        image.extend_from_slice(text.as_bytes());
        image.extend_from_slice(&u32::try_from(text.len()).unwrap_or(0).to_le_bytes());
    }
    for number in [stamp.revision, stamp.number] {
        image.extend_from_slice(&number.to_le_bytes());
    }
    image.extend_from_slice(MAGIC);
    image
}

/// The image of a record and what is known of it; `None` if it is none, or from another version of the filter.
pub(crate) fn read(mut record: Vec<u8>) -> Option<(Vec<u8>, Stamp)> {
    let mut rest = record.strip_suffix(MAGIC)?;
    let number = u64::from_le_bytes(last(&mut rest)?);
    let revision = u64::from_le_bytes(last(&mut rest)?);
    let cluster = last_text(&mut rest)?;
    let etag = last_text(&mut rest)?;
    let digest = last_text(&mut rest)?;
    let image = rest.len();
    record.truncate(image);
    Some((record, Stamp { number, revision, digest, etag, cluster }))
}

fn last<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (rest, last) = bytes.split_last_chunk::<N>()?;
    *bytes = rest;
    Some(*last)
}

fn last_text(bytes: &mut &[u8]) -> Option<String> {
    let len = usize::try_from(u32::from_le_bytes(last(bytes)?)).ok()?;
    let (rest, text) = bytes.split_at_checked(bytes.len().checked_sub(len)?)?;
    *bytes = rest;
    core::str::from_utf8(text).ok().map(ToOwned::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp() -> Stamp {
        let (digest, etag, cluster) = ("ab".repeat(32), "\"ä\"".to_owned(), "cd".to_owned());
        Stamp { number: 3, revision: u64::MAX, digest, etag, cluster }
    }

    #[test]
    fn a_record_gives_back_what_it_was_made_of() {
        for image in [vec![], vec![1, 2, 3], b"ALD1".to_vec()] {
            assert_eq!(read(write(image.clone(), &stamp())), Some((image, stamp())));
        }
        let nothing = Stamp::default();
        assert_eq!(read(write(Vec::new(), &nothing)), Some((Vec::new(), nothing)));
    }

    #[test]
    fn what_is_cut_or_of_another_kind_is_no_record() {
        let record = write(Vec::new(), &stamp());
        for start in 1..record.len() {
            assert_eq!(read(record[start..].to_vec()), None, "without its first {start} bytes");
        }
        assert_eq!(read(record[..record.len() - 1].to_vec()), None);
        assert_eq!(read(Vec::new()), None);
    }
}
