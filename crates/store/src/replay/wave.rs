//! The waves of a replay: a letter, then five, twenty-five, and a hundred at a time.

/// Some letters of a replay that may be on their way at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wave {
    /// Which one, from 1.
    pub number: i32,
    /// The place behind its last.
    pub end: i32,
}

impl Wave {
    /// The wave that a place is in.
    pub fn of(place: i32) -> Self {
        const ENDS: [i32; 3] = [1, 1 + 5, 1 + 5 + 25];
        let full = ENDS[2];
        if let Some((number, end)) = (1..).zip(ENDS).find(|(_, end)| place < *end) {
            return Self { number, end };
        }
        let later = (place - full) / 100 + 1;
        Self { number: 3 + later, end: full + later * 100 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waves_are_of_one_five_twenty_five_and_then_a_hundred() {
        let waves = [0, 1, 5, 6, 30, 31, 130, 131, 1_000].map(Wave::of);
        assert_eq!(waves.map(|wave| wave.end), [1, 6, 6, 31, 31, 131, 131, 231, 1_031]);
        assert_eq!(waves.map(|wave| wave.number), [1, 2, 2, 3, 3, 4, 4, 5, 13]);
    }
}
