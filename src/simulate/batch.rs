//! The Arrow columns of flow records.

use std::fmt::Write as _;
use std::sync::Arc;

use crate::arrow::array::{ArrayRef, Float64Builder, RecordBatch, StringBuilder};
use crate::arrow::datatypes::SchemaRef;
use crate::arrow::error::ArrowError;

use super::flow::Flow;

/// Number of numeric columns, in the order of the schema `flow_detail` without its text columns.
const NUMBERS: usize = 14;

/// Builds the columns of one batch.
#[derive(Debug)]
pub(super) struct BatchBuilder {
    src_ip: StringBuilder,
    dst_ip: StringBuilder,
    protocol: StringBuilder,
    service: StringBuilder,
    family: StringBuilder,
    numbers: [Float64Builder; NUMBERS],
}

impl BatchBuilder {
    pub(super) fn new(rows: usize) -> Self {
        let text = |bytes: usize| StringBuilder::with_capacity(rows, rows * bytes);
        Self {
            src_ip: text(15),
            dst_ip: text(15),
            protocol: text(4),
            service: text(5),
            family: text(1),
            numbers: std::array::from_fn(|_| Float64Builder::with_capacity(rows)),
        }
    }

    pub(super) fn push(&mut self, time: f64, flow: &Flow) {
        let exchange = &flow.exchange;
        for (builder, address) in [(&mut self.src_ip, flow.ends.src), (&mut self.dst_ip, flow.ends.dst)] {
            // Writing into a string builder cannot fail. The empty value ends the cell.
            let _ = write!(builder, "{address}");
            builder.append_value("");
        }
        self.protocol.append_value(exchange.protocol.as_str());
        self.service.append_value(exchange.service);
        self.family.append_option(flow.family);
        let values: [f64; NUMBERS] = [
            time,
            f64::from(flow.src_port),
            f64::from(exchange.dst_port),
            flow.duration,
            exchange.fwd.packets as f64,
            exchange.bwd.packets as f64,
            flow.fwd_bytes,
            flow.bwd_bytes,
            exchange.flags.syn as f64,
            exchange.flags.fin as f64,
            exchange.flags.rst as f64,
            flow.iat_mean_ms,
            flow.iat_std_ms,
            f64::from(u8::from(flow.family.is_some())),
        ];
        for (builder, value) in self.numbers.iter_mut().zip(values) {
            builder.append_value(value);
        }
    }

    /// The batch, with its columns in the order of the schema.
    pub(super) fn finish(mut self, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
        let numbers: Vec<ArrayRef> =
            self.numbers.iter_mut().map(|builder| Arc::new(builder.finish()) as ArrayRef).collect();
        let text = |mut builder: StringBuilder| Arc::new(builder.finish()) as ArrayRef;
        let mut columns = numbers;
        columns.insert(1, text(self.src_ip));
        columns.insert(2, text(self.dst_ip));
        columns.insert(5, text(self.protocol));
        columns.insert(6, text(self.service));
        columns.push(text(self.family));
        RecordBatch::try_new(Arc::clone(schema), columns)
    }
}
