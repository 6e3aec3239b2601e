//! Numbers that were looked at again and again while a load went on, and whether they stayed as they were.

use crate::report::median;

/// The load has two sixths to warm up and to be measured; the last is compared with the second.
const PARTS: usize = 6;
const BEFORE: usize = 1;
const AFTER: usize = PARTS - 1;

/// Columns of a drawing.
const COLUMNS: usize = 60;
const HEIGHTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Looks at one number, all at the same distance.
#[derive(Debug, Default)]
pub(crate) struct Looks(Vec<f64>);

impl Looks {
    /// One more.
    pub(crate) fn add(&mut self, value: f64) {
        self.0.push(value);
    }

    /// What it was in the last sixth, as a part of what it was in the second: the medians.
    pub(crate) fn end_to_beginning(&self) -> f64 {
        median(self.part(AFTER)) / median(self.part(BEFORE))
    }

    /// How much it grew in the last sixth, as a part of how much it grew in the second.
    pub(crate) fn growth_end_to_beginning(&self) -> f64 {
        growth(self.part(AFTER)) / growth(self.part(BEFORE))
    }

    /// The last.
    pub(crate) fn latest(&self) -> f64 {
        self.0.last().copied().unwrap_or(f64::NAN)
    }

    /// The middle of all.
    pub(crate) fn median(&self) -> f64 {
        median(&self.0)
    }

    /// The highest of all.
    fn highest(&self) -> f64 {
        self.0.iter().copied().fold(f64::NAN, f64::max)
    }

    /// A line as long as the time and, where it is full, as high as the highest; its foot is zero, so what is flat looks flat.
    pub(crate) fn drawing(&self) -> String {
        let columns = COLUMNS.min(self.0.len());
        let height = |column: usize| {
            let slice = &self.0[self.0.len() * column / columns..self.0.len() * (column + 1) / columns];
            let eighths = median(slice) / self.highest() * HEIGHTS.len() as f64;
            HEIGHTS
                .iter()
                .zip(1..)
                .find(|(_, top)| eighths <= f64::from(*top))
                .map_or('█', |(mark, _)| *mark)
        };
        (0..columns).map(height).collect()
    }

    fn part(&self, nth: usize) -> &[f64] {
        let all = self.0.len();
        &self.0[all * nth / PARTS..all * (nth + 1) / PARTS]
    }
}

fn growth(part: &[f64]) -> f64 {
    part.last().zip(part.first()).map_or(f64::NAN, |(last, first)| last - first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looks(values: impl IntoIterator<Item = f64>) -> Looks {
        Looks(values.into_iter().collect())
    }

    #[test]
    fn what_warms_up_and_then_stays_is_flat_and_what_leaks_is_not() {
        let warm = looks((0..600).map(|look| if look < 100 { f64::from(look) } else { 100.0 }));
        assert!((warm.end_to_beginning() - 1.0).abs() < 1e-9);
        let leaking = looks((0..600).map(|look| 100.0 + f64::from(look)));
        let grown = leaking.end_to_beginning();
        assert!((2.5..2.7).contains(&grown), "650 instead of 250: {grown}");
        assert!((leaking.growth_end_to_beginning() - 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_drawing_stands_on_zero() {
        assert_eq!(looks([80.0; 600]).drawing(), "█".repeat(60));
        assert_eq!(looks([0.0, 10.0, 40.0, 79.0, 80.0]).drawing(), "▁▁▄██");
    }
}
