//! `docs/FLOW_FIELDS.md` lists the fields and their columns in every source. This test generates it from the code.
//!
//! `QOSGUARD_BLESS=1 cargo test --test flow_fields` writes the file.
#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

use std::fmt::Write;
use std::{env, fs};

use qosguard::telemetry::{Column, Field, Schema};

const HEAD: &str = "\
# Fields of a flow, and their columns in each source

Written by `tests/flow_fields.rs`; do not edit.

A field has the same name, meaning and unit for all sources. `guard.fits(schema)` checks whether tables of one source can
be used with a guard that was trained on another source, and lists what is missing. `table.map_to(schema)` converts the
tables. The preset `canonical_flow` has one column for every field.

Columns of the same field still differ between sensors. Before a guard changes its source, note:

- `state` has the names of its source. Argus (UNSW-NB15) and Zeek (also KDD) use different names.
- Argus excludes the first packet from `rate`, `sload` and `dload`. All other sources include it.
- The published CICFlowMeter counts some flags, bulks and subflows incorrectly. Names and units are the same.
- UNSW-NB15 writes `-` for an unknown service.
";

/// The columns of a field in a source with their factors to the unit of the field, or a formula in italics.
fn cell(field: Field, source: &Schema, derived: &[(String, String)]) -> String {
    let has_field = |column: &&Column| column.field == Some(field);
    let names = source.columns().iter().filter(has_field).map(|column| match column.scale {
        Some(scale) => format!("`{}` × {scale:e}", column.name),
        None => format!("`{}`", column.name),
    });
    let names: Vec<String> = names.collect();
    match derived.iter().find(|(to, _)| to == field.name()) {
        Some((_, formula)) if names.is_empty() => format!("*{}*", formula.replace('*', "×")),
        _ => names.join(", "),
    }
}

fn document() -> String {
    let mut text = HEAD.to_owned();
    text += "\n## Fields\n\n| field | unit | meaning |\n|---|---|---|\n";
    for field in Field::ALL {
        writeln!(text, "| `{}` | {} | {} |", field.name(), field.unit(), field.meaning()).unwrap();
    }
    text += "\n## Sources\n\nA cell contains the column and the factor to the unit of the field. A formula in italics derives the \
             field from other columns.\n\n";
    let canonical = Schema::preset("canonical_flow").unwrap();
    let sources: Vec<&Schema> = Schema::presets().iter().filter(|s| s.name() != canonical.name()).collect();
    let fits: Vec<_> = sources.iter().map(|source| canonical.fits(source)).collect();
    let names: Vec<String> = sources.iter().map(|source| format!("`{}`", source.name())).collect();
    writeln!(text, "| field | {} |", names.join(" | ")).unwrap();
    writeln!(text, "|---|{}", "---|".repeat(sources.len())).unwrap();
    for &field in Field::ALL {
        let cells = sources.iter().zip(&fits).map(|(source, fit)| cell(field, source, &fit.derived));
        let cells: Vec<String> = cells.collect();
        writeln!(text, "| `{}` | {} |", field.name(), cells.join(" | ")).unwrap();
    }
    text
}

#[test]
fn the_document_is_generated_from_the_code() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/FLOW_FIELDS.md");
    let text = document();
    if env::var_os("QOSGUARD_BLESS").is_some() {
        fs::write(path, &text).unwrap();
    }
    let written = fs::read_to_string(path).unwrap();
    assert!(written == text, "docs/FLOW_FIELDS.md differs from the code; `make golden` writes it");
}

#[test]
fn times_of_public_data_sets_have_the_units_of_their_papers() {
    for (preset, column, scale) in [
        ("cicids2017", "Flow Duration", Some(1e-6)),
        ("cicids2017_corrected", "Bwd IAT Max", Some(1e-6)),
        ("unsw_nb15", "dur", None),
        ("unsw_nb15", "sinpkt", Some(1e-3)),
        ("unsw_nb15_raw", "Djit", Some(1e-3)),
        ("nsl_kdd", "duration", None),
        ("flow_detail", "iat_std_ms", Some(1e-3)),
    ] {
        let schema = Schema::preset(preset).unwrap();
        let found = &schema.columns()[schema.index_of(column).unwrap()];
        assert_eq!((found.scale, found.field.unwrap().unit()), (scale, "s"), "{preset}: {column}");
    }
}
