//! One function per parser. It gets random bytes, which the parser may reject, and must not panic.

use qosguard::detect::{Detector, TreeEnsemble};
use qosguard::telemetry::netflow::{Exporters, NetflowConfig};
use qosguard::telemetry::packets::{
    DecodeOptions, Decoder, FlowMeter, FlowMeterConfig, Layer, LinkType, PacketReader, Profile,
};
use qosguard::telemetry::{
    BatchReader, Column, CsvReader, EveReader, IpcReader, JsonReader, Kind, ParquetReader, ReadOptions, Role,
    Series, SeriesConfig, TimeUnit, ZeekReader,
};

/// Comma-separated records.
pub fn csv(data: &[u8]) {
    drain(CsvReader::new(std::io::Cursor::new(data.to_vec()), "fuzz.csv", &ReadOptions::default()));
}

/// JSON lines.
pub fn json(data: &[u8]) {
    drain(JsonReader::new(std::io::Cursor::new(data.to_vec()), "fuzz.jsonl", &ReadOptions::default()));
}

/// pcap and pcapng captures, plain and gzipped.
pub fn packets(data: &[u8]) {
    let Ok(mut reader) = PacketReader::from_bytes(data, "fuzz.pcap", &DecodeOptions::default()) else {
        return;
    };
    let packets = reader.by_ref().flatten().count() as u64;
    assert_eq!(packets, reader.counts().packets);
    assert_eq!(packets + reader.counts().skipped(), reader.counts().records);
}

/// Captures through the flow meter, each profile, in a small table.
pub fn flow_meter(data: &[u8]) {
    for profile in Profile::ALL {
        let config = FlowMeterConfig {
            profile,
            decode_tunnels: data.len().is_multiple_of(2),
            interim_s: Some(1.0),
            max_flows: 3,
            batch_rows: 2,
            ..FlowMeterConfig::default()
        };
        let Ok(mut meter) = FlowMeter::from_bytes(data, "fuzz.pcap", &config) else { return };
        let mut rows = 0;
        for batch in meter.by_ref().flatten() {
            assert!(batch.num_rows() <= 2);
            assert_eq!(batch.num_columns(), profile.columns().len());
            rows += batch.num_rows() as u64;
        }
        let counts = meter.flow_counts();
        assert_eq!((rows, counts.started), (counts.records(), counts.ended()));
        assert_eq!(counts.packets, meter.capture_counts().packets);
    }
}

/// Frames: two bytes are the link type, the others the frame.
pub fn frame(data: &[u8]) {
    let Some((link, frame)) = data.split_first_chunk() else { return };
    for layer in [Layer::Outer, Layer::Inner] {
        let mut decoder = Decoder::new(&DecodeOptions::default().with_layer(layer));
        for wire_bytes in [frame.len() as u32, 1_500] {
            decoder.decode_frame(LinkType(u16::from_be_bytes(*link)), frame, wire_bytes, 0);
        }
        assert_eq!(decoder.counts().packets + decoder.counts().skipped(), 2);
    }
}

/// Zeek's conn.log, TSV and JSON.
pub fn zeek(data: &[u8]) {
    drain(ZeekReader::new(std::io::Cursor::new(data.to_vec()), "fuzz.log", &lenient()));
}

/// Suricata's EVE JSON.
pub fn eve(data: &[u8]) {
    drain(EveReader::new(std::io::Cursor::new(data.to_vec()), "fuzz.json", &lenient()));
}

/// Options that allow any share of rejections, so that the records after them are read.
fn lenient() -> ReadOptions {
    ReadOptions { max_rejected_share: 1.0, ..ReadOptions::default() }
}

