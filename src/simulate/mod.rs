//! Seeded traffic with ground truth.
//!
//! [`flows`] generates flow records of an internal network: seven clean applications with a daily pattern, and six attacks
//! in episodes. The same configuration gives the same records on every machine with the same floating-point library.
//! At most one batch of 65,536 flows is in memory.
//!
//! [`traffic`](traffic()) generates hosts over time: attacks are events with attackers, victims, a start and an end, and their flows come
//! at the rates of the attack. [`devices`] generates the telemetry of devices with anomalous events. Both can skew a clock
//! and deliver records late or twice.
//!
//! The records of [`flows`]:
//!
//! | clean | `service` | flows |
//! |---|---|---|
//! | web | `web` | small request, larger response; TCP 443, 80, 8080 and QUIC |
//! | dns | `dns` | one or two queries and responses of about 100 bytes |
//! | voip | `voip` | 50 packets per second in each direction, or a few signalling messages |
//! | video | `video` | megabytes of download, or a conference in both directions |
//! | bulk | `bulk`, `ssh`, `ftp` | megabytes in either direction; scripted logins |
//! | mail | `mail` | kilobytes in either direction; sessions that are idle for minutes |
//! | iot | `iot` | regular keep-alives, NTP queries, pings, uploads |
//!
//! 2 % of the clean flows have the service `other`, and 3 % of the TCP connections fail.
//!
//! | attack | its records | clean traffic in the same range |
//! |---|---|---|
//! | flood | a few tiny packets, microseconds apart, without a reply | failed connections, unanswered pings |
//! | slow DoS | minutes long, seconds between packets, few bytes, no FIN | idle mail, keep-alives |
//! | port scan | one or two packets without payload, a reset or no reply | failed connections, NTP queries |
//! | brute force | SSH or FTP, two to three seconds, nearly equal sizes | scripted logins |
//! | beaconing | tiny packets at nearly equal gaps of seconds | keep-alives |
//! | exfiltration | far more upload than download, slow for its size | backups, uploads, forwarders |

mod attack;
mod background;
mod batch;
mod config;
mod device;
mod disturbance;
mod draw;
mod flow;
mod network;
mod plan;
#[cfg(test)]
mod tests;
mod traffic;

pub use config::{Attack, BackgroundMix, FlowSimulatorConfig};
pub use device::{DeviceAnomaly, DeviceEvent, DeviceSimulatorConfig, DeviceTelemetry, devices};
pub use traffic::{AttackEvent, AttackKind, Traffic, TrafficSimulatorConfig, traffic};

use std::sync::Arc;

use crate::arrow::array::{RecordBatch, RecordBatchReader};
use crate::arrow::datatypes::SchemaRef;
use crate::arrow::error::ArrowError;

use self::background::Background;
use self::batch::BatchBuilder;
use self::flow::micro;
use self::network::Network;
use self::plan::Plan;
use crate::error::{Error, Result};
use crate::progress::{self, Progress, Unit};
use crate::rng::Stream;
use crate::telemetry::{ReadReport, Schema, Table};

/// Flows per batch. The last batch may have fewer.
const BATCH_ROWS: u64 = 65_536;

/// Returns an iterator of simulated flows of the schema `flow_detail`, in batches of 65,536 that are generated on demand.
///
/// Times never decrease. `duration`, `iat_mean_ms` and `iat_std_ms` cover the packets of both directions and are rounded
/// to six decimals. Bytes include IP headers. Flags count both directions.
///
/// # Errors
///
/// [`Error::InvalidArgument`] with the name of the first field outside its documented range.
///
/// # Examples
///
/// ```
/// use qosguard::simulate::{flows, FlowSimulatorConfig};
///
/// let mut rows = 0;
/// for batch in flows(&FlowSimulatorConfig { rows: 100_000, ..Default::default() })? {
///     let batch = batch?;
///     assert!(batch.num_rows() <= 65_536);
///     rows += batch.num_rows();
/// }
/// assert_eq!(rows, 100_000);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn flows(config: &FlowSimulatorConfig) -> Result<FlowSimulator> {
    config.validate()?;
    let schema = Arc::new(Schema::preset("flow_detail")?);
    Ok(FlowSimulator {
        arrow_schema: Arc::new(schema.to_arrow()),
        schema,
        background: Background::new(&config.background, Network { hosts: config.hosts }),
        config: config.clone(),
        generated: 0,
        clock: 0.0,
    })
}

