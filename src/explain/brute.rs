//! Shapley values by their definition, for tests.

/// The Shapley values of `features` players, at most 20: `worth(set)` is asked for every set, as bits.
pub(crate) fn shapley(features: usize, worth: impl Fn(usize) -> f64) -> Vec<f64> {
    let worths: Vec<f64> = (0..1 << features).map(worth).collect();
    // s! (n − s − 1)! / n! for a set of s others.
    let mut weight = vec![1.0 / features as f64; features];
    for s in 1..features {
        weight[s] = weight[s - 1] * s as f64 / (features - s) as f64;
    }
    (0..features)
        .map(|i| {
            let without = (0..1_usize << features).filter(|set| set >> i & 1 == 0);
            without.map(|set| weight[set.count_ones() as usize] * (worths[set | 1 << i] - worths[set])).sum()
        })
        .collect()
}

#[test]
fn a_known_game() {
    // Two left gloves and a right one: a pair is worth 1.
    let worth = |set: usize| f64::from(u8::from(set & 4 != 0 && set & 3 != 0));
    for (value, expected) in shapley(3, worth).into_iter().zip([1.0 / 6.0, 1.0 / 6.0, 2.0 / 3.0]) {
        assert!((value - expected).abs() < 1e-15);
    }
}
