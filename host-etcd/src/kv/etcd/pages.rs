//! A list of any size: in pages, all of them at the revision of the first.

use etcd_client::GetOptions;

use super::connection::{EtcdConnection, RangeError, entry, header, to_etcd};
use super::error::Failure;
use crate::kv::{Header, Key, KvError, Listing, Revision, Scope};

/// How often a list is begun anew when its revision is compacted while it is being read.
const MAX_ATTEMPTS: u32 = 3;

const DOES_NOT_GO_ON: &str = "a page of the list does not go on where the last one ended";

/// What to read of each key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Fetch {
    /// All of it.
    Entries,
    /// Everything but the value, which stays empty.
    Keys,
}

/// Reads all that starts with one of these prefixes, at one revision; in key order, if the prefixes are and none
/// contains another.
pub(super) async fn list(
    connection: &EtcdConnection,
    prefixes: &[Key],
    fetch: Fetch,
    operation: &'static str,
) -> Result<Listing, KvError> {
    let mut attempt = 1;
    loop {
        match list_once(connection, prefixes, fetch).await {
            Err(RangeError::Failed(Failure::Compacted)) if attempt < MAX_ATTEMPTS => attempt += 1,
            other => {
                let listing = other.map_err(|error| connection.range_error(error, operation))?;
                connection.pace.came();
                return Ok(listing);
            }
        }
    }
}

async fn list_once(
    connection: &EtcdConnection,
    prefixes: &[Key],
    fetch: Fetch,
) -> Result<Listing, RangeError> {
    // Revision zero asks for the present one; the first answer says which that is.
    let present = Header { cluster_id: 0, revision: Revision::ZERO };
    let mut listing = Listing { header: present, entries: Vec::new() };
    for prefix in prefixes {
        add_prefix(connection, prefix, fetch, &mut listing).await?;
    }
    Ok(listing)
}

async fn add_prefix(
    connection: &EtcdConnection,
    prefix: &Key,
    fetch: Fetch,
    listing: &mut Listing,
) -> Result<(), RangeError> {
    let end = prefix_end(prefix.as_bytes());
    let (mut from, mut limit) = (first_key(prefix), connection.pace.first_page_keys());
    loop {
        let options = options(&end, limit, listing.header.revision, fetch);
        let mut page = match connection.range(&from, options).await {
            Err(RangeError::Failed(Failure::AnswerTooLarge)) if limit > 1 => {
                limit /= 2;
                continue;
            }
            Err(RangeError::Timeout) => {
                // Not asked for again here: a server that answers nothing must not be waited for twice.
                connection.pace.slow_down(limit);
                return Err(RangeError::Timeout);
            }
            page => page?,
        };
        // Every later page's header tells the revision of its own moment.
        if listing.header.revision == Revision::ZERO {
            listing.header = header(page.header());
        }
        let more = page.more();
        let kvs = page.take_kvs();
        let left = usize::try_from(page.count()).unwrap_or(usize::MAX).saturating_sub(kvs.len()).max(1);
        // Of a server that repeats itself the list would never end.
        if more && kvs.first().is_none_or(|kv| kv.key() < from.as_bytes()) {
            return Err(RangeError::Failed(Failure::Other(DOES_NOT_GO_ON.to_owned())));
        }
        let bytes = kvs.iter().map(|kv| kv.key().len() + kv.value().len()).sum();
        limit = connection.pace.next_page_keys(bytes, kvs.len()).min(left);
        listing.entries.extend(kvs.into_iter().map(entry));
        match listing.entries.last() {
            Some(last) if more => from = successor(&last.key),
            _ => return Ok(()),
        }
    }
}

fn options(end: &[u8], limit: usize, at: Revision, fetch: Fetch) -> GetOptions {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let options = GetOptions::new().with_range(end).with_limit(limit).with_revision(to_etcd(at));
    match fetch {
        Fetch::Entries => options,
        Fetch::Keys => options.with_keys_only(),
    }
}

/// The scope as etcd's key and range.
pub(super) fn range(scope: &Scope) -> (Key, GetOptions) {
    match scope {
        Scope::Key(key) => (key.clone(), GetOptions::new()),
        Scope::Prefix(prefix) => {
            (first_key(prefix), GetOptions::new().with_range(prefix_end(prefix.as_bytes())))
        }
    }
}

/// etcd has no empty key: its first key is one zero byte.
pub(super) fn first_key(prefix: &Key) -> Key {
    match prefix.as_bytes() {
        [] => Key::from([0].as_slice()),
        _ => prefix.clone(),
    }
}

/// The smallest key behind this one.
fn successor(key: &Key) -> Key {
    let mut next = key.as_bytes().to_vec();
    next.push(0);
    next.into()
}

/// The end of the range of all keys with this prefix; one zero byte is etcd's name for the end of all keys.
pub(super) fn prefix_end(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if let Some(next) = last.checked_add(1) {
            end.push(next);
            return end;
        }
    }
    vec![0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_before_the_next_sibling() {
        assert_eq!(prefix_end(b"aldis/"), b"aldis0");
        assert_eq!(prefix_end(b"a\xff\xff"), b"b");
        assert_eq!(prefix_end(b"\xff"), b"\0");
        assert_eq!(prefix_end(b""), b"\0");
    }
}
