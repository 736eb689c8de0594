//! Reading telemetry: public data sets, hostile input, and properties of the readers.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

mod arrow_memory;
mod columnar;
mod columnar_hostile;
mod device_logs;
mod follow;
mod hostile;
mod inference;
mod inferred_times;
mod inferred_truth;
mod inputs;
mod json_objects;
mod kinds;
mod logs;
mod mapping;
mod properties;
mod public;
#[path = "../public_data/mod.rs"]
mod public_data;
mod reading;
mod settings;

use std::sync::Arc;

use qosguard::Result;
use qosguard::arrow::array::{AsArray, RecordBatch};
use qosguard::arrow::compute::concat_batches;
use qosguard::arrow::datatypes::Float64Type;
use qosguard::telemetry::{BatchReader, CsvReader, JsonReader, ReadOptions, Table};

const FLOW: &str = "src_ip,dst_ip,src_port,dst_port,protocol,packet_count,byte_count,duration\n";
const GOOD: &str = "10.0.0.1,10.0.0.2,50000,443,TCP,12,1024,3.4\n";

fn lenient() -> ReadOptions {
    ReadOptions { max_rejected_share: 1.0, ..ReadOptions::default() }
}

fn csv(text: impl Into<Vec<u8>>, options: &ReadOptions) -> Result<Table> {
    CsvReader::new(std::io::Cursor::new(text.into()), "test.csv", options)?.read()
}

fn jsonl(text: impl Into<Vec<u8>>, options: &ReadOptions) -> Result<Table> {
    JsonReader::new(std::io::Cursor::new(text.into()), "test.jsonl", options)?.read()
}

fn whole(table: &Table) -> RecordBatch {
    concat_batches(&Arc::new(table.schema().to_arrow()), table.batches()).unwrap()
}

fn numbers(table: &Table, column: &str) -> Vec<Option<f64>> {
    whole(table).column_by_name(column).unwrap().as_primitive::<Float64Type>().iter().collect()
}

fn texts(table: &Table, column: &str) -> Vec<Option<String>> {
    let batch = whole(table);
    batch.column_by_name(column).unwrap().as_string::<i32>().iter().map(|t| t.map(str::to_owned)).collect()
}
