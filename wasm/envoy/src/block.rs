//! A block of headers, as the proxy-wasm ABI lays them out: how many, the lengths of each name and value, then the texts,
//! each with a zero byte behind it. Numbers have four bytes, little-endian.

#[cfg(any(test, target_arch = "wasm32"))]
use alloc::vec::Vec;

/// The names and values in a block, in their order. Ends early at bytes that are no block.
pub(crate) fn pairs(block: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let (count, rest) = block.split_first_chunk::<4>().unwrap_or((&[0; 4], &[]));
    let lengths = usize::try_from(u32::from_le_bytes(*count)).ok().and_then(|count| count.checked_mul(8));
    let (lengths, texts) = lengths.and_then(|bytes| rest.split_at_checked(bytes)).unwrap_or((&[], &[]));
    let mut texts = texts;
    lengths.as_chunks::<4>().0.as_chunks::<2>().0.iter().map_while(move |[name, value]| {
        let name = take(&mut texts, *name)?;
        Some((name, take(&mut texts, *value)?))
    })
}

/// The value of the first header of that name.
pub(crate) fn value<'a>(block: &'a [u8], name: &str) -> Option<&'a [u8]> {
    pairs(block).find(|(found, _)| *found == name.as_bytes()).map(|(_, value)| value)
}

/// A text of this length, without the zero byte behind it.
fn take<'a>(texts: &mut &'a [u8], len: [u8; 4]) -> Option<&'a [u8]> {
    let (text, rest) = texts.split_at_checked(usize::try_from(u32::from_le_bytes(len)).ok()?)?;
    *texts = rest.get(1..)?;
    Some(text)
}

/// A block of these headers.
#[cfg(any(test, target_arch = "wasm32"))]
pub(crate) fn write<T: AsRef<[u8]>>(headers: &[(&str, T)]) -> Vec<u8> {
    // Nothing that lies in a memory of 32 bits is longer.
    let number = |len: usize| u32::try_from(len).unwrap_or(u32::MAX).to_le_bytes();
    let mut block = number(headers.len()).to_vec();
    for (name, value) in headers {
        block.extend_from_slice(&number(name.len()));
        block.extend_from_slice(&number(value.as_ref().len()));
    }
    for text in headers.iter().flat_map(|(name, value)| [name.as_bytes(), value.as_ref()]) {
        block.extend_from_slice(text);
        block.push(0);
    }
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_come_out_as_they_were_put_in() {
        let headers: [(&str, &[u8]); 4] = [(":path", b"/a"), ("x", b""), ("x", b"\xff\0"), ("y", b"z")];
        let block = write(&headers);
        let read: Vec<_> = pairs(&block).collect();
        assert_eq!(read, headers.map(|(name, value)| (name.as_bytes(), value)));
        assert_eq!(value(&block, "x"), Some(&b""[..]), "of several the first");
        assert_eq!(value(&block, "X"), None);
    }

    #[test]
    fn every_prefix_and_every_changed_byte_is_read_without_harm() {
        let good = write(&[("name", "value"), ("other", "")]);
        for end in 0..good.len() {
            assert!(pairs(&good[..end]).count() <= 2);
        }
        for place in 0..good.len() {
            for byte in [0, 1, 2, 255] {
                let mut bad = good.clone();
                bad[place] = byte;
                assert!(pairs(&bad).count() <= 2);
            }
        }
        assert_eq!(pairs(&[]).count(), 0);
        assert_eq!(pairs(&[255; 64]).count(), 0);
    }
}
