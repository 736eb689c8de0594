//! Hostile input: refused with place and reason, or rejected and counted.

use qosguard::telemetry::{BatchReader, CsvReader, ReadOptions, Schema, Table, read_csv, read_csv_with};
use qosguard::{Error, ErrorKind};

use super::{FLOW, GOOD, csv, jsonl, lenient, numbers};

/// The one rejection of a good row, one row more, and a good row: its column, value and the code of its reason.
fn rejection(row: impl AsRef<[u8]>) -> (String, String, &'static str) {
    let text = [FLOW.as_bytes(), GOOD.as_bytes(), row.as_ref(), b"\n", GOOD.as_bytes()].concat();
    let table = csv(text, &lenient()).unwrap();
    let report = table.report();
    assert_eq!((report.accepted, report.rejected, table.n_rows()), (2, 1, 2), "{report:?}");
    assert_eq!(report.rejections[0].line, 3);
    let first = report.rejections[0].clone();
    assert_eq!(report.rejected_by_code[first.reason.code()], 1);
    (first.column, first.value, first.reason.code())
}

#[test]
fn inputs_without_records_return_errors() {
    for text in ["", "\n\n", FLOW, "\u{feff}"] {
        let error = csv(text, &ReadOptions::default()).unwrap_err();
        assert_eq!(error.to_string(), "test.csv: records: needs at least 1, got 0", "{text:?}");
        assert_eq!(error.kind(), ErrorKind::InsufficientData);
    }
    assert_eq!(jsonl("\n", &ReadOptions::default()).unwrap_err().kind(), ErrorKind::InsufficientData);
    let missing = read_csv("no/such/file.csv").unwrap_err();
    assert_eq!(missing.to_string(), "cannot access no/such/file.csv");
}

#[test]
fn a_foreign_file_names_what_is_missing_and_what_is_unknown() {
    let preset = ReadOptions { schema: Some(Schema::preset("unsw_nb15").unwrap()), ..lenient() };
    let error = csv("id,dur,proto,colour\n1,2,tcp,red\n", &preset).unwrap_err();
    let Error::SchemaMismatch { place, schema, missing, unknown } = &error else { panic!("{error}") };
    assert_eq!((place.as_str(), schema.as_str()), ("test.csv", "unsw_nb15"));
    assert_eq!((missing.len(), missing[10].as_str()), (11, "and 30 more"), "every feature but dur and proto");
    assert_eq!(unknown, &["colour"]);

    let mine =
        ReadOptions { schema: Some(Schema::builder("mine").feature("x").build().unwrap()), ..lenient() };
    let error = csv("y\n1\n", &mine).unwrap_err().to_string();
    assert_eq!(error, "test.csv: columns do not fit schema `mine`: missing `x`, unknown `y`");
}

#[test]
fn a_wrong_delimiter_is_named_with_a_better_one() {
    for delimiter in [';', '\t', '|'] {
        let text = format!("{FLOW}{GOOD}").replace(',', &delimiter.to_string());
        let error = csv(text.clone(), &ReadOptions::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::SchemaMismatch);
        let said = format!("test.csv, read with delimiter ',' where {delimiter:?} fits better: ");
        assert!(error.to_string().starts_with(&said), "{error}");
        let options = ReadOptions { delimiter: delimiter as u8, ..ReadOptions::default() };
        assert_eq!(csv(text, &options).unwrap().n_rows(), 1);
    }
}

#[test]
fn utf_16_is_rejected_by_name() {
    let units: Vec<u16> = format!("{FLOW}{GOOD}").encode_utf16().collect();
    let little: Vec<u8> = units.iter().flat_map(|u| u.to_le_bytes()).collect();
    let big: Vec<u8> = units.iter().flat_map(|u| u.to_be_bytes()).collect();
    for text in [[&b"\xff\xfe"[..], &little].concat(), [&b"\xfe\xff"[..], &big].concat(), little, big] {
        let error = csv(text.clone(), &ReadOptions::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BadRecord);
        assert!(error.to_string().contains("UTF-16"), "{error}");
        assert_eq!(jsonl(text, &ReadOptions::default()).unwrap_err().kind(), ErrorKind::BadRecord);
    }
}

