//! Changes of incidents in other formats: the cases of `tests/golden/incidents.v1.json`, which Rust, Python and JavaScript run,
//! and the rules of each format.
//!
//! `QOSGUARD_BLESS=1 cargo test --test incident_export` writes what comes out into the file.
#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

use std::{env, fs};

use qosguard::evaluate::{DetectedEvent, EventOptions, TrueEvent, event_metrics};
use qosguard::settings::from_value;
use qosguard::simulate::{AttackKind, TrafficSimulatorConfig, traffic};
use qosguard::stream::{IncidentEvent, IncidentFormat, Stream, StreamConfig};
use serde_json::{Value, json};

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/incidents.v1.json");
/// A case that is lost must not pass.
const CASES: usize = 5;

fn cases() -> Vec<Value> {
    serde_json::from_str(&fs::read_to_string(PATH).unwrap()).unwrap()
}

/// The event of a case by its name.
fn event(name: &str) -> IncidentEvent {
    let case = cases().into_iter().find(|case| case["name"] == name).unwrap();
    serde_json::from_value(case["event"].clone()).unwrap()
}

fn json_of(event: &IncidentEvent, format: IncidentFormat) -> Value {
    serde_json::from_str(&event.export(format)).unwrap()
}

#[test]
fn golden_cases() {
    let mut cases = cases();
    assert_eq!(cases.len(), CASES);
    let is_blessed = env::var_os("QOSGUARD_BLESS").is_some();
    for case in &mut cases {
        let event = match from_value::<IncidentEvent>(case["event"].clone()) {
            Ok(event) => event,
            Err(error) => {
                assert_eq!(error.kind().as_str(), case["error"], "{}", case["name"]);
                continue;
            }
        };
        for format in [IncidentFormat::Ocsf, IncidentFormat::Ecs, IncidentFormat::Cef] {
            let text = event.export(format);
            assert!(!text.contains(['\n', '\r']), "{text}");
            if is_blessed {
                case[format.as_str()] = text.into();
            } else {
                assert_eq!(case[format.as_str()], text, "{}", case["name"]);
            }
        }
        let again: IncidentEvent = serde_json::from_str(&event.export(IncidentFormat::Json)).unwrap();
        assert_eq!(again, event);
    }
    if is_blessed {
        fs::write(PATH, format!("{}\n", serde_json::to_string_pretty(&cases).unwrap())).unwrap();
    }
}

#[test]
fn ocsf_has_the_required_fields() {
    let finding = json_of(&event("a port scan that opens"), IncidentFormat::Ocsf);
    for (key, value) in [
        ("activity_id", json!(1)),
        ("category_uid", json!(2)),
        ("class_uid", json!(2004)),
        ("type_uid", json!(200_401)),
        ("time", json!(1_700_000_000_310_i64)),
        ("start_time", json!(1_700_000_000_290_i64)),
        ("severity_id", json!(3)),
        ("status_id", json!(1)),
        ("is_alert", json!(true)),
        ("count", json!(3)),
    ] {
        assert_eq!(finding[key], value, "{key}");
    }
    assert_eq!(finding.get("confidence_score"), None, "limits have no p-value");
    assert_eq!(finding["finding_info"]["attacks"][0]["technique"]["uid"], "T1046");
    let analysis = &finding["anomaly_analyses"][0];
    assert_eq!(analysis["analysis_targets"], json!([{"name": "10.0.0.66", "type": "IP Address"}]));
    assert_eq!(analysis["anomalies"][0]["observation_parameter"], "ports");
    assert_eq!(analysis["anomalies"][0]["observations"], json!([{"value": "32"}]));
    assert_eq!(analysis["baselines"].as_array().unwrap().len(), 1);
    assert_eq!(analysis["baselines"][0]["observations"], json!([{"value": "30"}]));
    let evidence = &finding["evidences"][0];
    assert_eq!(evidence["src_endpoint"], json!({"ip": "10.0.0.66", "port": 40_000}));
    let connection = &evidence["connection_info"];
    assert_eq!((&connection["direction_id"], &connection["protocol_num"]), (&json!(3), &json!(6)));
    assert!(connection["community_uid"].as_str().unwrap().starts_with("1:"));

    let closed = json_of(&event("a flood from IPv6 hosts that closes"), IncidentFormat::Ocsf);
    assert_eq!((&closed["type_uid"], &closed["severity_id"]), (&json!(200_403), &json!(5)));
    assert_eq!((&closed["is_alert"], &closed["status_id"]), (&json!(false), &json!(4)));
    assert_eq!(closed["time"], 1_699_999_560_500_i64);
    // A flood is about its victim.
    assert_eq!(closed["anomaly_analyses"][0]["analysis_targets"][0]["name"], "fd00::80");
    let anomaly = json_of(&event("anomalies with hostile names"), IncidentFormat::Ocsf);
    assert_eq!((&anomaly["confidence_score"], &anomaly["type_uid"]), (&json!(99), &json!(200_402)));
    assert_eq!(anomaly["finding_info"]["analytic"]["type"], "Behavioral");
}

