//! How a reader reads.

use crate::error::{Error, Result};
use crate::telemetry::schema::Schema;

/// Settings of the readers.
///
/// # Examples
///
/// ```
/// use qosguard::telemetry::{ReadOptions, Schema};
///
/// let options = ReadOptions { schema: Some(Schema::preset("flow")?), delimiter: b';', ..ReadOptions::default() };
/// # Ok::<(), qosguard::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ReadOptions {
    /// The schema; without one it is detected among [`Schema::presets`].
    pub schema: Option<Schema>,
    /// A schema for records that no preset fits, such as a guard's own; where it does not fit either, or without one, a
    /// schema is [inferred](Schema::infer).
    pub fallback: Option<Schema>,
    /// Share of records, in `[0, 1]`, that may be rejected before the reading fails.
    pub max_rejected_share: f64,
    /// What separates the cells of a CSV line: a printable ASCII character or a tab.
    pub delimiter: u8,
    /// Longest line, quoted record or text of a column, in bytes, 1 to 2^28; a longer one is rejected, and a line is
    /// never held in memory.
    pub max_line_bytes: usize,
    /// Rows of a batch, 1 to 2^20; fewer for more than 128 columns, so that a batch takes bounded memory.
    pub batch_rows: usize,
    /// How the packets of a capture become flows.
    #[cfg(feature = "packets")]
    pub meter: crate::telemetry::packets::FlowMeterConfig,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            schema: None,
            fallback: None,
            max_rejected_share: 0.05,
            delimiter: b',',
            max_line_bytes: 1 << 20,
            batch_rows: 65_536,
            #[cfg(feature = "packets")]
            meter: crate::telemetry::packets::FlowMeterConfig::default(),
        }
    }
}

impl ReadOptions {
    pub(crate) fn check(&self) -> Result<()> {
        if !(0.0..=1.0).contains(&self.max_rejected_share) {
            return Err(Error::invalid("max_rejected_share", "in [0, 1]", self.max_rejected_share));
        }
        let printable = self.delimiter == b'\t' || (b' '..=b'~').contains(&self.delimiter);
        if !printable || self.delimiter.is_ascii_alphanumeric() || b"\"-+.".contains(&self.delimiter) {
            let expected = "a tab or a printable ASCII character that no number and no quoting uses";
            return Err(Error::invalid("delimiter", expected, self.delimiter.escape_ascii()));
        }
        if !(1..=1 << 28).contains(&self.max_line_bytes) {
            return Err(Error::invalid("max_line_bytes", "in 1..=2^28", self.max_line_bytes));
        }
        if !(1..=1 << 20).contains(&self.batch_rows) {
            return Err(Error::invalid("batch_rows", "in 1..=2^20", self.batch_rows));
        }
        Ok(())
    }
}
