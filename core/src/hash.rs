//! Hashes, the same on every platform. Part of the layout of images: changing it changes
//! [`IMAGE_VERSION`](crate::limits::IMAGE_VERSION).
//!
//! Short texts are read as wyhash and its kin read them, two words at a time and the last two wherever they lie. Words are
//! multiplied as foldhash does on machines of 32 bits. Nothing is keyed: who writes directives is trusted, and a request
//! that collides costs one comparison.

use twox_hash::XxHash64;

/// From the first digits of the golden ratio; odd, so that multiplying by it loses nothing.
pub(crate) const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// Digits of pi: numbers of which nobody need ask where they come from.
const SECRETS: [u64; 3] = [0x4528_21e6_38d0_1377, 0xbe54_66cf_34e9_0c6c, 0xc0ac_29b7_c97c_50dd];

/// Hash of one text.
#[inline]
pub(crate) fn text(text: &[u8]) -> u64 {
    let [one, other, last] = SECRETS;
    let (state, end) = if text.len() > 16 { all_but_the_end(text) } else { (other, text) };
    let (low, high) = ends(end);
    // The length is spread, or one bit of the text could undo it.
    let len = (text.len() as u64).wrapping_mul(SPREAD);
    fold(fold(low ^ one ^ len, high ^ state) ^ last, one)
}

/// Takes in sixteen bytes at a time, and gives back the last sixteen, some of which it may have taken in. Not in place:
/// most names are shorter.
#[inline(never)]
fn all_but_the_end(text: &[u8]) -> (u64, &[u8]) {
    let [one, other, _] = SECRETS;
    let (mut state, mut rest) = (other, text);
    while let Some((pair, behind)) = rest.split_first_chunk::<16>().filter(|(_, behind)| !behind.is_empty()) {
        let (low, high) = ends(pair);
        state = fold(low ^ one, high ^ state);
        rest = behind;
    }
    (state, text.last_chunk::<16>().map_or(rest, |end| end))
}

/// Up to sixteen bytes as two numbers, which overlap where there are fewer: with the length they tell texts apart.
#[inline(always)]
pub(crate) fn ends(text: &[u8]) -> (u64, u64) {
    if let (Some(low), Some(high)) = (text.first_chunk(), text.last_chunk()) {
        return (u64::from_le_bytes(*low), u64::from_le_bytes(*high));
    }
    if let (Some(low), Some(high)) = (text.first_chunk(), text.last_chunk()) {
        return (u32::from_le_bytes(*low).into(), u32::from_le_bytes(*high).into());
    }
    let byte = |at: usize| text.get(at).map_or(0, |&byte| u64::from(byte));
    (byte(0) | byte(1) << 8, byte(2))
}

/// Mixes two numbers. What one expects here is the product of 128 bits, its halves folded together; WebAssembly has to
/// call a function for that, and two products of halves, crosswise, mix nearly as well.
#[inline(always)]
fn fold(x: u64, y: u64) -> u64 {
    const LOW: u64 = 0xffff_ffff;
    let (one, other) = ((x & LOW).wrapping_mul(y >> 32), (x >> 32).wrapping_mul(y & LOW));
    one ^ other.rotate_right(32)
}

/// The checksum of an image: over everything behind the checksum itself. Not the hash of short texts, which promises
/// nothing about a flipped bit.
pub(crate) fn checksum(content: &[u8]) -> u64 {
    XxHash64::oneshot(0, content)
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;
    use alloc::format;
    use alloc::string::{String, ToString};
    use alloc::vec;
    use alloc::vec::Vec;

    use super::*;

    /// Texts that differ as names do: in few places, and little.
    fn families() -> [(&'static str, Vec<String>); 6] {
        const COUNT: usize = 1 << 15;
        let family = |name: fn(usize) -> String| (0..COUNT).map(name).collect();
        [
            ("numbered", family(|number| format!("tenant-{number:06}"))),
            ("plain numbers", family(|number| number.to_string())),
            ("numbered in front", family(|number| format!("{number}.tenants.example"))),
            ("long", family(|number| format!("projects/one/locations/eu-west/clusters/{number}/pods"))),
            (
                "short",
                family(|number| [1024, 32, 1].into_iter().filter_map(|unit| digit(number / unit)).collect()),
            ),
            ("zeros", family(|number| "\0".repeat(number / 16) + &"\u{1}".repeat(number % 16))),
        ]
    }

    fn digit(number: usize) -> Option<char> {
        char::from_digit(u32::try_from(number % 32).ok()?, 32)
    }

    /// Any sixteen of the bits should tell texts apart as well as chance would: of `n` texts in `2n` places,
    /// `2(1 - e^(-1/2))n`, or 0.787 n, places are taken. Gives what falls short of that.
    fn crowded(hash: fn(&[u8]) -> u64) -> Vec<String> {
        let mut crowded = Vec::new();
        for (name, family) in families() {
            for shift in (0..=48).step_by(8) {
                let taken: BTreeSet<u64> =
                    family.iter().map(|one| hash(one.as_bytes()) >> shift & 0xffff).collect();
                let share = taken.len() as f64 / family.len() as f64;
                if share <= 0.77 {
                    crowded.push(format!("{name}, bits from {shift} on: {share:.3}"));
                }
            }
        }
        crowded
    }

    /// How many texts there are that differ by one bit or in their length, and by how many hashes.
    fn texts_and_hashes(hash: fn(&[u8]) -> u64) -> (usize, usize) {
        let mut seen = BTreeSet::new();
        let mut count = 0;
        for len in 0..=50 {
            let mut bytes = vec![b'a'; len];
            let mut note = |bytes: &[u8]| {
                count += 1;
                seen.insert(hash(bytes));
            };
            note(&bytes);
            for bit in 0..len * 8 {
                bytes[bit / 8] ^= 1 << (bit % 8);
                note(&bytes);
                bytes[bit / 8] ^= 1 << (bit % 8);
            }
        }
        (count, seen.len())
    }

    #[test]
    fn every_part_of_the_hash_spreads_what_names_are_like() {
        assert_eq!(crowded(text), Vec::<String>::new());
    }

    #[test]
    fn texts_of_every_length_differ_by_any_of_their_bits() {
        let (texts, hashes) = texts_and_hashes(text);
        assert_eq!(hashes, texts);
    }

    /// What [`text`] would be with one multiplication less, and with a length that is not spread.
    #[test]
    fn a_hash_that_mixes_less_is_found_out() {
        let once = |text: &[u8]| {
            let (low, high) = ends(text);
            fold(low ^ SECRETS[0], high ^ SECRETS[1] ^ text.len() as u64)
        };
        assert!(!crowded(once).is_empty());
        let undone = |text: &[u8]| {
            let (low, high) = ends(text);
            fold(fold(low ^ SECRETS[0], high ^ SECRETS[1] ^ text.len() as u64) ^ SECRETS[2], SECRETS[0])
        };
        let (texts, hashes) = texts_and_hashes(undone);
        assert!(hashes < texts);
    }

    /// From the specification of xxHash and its reference implementation.
    #[test]
    fn the_checksum_gives_the_published_values() {
        assert_eq!(checksum(b""), 0xef46_db37_51d8_e999);
        assert_eq!(checksum(b"a"), 0xd24e_c4f1_a98c_6e5b);
        assert_eq!(checksum(b"abc"), 0x44bc_2cf5_ad77_0999);
    }
}