#[test]
fn ecs_has_allowed_values_only() {
    for case in cases().iter().filter(|case| case.get("error").is_none()) {
        let event: IncidentEvent = serde_json::from_value(case["event"].clone()).unwrap();
        let document = json_of(&event, IncidentFormat::Ecs);
        assert_eq!(document["event"]["kind"], "alert");
        assert_eq!(document["event"]["category"], json!(["network", "intrusion_detection"]));
        assert_eq!(document["event"]["type"], json!(["info"]));
        let direction = document["network"]["direction"].as_str().unwrap();
        assert!(["inbound", "outbound", "internal", "external"].contains(&direction));
        assert_eq!(document["event"]["id"], case["event"]["id"]);
        assert_eq!(document["observer"]["type"], "ids");
    }
    let scan = json_of(&event("a port scan that opens"), IncidentFormat::Ecs);
    assert_eq!(scan["@timestamp"], "2023-11-14T22:13:20.31Z");
    assert_eq!(
        (&scan["event"]["severity"], &scan["event"]["action"]),
        (&json!(47), &json!("incident_opened"))
    );
    assert_eq!(scan["source"], json!({"ip": "10.0.0.66", "address": "10.0.0.66"}));
    assert_eq!(scan["destination"]["ip"], "10.0.0.7");
    assert_eq!(scan["destination"].get("port"), None, "the records have different ports");
    assert_eq!(scan["related"]["ip"], json!(["10.0.0.7", "10.0.0.66"]));
    assert_eq!(
        (&scan["network"]["transport"], &scan["network"]["iana_number"]),
        (&json!("tcp"), &json!("6"))
    );
    assert_eq!(scan["network"]["community_id"].as_array().unwrap().len(), 2);
    assert_eq!(scan["rule"]["name"], "port_scan");
    assert_eq!(scan["event"].get("end"), None);
    let closed = json_of(&event("a flood from IPv6 hosts that closes"), IncidentFormat::Ecs);
    assert_eq!(closed["event"]["end"], "2023-11-14T22:05:00.5Z");
    assert_eq!(closed["event"]["duration"], 300_500_000_000_i64);
    assert_eq!((&closed["destination"]["port"], &closed["event"]["severity"]), (&json!(443), &json!(99)));
    assert_eq!(closed["threat"]["technique"]["subtechnique"]["id"], json!(["T1499.001"]));
    let hostile = event("anomalies with hostile names");
    let document = json_of(&hostile, IncidentFormat::Ecs);
    assert_eq!(document["qosguard"]["incident"]["family"].as_str(), hostile.incident.family.as_deref());
}

/// The header and the pairs of a line, read by the rules of the format.
fn parse(line: &str) -> (Vec<String>, Vec<(String, String)>) {
    let mut header = vec![String::new()];
    let mut chars = line.chars();
    while header.len() < 8 {
        match chars.next().unwrap() {
            '\\' => header.last_mut().unwrap().push(chars.next().unwrap()),
            '|' => header.push(String::new()),
            c => header.last_mut().unwrap().push(c),
        }
    }
    header.pop();
    // A key is a word before an `=` without a backslash.
    let rest: Vec<char> = chars.collect();
    let mut pairs: Vec<(String, String)> = Vec::new();
    let mut text = String::new();
    let mut at = 0;
    while at < rest.len() {
        match rest[at] {
            '\\' => {
                at += 1;
                text.push(match rest[at] {
                    'n' => '\n',
                    'r' => '\r',
                    c => c,
                });
            }
            '=' => {
                let (value, key) = text.rsplit_once(' ').unwrap_or(("", &text));
                let (value, key) = (value.to_owned(), key.to_owned());
                if let Some(last) = pairs.last_mut() {
                    last.1 = value;
                }
                pairs.push((key, String::new()));
                text.clear();
            }
            c => text.push(c),
        }
        at += 1;
    }
    pairs.last_mut().unwrap().1 = text;
    (header, pairs)
}