#[test]
fn bad_rows_are_rejected_with_line_column_and_reason() {
    let row = |from: &str, to: &str| GOOD.trim_end().replace(from, to);
    let cell = |column: &str, value: &str, code| (column.to_owned(), value.to_owned(), code);
    assert_eq!(rejection(row("3.4", "-3.4")), cell("duration", "-3.4", "below_minimum"));
    assert_eq!(rejection(row("443", "65536")), cell("dst_port", "65536", "above_maximum"));
    assert_eq!(rejection(row("50000", "70000")), cell("src_port", "70000", "above_maximum"));
    assert_eq!(rejection(row("443", "0x20205321")), cell("dst_port", "0x20205321", "above_maximum"));
    assert_eq!(rejection(row("1024", "1e400")), cell("byte_count", "1e400", "number_too_large"));
    assert_eq!(rejection(row("1024", "12x")), cell("byte_count", "12x", "not_a_number"));
    assert_eq!(rejection(row("1024", "\"1,024\"")), cell("byte_count", "1,024", "not_a_number"));
    assert_eq!(rejection(row("1024", "0x10")), cell("byte_count", "0x10", "not_a_number"));
    assert_eq!(rejection("1,2,3"), cell("", "3 cells", "wrong_cell_count"));
    assert_eq!(rejection(row("3.4", "3.4,")), cell("", "9 cells", "wrong_cell_count"));
    assert_eq!(rejection(row("3.4", "\"3.4\",\"5\"")), cell("", "9 cells", "wrong_cell_count"));
    assert_eq!(rejection(row("TCP", "T\0P")), cell("", "\\0", "nul_byte"));
    assert_eq!(rejection(row("TCP", "\"TCP")), cell("", "\"", "unclosed_quote"));
    assert_eq!(rejection(row("TCP", "\"TCP\"x")), cell("", "\"", "text_after_quote"));
    assert_eq!(rejection("x".repeat(1_000_000)), cell("", "1 cells", "wrong_cell_count"));
    assert_eq!(rejection(",".repeat(1_000_000)), cell("", "1000001 cells", "wrong_cell_count"));
    assert_eq!(rejection("x".repeat(2_000_000)), cell("", "", "line_too_long"));
}

#[test]
fn a_stray_quote_costs_one_line_only() {
    let stray = GOOD.replace("10.0.0.1", "\"10.0.0.1");
    let text = format!("{FLOW}{stray}{}{stray}{}", GOOD.repeat(50), GOOD.repeat(50));
    let table = csv(text, &lenient()).unwrap();
    assert_eq!((table.n_rows(), table.report().rejected), (100, 2));
    assert_eq!(table.report().rejections[1].line, 53);
}

#[test]
fn a_long_line_is_never_held() {
    /// A header, then one endless line of a given length, made as it is read.
    struct Endless(std::io::Cursor<Vec<u8>>, usize, std::io::Cursor<Vec<u8>>);
    impl std::io::Read for Endless {
        fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
            match self.0.read(out)? {
                0 if self.1 > 0 => {
                    let n = out.len().min(self.1);
                    out[..n].fill(b'7');
                    self.1 -= n;
                    Ok(n)
                }
                0 => self.2.read(out),
                n => Ok(n),
            }
        }
    }
    let start = std::io::Cursor::new(FLOW.as_bytes().to_vec());
    let end = std::io::Cursor::new(format!("\n{GOOD}").into_bytes());
    let table =
        CsvReader::new(Endless(start, 300 << 20, end), "endless", &lenient()).unwrap().read().unwrap();
    assert_eq!((table.n_rows(), table.report().rejected), (1, 1));
    assert_eq!(table.report().rejections[0].line, 2);
    // The line behind keeps its number.
    let first = csv(format!("{}\n{FLOW}", "x".repeat(2 << 20)), &lenient()).unwrap_err();
    assert!(matches!(first, Error::BadRecord { line: 1, .. }), "{first}");
    let wide = csv(format!("{}\n", ",".repeat(1_000_000)), &lenient()).unwrap_err();
    assert!(wide.to_string().len() < 20_000, "the error stays readable");
}

#[test]
fn more_rejections_than_allowed_are_an_error() {
    let text = format!("{FLOW}{}{}", GOOD.repeat(95), "bad\n".repeat(5));
    assert_eq!(csv(text.clone(), &ReadOptions::default()).unwrap().report().rejected, 5, "5 of 100 are 5 %");
    let error = csv(text + "bad\n", &ReadOptions::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "test.csv: 6 of 101 records rejected, more than the allowed share 0.05; \
         the first: line 97: expected 8 cells, got \"1 cells\""
    );
    // All are counted, and the first are kept.
    let table = csv(format!("{FLOW}{GOOD}{}", "bad\n".repeat(1_000)), &lenient()).unwrap();
    assert_eq!((table.report().rejected, table.report().rejections.len()), (1_000, 100));
    assert_eq!(table.report().rejected_by_code["wrong_cell_count"], 1_000);
}

