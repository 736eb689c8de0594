//! Names of the columns that the device windows append.

use super::Has;
use crate::telemetry::{Column, Kind, Role};

/// The columns in the order in which a window writes its values.
pub(super) fn columns(has: Has) -> Vec<Column> {
    let names = [
        (has.latency, "avg_latency"),
        (has.latency, "latency_variance"),
        (has.latency, "max_latency"),
        (has.latency, "latency_95th"),
        (has.loss, "avg_packet_loss"),
        (has.loss, "max_packet_loss"),
        (has.loss, "packet_loss_variance"),
        (has.retries, "avg_retry_count"),
        (has.retries, "max_retry_count"),
        (has.retries, "retry_rate"),
        (has.code, "error_rate"),
        (has.code, "server_error_rate"),
        (has.traffic, "avg_traffic"),
        (has.traffic, "traffic_variance"),
        (has.traffic, "traffic_delta"),
        (has.resets, "avg_connection_resets"),
        (has.resets, "total_connection_resets"),
        (true, "log_frequency"),
        (true, "unique_devices"),
    ];
    let names = names.into_iter().filter(|(is_there, _)| *is_there);
    names.map(|(_, name)| Column::new(name, Role::Feature, Kind::Number)).collect()
}
