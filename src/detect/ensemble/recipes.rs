//! Default ensembles, chosen by the labels.
//!
//! Members and weights were chosen on validation parts of training data: attack families or days that were held
//! out of NSL-KDD, UNSW-NB15 and CICIDS2017. See docs/BENCHMARKS.md.

use super::{EnsembleConfig, MemberConfig};
use crate::detect::{
    AnyDetectorConfig, BoostedTreesConfig, ClassWeight, ContrastTreesConfig, GaussianMixtureConfig,
    IsolationForestConfig, IsolationScoring, IsolationSplits,
};

/// Minimum number of rows for each component of a mixture.
const ROWS_PER_COMPONENT: usize = 50;

/// With fewer attacks, boosted trees are not fitted.
const MIN_ATTACKS: usize = 50;

impl EnsembleConfig {
    /// The ensemble for `rows` rows with these labels:
    ///
    /// | labels | ensemble |
    /// |---|---|
    /// | 50 attacks or more | [`EnsembleConfig::labelled`] |
    /// | fewer than 50 attacks; the other rows are clean | [`EnsembleConfig::clean`] |
    /// | no labels; a few rows may be attacks | [`EnsembleConfig::mixed`] |
    pub fn auto(labels: Option<&[bool]>, rows: usize, seed: u64) -> Self {
        let Some(labels) = labels else { return Self::mixed(seed) };
        let attacks = labels.iter().filter(|&&attack| attack).count();
        let clean = rows.saturating_sub(attacks);
        if attacks < MIN_ATTACKS { Self::clean(clean, seed) } else { Self::labelled(clean, seed) }
    }

    /// The ensemble for rows with the columns of a context, which count what hosts or devices did lately.
    ///
    /// Many attacks are far from all clean rows there. With 50 labelled attacks or more it is a forest and boosted trees;
    /// otherwise it is [`EnsembleConfig::mixed`].
    pub fn auto_with_context(labels: Option<&[bool]>, seed: u64) -> Self {
        let attacks = labels.map_or(0, |labels| labels.iter().filter(|&&attack| attack).count());
        if attacks < MIN_ATTACKS {
            return Self::mixed(seed);
        }
        let forest = IsolationForestConfig { seed, ..Default::default() };
        let boosted = BoostedTreesConfig {
            trees: 100,
            leaves: 31,
            subsample: 0.7,
            feature_fraction: 0.5,
            class_weight: ClassWeight::Balanced,
            seed,
            ..Default::default()
        };
        let labelled = MemberConfig { name: "boosted".into(), weight: None, detector: boosted.into() };
        Self { members: vec![MemberConfig::new("forest", 0.5, forest), labelled], seed, ..Default::default() }
    }

    /// Removes the members that cannot be fitted on so many columns: contrast trees compare at least two.
    pub(crate) fn keep_members_for(&mut self, columns: usize) {
        self.members
            .retain(|member| columns >= 2 || !matches!(member.detector, AnyDetectorConfig::ContrastTrees(_)));
    }

    /// For rows that are known to be clean: a forest, a mixture and contrast trees.
    ///
    /// The forest detects rows far from all others, the mixture detects rows where the density is low, and the contrast
    /// trees detect values that do not occur together. `rows` is the number of rows. The mixture has one component
    /// for each 50 rows, and at most the default number of components.
    pub fn clean(rows: usize, seed: u64) -> Self {
        let forest = IsolationForestConfig { seed, ..Default::default() };
        let mixture = GaussianMixtureConfig::default();
        let components = (rows / ROWS_PER_COMPONENT).clamp(1, mixture.components);
        let mixture = GaussianMixtureConfig { components, seed, ..mixture };
        let contrast = ContrastTreesConfig { seed, ..Default::default() };
        let members = vec![
            MemberConfig::new("forest", 0.5, forest),
            MemberConfig::new("mixture", 2.0, mixture),
            MemberConfig::new("contrast", 1.0, contrast),
        ];
        Self { members, seed, ..Default::default() }
    }

    /// For rows labelled clean or attack: [`EnsembleConfig::clean`] and boosted trees, whose weight is fitted.
    /// `clean_rows` is how many are labelled clean.
    pub fn labelled(clean_rows: usize, seed: u64) -> Self {
        let boosted = BoostedTreesConfig {
            trees: 300,
            leaves: 63,
            learning_rate: 0.05,
            subsample: 0.7,
            feature_fraction: 0.5,
            class_weight: ClassWeight::Balanced,
            seed,
            ..Default::default()
        };
        let mut config = Self::clean(clean_rows, seed);
        config.members.push(MemberConfig { name: "boosted".into(), weight: None, detector: boosted.into() });
        config
    }

    /// For unlabelled rows that may hold attacks: forests of different kinds, which tolerate a few attacks
    /// among the training rows. Their cuts are along single features, so that they can be explained.
    pub fn mixed(seed: u64) -> Self {
        let splits = IsolationSplits::PooledGain { features: 1, tries: 1, share: 0.5 };
        let gain = |max_samples| IsolationForestConfig { max_samples, seed, splits, ..Default::default() };
        let density =
            IsolationForestConfig { scoring: IsolationScoring::Density, seed, ..Default::default() };
        let members = vec![
            MemberConfig::new("gain", 1.0, gain(256)),
            MemberConfig::new("deep_gain", 1.0, gain(4096)),
            MemberConfig::new("density", 1.0, density),
        ];
        Self { members, seed, ..Default::default() }
    }
}
