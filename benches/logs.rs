//! Zeek and Suricata logs to Arrow, one thread: the samples of `QOSGUARD_DATA` repeated in memory, or synthetic lines.

#![allow(missing_docs, reason = "criterion's macros make public functions")]
#![allow(clippy::unwrap_used, reason = "a bench that cannot read its data may stop")]

#[path = "../tests/public_data/mod.rs"]
mod public_data;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use qosguard::telemetry::{BatchReader, EveReader, ReadOptions, ZeekReader};

/// Bytes that each input has at least.
const SIZE: usize = 16 << 20;

const TSV: &str = "#separator \\x09\n#unset_field\t-\n#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\
    \tservice\tduration\torig_bytes\tresp_bytes\tconn_state\tlocal_orig\tlocal_resp\tmissed_bytes\thistory\torig_pkts\
    \torig_ip_bytes\tresp_pkts\tresp_ip_bytes\ttunnel_parents\n1655071198.444458\tCHLXQF2OBY4onAR0Ug\t10.0.81.167\t62771\
    \t10.0.108.123\t443\ttcp\tssl\t1.135424\t1596\t4039\tSF\tT\tF\t5138\tShADdaFf\t14\t1016\t16\t1226\t(empty)\n";
const JSON: &str = r#"{"ts":1664462456.755299,"uid":"C5xhsO3uGtOfyrBlHh","id.orig_h":"10.0.1.11","id.orig_p":40042,"id.resp_h":"10.0.8.8","id.resp_p":53,"proto":"udp","service":"dns","duration":0.012166976928710938,"orig_bytes":0,"resp_bytes":111,"conn_state":"SHR","local_orig":true,"local_resp":false,"missed_bytes":0,"history":"Cd","orig_pkts":0,"orig_ip_bytes":0,"resp_pkts":1,"resp_ip_bytes":139}
"#;
const EVE: &str = r#"{"timestamp":"2021-06-06T15:57:37.272281+0200","flow_id":445348883402532,"event_type":"flow","src_ip":"10.0.1.132","src_port":1900,"dest_ip":"10.0.1.129","dest_port":44232,"proto":"UDP","app_proto":"failed","flow":{"pkts_toserver":12,"pkts_toclient":0,"bytes_toserver":4056,"bytes_toclient":0,"start":"2021-06-06T16:38:55.855844+0200","end":"2021-06-06T16:38:56.963027+0200","age":1,"state":"new","reason":"timeout","alerted":false},"host":"sensor"}
{"timestamp":"2021-06-06T15:59:46.457984+0200","flow_id":1374195536821504,"event_type":"alert","src_ip":"10.0.1.132","src_port":1900,"dest_ip":"10.0.1.129","dest_port":44232,"proto":"UDP","alert":{"action":"allowed","gid":1,"signature_id":2403388,"rev":66418,"signature":"a rule","category":"Misc Attack","severity":2},"flow":{"pkts_toserver":1,"pkts_toclient":0,"bytes_toserver":60,"bytes_toclient":0,"start":"2021-06-06T15:59:46.457984+0200"}}
"#;

/// The lines of a sample that `keep` is true of, again and again; headers are repeated in each round.
fn repeated(name: &str, synthetic: &str, keep: fn(&str) -> bool) -> &'static str {
    let text = match public_data::find(&format!("logs/{name}")) {
        Some(path) => std::fs::read_to_string(path).unwrap(),
        None => synthetic.to_owned(),
    };
    let text: String = text.split_inclusive('\n').filter(|line| keep(line)).collect();
    text.repeat(SIZE / text.len() + 1).leak()
}

fn logs(c: &mut Criterion) {
    let options = ReadOptions::default();
    let mut group = c.benchmark_group("logs");
    let mut bench = |name: &str, text: &'static str, read: &dyn Fn(&'static str)| {
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(name, |b| b.iter(|| read(text)));
    };
    let zeek = |text: &'static str| {
        let rows = ZeekReader::new(text.as_bytes(), "conn.log", &options).unwrap().read().unwrap().n_rows();
        assert!(rows > 1_000);
    };
    let eve = |text: &'static str| {
        let rows = EveReader::new(text.as_bytes(), "eve.json", &options).unwrap().read().unwrap().n_rows();
        assert!(rows > 1_000);
    };
    bench("zeek/tsv", repeated("zeek/008-zeek-mixed.conn.log.labeled", TSV, |_| true), &zeek);
    bench("zeek/json", repeated("zeek/port-scanning.conn.log", JSON, |_| true), &zeek);
    let sample = "suricata/eve_first2500.json";
    bench("eve/mixed", repeated(sample, EVE, |_| true), &eve);
    bench("eve/flows", repeated(sample, EVE, |line| line.contains("\"event_type\":\"flow\"")), &eve);
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10);
    targets = logs
}
criterion_main!(benches);
