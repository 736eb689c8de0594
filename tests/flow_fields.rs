//! `docs/FLOW_FIELDS.md` says what the columns of every source mean; this test writes it and holds it to the code.
//!
//! `QOSGUARD_BLESS=1 cargo test --test flow_fields` writes the file.
#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

use std::fmt::Write;
use std::{env, fs};

use qosguard::telemetry::{Column, Field, Schema};

const HEAD: &str = "\
# Fields of a flow, and the columns that tell them

Written by `tests/flow_fields.rs`; do not edit.

A field has one name, one meaning and one unit, whatever the source calls it. `guard.fits(schema)` says whether tables of
a source can feed a guard that was trained on another one, and names what is missing; `table.map_to(schema)` brings them
over. The preset `canonical_flow` has one column for every field.

Names bring columns together, and no name makes two sensors alike. What to know before a guard changes its source:

- `state` is in the source's own words: those of Argus (UNSW-NB15) are not those of Zeek, which KDD shares.
- Argus leaves the first packet out of `rate`, `sload` and `dload`; all others divide by the whole duration.
- CICFlowMeter as published wrote some counters of flags, bulks and subflows wrongly; the names and units are the same.
- UNSW-NB15 writes `-` where it knows no service.
";

/// How a source tells a field: its columns with what takes them to the field's unit, or a formula in italics.
fn cell(field: Field, source: &Schema, derived: &[(String, String)]) -> String {
    let tells = |column: &&Column| column.field == Some(field);
    let names = source.columns().iter().filter(tells).map(|column| match column.scale {
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
    text += "\n## Sources\n\nA cell names the column, and what its cells are multiplied by to get the field's unit; \
             in italics, how the field is derived.\n\n";
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
fn the_document_is_what_the_code_says() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/FLOW_FIELDS.md");
    let text = document();
    if env::var_os("QOSGUARD_BLESS").is_some() {
        fs::write(path, &text).unwrap();
    }
    let written = fs::read_to_string(path).unwrap();
    assert!(written == text, "docs/FLOW_FIELDS.md differs from the code; `make golden` writes it");
}

#[test]
fn times_of_the_public_sets_are_in_the_units_that_their_papers_state() {
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
