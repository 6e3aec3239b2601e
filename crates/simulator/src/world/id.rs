//! Conversation ids from which the index can be read back, so that a hundred thousand of them need no memory.

use uuid::Uuid;

use crate::dice::mix;

const NODE_BITS: u32 = 48;
const NODE_MASK: u64 = (1 << NODE_BITS) - 1;
/// Odd, hence invertible modulo any power of two.
const MULTIPLIER: u64 = 0x0005_DEEC_E66D;
const INVERSE: u64 = inverse_of(MULTIPLIER);

/// Newton's iteration; each round doubles the number of right bits, starting from three.
const fn inverse_of(odd: u64) -> u64 {
    let mut inverse = odd;
    let mut round = 0;
    while round < 5 {
        inverse = inverse.wrapping_mul(2_u64.wrapping_sub(odd.wrapping_mul(inverse)));
        round += 1;
    }
    inverse
}

/// The id of a conversation: looks random, its last 48 bits are the scrambled index.
pub(crate) fn conversation_id(salt: u64, index: u64) -> String {
    let node = (index ^ (salt & NODE_MASK)).wrapping_mul(MULTIPLIER) & NODE_MASK;
    let high = mix(salt ^ mix(index));
    let low = (mix(high) & !NODE_MASK) | node;
    uuid_of(high, low).to_string()
}

/// The index of a conversation, if the id is one of this workspace.
pub(crate) fn index_of(salt: u64, id: &str) -> Option<u64> {
    let node = Uuid::parse_str(id).ok()?.as_u64_pair().1 & NODE_MASK;
    let index = (node.wrapping_mul(INVERSE) & NODE_MASK) ^ (salt & NODE_MASK);
    (conversation_id(salt, index) == id).then_some(index)
}

/// An id of anything else.
pub(crate) fn other_id(salt: u64, kind: &str, number: u64) -> String {
    let high = mix(salt ^ crate::dice::of_text(kind) ^ mix(number));
    uuid_of(high, mix(high)).to_string()
}

fn uuid_of(high: u64, low: u64) -> Uuid {
    uuid::Builder::from_random_bytes(Uuid::from_u64_pair(high, low).into_bytes()).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_read_back_from_its_id_and_from_no_other() {
        for index in [0, 1, 2, 77, 99_999, 1 << 40] {
            let id = conversation_id(42, index);
            assert_eq!(index_of(42, &id), Some(index));
            assert_eq!(index_of(43, &id), None, "an id of another workspace was taken");
        }
        assert_eq!(index_of(42, "conv-uuid-123"), None);
    }
}
