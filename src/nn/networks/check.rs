//! Domains that the settings of all networks share.

use crate::error::{Error, Result};

/// Widest layer.
pub(super) const WIDEST: usize = 4096;

pub(super) fn width(name: &str, width: usize) -> Result<()> {
    if (1..=WIDEST).contains(&width) {
        return Ok(());
    }
    Err(Error::invalid(name, format!("in 1..={WIDEST}"), width))
}

/// At least one width.
pub(super) fn widths(name: &str, widths: &[usize]) -> Result<()> {
    if widths.is_empty() {
        return Err(Error::invalid(name, "at least one width", "none"));
    }
    widths.iter().enumerate().try_for_each(|(i, &of)| width(&format!("{name}[{i}]"), of))
}

/// A share of what training drops.
pub(super) fn share(name: &str, share: f32) -> Result<()> {
    if (0.0..1.0).contains(&share) {
        return Ok(());
    }
    Err(Error::invalid(name, "in [0, 1)", share))
}
