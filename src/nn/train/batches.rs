//! Which rows each step learns from, and which none does.

use crate::folds;
use crate::nn::config::TrainingConfig;
use crate::rng::Stream;

/// Streams of a seed: steps draw from those that begin at 0, orders and held-out rows from those above.
const ORDERS: u64 = 1 << 63;
const HELD_OUT: u64 = ORDERS - 1;

/// Parts rows `0..rows` into those to train on and those held out, each in rising order.
///
/// `share`, in [0, 1), of the rows of each class is held out, rounded down. Without labels all rows are of one class.
pub(crate) fn split(labels: Option<&[u32]>, rows: usize, share: f64, seed: u64) -> (Vec<usize>, Vec<usize>) {
    folds::hold_out(labels, rows, share, &mut Stream::new(seed, HELD_OUT))
}

/// How rows `0..rows` are dealt into mini-batches.
#[derive(Clone, Copy, Debug)]
pub(super) struct Batches {
    rows: usize,
    visited: usize,
    batch_rows: usize,
    seed: u64,
}

impl Batches {
    pub(super) fn new(config: &TrainingConfig, rows: usize, seed: u64) -> Self {
        let visited = config.rows_per_epoch.map_or(rows, |most| most.min(rows));
        Self { rows, visited, batch_rows: config.batch_rows, seed }
    }

    /// Rows that an epoch visits.
    pub(super) fn visited(&self) -> usize {
        self.visited
    }

    /// The rows of an epoch in the order in which it visits them.
    pub(super) fn order(&self, epoch: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.rows).collect();
        Stream::new(self.seed, ORDERS + epoch as u64).shuffle(&mut order);
        order.truncate(self.visited);
        order
    }

    /// How many batches an epoch has.
    pub(super) fn count(&self) -> usize {
        let one_left_over = self.visited % self.batch_rows == 1;
        (self.visited.div_ceil(self.batch_rows) - usize::from(one_left_over)).max(1)
    }

    /// An order cut into batches; a single row that is left over joins the last one, as batch statistics need two.
    pub(super) fn cut<'a>(&self, order: &'a [usize]) -> impl Iterator<Item = &'a [usize]> + use<'a> {
        let (count, rows) = (self.count(), self.batch_rows);
        (0..count).map(move |i| {
            let end = if i + 1 == count { order.len() } else { (i + 1) * rows };
            &order[i * rows..end]
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn batches(rows: usize, batch_rows: usize, rows_per_epoch: Option<usize>) -> Batches {
        Batches::new(&TrainingConfig { batch_rows, rows_per_epoch, ..Default::default() }, rows, 7)
    }

    fn sizes(rows: usize, batch_rows: usize, rows_per_epoch: Option<usize>) -> Vec<usize> {
        let batches = batches(rows, batch_rows, rows_per_epoch);
        let order = batches.order(1);
        assert_eq!(order.len(), batches.visited());
        let cut: Vec<&[usize]> = batches.cut(&order).collect();
        assert_eq!(cut.concat(), order);
        cut.iter().map(|rows| rows.len()).collect()
    }

    #[test]
    fn no_batch_has_one_row() {
        assert_eq!(sizes(8, 4, None), [4, 4]);
        assert_eq!(sizes(9, 4, None), [4, 5]);
        assert_eq!(sizes(10, 4, None), [4, 4, 2]);
        assert_eq!(sizes(3, 2, None), [3]);
        assert_eq!(sizes(2, 2, None), [2]);
        assert_eq!(sizes(5, 4, None), [5]);
        assert_eq!(sizes(5, usize::MAX, None), [5]);
        assert_eq!(sizes(100, 4, Some(9)), [4, 5]);
        assert_eq!(sizes(6, 4, Some(1000)), [4, 2]);
    }

    proptest! {
        #[test]
        fn batches_are_full_but_for_the_last(
            rows in 2_usize..200, batch_rows in 2_usize..40, most in proptest::option::of(2_usize..250),
        ) {
            let sizes = sizes(rows, batch_rows, most);
            let (last, others) = sizes.split_last().unwrap();
            prop_assert!(others.iter().all(|&size| size == batch_rows));
            prop_assert!((2..=batch_rows + 1).contains(last));
            prop_assert_eq!(sizes.iter().sum::<usize>(), rows.min(most.unwrap_or(rows)));
        }
    }

    #[test]
    fn every_epoch_visits_each_row_once_in_an_order_of_its_own() {
        let all = batches(50, 8, None);
        let [first, second] = [1, 2].map(|epoch| all.order(epoch));
        assert_ne!(first, second);
        assert_eq!(first, all.order(1));
        for mut order in [first, second] {
            order.sort_unstable();
            assert_eq!(order, (0..50).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_part_of_the_rows_is_drawn_anew_each_epoch() {
        let part = batches(1000, 8, Some(20));
        let drawn: Vec<Vec<usize>> = [1, 2].iter().map(|&epoch| part.order(epoch)).collect();
        assert_ne!(drawn[0], drawn[1]);
        for mut order in drawn {
            order.sort_unstable();
            order.dedup();
            assert_eq!(order.len(), 20);
            assert!(order.iter().any(|&row| row > 500), "not the first rows alone");
        }
    }

    #[test]
    fn the_seed_decides_what_is_held_out() {
        assert_eq!(split(None, 100, 0.2, 1), split(None, 100, 0.2, 1));
        assert_ne!(split(None, 100, 0.2, 1), split(None, 100, 0.2, 2));
    }
}
