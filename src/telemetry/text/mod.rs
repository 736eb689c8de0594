//! Text: CSV, JSON lines, Zeek's and Suricata's logs.

pub(crate) mod cells;
pub(crate) mod csv;
pub(crate) mod csv_writer;
pub(crate) mod eve;
pub(crate) mod json;
pub(crate) mod json_flat;
pub(crate) mod json_keys;
pub(crate) mod json_nested;
pub(crate) mod json_record;
pub(crate) mod json_writer;
pub(crate) mod lines;
pub(crate) mod records;
pub(crate) mod zeek;