#[test]
fn cef_escapes_header_and_values() {
    let of = |name: &str| {
        let (header, pairs) = parse(&event(name).export(IncidentFormat::Cef));
        let get = |key: &str| pairs.iter().find(|pair| pair.0 == key).map(|pair| pair.1.clone());
        (header, pairs.clone(), get("src"), get("cs3"), get("cs2"))
    };
    let (header, pairs, src, ..) = of("a port scan that opens");
    assert_eq!(header[..4], ["CEF:0", "qosguard", "qosguard", env!("CARGO_PKG_VERSION")]);
    assert_eq!(header[4..], ["port_scan", "Port scan from 10.0.0.66 to 10.0.0.7", "5"]);
    assert_eq!(src.as_deref(), Some("10.0.0.66"));
    let expected = [
        ("rt", "1700000000310"),
        ("start", "1700000000290"),
        ("dst", "10.0.0.7"),
        ("proto", "tcp"),
        ("cnt", "3"),
        ("act", "rate-limit to 125000 B/s, burst 15000 B, for 300 s (dry run)"),
        ("cat", "incident_opened"),
        ("externalId", "0123456789abcdef"),
        ("cs1Label", "direction"),
        ("cs1", "internal"),
    ];
    for (key, value) in expected {
        assert!(pairs.contains(&(key.to_owned(), value.to_owned())), "{key}: {pairs:?}");
    }
    let (header, _, src, family, rule) = of("anomalies with hostile names");
    assert_eq!((header.len(), header[6].as_str(), src.as_deref()), (7, "8", Some("192.168.1.5")));
    assert_eq!(family.as_deref(), Some("evil=1|two\\three\n\"four\"\r [31m日本  "));
    assert_eq!(rule.as_deref(), Some("a=b|c\nCEF:0|x"));
    let (_, pairs, src, ..) = of("a flood from IPv6 hosts that closes");
    assert_eq!(src, None, "`src` is for IPv4 only");
    assert!(pairs.contains(&("c6a2".to_owned(), "2001:db8::1".to_owned())), "{pairs:?}");
    assert!(pairs.contains(&("deviceDirection".to_owned(), "0".to_owned())));
}

#[test]
fn incidents_are_detections_without_a_conversion() {
    let attacks = vec![AttackKind::PortScan, AttackKind::SynFlood];
    let config = TrafficSimulatorConfig { duration_s: 1_200.0, attacks, ..Default::default() };
    let traffic = traffic(&config).unwrap();
    let truth: Vec<TrueEvent> = traffic.events.iter().map(TrueEvent::from).collect();
    let mut stream =
        Stream::new(traffic.table.schema(), &StreamConfig { warm_up: 0, ..Default::default() }).unwrap();
    let mut events = stream.push_table(&traffic.table).unwrap().events;
    events.extend(stream.finish());
    let ids: std::collections::BTreeSet<_> = events.iter().map(|event| &event.incident.id).collect();
    assert!(events.len() > ids.len(), "incidents have several changes");
    let (start, end) = (truth[0].start - 600.0, truth[0].start + 3_600.0);
    let metrics = event_metrics(&truth, &events, start, end, &EventOptions::default()).unwrap();
    assert_eq!((metrics.detections, metrics.all.unwrap().recall.value), (ids.len(), 1.0));
    // The same from the JSON, as other languages have it.
    let from_json: Vec<DetectedEvent> = events
        .iter()
        .map(|event| serde_json::from_str(&event.export(IncidentFormat::Json)).unwrap())
        .collect();
    assert_eq!(event_metrics(&truth, &from_json, start, end, &EventOptions::default()).unwrap(), metrics);
    assert!(serde_json::from_str::<DetectedEvent>(r#"{"opened": "yesterday"}"#).is_err());
    assert!(stream.latency().records > 0 && stream.latency().p99_s >= stream.latency().p50_s);
}