/// A series: the first byte selects the settings, the rest are rows of a time, an entity, a value and a label.
pub fn series(data: &[u8]) {
    use qosguard::telemetry::series::{Duplicates, Interval};
    let Some((&how, rows)) = data.split_first() else { return };
    let schema = qosguard::telemetry::Schema::builder("series")
        .column(Column::new("at", Role::Time, Kind::Text))
        .entity("who")
        .feature("x")
        .label("bad")
        .build();
    let options = ReadOptions { schema: schema.ok(), max_rejected_share: 1.0, ..ReadOptions::default() };
    let text = [b"at,who,x,bad\n", rows].concat();
    let table = CsvReader::new(std::io::Cursor::new(text), "fuzz.csv", &options).and_then(|mut r| r.read());
    let Ok(table) = table else { return };
    let config = SeriesConfig {
        time_zone: ["UTC", "Europe/Berlin", "Australia/Lord_Howe", "Pacific/Apia"][usize::from(how % 4)]
            .into(),
        time_format: (how & 4 > 0).then(|| "%d/%m/%Y %H:%M".into()),
        interval: [Interval::Infer, Interval::Seconds(900.0), Interval::Irregular][usize::from(how / 8 % 3)],
        duplicates: [Duplicates::Refuse, Duplicates::Last, Duplicates::Mean][usize::from(how / 24 % 3)],
        time_unit: (how & 128 > 0).then_some(TimeUnit::Auto),
        max_cells: 100_000,
        ..SeriesConfig::default()
    };
    let Ok(series) = Series::from_table(&table, &config) else { return };
    let report = series.report();
    let present: usize =
        series.entities().iter().map(qosguard::telemetry::series::EntitySeries::n_present).sum();
    assert_eq!(present as u64 + report.missing_steps(), report.steps);
    assert_eq!(present as u64 + report.duplicates + report.crowded, report.rows.accepted);
    assert_eq!(report.rows.accepted + report.rows.rejected, table.n_rows() as u64);
    assert!(report.steps <= 100_000);
    assert_eq!(series.table().map(|table| table.n_rows()).ok(), Some(present));
}

/// Arrow IPC, a file or a stream.
pub fn ipc(data: &[u8]) {
    drain(IpcReader::new(std::io::Cursor::new(data.to_vec()), "fuzz.arrow", &ReadOptions::default()));
}

/// Parquet.
pub fn parquet(data: &[u8]) {
    drain(ParquetReader::new(data, "fuzz.parquet", &ReadOptions::default()));
}

/// Export datagrams: NetFlow v5 and v9, and consecutive IPFIX messages.
pub fn netflow(data: &[u8]) {
    exported(data);
}

/// sFlow v5 datagrams; the input follows the version.
pub fn sflow(data: &[u8]) {
    exported(&[&[0, 0, 0, 5], data].concat());
}

/// Pushes a datagram twice, so that its templates exist the second time, and checks the counters.
fn exported(data: &[u8]) {
    let config = NetflowConfig { max_kept_bytes: 4_096, max_templates: 4, ..NetflowConfig::default() };
    let Ok(mut exporters) = Exporters::new(&config) else { return };
    for _ in 0..2 {
        exporters.push([192, 0, 2, 1].into(), Some(1_700_000_000.0), data);
    }
    let rows = exporters.take_batch().ok().flatten().map_or(0, |batch| batch.num_rows() as u64);
    let counts = exporters.counts();
    assert_eq!(rows, counts.flows);
    let others = counts.option_records + counts.records_without_address + counts.firewall_events;
    assert_eq!(counts.flows + others, counts.records, "{counts:?}");
}

/// LightGBM models as text.
pub fn lightgbm(data: &[u8]) {
    imported(data, TreeEnsemble::from_lightgbm);
}

/// XGBoost models as JSON.
pub fn xgboost(data: &[u8]) {
    imported(data, TreeEnsemble::from_xgboost_json);
}

/// XGBoost models as UBJSON.
pub fn xgboost_ubj(data: &[u8]) {
    accepted(TreeEnsemble::from_xgboost_slice(data));
}

/// scikit-learn models as JSON.
pub fn sklearn(data: &[u8]) {
    imported(data, TreeEnsemble::from_sklearn_json);
}

/// Reads a model from text.
fn imported(data: &[u8], read: fn(&str) -> qosguard::Result<TreeEnsemble>) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    accepted(read(text));
}

/// Checks that an accepted model has finite scores and is restored from its parts.
fn accepted(model: qosguard::Result<TreeEnsemble>) {
    let Ok(model) = model else { return };
    let parts = model.to_parts();
    assert_eq!(TreeEnsemble::from_parts(&parts).map(|again| again.to_parts()).ok(), Some(parts));
    if model.n_features() <= 1_000 {
        let row = qosguard::ndarray::Array2::zeros((3, model.n_features()));
        let scores = model.score(row.view()).unwrap_or_default();
        assert!(scores.len() == 3 && scores.iter().all(|score| score.is_finite()));
    }
}

/// Reads all batches of a reader, and checks its counters.
fn drain(reader: qosguard::Result<impl BatchReader>) {
    let Ok(mut reader) = reader else { return };
    let mut rows = 0;
    while let Some(Ok(batch)) = reader.next() {
        assert_eq!(batch.num_columns(), reader.schema().columns().len());
        rows += batch.num_rows() as u64;
    }
    assert!(rows <= reader.report().accepted, "{rows} rows of {} accepted", reader.report().accepted);
}
