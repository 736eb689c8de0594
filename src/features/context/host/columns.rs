//! Names of the columns that the host context appends.

use super::Counted;
use crate::telemetry::{Column, Kind, Role};

/// The columns of one kind of entity over all windows, in order.
pub(super) fn columns(scope: &str, windows: &[f64], counted: Counted, has_peers: bool) -> Vec<Column> {
    let values = [
        ("flows", true),
        ("peers", has_peers),
        ("ports", counted.ports),
        ("failed", counted.failed),
        ("bytes_per_s", counted.bytes),
        ("packets_per_s", counted.packets),
        ("up_share", counted.directions),
    ];
    let column = |window: &f64, value: &str| {
        Column::new(format!("{scope}_{value}_{window}s"), Role::Feature, Kind::Number)
    };
    let of_window =
        |window| values.iter().filter(|(_, is_there)| *is_there).map(move |(value, _)| column(window, value));
    windows.iter().flat_map(of_window).collect()
}
