//! Contexts: stateful transforms in event time that append columns to records, such as what a host did lately.

mod beacon;
mod host;
mod replay;

use std::fmt::Debug;

use serde::{Deserialize, Serialize};

use crate::arrow::array::RecordBatch;
use crate::error::Result;
use crate::telemetry::{Column, Schema};

pub use beacon::{BeaconScore, beacon_score};
pub use host::{HostContext, HostContextConfig, HostContextCounts};
pub(crate) use replay::{extended, replay};

/// A stateful transform of records in event time: records in, the same records with more columns out.
///
/// A context is bounded: its memory has a cap that its settings give. The values of a record follow from that record and
/// from those before it, in the order of their times, up to the context's stated accuracy for late records.
pub trait Context: Debug + Send {
    /// The columns that it appends, all of the role `feature`.
    fn columns(&self) -> &[Column];

    /// Names of the columns that it reads.
    fn inputs(&self) -> Vec<&str>;

    /// The same records, in the same order, with the context's columns after their own.
    ///
    /// # Errors
    ///
    /// [`Error::SchemaMismatch`](crate::Error::SchemaMismatch) that names the columns that are missing.
    fn push(&mut self, batch: &RecordBatch) -> Result<RecordBatch>;
}

/// Settings of a context, by kind.
///
/// # Examples
///
/// ```
/// use qosguard::features::{ContextConfig, HostContextConfig};
///
/// let config: ContextConfig = serde_json::from_str(r#"{"kind": "host", "windows": [10, 60]}"#)?;
/// assert_eq!(config, HostContextConfig { windows: vec![10.0, 60.0], ..Default::default() }.into());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum ContextConfig {
    /// What sources, destinations and pairs of both did lately.
    #[serde(rename = "host")]
    HostContext(HostContextConfig),
}

impl From<HostContextConfig> for ContextConfig {
    fn from(config: HostContextConfig) -> Self {
        Self::HostContext(config)
    }
}

impl ContextConfig {
    /// An empty context for records of a schema.
    ///
    /// # Errors
    ///
    /// As [`HostContext::new`].
    pub fn start(&self, schema: &Schema) -> Result<Box<dyn Context>> {
        match self {
            Self::HostContext(config) => Ok(Box::new(HostContext::new(config, schema)?)),
        }
    }
}
