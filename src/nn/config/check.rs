//! Valid ranges of settings that several networks have.

use crate::error::{Error, Result};

/// Maximum width of a layer.
pub(super) const MAX_WIDTH: usize = 4096;

pub(super) fn width(name: &str, width: usize) -> Result<()> {
    if (1..=MAX_WIDTH).contains(&width) {
        return Ok(());
    }
    Err(Error::invalid(name, format!("in 1..={MAX_WIDTH}"), width))
}

/// At least one width.
pub(super) fn widths(name: &str, widths: &[usize]) -> Result<()> {
    if widths.is_empty() {
        return Err(Error::invalid(name, "at least one width", "none"));
    }
    widths.iter().enumerate().try_for_each(|(i, &of)| width(&format!("{name}[{i}]"), of))
}

/// A dropout rate.
pub(super) fn dropout(name: &str, rate: f32) -> Result<()> {
    if (0.0..1.0).contains(&rate) {
        return Ok(());
    }
    Err(Error::invalid(name, "in [0, 1)", rate))
}
