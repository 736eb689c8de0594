//! Sources that no preset describes: an inferred schema, or an error of a few lines.

use std::sync::Arc;

use qosguard::arrow::array::{
    ArrayRef, BooleanArray, Float64Array, RecordBatch, StringArray, TimestampMillisecondArray,
};
use qosguard::telemetry::Role::{Entity, Family, Feature, Ignore, Label, Time};
use qosguard::telemetry::{
    self, ArrowReader, BatchReader, Field, IpcReader, Kind, ReadOptions, Role, Schema, Table, TimeUnit,
};
use qosguard::{Error, ErrorKind, Guard};

use super::{csv, jsonl, numbers, texts};

/// Records as no preset has them.
fn own(rows: usize) -> String {
    let mut text =
        "no,when,Source IP,dst,sport,dport,proto,rtt,state,build,note,Class,Attack Name\n".to_owned();
    for row in 0..rows {
        let attack = row % 10 == 9;
        text += &format!(
            "{row},{},10.0.0.{},192.168.0.1,{},{},{},{},{},7,free text {row},{},{}\n",
            1_700_000_000_000_u64 + row as u64 * 250,
            row % 200,
            40_000 + row % 1_000,
            [443, 80, 53][row % 3],
            ["TCP", "17"][row % 2],
            (row * 7919 % 997) as f64 / 10.0 + if attack { 900.0 } else { 0.0 },
            ["up", "down"][row % 2],
            if attack { "Malicious" } else { "Benign" },
            if attack { "scan" } else { "-" },
        );
    }
    text
}

fn role(schema: &Schema, name: &str) -> Role {
    schema.columns().iter().find(|c| c.name == name).unwrap().role
}

#[test]
fn an_unknown_csv_gets_roles_by_names_and_values() {
    let table = csv(own(500), &ReadOptions::default()).unwrap();
    let schema = table.schema();
    assert_eq!((schema.name(), table.n_rows(), table.report().rejected), ("inferred", 500, 0));
    let roles: Vec<Role> = schema.columns().iter().map(|c| c.role).collect();
    assert_eq!(
        roles,
        [
            Ignore, Time, Entity, Ignore, Ignore, Feature, Feature, Feature, Feature, Ignore, Ignore, Label,
            Family
        ]
    );
    assert_eq!(schema.columns()[1].unit, Some(TimeUnit::Milliseconds));
    assert_eq!(numbers(&table, "when")[1], Some(1_700_000_000.25));
    assert_eq!(schema.index_of_field(Field::SrcIp), Some(2));
    assert_eq!(schema.index_of_field(Field::DstPort), Some(5));
    assert_eq!(texts(&table, "proto")[..2], [Some("tcp".into()), Some("udp".into())]);
    assert_eq!(table.labels().unwrap().unwrap().iter().filter(|&&attack| attack).count(), 50);
    assert_eq!(table.families().unwrap().unwrap()[9], "scan");
    let listed = table.report().inferred.join("\n");
    for part in [
        "label: `Class` (clean: Benign)",
        "time: `when` (in milliseconds)",
        "`no` (a number of the record)",
        "`build` (always 7)",
    ] {
        assert!(listed.contains(part), "{listed}");
    }
    let guard = Guard::builder().fit(&table).unwrap();
    let one =
        csv(own(1), &ReadOptions { fallback: Some((**guard.schema()).clone()), ..ReadOptions::default() });
    assert_eq!(
        guard.assess(&one.unwrap()).unwrap().len(),
        1,
        "one record has the guard's schema, not its own"
    );
}

#[test]
fn what_is_inferred_is_written_down_and_read() {
    let table = csv(own(100), &ReadOptions::default()).unwrap();
    let text = table.schema().to_toml();
    let schema = Schema::from_toml(&text).unwrap();
    assert_eq!(schema, **table.schema());
    assert_eq!(text.lines().filter(|line| line.starts_with("  { name = ")).count(), 13, "{text}");
    let again = csv(own(100), &ReadOptions { schema: Some(schema), ..ReadOptions::default() }).unwrap();
    assert_eq!(again.batches(), table.batches());
    assert!(again.report().inferred.is_empty());
}

#[test]
fn every_reader_infers_the_same_roles() {
    let rows = || (0..40).map(|row| (f64::from(row) * 0.5, ["a", "b"][row as usize % 2], row % 3 == 0));
    let json: String = rows()
        .map(|(rate, kind, label)| {
            format!("{{\"rate\":{rate},\"kind\":\"{kind}\",\"is_attack\":{label},\"more\":[1]}}\n")
        })
        .collect();
    let text: String = rows()
        .map(|(rate, kind, label)| format!("{rate},{kind},{}\n", if label { "True" } else { "False" }))
        .collect();
    let rate: ArrayRef = Arc::new(Float64Array::from(rows().map(|r| r.0).collect::<Vec<_>>()));
    let kind: ArrayRef = Arc::new(StringArray::from(rows().map(|r| r.1).collect::<Vec<_>>()));
    let label: ArrayRef = Arc::new(BooleanArray::from(rows().map(|r| r.2).collect::<Vec<_>>()));
    let at: ArrayRef = Arc::new(TimestampMillisecondArray::from((0..40).collect::<Vec<i64>>()));
    let batch =
        RecordBatch::try_from_iter([("rate", rate), ("kind", kind), ("is_attack", label), ("seen", at)])
            .unwrap();
    let arrow = Table::clone(&read_arrow(&batch));
    let ipc = IpcReader::new(std::io::Cursor::new(arrow.to_ipc().unwrap()), "ipc", &ReadOptions::default());
    let tables = [
        csv(format!("rate,kind,is_attack\n{text}"), &ReadOptions::default()).unwrap(),
        jsonl(json, &ReadOptions::default()).unwrap(),
        arrow,
        ipc.unwrap().read().unwrap(),
    ];
    for table in &tables {
        let schema = table.schema();
        assert_eq!(table.report().rejected, 0);
        assert_eq!((role(schema, "rate"), role(schema, "kind")), (Role::Feature, Role::Feature));
        assert_eq!(role(schema, "is_attack"), Role::Label);
        assert_eq!(table.labels().unwrap().unwrap(), rows().map(|r| r.2).collect::<Vec<_>>());
    }
    assert_eq!(role(tables[1].schema(), "more"), Role::Ignore);
    assert_eq!(role(tables[2].schema(), "seen"), Role::Time);
    assert_eq!(Schema::infer(&batch).unwrap(), **tables[2].schema());
}

