//! From raw telemetry to the matrix that detectors see: contexts append columns in event time, an encoder makes numbers of
//! each record.

mod context;
mod encode;

use std::fmt::Debug;

use crate::arrow::array::RecordBatch;
use ndarray::{Array2, ArrayViewMut2, s};

pub use context::{
    BeaconScore, Context, ContextConfig, DampedStatistics, DampedStatisticsConfig, DampedStatisticsCounts,
    DeviceWindows, DeviceWindowsConfig, DeviceWindowsCounts, HostContext, HostContextConfig,
    HostContextCounts, beacon_score,
};
pub(crate) use context::{Columns, Numbers, Times, extended, replay};
pub use encode::{
    BoundEncoder, Categories, CategoryEncoder, DropReason, Dropped, NumberEncoder, Scaling, TableEncoder,
    TableEncoderConfig,
};

use crate::error::Result;
use crate::telemetry::Table;

/// A fitted map from raw records to features, object safe.
///
/// Columns are found by name, never by position, so a table may hold them in any order, with others between them.
pub trait Featurizer: Debug + Send + Sync {
    /// Names of the features, in matrix order.
    fn names(&self) -> &[String];

    /// Names of the raw columns that must be there.
    fn columns(&self) -> Vec<&str>;

    /// Writes the features of every row of `batch` into `out` of shape `(rows, features)`.
    ///
    /// Every value written is finite. Returns how many cells were missing or infinite and were imputed.
    ///
    /// # Errors
    ///
    /// [`Error::SchemaMismatch`](crate::Error::SchemaMismatch) when a column is absent or of another type;
    /// [`Error::ShapeMismatch`](crate::Error::ShapeMismatch) for another shape of `out`.
    fn transform_into(&self, batch: &RecordBatch, out: ArrayViewMut2<'_, f32>) -> Result<u64>;

    /// The features of a whole table.
    ///
    /// # Errors
    ///
    /// As [`Featurizer::transform_into`].
    fn transform(&self, table: &Table) -> Result<Features> {
        let mut matrix = Array2::zeros((table.n_rows(), self.names().len()));
        let (mut start, mut imputed) = (0, 0);
        for batch in table.batches() {
            let end = start + batch.num_rows();
            imputed += self.transform_into(batch, matrix.slice_mut(s![start..end, ..]))?;
            start = end;
        }
        Ok(Features { names: self.names().to_vec(), matrix, imputed })
    }
}

/// A matrix of features with their names.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Features {
    /// One name per matrix column.
    pub names: Vec<String>,
    /// Shape `(rows, features)`, row-major, finite.
    pub matrix: Array2<f32>,
    /// Cells that were missing or infinite and were imputed.
    pub imputed: u64,
}
