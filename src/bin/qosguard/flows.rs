//! `qosguard flows`: telemetry of any kind to flow records.

use std::sync::Arc;

use qosguard::arrow::datatypes::Fields;
use qosguard::telemetry::{ReadReport, Schema, Table};
use qosguard::{Error, Result};

use crate::arguments::Flows;
use crate::exit::Outcome;
use crate::message::{few, print_message};
use crate::progress::Progress;
use crate::{input, output};

pub(crate) fn run(command: &Flows) -> Outcome {
    output::spare(&command.output, &command.input.paths)?;
    let mut reader = input::open(&command.input, None)?;
    let to = command
        .to
        .as_deref()
        .map(|name| common(&input::schema("--to", name)?, reader.schema()))
        .transpose()?;
    let mut out = output::create(&command.output, to.as_ref().unwrap_or(reader.schema()), &Fields::empty())?;
    let (mut records, mut unfit) = (0, 0);
    let progress = Progress::new("flows", None);
    while let Some(batch) = input::next(&mut reader)? {
        progress.add(batch.num_rows());
        let place = ReadReport::new(&reader.report().place);
        let mut table = Table::new(Arc::clone(reader.schema()), vec![batch], place)?;
        if let Some(to) = &to {
            table = table.map_to_with(to, &input::mapping(&command.input))?;
            unfit += table.report().rejected;
        }
        for batch in table.batches() {
            out.write(batch)?;
            records += batch.num_rows();
        }
    }
    drop(progress);
    out.finish()?;
    print_message(format_args!("{records} flows, {}", input::summary(reader.report(), unfit)));
    input::outcome(records as u64, reader.report(), unfit)
}

/// The columns of a schema that the records can fill; a message lists the others.
fn common(schema: &Schema, records: &Schema) -> Result<Schema> {
    let fit = schema.fits(records);
    let common = schema.common_with(records);
    if common.columns().is_empty() {
        return Err(Error::SchemaMismatch {
            place: records.name().to_owned(),
            schema: fit.schema,
            missing: fit.missing,
            unknown: Vec::new(),
        });
    }
    if !fit.is_complete() {
        print_message(format_args!("no column of `{}` maps to: {}", fit.source, few(&fit.missing)));
    }
    Ok(common)
}
