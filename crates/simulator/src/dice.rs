//! Seeded chance. Written out rather than taken from a library, because a world must come out the same from the
//! same seed after any upgrade of any library.

/// A stream of numbers that depends on nothing but what it was made from.
#[derive(Debug, Clone)]
pub struct Dice(u64);

/// SplitMix64's step: every bit of the input reaches every bit of the output.
pub(crate) const fn mix(input: u64) -> u64 {
    let mut value = input.wrapping_add(0x9E37_79B9_7F4A_7C15);
    value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}

/// A number out of a text.
pub(crate) fn of_text(text: &str) -> u64 {
    text.bytes().fold(text.len() as u64, |sum, byte| mix(sum ^ u64::from(byte)))
}

impl Dice {
    /// Dice for a place in the world; the same parts give the same throws.
    pub fn of(parts: &[u64]) -> Self {
        Self(parts.iter().fold(0, |sum, part| mix(sum ^ part)))
    }

    /// Any number.
    pub fn throw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.0)
    }

    /// A number below `limit`; the limits here are so small that the bias of a remainder does not matter.
    pub fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.throw() % limit.max(1) as u64)
            .expect("a remainder is below its divisor, a usize")
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&mut self, low: usize, high: usize) -> usize {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// True in `share` of all throws.
    pub fn chance(&mut self, share: f64) -> bool {
        self.fraction() < share
    }

    /// A number from 0 up to, but without, 1.
    pub fn fraction(&mut self) -> f64 {
        (self.throw() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// True once in `count` throws.
    pub fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    /// One of several.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_throws_of_a_seed_never_change() {
        let mut dice = Dice::of(&[7, 1]);
        assert_eq!([dice.below(1000), dice.below(1000), dice.below(1000)], [859, 416, 442]);
    }
}
