//! By which long texts are told apart without being kept.

/// The first and the second half of a digest are mixed with these.
const FIRST: u64 = 0x87c3_7b91_1142_53d5;
const SECOND: u64 = 0x4cf5_ad43_2745_937f;

/// `MurmurHash3_x64_128` by Austin Appleby, going on from the digest of what came before, or from 0. Written
/// out because digests stay on disk, and the standard library's hashes may change with a release. It takes
/// sixteen bytes at once, and resists nobody. An empty text in front of all others counts for nothing.
#[must_use]
pub fn digest(before: u128, bytes: &[u8]) -> u128 {
    let [mut first, mut second] = halves(before);
    let (blocks, rest) = bytes.as_chunks::<16>();
    for block in blocks {
        let [one, two] = halves(u128::from_le_bytes(*block));
        first ^= mixed_first(one);
        first = first.rotate_left(27).wrapping_add(second);
        first = first.wrapping_mul(5).wrapping_add(0x52dc_e729);
        second ^= mixed_second(two);
        second = second.rotate_left(31).wrapping_add(first);
        second = second.wrapping_mul(5).wrapping_add(0x3849_5ab5);
    }
    let mut last = [0; 16];
    last[..rest.len()].copy_from_slice(rest);
    let [one, two] = halves(u128::from_le_bytes(last));
    let length = bytes.len() as u64;
    first ^= mixed_first(one) ^ length;
    second ^= mixed_second(two) ^ length;
    first = first.wrapping_add(second);
    second = second.wrapping_add(first);
    first = spread(first);
    second = spread(second);
    first = first.wrapping_add(second);
    second = second.wrapping_add(first);
    u128::from(first) << 64 | u128::from(second)
}

#[expect(clippy::cast_possible_truncation, reason = "both halves are in it")]
const fn halves(whole: u128) -> [u64; 2] {
    [whole as u64, (whole >> 64) as u64]
}

const fn mixed_first(part: u64) -> u64 {
    let part = part.wrapping_mul(FIRST).rotate_left(31);
    part.wrapping_mul(SECOND)
}

const fn mixed_second(part: u64) -> u64 {
    let part = part.wrapping_mul(SECOND).rotate_left(33);
    part.wrapping_mul(FIRST)
}

/// Lets every bit count for every other.
const fn spread(mut part: u64) -> u64 {
    part ^= part >> 33;
    part = part.wrapping_mul(0xff51_afd7_ed55_8ccd);
    part ^= part >> 33;
    part = part.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    part ^ part >> 33
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_the_published_one() {
        // Of other implementations: Guava's tests, and those of Go's.
        for (text, expected) in [
            ("", 0),
            ("hello", 0xcbd8_a7b3_41bd_9b02_5b1e_906a_48ae_1d19),
            ("hello, world", 0x342f_ac62_3a5e_bc8e_4cdc_bc07_9642_414d),
            (
                "The quick brown fox jumps over the lazy dog.",
                0xcd99_481f_9ee9_02c9_695d_a1a3_8987_b6e7,
            ),
            (
                "19 Jan 2038 at 3:14:07 AM",
                0xb89e_5988_b737_affc_664f_c295_0231_b2cb,
            ),
        ] {
            assert_eq!(digest(0, text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn every_byte_counts_and_so_does_where_a_part_ends() {
        let text: Vec<u8> = (0..100).collect();
        let whole = digest(0, &text);
        for at in 0..text.len() {
            let mut other = text.clone();
            other[at] ^= 1;
            assert_ne!(digest(0, &other), whole, "byte {at}");
            let parts = digest(digest(1, &text[..at]), &text[at..]);
            assert_ne!(parts, digest(1, &text), "cut at {at}");
            assert_ne!(
                digest(0, &text[..at]),
                digest(0, &text[..=at]),
                "length {at}"
            );
        }
        assert_ne!(digest(0, &[0]), digest(0, &[0, 0]));
    }
}
