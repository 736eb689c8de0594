//! Round after round of trees, each on what the ones before got wrong.

use ndarray::ArrayView2;

use super::bins::{self, Binned, Bins};
use super::grow::{Ground, Grown};
use super::histogram::{Derivatives, Quantised};
use super::loss::Target;
use super::settings::BoostedTreesConfig;
use super::split::Search;
use crate::detect::tree::{Categories, Node, Test, Trees};
use crate::detect::tree_ensemble::Output;
use crate::error::Result;
use crate::parallel;
use crate::progress::{self, Progress, Unit};
use crate::rng::Stream;

/// Rows that bins are found on.
const SAMPLE: usize = 200_000;

/// Streams of randomness; round `i` draws from stream `ROUNDS + i`.
const BIN_SAMPLE: u64 = 0;
pub(super) const VALIDATION: u64 = 1;
const ROUNDS: u64 = 2;

/// Rows to learn from and rows to stop by.
#[derive(Debug)]
pub(super) struct Rows {
    pub(super) training: Vec<u32>,
    pub(super) validation: Vec<u32>,
}

/// Trains on rows whose target weighs more than nothing only where they are training rows.
pub(super) fn train(
    config: &BoostedTreesConfig,
    x: &ArrayView2<'_, f32>,
    target: &Target<'_>,
    validation: &Target<'_>,
    rows: &Rows,
) -> Result<Vec<Output>> {
    let features = x.ncols();
    let bins = find_bins(config, x, &rows.training);
    let binned = Binned::new(x, &bins)?;
    let mut ground = Ground::new(config, &bins, &binned);
    let mut quantised = Quantised::default();
    let base = target.base(&rows.training);
    let mut scores: Vec<Vec<f64>> = base.iter().map(|&base| vec![base; x.nrows()]).collect();
    let mut derivatives = vec![vec![Derivatives::default(); x.nrows()]; base.len()];
    let mut outputs: Vec<Output> =
        base.iter().map(|&base| Output { base, trees: Vec::new(), categories: Vec::new() }).collect();
    let mut best = Best { loss: f64::INFINITY, rounds: 0 };
    for round in 0..config.trees {
        let mut rng = Stream::new(config.seed, ROUNDS + round as u64);
        let drawn = share(&rows.training, config.subsample, &mut rng);
        target.derivatives(&scores, &mut derivatives)?;
        let mut grew = false;
        for ((derivatives, scores), output) in derivatives.iter().zip(&mut scores).zip(&mut outputs) {
            let all: Vec<usize> = (0..features).collect();
            let chosen = share(&all, config.feature_fraction, &mut rng);
            quantised.set(derivatives);
            let search = Search { config, bins: &bins, features: &chosen, derivatives: &quantised };
            let grown = ground.grow(search, derivatives, &drawn);
            grew |= grown.nodes.len() > 1;
            ground.add_to(scores, &grown);
            if drawn.len() < x.nrows() {
                add_to_others(&grown, x, &drawn, scores)?;
            }
            append(output, grown);
            progress::check()?;
        }
        progress::report(&Progress::new("boosted_trees", Unit::Trees, round + 1, config.trees))?;
        if let Some(stop) = config.early_stopping {
            let loss = validation.log_loss(&scores, &rows.validation);
            if loss < best.loss {
                best = Best { loss, rounds: round + 1 };
            } else if round + 1 - best.rounds >= stop.patience {
                break;
            }
        }
        // The same rows and features would give the same tree without a split again.
        if !grew && config.subsample == 1.0 && config.feature_fraction == 1.0 {
            break;
        }
    }
    if config.early_stopping.is_some() {
        for output in &mut outputs {
            output.trees.truncate(best.rounds.max(1));
        }
    }
    Ok(outputs)
}

/// The round after which the validation rows were predicted best.
struct Best {
    loss: f64,
    rounds: usize,
}

fn find_bins(config: &BoostedTreesConfig, x: &ArrayView2<'_, f32>, training: &[u32]) -> Vec<Bins> {
    let share = SAMPLE as f64 / training.len() as f64;
    let sample = choose(training, SAMPLE, share, &mut Stream::new(config.seed, BIN_SAMPLE));
    let mut is_code = vec![false; x.ncols()];
    for &column in &config.categorical {
        is_code[column] = true;
    }
    bins::find(x, &sample, &is_code, config.bins)
}

/// A share of the items, at least one, drawn without replacement; in their order.
pub(super) fn share<T: Copy>(items: &[T], share: f64, rng: &mut Stream) -> Vec<T> {
    let k = ((items.len() as f64 * share).round() as usize).max(1);
    choose(items, k, share, rng)
}

/// `k` of the items, drawn without replacement; in their order (Knuth, TAOCP vol. 2, 3.4.2, algorithm S).
fn choose<T: Copy>(items: &[T], k: usize, share: f64, rng: &mut Stream) -> Vec<T> {
    if share >= 1.0 {
        return items.to_vec();
    }
    let mut chosen = Vec::with_capacity(k);
    for (i, &item) in items.iter().enumerate() {
        let (wanted, left) = ((k - chosen.len()) as f64, (items.len() - i) as f64);
        if rng.uniform() * left < wanted {
            chosen.push(item);
        }
    }
    chosen
}

/// Adds a tree's values to the scores of the rows that it did not grow on.
fn add_to_others(grown: &Grown, x: &ArrayView2<'_, f32>, drawn: &[u32], scores: &mut [f64]) -> Result<()> {
    let tree = Trees::new(x.ncols(), std::slice::from_ref(&grown.nodes), grown.categories.clone())?;
    let mut is_drawn = vec![false; x.nrows()];
    for &row in drawn {
        is_drawn[row as usize] = true;
    }
    parallel::for_each_chunk(scores, 4096, |start, part| {
        for (i, score) in part.iter_mut().enumerate().filter(|(i, _)| !is_drawn[start + i]) {
            *score += tree.values(|feature| x[[start + i, feature]]).sum::<f64>();
        }
        Ok(())
    })
}

/// Adds a tree to an output, whose sets its own follow.
fn append(output: &mut Output, mut grown: Grown) {
    let first = output.categories.len() as u32;
    for node in &mut grown.nodes {
        if let Node::Split { test: Test::OneOf(set), .. } = node {
            *set += first;
        }
    }
    output.trees.push(grown.nodes);
    output.categories.extend::<Vec<Categories>>(grown.categories);
}
