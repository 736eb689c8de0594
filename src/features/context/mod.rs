//! Contexts: stateful transforms in event time that append columns to records, such as what a host did lately.

mod address;
mod append;
mod arrivals;
mod beacon;
mod cells;
mod clock;
mod damped;
mod device;
mod entities;
mod host;
mod kept;
mod replay;
mod state;

use std::fmt::Debug;

use serde::{Deserialize, Serialize};

use crate::arrow::array::RecordBatch;
use crate::error::Result;
use crate::telemetry::{Column, Schema};

pub use beacon::{BeaconScore, beacon_score};
pub(crate) use cells::{Columns, Numbers, Times};
pub use damped::{DampedStatistics, DampedStatisticsConfig, DampedStatisticsCounts};
pub use device::{DeviceWindows, DeviceWindowsConfig, DeviceWindowsCounts};
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

    /// The whole state as bytes, which [`Context::restore`] reads: clocks, windows, entities and counters.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`](crate::Error::InvalidArgument) for a state that has no binary form.
    fn save(&self) -> Result<Vec<u8>>;

    /// Replaces the state by one that [`Context::save`] wrote, of a context with the same settings for the same schema.
    ///
    /// From then on, it returns the same bits as the context that was saved. After an error the state is what it was.
    ///
    /// # Errors
    ///
    /// [`Error::CorruptArtifact`](crate::Error::CorruptArtifact) for bytes that are not an intact state, or the state of a
    /// context with other settings or for another schema; [`Error::FormatTooNew`](crate::Error::FormatTooNew) for a state of
    /// a newer release.
    ///
    /// # Examples
    ///
    /// ```
    /// use qosguard::features::{ContextConfig, HostContextConfig};
    /// use qosguard::simulate::{self, FlowSimulatorConfig};
    ///
    /// let flows = simulate::table(&FlowSimulatorConfig { rows: 500, ..Default::default() })?;
    /// let (first, rest) = (flows.batches()[0].slice(0, 200), flows.batches()[0].slice(200, 300));
    /// let config = ContextConfig::from(HostContextConfig::default());
    /// let mut context = config.start(flows.schema())?;
    /// context.push(&first)?;
    /// let state = context.save()?;
    ///
    /// let mut restored = config.start(flows.schema())?;
    /// restored.restore(&state)?;
    /// assert_eq!(restored.push(&rest)?, context.push(&rest)?);
    /// assert!(restored.restore(&state[1..]).is_err());
    /// # Ok::<(), qosguard::Error>(())
    /// ```
    fn restore(&mut self, state: &[u8]) -> Result<()>;
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
    /// What each device reported in its current window.
    DeviceWindows(DeviceWindowsConfig),
    /// What sources, channels and sockets sent, where what is older counts less.
    DampedStatistics(DampedStatisticsConfig),
}

impl From<HostContextConfig> for ContextConfig {
    fn from(config: HostContextConfig) -> Self {
        Self::HostContext(config)
    }
}

impl From<DeviceWindowsConfig> for ContextConfig {
    fn from(config: DeviceWindowsConfig) -> Self {
        Self::DeviceWindows(config)
    }
}

impl From<DampedStatisticsConfig> for ContextConfig {
    fn from(config: DampedStatisticsConfig) -> Self {
        Self::DampedStatistics(config)
    }
}

impl ContextConfig {
    /// The context that suits records of a schema: the host context for records with times and the addresses of both ends,
    /// device windows for logs of devices, and `None` for all others.
    ///
    /// # Examples
    ///
    /// ```
    /// use qosguard::features::{ContextConfig, DeviceWindowsConfig, HostContextConfig};
    /// use qosguard::telemetry::Schema;
    ///
    /// let auto = |name| Ok::<_, qosguard::Error>(ContextConfig::auto(&Schema::preset(name)?));
    /// assert_eq!(auto("zeek_conn")?, Some(HostContextConfig::default().into()));
    /// assert_eq!(auto("device_log")?, Some(DeviceWindowsConfig::default().into()));
    /// assert_eq!(auto("nsl_kdd")?, None);
    /// # Ok::<(), qosguard::Error>(())
    /// ```
    pub fn auto(schema: &Schema) -> Option<Self> {
        let known = [Self::from(HostContextConfig::default()), DeviceWindowsConfig::default().into()];
        known.into_iter().find(|config| config.start(schema).is_ok())
    }

    /// An empty context for records of a schema.
    ///
    /// # Errors
    ///
    /// As [`HostContext::new`], [`DeviceWindows::new`] and [`DampedStatistics::new`].
    pub fn start(&self, schema: &Schema) -> Result<Box<dyn Context>> {
        match self {
            Self::HostContext(config) => Ok(Box::new(HostContext::new(config, schema)?)),
            Self::DeviceWindows(config) => Ok(Box::new(DeviceWindows::new(config, schema)?)),
            Self::DampedStatistics(config) => Ok(Box::new(DampedStatistics::new(config, schema)?)),
        }
    }
}
