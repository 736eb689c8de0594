//! Rows that training does not see, to stop by.

use std::collections::BTreeMap;

use crate::rng::Stream;

/// Parts rows `0..rows` into those to train on and those held out, each in rising order.
///
/// `share`, in [0, 1), of the rows of each class is held out, rounded down. There is one label for each row; without
/// labels all rows are of one class.
pub(super) fn split(
    labels: Option<&[u32]>,
    rows: usize,
    share: f64,
    random: &mut Stream,
) -> (Vec<usize>, Vec<usize>) {
    let mut by_class: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    match labels {
        Some(labels) => {
            labels.iter().enumerate().for_each(|(row, &label)| by_class.entry(label).or_default().push(row));
        }
        None => drop(by_class.insert(0, (0..rows).collect())),
    }
    let mut held_out = vec![false; rows];
    for rows in by_class.values_mut() {
        random.shuffle(rows);
        let held = (rows.len() as f64 * share) as usize;
        rows.iter().take(held).for_each(|&row| held_out[row] = true);
    }
    (0..rows).partition(|&row| !held_out[row])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_class_gives_its_share() {
        let labels: Vec<u32> = (0..1000).map(|row| if row % 10 == 0 { 7 } else { row % 2 }).collect();
        let (training, held) = split(Some(&labels), 1000, 0.25, &mut Stream::new(3, 0));
        let of = |rows: &[usize], class: u32| rows.iter().filter(|&&row| labels[row] == class).count();
        for class in [0, 1, 7] {
            let all = labels.iter().filter(|&&label| label == class).count();
            assert_eq!(of(&held, class), all / 4);
            assert_eq!(of(&training, class), all - all / 4);
        }
        let mut all = [training.as_slice(), held.as_slice()].concat();
        assert!(training.is_sorted() && held.is_sorted());
        all.sort_unstable();
        assert_eq!(all, (0..1000).collect::<Vec<_>>());
    }

    #[test]
    fn a_share_of_too_few_rows_is_none() {
        let rows = |labels, rows, share| split(labels, rows, share, &mut Stream::new(1, 0));
        assert_eq!(rows(None, 9, 0.1), ((0..9).collect(), vec![]));
        assert_eq!(rows(None, 10, 0.1).1.len(), 1);
        assert_eq!(rows(Some(&[0, 1, 0, 1]), 4, 0.4), ((0..4).collect(), vec![]));
        assert_eq!(rows(None, 4, 0.0).1, Vec::<usize>::new());
        assert_eq!(rows(None, 0, 0.5), (vec![], vec![]));
    }
}
