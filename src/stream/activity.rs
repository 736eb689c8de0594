//! What hosts did lately, from the columns of the host context.

use crate::arrow::array::{Array, Float64Array, RecordBatch};
use crate::features::HostContextConfig;

/// The windows that the limits need, in seconds.
pub(super) const WINDOWS: [f64; 2] = [10.0, 60.0];

/// Host context of a stream whose guard has none.
pub(super) fn context(max_entities: usize) -> HostContextConfig {
    HostContextConfig { windows: WINDOWS.to_vec(), max_entities, ..HostContextConfig::default() }
}

/// Names of the columns that [`Activities`] reads.
const COLUMNS: [&str; 11] = [
    "src_peers_60s",
    "src_ports_60s",
    "src_failed_60s",
    "dst_flows_10s",
    "dst_peers_10s",
    "dst_ports_10s",
    "dst_failed_10s",
    "dst_packets_per_s_10s",
    "pair_flows_60s",
    "pair_ports_60s",
    "pair_failed_60s",
];

/// Columns without which no limit can be passed.
pub(super) const REQUIRED: [&str; 2] = [COLUMNS[0], COLUMNS[3]];

/// The columns of one batch.
#[derive(Debug)]
pub(super) struct Activities<'a>([Option<&'a Float64Array>; COLUMNS.len()]);

/// What the hosts of one record did. NaN means what the source does not have, and passes no limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Activity {
    /// Of the source, within 60 s: different destinations, their different ports, and the share of failed connections.
    pub(super) src_peers: f64,
    pub(super) src_ports: f64,
    pub(super) src_failed: f64,
    /// Of the destination, within 10 s.
    pub(super) dst_flows: f64,
    pub(super) dst_peers: f64,
    pub(super) dst_ports: f64,
    pub(super) dst_failed: f64,
    pub(super) dst_packets_per_s: f64,
    /// Of both together, within 60 s.
    pub(super) pair_flows: f64,
    pub(super) pair_ports: f64,
    pub(super) pair_failed: f64,
}

impl<'a> Activities<'a> {
    /// Finds the columns in a batch.
    pub(super) fn of(batch: &'a RecordBatch) -> Self {
        Self(COLUMNS.map(|name| batch.column_by_name(name)?.as_any().downcast_ref()))
    }

    pub(super) fn at(&self, row: usize) -> Activity {
        let values = self.0.map(|column| match column {
            Some(column) if column.is_valid(row) => column.value(row),
            _ => f64::NAN,
        });
        let [src_peers, src_ports, src_failed, dst_flows, dst_peers, dst_ports, dst_failed, ..] = values;
        let [.., dst_packets_per_s, pair_flows, pair_ports, pair_failed] = values;
        Activity {
            src_peers,
            src_ports,
            src_failed,
            dst_flows,
            dst_peers,
            dst_ports,
            dst_failed,
            dst_packets_per_s,
            pair_flows,
            pair_ports,
            pair_failed,
        }
    }
}
