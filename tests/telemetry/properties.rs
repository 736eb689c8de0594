//! Properties of the readers, on random input.

use proptest::prelude::*;
use qosguard::arrow::array::{Array, ArrayRef, AsArray};
use qosguard::arrow::datatypes::Float64Type;
use qosguard::telemetry::{ReadOptions, Schema, Table};

use super::{csv, jsonl, lenient};

fn abc() -> Schema {
    let limited =
        "{ name = \"b\", role = \"feature\", kind = \"number\", minimum = 0, maximum = 9, undefined = -1 }";
    Schema::from_toml(&format!(
        "name = \"abc\"\nclean = [\"ok\"]\ncolumns = [\n{{ name = \"a\", role = \"feature\", kind = \"number\" }},\n{limited},\n\
         {{ name = \"c\", role = \"feature\", kind = \"text\" }},\n{{ name = \"truth\", role = \"label\", kind = \"text\" }},\n]"
    ))
    .unwrap()
}

/// Bytes that look like CSV or JSON of the schema `abc`, most of the time.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"a,b,c,truth\n".to_vec()),
        Just(b"1,2,x,ok\n".to_vec()),
        Just(b"-1.5e3,-1,\"q,\"\"\n\",bad.\r\n".to_vec()),
        Just(br#"{"a":1,"b":2,"c":"x","truth":"ok"}"#.to_vec()),
        "[0-9.,\"\n\r \\-einfxNa]{0,12}".prop_map(String::into_bytes),
        proptest::collection::vec(any::<u8>(), 0..8),
    ];
    proptest::collection::vec(piece, 0..20).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn no_bytes_panic(bytes in hostile(), max_line_bytes in 1_usize..200, batch_rows in 1_usize..5) {
        let options = ReadOptions { schema: Some(abc()), max_line_bytes, batch_rows, ..lenient() };
        let _ = csv(bytes.clone(), &options);
        let _ = jsonl(bytes.clone(), &options);
        let _ = csv(bytes.clone(), &ReadOptions::default());
        if let Ok(text) = std::str::from_utf8(&bytes) {
            let _ = Table::from_json(&abc(), text);
            let _ = Schema::from_toml(text);
        }
    }

    #[test]
    fn batches_of_any_size_hold_the_same_rows(bytes in hostile(), batch_rows in 1_usize..5) {
        let bytes = [b"a,b,c,truth\n".to_vec(), bytes].concat();
        let options = ReadOptions { schema: Some(abc()), ..lenient() };
        let small = ReadOptions { batch_rows, ..options.clone() };
        match (csv(bytes.clone(), &options), csv(bytes, &small)) {
            (Ok(one), Ok(many)) => {
                prop_assert_eq!(one.report(), many.report());
                prop_assert_eq!(bits(&one), bits(&many));
                prop_assert!(many.batches().iter().all(|b| b.num_rows() <= batch_rows));
            }
            (one, many) => prop_assert_eq!(one.unwrap_err().to_string(), many.unwrap_err().to_string()),
        }
    }

    /// The oracle: a plain CSV parser and the standard library's numbers.
    #[test]
    fn cells_equal_the_cells_of_a_plain_parser(rows in proptest::collection::vec(row(), 1..40), crlf: bool) {
        let end = if crlf { "\r\n" } else { "\n" };
        let text = rows.iter().fold(format!("a,b,c,truth{end}"), |text, row| text + &row.join(",") + end);
        let table = csv(text.clone(), &ReadOptions { schema: Some(abc()), ..lenient() }).unwrap();
        prop_assert_eq!(table.report().rejected, 0, "{:?}", table.report());
        let want: Vec<Vec<String>> = oracle(text.as_bytes()).into_iter().skip(1).collect();
        prop_assert_eq!(bits(&table), want);
    }
}

/// A row of cells that are all legal, some quoted, some spelt at length.
fn row() -> impl Strategy<Value = Vec<String>> {
    let number = prop_oneof![
        "-?[0-9]{1,20}",
        "-?[0-9]{0,9}\\.[0-9]{1,19}",
        "-?[0-9]{1,3}(\\.[0-9]{1,3})?e-?[0-9]{1,2}",
        any::<f64>().prop_filter("finite", |v| v.is_finite()).prop_map(|v| v.to_string()),
        Just("Infinity".to_owned()),
        Just("NaN".to_owned()),
        Just(" 5 ".to_owned()),
        Just("\"6.5\"".to_owned()),
        Just(String::new()),
    ];
    let limited = prop_oneof!["[0-9]", "[0-8]\\.[0-9]{1,18}", Just("-1".to_owned())];
    let text = prop_oneof!["[a-z]{1,5}", "\"[a-z,\n]{1,4}(\"\")?[a-z]\"", "é{1,3}", Just(String::new())];
    (number, limited, text).prop_map(|(a, b, c)| vec![a, b, c, "ok".to_owned()])
}

/// Every cell as text: the bits of a number, or the text; empty for null.
fn bits(table: &Table) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for batch in table.batches() {
        for row in 0..batch.num_rows() {
            let cell = |column: &ArrayRef| match column.as_primitive_opt::<Float64Type>() {
                _ if column.is_null(row) => String::new(),
                Some(numbers) => format!("{:x}", numbers.value(row).to_bits()),
                None => column.as_string::<i32>().value(row).to_owned(),
            };
            rows.push(batch.columns().iter().map(cell).collect());
        }
    }
    rows
}

fn oracle(text: &[u8]) -> Vec<Vec<String>> {
    let mut parser = csv_core::Reader::new();
    let (mut bytes, mut ends) = (vec![0; text.len()], [0; 8]);
    let (mut at, mut rows) = (0, Vec::new());
    loop {
        let (result, read, _, cells) = parser.read_record(&text[at..], &mut bytes, &mut ends);
        at += read;
        if !matches!(result, csv_core::ReadRecordResult::Record) {
            return rows;
        }
        let mut start = 0;
        let cells = ends[..cells].iter().map(|&end| {
            let cell = std::str::from_utf8(&bytes[start..end]).unwrap().trim_ascii().to_owned();
            start = end;
            cell
        });
        let cell = |(i, cell): (usize, String)| match (i, cell.as_str()) {
            (0 | 1, "") | (1, "-1") => String::new(),
            (0 | 1, number) => number.parse::<f64>().map_or(cell, |v| format!("{:x}", v.to_bits())),
            _ => cell,
        };
        rows.push(cells.enumerate().map(cell).collect());
    }
}
