//! Why a score is what it is: exact shares of the features in it, and reasons as sentences.
//!
//! An [`Explanation`] splits each score into a base, the mean output without any feature of the row,
//! and one contribution per feature. They are Shapley values: the one way to share a worth out in which equal
//! parts get equal shares, a part that changes nothing gets none, the shares of a sum are the sums of the
//! shares, and all of them add up to the whole. What is shared is said where each model is explained.

#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(test)]
pub(crate) mod brute;
mod clean_range;
mod contributions;
mod explanation;
mod exponential;
mod kernel;
mod lanes;
mod linear;
mod log_odds;
pub(crate) mod quadrature;
mod reason;
mod rows;
mod tree_game;

pub use clean_range::CleanRange;
pub use explanation::Explanation;
pub use reason::{Observed, Reason, TopReasons};

pub(crate) use tree_game::{Node, Set, Test, TreeGame};
