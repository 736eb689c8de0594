//! Running least and greatest values, which bring numbers to [0, 1].

/// How many widths of the range beyond it a value counts at most.
const LIMIT: f64 = 10.0;

/// The range of each of some numbers.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Ranges {
    pub(super) low: Vec<f32>,
    pub(super) high: Vec<f32>,
}

impl Ranges {
    /// Ranges that hold 0 alone.
    pub(super) fn new(n: usize) -> Self {
        Self { low: vec![0.0; n], high: vec![0.0; n] }
    }

    /// The range of number `j` becomes this value alone.
    pub(super) fn begin(&mut self, j: usize, value: f32) {
        (self.low[j], self.high[j]) = (value, value);
    }

    /// The range of number `j` takes the value in, however far it is.
    pub(super) fn include(&mut self, j: usize, value: f32) {
        self.low[j] = self.low[j].min(value);
        self.high[j] = self.high[j].max(value);
    }

    pub(super) fn is_beyond(&self, j: usize, value: f32) -> bool {
        value < self.low[j] || value > self.high[j]
    }

    /// The range of number `j` moves towards the value by at most its own width.
    pub(super) fn stretch(&mut self, j: usize, value: f32) {
        let width = self.width(j);
        self.low[j] = self.low[j].min(value.max((f64::from(self.low[j]) - width) as f32));
        self.high[j] = self.high[j].max(value.min((f64::from(self.high[j]) + width) as f32));
    }

    /// 0 at the lower end of the range of number `j` and 1 at its upper end; at most [`LIMIT`] beyond.
    pub(super) fn scaled(&self, j: usize, value: f32) -> f32 {
        let share = (f64::from(value) - f64::from(self.low[j])) / self.width(j);
        share.clamp(-LIMIT, 1.0 + LIMIT) as f32
    }

    /// The width of a range; of one that holds one number alone, 1 or a millionth of the number.
    fn width(&self, j: usize) -> f64 {
        let (low, high) = (f64::from(self.low[j]), f64::from(self.high[j]));
        if high > low { high - low } else { (low.abs() * 1e-6).max(1.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_by_hand() {
        let mut ranges = Ranges::new(2);
        ranges.begin(0, 2.0);
        ranges.include(0, 6.0);
        assert_eq!([2.0, 5.0, 6.0, 10.0, -2.0].map(|v| ranges.scaled(0, v)), [0.0, 0.75, 1.0, 2.0, -1.0]);
        assert_eq!([1e9, -1e9].map(|v| ranges.scaled(0, v)), [11.0, -10.0], "wild values count so far only");
        assert!(ranges.is_beyond(0, 6.1) && ranges.is_beyond(0, 1.9) && !ranges.is_beyond(0, 6.0));
        ranges.stretch(0, 7.0);
        ranges.stretch(0, 3.0);
        assert_eq!((ranges.low[0], ranges.high[0]), (2.0, 7.0));
        ranges.stretch(0, f32::MAX);
        ranges.stretch(0, f32::MIN);
        assert_eq!((ranges.low[0], ranges.high[0]), (-8.0, 12.0), "each doubles the range at most");
        assert_eq!(ranges.scaled(1, 0.5), 0.5, "a constant has a width of 1");
    }

    #[test]
    fn the_ends_of_numbers_stay_finite() {
        let mut ranges = Ranges::new(3);
        ranges.include(0, f32::MAX);
        ranges.include(0, f32::MIN);
        assert_eq!([f32::MIN, 0.0, f32::MAX].map(|v| ranges.scaled(0, v)), [0.0, 0.5, 1.0]);
        for _ in 0..300 {
            ranges.stretch(1, f32::MAX);
            ranges.stretch(0, f32::MAX);
        }
        assert_eq!(ranges.high[1], f32::MAX);
        assert!(ranges.high.iter().chain(&ranges.low).all(|v| v.is_finite()));
        ranges.begin(2, 1e12);
        ranges.stretch(2, 2e12);
        assert!(ranges.high[2] > 1e12, "a large constant moves too");
        ranges.begin(2, 0.0);
        ranges.include(2, 1e-45);
        assert_eq!(ranges.scaled(2, 1.0), 11.0);
    }
}