#[test]
fn settings_outside_their_domain_are_rejected() {
    let refused = [
        ReadOptions { max_rejected_share: 1.5, ..ReadOptions::default() },
        ReadOptions { max_rejected_share: f64::NAN, ..ReadOptions::default() },
        ReadOptions { delimiter: b'"', ..ReadOptions::default() },
        ReadOptions { delimiter: b'5', ..ReadOptions::default() },
        ReadOptions { delimiter: b'\n', ..ReadOptions::default() },
        ReadOptions { max_line_bytes: 0, ..ReadOptions::default() },
        ReadOptions { batch_rows: 0, ..ReadOptions::default() },
    ];
    for options in refused {
        assert_eq!(csv(FLOW, &options).unwrap_err().kind(), ErrorKind::InvalidArgument);
        assert_eq!(read_csv_with("x", &options).unwrap_err().kind(), ErrorKind::InvalidArgument);
    }
}

#[test]
fn bad_json_lines_are_rejected_by_line_and_key() {
    let good = r#"{"protocol":"tcp","dst_port":443,"packet_count":1,"byte_count":2,"duration":0.5}"#;
    let cases = [
        (good.replace("443", "70000"), "dst_port", "above_maximum"),
        (good.replace("0.5", "-0.5"), "duration", "below_minimum"),
        (good.replace("0.5", "1e400"), "", "not_json"),
        (good.replace("0.5", "\"1e400\""), "duration", "number_too_large"),
        (good.replace("0.5", "\"soon\""), "duration", "not_a_number"),
        (good.replace("0.5", "[1]"), "duration", "nested_value"),
        (good.replace("0.5", "{\"s\":1}"), "duration", "nested_value"),
        (good.replace("0.5", "0.5,\"duration\":1"), "duration", "duplicate_key"),
        (good.replace("0.5", "0.5,\"colour\":\"red\""), "", "unknown_key"),
        (good.replace("tcp", "t\\u0000cp"), "protocol", "nul_byte"),
        (good[..40].to_owned(), "", "not_json"),
        ("{\"src_ip\":\"10.0.0.1\"}".to_owned(), "", "unknown_key"),
        ("{}".to_owned(), "", "no_measurement"),
        (format!("{good}{good}"), "", "not_json"),
        ("[1, 2]".to_owned(), "", "not_json"),
        ("7".to_owned(), "", "not_json"),
    ];
    for (bad, column, code) in cases {
        let table = jsonl(format!("{good}\n{bad}\n{good}\n"), &lenient()).unwrap();
        let report = table.report();
        assert_eq!((report.accepted, report.rejected), (2, 1), "{bad}");
        let first = &report.rejections[0];
        assert_eq!((first.line, first.column.as_str()), (2, column), "{bad}");
        assert_eq!(first.reason.code(), code, "{bad}: {first}");
    }
    let too_many = jsonl(format!("{good}\n{{\n"), &ReadOptions::default()).unwrap_err();
    assert!(matches!(too_many, Error::TooManyRejected { rejected: 1, rows: 2, .. }), "{too_many}");
}

#[test]
fn a_key_that_a_record_lacks_is_a_missing_value_and_counted() {
    let good = r#"{"protocol":"tcp","dst_port":443,"packet_count":1,"byte_count":2,"duration":0.5}"#;
    let lacks = good.replace(",\"duration\":0.5", "");
    let schema = Some(Schema::preset("flow").unwrap());
    for options in [ReadOptions::default(), ReadOptions { schema, ..ReadOptions::default() }] {
        for text in [format!("{good}\n{lacks}\n{good}\n"), format!("{lacks}\n{good}\n{good}\n")] {
            let table = jsonl(text.clone(), &options).unwrap();
            assert_eq!((table.schema().name(), table.n_rows()), ("flow", 3), "{text}");
            let present: Vec<f64> = numbers(&table, "duration").into_iter().flatten().collect();
            assert_eq!(present, [0.5, 0.5]);
            assert_eq!(table.report().absent.get("duration"), Some(&1));
            assert_eq!(table.report().rejected, 0);
        }
    }
    // A feature that no record has is another schema.
    let options = ReadOptions { schema: Some(Schema::preset("flow").unwrap()), ..ReadOptions::default() };
    let error = jsonl(format!("{lacks}\n{lacks}\n"), &options).unwrap_err();
    assert!(matches!(&error, Error::SchemaMismatch { missing, .. } if missing == &["duration"]), "{error}");
    let array = Table::from_json(&Schema::preset("flow").unwrap(), &format!("[{lacks},{good}]")).unwrap();
    assert_eq!(numbers(&array, "duration"), [None, Some(0.5)]);
    assert_eq!(array.report().absent["duration"], 1);
    assert!(Table::from_json(&Schema::preset("flow").unwrap(), &lacks).is_err());
}
