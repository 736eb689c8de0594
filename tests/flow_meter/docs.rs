//! `docs/FLOW_COLUMNS.md` has the formula of every column from the code.

use std::fmt::Write;

use qosguard::telemetry::packets::Profile;

/// The tables of the document, from the code.
fn tables() -> String {
    let mut text = String::new();
    for profile in Profile::ALL {
        let name = profile.as_str();
        writeln!(text, "\n## `{name}`\n\n| column | unit | formula |\n|---|---|---|").unwrap();
        for column in profile.columns() {
            writeln!(text, "| {} | {} | {} |", column.name, column.unit, column.formula).unwrap();
        }
    }
    text
}

#[test]
fn the_document_has_every_column_with_its_unit_and_formula() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/FLOW_COLUMNS.md");
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let (head, _) = text.split_once("\n## `cic`").unwrap_or((&text, ""));
    let expected = format!("{}\n{}", head.trim_end(), tables());
    if std::env::var_os("QOSGUARD_BLESS").is_some() {
        std::fs::write(path, expected).unwrap();
    } else {
        assert!(text == expected, "{path} is out of date; QOSGUARD_BLESS=1 rewrites it");
    }
}
