//! Seeded traffic with ground truth.
//!
//! [`flows`] makes flow records of an inside network: seven clean applications with a daily rhythm, and six attacks
//! in episodes. The same configuration gives the same records on every machine with the same
//! floating-point library, and a chunk of 65,536 flows is all that is ever in memory.
//!
//! | clean | `service` | what its flows look like |
//! |---|---|---|
//! | web | `web` | small request, larger answer; TCP 443, 80, 8080 and QUIC |
//! | dns | `dns` | one or two questions and answers of some 100 bytes |
//! | voip | `voip` | 50 packets a second each way, or a few signalling messages |
//! | video | `video` | megabytes down, or a conference both ways |
//! | bulk | `bulk`, `ssh`, `ftp` | megabytes either way; scripted logins |
//! | mail | `mail` | kilobytes either way; sessions that idle for minutes |
//! | iot | `iot` | regular keep-alives, clock queries, pings, uploads |
//!
//! Two in a hundred clean flows are `other`, and three in a hundred TCP connections fail.
//!
//! | attack | what a record shows | what clean traffic shares its range |
//! |---|---|---|
//! | flood | a few tiny packets, microseconds apart, no reply | failed connections, unanswered pings |
//! | slow DoS | minutes long, seconds between packets, few bytes, no FIN | idle mail, keep-alives |
//! | port scan | one or two packets without payload, a reset or nothing | failed connections, clock queries |
//! | brute force | SSH or FTP, two to three seconds, nearly equal sizes | scripted logins |
//! | beaconing | tiny packets at nearly equal gaps of seconds | keep-alives |
//! | exfiltration | far more up than down, slow for its size | backups, uploads, forwarders |

mod attack;
mod background;
mod batch;
mod config;
mod draw;
mod flow;
mod network;
mod plan;
#[cfg(test)]
mod tests;

pub use config::{Attack, BackgroundMix, FlowSimulatorConfig};

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

/// Flows of one batch; the last one may have fewer.
const BATCH_ROWS: u64 = 65_536;

/// Starts to make flows of the schema `flow_detail`, in batches of 65,536 that are made as they are asked for.
///
/// Times never go back. `duration`, `iat_mean_ms` and `iat_std_ms` are over the packets of both
/// directions and rounded to six decimals; bytes count IP headers; flags count both directions.
///
/// # Errors
///
/// [`Error::InvalidArgument`] that names the first field outside its documented range.
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
        made: 0,
        clock: 0.0,
    })
}

/// Makes all flows at once.
///
/// # Errors
///
/// As [`flows`].
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

/// The error of a batch that a [`FlowSimulator`] could not make: [`Error::Cancelled`], or [`Error::BadRecord`].
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
/// Each batch draws from its own random stream, keyed by the seed and the batch's number.
#[derive(Clone, Debug)]
pub struct FlowSimulator {
    config: FlowSimulatorConfig,
    schema: Arc<Schema>,
    arrow_schema: SchemaRef,
    background: Background,
    /// Flows made so far.
    made: u64,
    /// Seconds since the start that the made flows took.
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
        if self.made >= self.config.rows {
            return None;
        }
        let to = self.config.rows.min(self.made + BATCH_ROWS);
        let mut rng = Stream::new(self.config.seed, self.made / BATCH_ROWS);
        let plan = Plan::new(&self.config, &mut rng, self.made, to, self.clock);
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
        self.made = to;
        self.clock = plan.end;
        Some(batch.finish(&self.arrow_schema))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = (self.config.rows - self.made).div_ceil(BATCH_ROWS) as usize;
        (left, Some(left))
    }
}

impl ExactSizeIterator for FlowSimulator {}

impl RecordBatchReader for FlowSimulator {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.arrow_schema)
    }
}
