//! Mixture of experts: a gate weighs the log-odds of several detectors in each row.
//!
//! # How a mixture scores
//!
//! **Frozen experts.** Each is fitted before the gate: detectors that learn from labels on clean rows and attacks, all
//! others on clean rows alone. The score `s` of an expert becomes a surprise `u = −ln p(s)` by its p-value, and the
//! surprise becomes the log-odds of an attack `l = slope · u + offset` by Platt's rule, at even odds of clean rows and
//! attacks. All frozen experts share slope and offset, which are fitted to their mean surprise. With a slope of its own,
//! an expert that is weak on the training samples would count less twice: by its slope and by the gate. It would then
//! change nothing in a row in which it alone detects an attack.
//!
//! **Gate.** A small network reads the surprises of all experts, each as `min(u, 8) / 4 − 1/2`, and returns a number
//! `a_i` for each expert. The weights are
//! `w = (1 − uniform_weight) · softmax(a / temperature + log_odds_weight · l) + uniform_weight / experts`,
//! and the score is `Σ w_i l_i`. Uneven weights have a cost, see [`GateConfig`](crate::detect::GateConfig). The gate does
//! not read the features: a new kind of attack has features that no gate was trained on, but its pattern of surprises
//! is similar to the patterns of held-out kinds.
//!
//! **Joint experts.** A network with [`ExpertConfig::joint`] is trained in the same steps as the gate. The loss is the
//! loss of the mixture plus the loss of the network alone on the same samples: the first trains what the other experts
//! lack, the second keeps the log-odds of the network calibrated. These log-odds are its logit of an attack minus its
//! logit of a clean row, and the gate reads them as `tanh(l / 4) + 1/2`. In a masked sample the network reads the clean
//! row. It has two classes. At least one expert must be frozen. A joint network has learned from every kind of attack
//! that the gate learns from, so the gate gives it too much weight on kinds that are new to both. Where new kinds of
//! attack matter, use a frozen network.
//!
//! # What the gate is trained on
//!
//! A supervised expert is nearly perfect on kinds of attack that it was fitted on. A gate that is trained on such rows
//! would give all weight to it and fail on new kinds. Clean traffic drifts too, and to an expert that was fitted on
//! clean rows alone, new clean traffic looks like an attack. So clean rows and attacks are assigned to `folds` folds by
//! kind, and each fold is scored by experts that were fitted without it: its kinds are novel to them. A third of the
//! clean rows and a fifth of the attacks of each kind are held out by a second fold, in which their kind is known.
//!
//! Of the clean rows that train gate and calibrations, `held_out_fraction` are scored as novel and the rest as known. Of
//! the attacks, `masked_fraction` are masked: the supervised experts score a clean row in their place. Of the other
//! attacks, `held_out_fraction` are scored as novel and the rest as known. A kind with `n` rows counts in proportion to
//! `√n`. Kinds of attacks are the classes, if there are two or more classes of attack, else `attack_clusters` clusters by
//! scaled features. Kinds of clean rows are `clean_clusters` such clusters.
//!
//! # Validation
//!
//! For each fold, a gate, calibrations and joint networks of the other folds, fitted without any row of this fold, are
//! compared with each expert on this fold; see [`MixtureReport`]. If the mixture is not better than its best expert, the
//! mixture returns the log-odds of that expert.

mod calibration;
mod config;
mod explain;
mod fit;
mod model;
mod parts;
mod report;
mod scorer;
#[cfg(all(test, feature = "train"))]
mod tests;
#[cfg(feature = "train")]
mod train;

pub use config::{ExpertConfig, MixtureOfExpertsConfig};
pub use model::MixtureOfExperts;
pub(crate) use parts::MixtureOfExpertsHeader;
pub use report::{ExpertReport, MixtureOutput, MixtureReport, ValidationMetrics};
