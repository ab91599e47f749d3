//! Which partition a key belongs to: murmur2, as the default partitioner of Kafka's Java client, so that other
//! clients agree. Pure.

const SEED: u32 = 0x9747_b28c;
const MULTIPLIER: u32 = 0x5bd1_e995;
const SHIFT: u32 = 24;

/// The partition of a key among `partitions`; 0 if there are none.
#[must_use]
pub fn partition_of(key: &str, partitions: u32) -> u32 {
    (murmur2(key.as_bytes()) & 0x7fff_ffff).checked_rem(partitions).unwrap_or(0)
}

fn murmur2(data: &[u8]) -> u32 {
    #[expect(clippy::cast_possible_truncation, reason = "the algorithm works modulo 2^32")]
    let mut hash = SEED ^ data.len() as u32;
    let (words, tail) = data.as_chunks::<4>();
    for word in words {
        let mut mixed = u32::from_le_bytes(*word).wrapping_mul(MULTIPLIER);
        mixed ^= mixed >> SHIFT;
        mixed = mixed.wrapping_mul(MULTIPLIER);
        hash = hash.wrapping_mul(MULTIPLIER) ^ mixed;
    }
    if !tail.is_empty() {
        for (index, byte) in tail.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * index);
        }
        hash = hash.wrapping_mul(MULTIPLIER);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(MULTIPLIER);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors of `org.apache.kafka.common.utils.UtilsTest#testMurmur2`.
    #[test]
    fn hash_agrees_with_the_java_client() {
        let check = |key: &str, expected: i32| {
            assert_eq!(murmur2(key.as_bytes()), expected.cast_unsigned(), "{key}");
        };
        check("21", -973_932_308);
        check("foobar", -790_332_482);
        check("a-little-bit-long-string", -985_981_536);
        check("a-little-bit-longer-string", -1_486_304_829);
        check("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971);
        check("abc", 479_470_107);
    }

    #[test]
    fn every_partition_is_below_the_count() {
        for partitions in 1..50 {
            for key in 0..200 {
                assert!(partition_of(&key.to_string(), partitions) < partitions);
            }
        }
        assert_eq!(partition_of("anything", 0), 0);
    }
}