/// Generates all flows at once.
///
/// # Errors
///
/// The errors of [`flows`].
///
/// # Examples
///
/// ```
/// use qosguard::simulate::{self, FlowSimulatorConfig};
///
/// let table = simulate::table(&FlowSimulatorConfig { rows: 2_000, ..Default::default() })?;
/// let attacks = table.labels()?.unwrap().iter().filter(|&&attack| attack).count();
/// assert_eq!(attacks, 100);
/// # Ok::<(), qosguard::Error>(())
/// ```
pub fn table(config: &FlowSimulatorConfig) -> Result<Table> {
    let simulator = flows(config)?;
    let schema = Arc::clone(simulator.table_schema());
    let mut batches = Vec::new();
    let mut done = 0;
    for batch in simulator {
        let batch = batch.map_err(not_a_batch)?;
        done += batch.num_rows();
        progress::report(&Progress::new("simulate", Unit::Rows, done, config.rows as usize))?;
        batches.push(batch);
    }
    let mut report = ReadReport::new("simulator");
    report.accepted = config.rows;
    Table::new(schema, batches, report)
}

/// Converts the error of a [`FlowSimulator`]: to [`Error::Cancelled`], or to [`Error::BadRecord`].
pub fn not_a_batch(error: ArrowError) -> Error {
    match error {
        ArrowError::ExternalError(error) if matches!(error.downcast_ref(), Some(Error::Cancelled)) => {
            Error::Cancelled
        }
        error => Error::BadRecord {
            place: "simulator".into(),
            line: 0,
            column: String::new(),
            value: error.to_string(),
            expected: "an Arrow batch".into(),
        },
    }
}

/// A stream of simulated flows: an iterator of Arrow batches, and an Arrow [`RecordBatchReader`].
///
/// Each batch has its own random stream, which depends on the seed and the number of the batch.
#[derive(Clone, Debug)]
pub struct FlowSimulator {
    config: FlowSimulatorConfig,
    schema: Arc<Schema>,
    arrow_schema: SchemaRef,
    background: Background,
    /// Flows generated so far.
    generated: u64,
    /// Seconds from the start to the end of the generated flows.
    clock: f64,
}

impl FlowSimulator {
    /// The roles and names of the columns.
    pub fn table_schema(&self) -> &Arc<Schema> {
        &self.schema
    }
}

impl Iterator for FlowSimulator {
    type Item = Result<RecordBatch, ArrowError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.generated >= self.config.rows {
            return None;
        }
        let to = self.config.rows.min(self.generated + BATCH_ROWS);
        let mut rng = Stream::new(self.config.seed, self.generated / BATCH_ROWS);
        let plan = Plan::new(&self.config, &mut rng, self.generated, to, self.clock);
        let mut batch = BatchBuilder::new(plan.starts.len());
        let epoch = self.config.start_time as f64;
        for (i, start) in plan.starts.iter().enumerate() {
            if i.is_multiple_of(4096)
                && let Err(cancelled) = progress::check()
            {
                return Some(Err(ArrowError::ExternalError(Box::new(cancelled))));
            }
            let episode =
                start.attack.and_then(|(index, ordinal)| Some((plan.episodes.get(index)?, ordinal)));
            let flow = match episode {
                Some((episode, ordinal)) => episode.flow(&mut rng, ordinal),
                None => self.background.flow(&mut rng),
            };
            batch.push(micro(epoch + start.time), &flow);
        }
        self.generated = to;
        self.clock = plan.end;
        Some(batch.finish(&self.arrow_schema))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = (self.config.rows - self.generated).div_ceil(BATCH_ROWS) as usize;
        (left, Some(left))
    }
}

impl ExactSizeIterator for FlowSimulator {}

impl RecordBatchReader for FlowSimulator {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.arrow_schema)
    }
}
