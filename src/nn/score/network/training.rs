//! The weights that only training uses: a file holds them, and scoring checks that they fit.

use super::Values;
use crate::error::Result;
use crate::nn::config::{Architecture, Build};
use crate::nn::score::named;

/// Checks the weights of masked pretraining and of the heads of single experts.
///
/// # Errors
///
/// [`Error::InvalidArgument`](crate::Error::InvalidArgument) as [`named`].
pub(super) fn check(values: &Values<'_>, build: &Build<'_>, architecture: &Architecture) -> Result<()> {
    let Architecture::Mixture(config) = architecture else {
        return masked(values, "body", build, architecture, false);
    };
    for (i, expert) in config.experts.iter().enumerate() {
        masked(values, &format!("experts.{i}"), build, &expert.network, expert.exclude_timing)?;
        let Some(hidden) = expert.head else { continue };
        let width = expert.network.width().unwrap_or_default();
        linear(values, &format!("heads.{i}.hidden"), [width, hidden])?;
        linear(values, &format!("heads.{i}.out"), [hidden, build.classes])?;
    }
    Ok(())
}

fn masked(
    values: &Values<'_>,
    at: &str,
    build: &Build<'_>,
    architecture: &Architecture,
    exclude_timing: bool,
) -> Result<()> {
    let Architecture::FtTransformer(config) = architecture else { return Ok(()) };
    if !build.masked {
        return Ok(());
    }
    named(values, &format!("{at}.tokens.mask"), config.width)?;
    let seen = build.seen(at, architecture, exclude_timing)?;
    let numbers = seen.numbers.len();
    if numbers > 0 {
        named(values, &format!("{at}.masked.number_weight"), numbers * config.width)?;
        named(values, &format!("{at}.masked.number_bias"), numbers)?;
    }
    for (j, &category) in seen.categories.iter().enumerate() {
        let codes = build.inputs.categories[category].cardinality();
        linear(values, &format!("{at}.masked.categories.{j}"), [config.width, codes])?;
    }
    Ok(())
}

fn linear(values: &Values<'_>, at: &str, [inputs, outputs]: [usize; 2]) -> Result<()> {
    named(values, &format!("{at}.weight"), inputs * outputs)?;
    named(values, &format!("{at}.bias"), outputs)?;
    Ok(())
}
