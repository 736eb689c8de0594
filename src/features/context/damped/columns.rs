//! Names of the columns that the damped statistics append.

use super::stream::DECAYS;
use crate::telemetry::{Column, Kind, Role};

const ONE: [&str; 3] = ["weight", "mean", "std"];
const TWO: [&str; super::link::VALUES] =
    ["weight", "mean", "std", "magnitude", "radius", "covariance", "correlation"];

/// The columns in the order in which values are written: by stream, then by decay.
pub(super) fn columns(has_ports: bool) -> Vec<Column> {
    let streams: [(&str, &[&str]); 4] =
        [("src", &ONE), ("channel", &TWO), ("jitter", &ONE), ("socket", &TWO)];
    let streams = streams.into_iter().filter(|(stream, _)| has_ports || *stream != "socket");
    let mut columns = Vec::new();
    for (stream, values) in streams {
        for decay in DECAYS {
            let name = |value: &&str| format!("damped_{stream}_{value}_{decay}");
            columns.extend(values.iter().map(|value| Column::new(name(value), Role::Feature, Kind::Number)));
        }
    }
    columns
}