fn read_arrow(batch: &RecordBatch) -> Table {
    let source = qosguard::arrow::array::RecordBatchIterator::new([Ok(batch.clone())], batch.schema());
    ArrowReader::new(source, "arrow", &ReadOptions::default()).unwrap().read().unwrap()
}

#[test]
fn truth_and_addresses_never_become_features() {
    let mut text = "feat,label,Attack_type,attack_id,host,ts,seen,first_label\n".to_owned();
    for row in 0..60 {
        let attack = row % 4 == 0;
        text += &format!(
            "{},{},{},{},gw{},2024-01-{:02} 10:00:00,{:02}/01/2024 10:00,{}\n",
            row % 7,
            u8::from(attack),
            if attack { "dos" } else { "Normal" },
            row % 5,
            row % 3,
            row % 28 + 1,
            row % 28 + 1,
            row % 2,
        );
    }
    let table = csv(text, &ReadOptions::default()).unwrap();
    let schema = table.schema();
    let features: Vec<&str> =
        schema.columns().iter().filter(|c| c.role == Role::Feature).map(|c| c.name.as_str()).collect();
    assert_eq!(features, ["feat"]);
    assert_eq!((role(schema, "label"), role(schema, "Attack_type")), (Role::Label, Role::Family));
    assert_eq!((role(schema, "host"), role(schema, "ts")), (Role::Entity, Role::Time));
    assert_eq!(schema.columns()[5].kind, Kind::Time);
}

#[test]
fn files_of_one_set_have_the_schema_of_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let (a, b) = (folder.path().join("a.csv"), folder.path().join("b.csv"));
    std::fs::write(&a, own(100)).unwrap();
    std::fs::write(&b, own(3)).unwrap();
    let table = telemetry::open_all([&a, &b], &ReadOptions::default()).unwrap().read().unwrap();
    assert_eq!((table.n_rows(), table.report().rejected), (103, 0));
    assert!(!table.report().inferred.is_empty());
}

#[test]
fn a_preset_wins_where_it_fits() {
    let table = csv(format!("{}{}", super::FLOW, super::GOOD), &ReadOptions::default()).unwrap();
    assert_eq!(table.schema().name(), "flow");
    assert!(table.report().inferred.is_empty());
}

#[test]
fn what_cannot_be_inferred_names_the_two_nearest_presets() {
    let header = csv("src_ip;dst_ip;protocol\n10.0.0.1;10.0.0.2;tcp\n", &ReadOptions::default()).unwrap_err();
    assert_eq!(header.kind(), ErrorKind::SchemaMismatch);
    assert!(header.to_string().contains("';' fits better"), "{header}");
    let names: String = (0..300).map(|i| format!("id{i},")).collect();
    let error = csv(format!("{names}src_ip,dst_ip\n"), &ReadOptions::default()).unwrap_err();
    let Error::NoPreset { columns, nearest, .. } = &error else { panic!("{error}") };
    assert_eq!((columns.len(), nearest.len(), nearest[0].found), (11, 2, 2));
    assert!(error.to_string().len() < 400, "{error}");
    let numbers = csv("1,2,3\n4,5,6\n", &ReadOptions::default()).unwrap_err();
    assert_eq!(numbers.kind(), ErrorKind::SchemaMismatch, "a file without a header");
    let words = jsonl("{\"id\":\"a\"}\n{\"id\":\"b\"}\n", &ReadOptions::default()).unwrap_err();
    assert_eq!(words.kind(), ErrorKind::SchemaMismatch);
}

#[test]
fn a_role_has_a_default_in_toml() {
    let schema = Schema::from_toml(
        "name = \"s\"\ncolumns = [{ name = \"at\", kind = \"time\" }, { name = \"x\", kind = \"number\" }]",
    )
    .unwrap();
    assert_eq!(schema.columns().iter().map(|c| c.role).collect::<Vec<_>>(), [Role::Time, Role::Feature]);
    let error =
        Schema::from_toml("name = \"s\"\ncolumns = [{ name = \"label\", kind = \"number\" }]").unwrap_err();
    assert!(error.to_string().contains("label"), "{error}");
}

#[test]
fn addresses_of_any_name_are_the_ends_of_a_flow() {
    let mut text = "ts,sa,peer,bytes,link,label\n".to_owned();
    for row in 0..40 {
        text += &format!(
            "{},10.0.0.{row},192.0.2.{},{},{}.5,normal.\n",
            1_700_000_000 + row,
            row % 7,
            row * 37 % 11,
            row % 5
        );
    }
    let table = csv(text, &ReadOptions::default()).unwrap();
    let field = |name: &str| {
        let schema = table.schema();
        let column = &schema.columns()[schema.index_of(name).unwrap()];
        (column.role, column.field)
    };
    assert_eq!(field("sa"), (Entity, Some(Field::SrcIp)));
    assert_eq!(field("peer"), (Entity, Some(Field::DstIp)));
    // A link of numbers is a measurement.
    assert_eq!(field("link"), (Feature, None));
}
