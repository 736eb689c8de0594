//! `Table`: raw telemetry in memory.
