//! What a stream promises: attacks become incidents, batches make no difference, and one wrong clock changes nothing.
#![allow(clippy::unwrap_used, reason = "a test reports by panicking")]

use qosguard::arrow::array::RecordBatch;
use qosguard::detect::GaussianMixtureConfig;
use qosguard::qos::Policy;
use qosguard::simulate::{self, FlowSimulatorConfig};
use qosguard::stream::{
    Direction, Incident, IncidentChange, IncidentEvent, IncidentKind, Stream, StreamConfig, StreamState,
};
use qosguard::telemetry::{Schema, Table};
use qosguard::verdict::Severity;
use qosguard::{Error, Guard};
use serde_json::{Value, json};

const START: f64 = 1_700_000_000.0;

/// A record of the schema `flow_detail`.
#[derive(Clone, Debug)]
struct Flow {
    time: f64,
    src: String,
    dst: String,
    port: u16,
    protocol: &'static str,
    packets: (u32, u32),
    /// `None` for 60 bytes in each packet.
    bytes: Option<(u64, u64)>,
}

impl Flow {
    fn new(second: f64, src: &str, dst: &str, port: u16) -> Self {
        let (src, dst) = (src.to_owned(), dst.to_owned());
        Self { time: START + second, src, dst, port, protocol: "tcp", packets: (6, 5), bytes: None }
    }

    fn unanswered(self) -> Self {
        Self { packets: (1, 0), ..self }
    }

    fn json(&self) -> Value {
        let packets = (u64::from(self.packets.0), u64::from(self.packets.1));
        let bytes = self.bytes.unwrap_or((60 * packets.0, 60 * packets.1));
        json!({
            "time": self.time, "src_ip": self.src, "dst_ip": self.dst, "src_port": 40_000, "dst_port": self.port,
            "duration": 0.2, "fwd_packets": self.packets.0, "bwd_packets": self.packets.1,
            "fwd_bytes": bytes.0, "bwd_bytes": bytes.1, "protocol": self.protocol,
            "service": "", "syn_count": 1, "fin_count": 0, "rst_count": 0, "iat_mean_ms": 1, "iat_std_ms": 1,
        })
    }
}

fn schema() -> Schema {
    Schema::preset("flow_detail").unwrap()
}

fn batch(flows: &[Flow]) -> RecordBatch {
    let json = flows.iter().map(Flow::json).collect::<Value>().to_string();
    Table::from_json(&schema(), &json).unwrap().batches()[0].clone()
}

fn without_guard() -> StreamConfig {
    StreamConfig { warm_up: 0, ..StreamConfig::default() }
}

/// The events of a stream without a guard, and of its end.
fn events(flows: &[Flow]) -> Vec<IncidentEvent> {
    let mut stream = Stream::new(&schema(), &without_guard()).unwrap();
    let mut events = stream.push(&batch(flows)).unwrap().events;
    events.extend(stream.finish());
    events
}

/// The incidents of these flows as they were when they closed.
fn incidents(flows: &[Flow]) -> Vec<Incident> {
    let closed = events(flows).into_iter().filter(|event| event.event == IncidentChange::Closed);
    closed.map(|event| event.incident).collect()
}

/// Office hosts that use a few servers, at irregular times.
fn office(seconds: u32) -> Vec<Flow> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut below = |n: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % n
    };
    let flow = |_| {
        let second = below(u64::from(seconds) * 1_000) as f64 / 1_000.0;
        let server = ["198.51.100.10", "198.51.100.11", "203.0.113.5"][below(3) as usize];
        let port = [443, 443, 80, 53][below(4) as usize];
        let packets = 2 + below(60) as u32;
        Flow {
            packets: (packets, packets),
            ..Flow::new(second, &format!("10.0.0.{}", 1 + below(20)), server, port)
        }
    };
    let mut flows: Vec<Flow> = (0..seconds * 2).map(flow).collect();
    flows.sort_by(|a, b| a.time.total_cmp(&b.time));
    flows
}

fn merged(mut flows: Vec<Flow>, attack: impl Iterator<Item = Flow>) -> Vec<Flow> {
    flows.extend(attack);
    flows.sort_by(|a, b| a.time.total_cmp(&b.time));
    flows
}

fn one(incidents: &[Incident], kind: IncidentKind) -> &Incident {
    assert_eq!(incidents.len(), 1, "{incidents:#?}");
    assert_eq!(incidents[0].kind, kind);
    &incidents[0]
}

#[test]
fn an_office_has_no_incident() {
    assert_eq!(events(&office(1_200)), []);
}

#[test]
fn a_port_scan_is_one_incident() {
    let scan =
        |i: u32| Flow::new(100.0 + f64::from(i) * 0.01, "10.0.0.66", "10.0.0.7", 1 + i as u16).unanswered();
    let found = incidents(&merged(office(300), (0..1000).map(scan)));
    let scan = one(&found, IncidentKind::PortScan);
    assert_eq!(
        (scan.attackers.to_string(), scan.victims.to_string()),
        ("10.0.0.66".into(), "10.0.0.7".into())
    );
    assert_eq!(scan.direction, Direction::Internal);
    assert!(scan.severity >= Severity::High);
    // It counts from the record that passes the limit of 30 ports.
    assert_eq!(scan.onset, START + 100.29);
    assert!(scan.opened - scan.onset <= 0.05, "{}", scan.opened - scan.onset);
    assert_eq!(scan.flows, 971);
    assert_eq!(scan.evidence.len(), 20);
    assert!(scan.reasons[0].contains("ports of one host within 60 s (limit 30)"), "{:?}", scan.reasons);
}

#[test]
fn scans_of_hosts_name_the_network() {
    let sweep = |protocol, i: u32| Flow {
        protocol,
        ..Flow::new(50.0 + f64::from(i) * 0.05, "203.0.113.9", &format!("10.0.0.{i}"), 0).unanswered()
    };
    let found = incidents(&merged(office(200), (1..255).map(|i| sweep("icmp", i))));
    let scan = one(&found, IncidentKind::HostScan);
    assert_eq!(scan.victims.to_string(), format!("10.0.0.0/24 ({} hosts)", scan.victims.len()));
    assert!((240..=265).contains(&scan.victims.len()), "{}", scan.victims.len());
    assert_eq!(scan.direction, Direction::Inbound);
    // Programs that search for peers by UDP look alike, so it is never more than medium.
    let found = incidents(&merged(office(200), (1..255).map(|i| sweep("udp", i))));
    assert_eq!(one(&found, IncidentKind::HostScan).severity, Severity::Medium);
}

#[test]
fn a_flood_from_many_sources_is_about_its_victim() {
    let syn = |i: u32| {
        let source = format!("{}.{}.{}.7", 11 + i % 80, i / 80 % 250, i % 250);
        Flow::new(60.0 + f64::from(i) * 0.002, &source, "10.0.0.80", 443).unanswered()
    };
    let found = incidents(&merged(office(120), (0..5_000).map(syn)));
    let flood = one(&found, IncidentKind::SynFlood);
    assert_eq!(flood.victims.to_string(), "10.0.0.80");
    assert!(flood.attackers.len() > 1_000, "{}", flood.attackers.len());
    assert_eq!(flood.attackers.hosts().count(), 20);
    assert_eq!(flood.severity, Severity::Critical);
    assert!(flood.opened - (START + 60.0) <= 2.0, "found {} s late", flood.opened - START - 60.0);
}

#[test]
fn udp_without_replies_is_a_flood_and_a_collector_of_logs_is_not() {
    let udp = |per_s: f64| {
        move |i: u32| Flow {
            protocol: "udp",
            ..Flow::new(60.0 + f64::from(i) / per_s, &format!("198.18.{}.7", i % 40), "10.0.0.80", 514)
                .unanswered()
        }
    };
    let found = incidents(&merged(office(120), (0..3_000).map(udp(200.0))));
    let flood = one(&found, IncidentKind::Flood);
    assert!(
        flood.reasons[0].contains("UDP flows per second without a reply (limit 50)"),
        "{:?}",
        flood.reasons
    );
    assert!(flood.opened - (START + 60.0) <= 3.0, "found {} s late", flood.opened - START - 60.0);
    assert_eq!(events(&merged(office(120), (0..1_000).map(udp(20.0)))), []);
}

#[test]
fn uploads_of_many_bytes_are_exfiltration() {
    let upload = |bytes: (u64, u64)| {
        move |i: u32| Flow {
            bytes: Some(bytes),
            ..Flow::new(f64::from(i) * 40.0, "10.0.0.5", "198.51.100.99", 443)
        }
    };
    let found = incidents(&merged(office(500), (0..8).map(upload((200_000_000, 40_000)))));
    let exfiltration = one(&found, IncidentKind::Exfiltration);
    assert_eq!((exfiltration.severity, exfiltration.direction), (Severity::Medium, Direction::Outbound));
    assert_eq!(exfiltration.onset, START + 160.0, "the fifth upload reaches 1 GB");
    assert!(
        exfiltration.reasons[0].starts_with("1600 MB sent to one host within an hour (limit 1000 MB)"),
        "{:?}",
        exfiltration.reasons
    );
    // A video call sends as much as it receives.
    assert_eq!(incidents(&merged(office(500), (0..8).map(upload((200_000_000, 190_000_000))))), []);
}

/// A guard fitted on the office, and a record that it calls an anomaly.
fn guard_and_anomaly() -> (Guard, Flow) {
    let table =
        Table::from_json(&schema(), &office(2_000).iter().map(Flow::json).collect::<Value>().to_string())
            .unwrap();
    // In the office, both directions have the same number of packets.
    let mixture = GaussianMixtureConfig { components: 4, ..Default::default() };
    let guard = Guard::builder().detector(mixture).false_positive_rate(0.005).fit(&table).unwrap();
    (
        guard,
        Flow {
            packets: (5_000, 1),
            bytes: Some((7_000_000, 60)),
            ..Flow::new(0.0, "10.0.0.5", "10.0.0.9", 4_444)
        },
    )
}

/// The events of a stream with a guard, and of its end.
fn events_of(guard: Guard, flows: &[Flow]) -> Vec<IncidentEvent> {
    let mut stream = Stream::with_guard(guard, &schema(), &without_guard()).unwrap();
    let mut events = stream.push(&batch(flows)).unwrap().events;
    events.extend(stream.finish());
    events
}

#[test]
fn anomalies_of_many_sources_to_one_host_are_one_incident() {
    let (guard, anomaly) = guard_and_anomaly();
    let attack = |i: u32| Flow {
        time: START + 60.0 + f64::from(i),
        src: format!("198.18.7.{}", i % 12),
        dst: "10.0.0.80".to_owned(),
        ..anomaly.clone()
    };
    let events = events_of(guard, &merged(office(300), (0..120).map(attack)));
    let opened: Vec<&Incident> = events
        .iter()
        .filter(|event| event.event == IncidentChange::Opened)
        .map(|event| &event.incident)
        .collect();
    assert_eq!(opened.len(), 1, "{opened:#?}");
    assert_eq!(opened[0].kind, IncidentKind::DistributedAnomaly);
    let last = &events.last().unwrap().incident;
    assert_eq!((last.victims.to_string(), last.attackers.len()), ("10.0.0.80".into(), 12));
    assert!(last.flows >= 100, "{}", last.flows);
}

#[test]
fn anomalies_become_part_of_the_incident_that_explains_them() {
    let (guard, anomaly) = guard_and_anomaly();
    let scan = |i: u32| Flow {
        time: START + 60.0 + f64::from(i) * 0.5,
        dst: "10.0.0.7".to_owned(),
        port: 100 + i as u16,
        packets: (5_000, 0),
        ..anomaly.clone()
    };
    let events = events_of(guard, &merged(office(300), (0..100).map(scan)));
    let changes: Vec<(IncidentChange, IncidentKind)> = events
        .iter()
        .filter(|event| event.event != IncidentChange::Updated)
        .map(|event| (event.event, event.incident.kind))
        .collect();
    let (anomaly, scan) = (IncidentKind::Anomaly, IncidentKind::PortScan);
    let (opened, closed) = (IncidentChange::Opened, IncidentChange::Closed);
    assert_eq!(changes, [(opened, anomaly), (opened, scan), (closed, anomaly), (closed, scan)]);
    let id =
        |kind| events.iter().find(|event| event.incident.kind == kind).map(|event| event.incident.id.clone());
    let merged = events.iter().find(|event| event.event == closed).unwrap();
    assert_eq!(merged.incident.merged_into, id(scan));
    assert_eq!(serde_json::to_value(merged).unwrap()["merged_into"], json!(id(scan)));
}

#[test]
fn password_guesses_are_one_incident() {
    let guess = |i: u32| Flow::new(30.0 + f64::from(i), "203.0.113.77", "10.0.0.22", 22);
    let found = incidents(&merged(office(200), (0..120).map(guess)));
    let force = one(&found, IncidentKind::BruteForce);
    assert!(force.reasons[0].contains("port 22"), "{:?}", force.reasons);
}

#[test]
fn regular_connections_to_the_outside_are_a_beacon() {
    let call = |i: u32| Flow::new(f64::from(i) * 30.0, "10.0.0.5", "198.51.100.99", 8443);
    let found = incidents(&merged(office(900), (0..30).map(call)));
    let beacon = one(&found, IncidentKind::Beacon);
    assert_eq!(
        (beacon.attackers.to_string(), beacon.victims.to_string()),
        ("10.0.0.5".into(), "198.51.100.99".into())
    );
    assert_eq!((beacon.severity, beacon.flows), (Severity::Medium, 5));
    assert_eq!(
        events(&merged(office(900), (0..30).map(call)))
            .iter()
            .filter(|event| event.event == IncidentChange::Opened)
            .count(),
        1
    );
    let inside = |i: u32| Flow::new(f64::from(i) * 30.0, "10.0.0.5", "10.0.0.9", 8443);
    assert_eq!(
        incidents(&merged(office(900), (0..30).map(inside))),
        [],
        "a backup of an inside host is none"
    );
}

#[test]
fn batches_make_no_difference() {
    let attack =
        |i: u32| Flow::new(100.0 + f64::from(i) * 0.01, "10.0.0.66", "10.0.0.7", 1 + i as u16).unanswered();
    let flows = merged(office(600), (0..300).map(attack));
    let whole = batch(&flows);
    let run = |rows: usize| {
        let config = StreamConfig { warm_up: 700, ..StreamConfig::default() };
        let mut stream = Stream::new(&schema(), &config).unwrap();
        let (mut events, mut scores) = (Vec::new(), Vec::new());
        for start in (0..whole.num_rows()).step_by(rows) {
            let update = stream.push(&whole.slice(start, rows.min(whole.num_rows() - start))).unwrap();
            events.extend(update.events);
            scores.extend(update.assessment.iter().flat_map(|rows| rows.scores().to_vec()).map(f32::to_bits));
        }
        events.extend(stream.finish());
        assert_eq!(stream.state(), StreamState::Ready);
        (events, scores, stream.counts())
    };
    let expected = run(whole.num_rows());
    assert!(expected.1.len() > 400 && !expected.0.is_empty());
    for rows in [1, 7, 100, 701] {
        assert_eq!(run(rows), expected, "batches of {rows}");
    }
}

#[test]
fn verdicts_equal_the_verdicts_of_the_guard() {
    let flows = simulate::table(&FlowSimulatorConfig { rows: 3_000, ..Default::default() }).unwrap();
    let guard = Guard::builder()
        .context(qosguard::features::HostContextConfig {
            windows: vec![10.0, 60.0, 300.0],
            ..Default::default()
        })
        .fit(&flows)
        .unwrap();
    let mut stream = Stream::with_guard(guard.clone(), flows.schema(), &StreamConfig::default()).unwrap();
    let scores: Vec<f32> = flows
        .batches()
        .iter()
        .flat_map(|batch| stream.push(batch).unwrap().assessment.unwrap().scores().to_vec())
        .collect();
    assert_eq!(scores, guard.assess(&flows).unwrap().scores());
}

#[test]
fn a_guard_is_fitted_on_records_outside_of_incidents() {
    let config = StreamConfig { warm_up: 500, ..StreamConfig::default() };
    let mut stream = Stream::new(&schema(), &config).unwrap();
    let scan =
        |i: u32| Flow::new(10.0 + f64::from(i) * 0.01, "10.0.0.66", "10.0.0.7", 1 + i as u16).unanswered();
    let flows = merged(office(200), (0..2_000).map(scan));
    stream.push(&batch(&flows)).unwrap();
    // 400 office flows and the scan until it opened.
    let StreamState::Warming { missing } = stream.state() else { panic!("{:?}", stream.state()) };
    assert_eq!(missing, 500 - 400 - 31);
    let later: Vec<Flow> =
        office(400).into_iter().map(|flow| Flow { time: flow.time + 200.0, ..flow }).collect();
    let update = stream.push(&batch(&later)).unwrap();
    assert_eq!((update.first, stream.state()), (missing, StreamState::Ready));
    assert_eq!(update.assessment.unwrap().len(), 800 - missing);
    assert_eq!(stream.guard().unwrap().training().rows, 500);
}

#[test]
fn wrong_clocks_are_counted_and_move_nothing() {
    let mut flows = office(100);
    // Minutes are late only beyond the delay of 60 s.
    for (at, time) in [(50, 0.0), (60, START + 86_400.0), (70, 9.3e9), (80, START - 86_400.0)] {
        flows[at].time = time;
    }
    let mut stream = Stream::new(&schema(), &without_guard()).unwrap();
    stream.push(&batch(&flows)).unwrap();
    let counts = stream.counts();
    assert_eq!((counts.records, counts.invalid_time, counts.future, counts.late), (200, 2, 1, 1));
    assert!(stream.watermark().unwrap() <= START + 100.0);
}

#[test]
fn an_incident_closes_without_evidence_and_continues_with_new_evidence() {
    let scan = |from: f64| {
        (0..100).map(move |i| {
            Flow::new(from + f64::from(i) * 0.1, "10.0.0.66", "10.0.0.7", 1 + i as u16).unanswered()
        })
    };
    let flows = merged(office(1_200), scan(10.0).chain(scan(200.0)).chain(scan(1_000.0)));
    let changes: Vec<(IncidentChange, String)> = events(&flows)
        .into_iter()
        .filter(|event| event.event != IncidentChange::Updated)
        .map(|event| (event.event, event.incident.id))
        .collect();
    let kinds: Vec<IncidentChange> = changes.iter().map(|(event, _)| *event).collect();
    let (opened, closed) = (IncidentChange::Opened, IncidentChange::Closed);
    assert_eq!(kinds, [opened, closed, opened, closed, opened, closed]);
    assert_eq!(changes[0].1, changes[2].1, "the second scan continues the first incident");
    assert_ne!(changes[0].1, changes[4].1, "the third one is a new incident");
}

#[test]
fn an_operator_can_call_an_incident_false() {
    let scan = |i: u32| Flow::new(f64::from(i) * 0.2, "10.0.0.66", "10.0.0.7", 1 + i as u16).unanswered();
    let flows: Vec<Flow> = (0..1_000).map(scan).collect();
    let mut stream = Stream::new(&schema(), &without_guard()).unwrap();
    let opened = stream.push(&batch(&flows[..200])).unwrap().events;
    let id = &opened[0].incident.id;
    assert!(stream.record_action(id, START + 50.0));
    let closed = stream.false_positive(id).unwrap();
    assert_eq!((closed.event, closed.incident.acted), (IncidentChange::Closed, Some(START + 50.0)));
    assert_eq!((closed.incident.action.as_str(), closed.incident.rule.as_str()), ("allow", "false-positive"));
    let later = stream.push(&batch(&flows[200..])).unwrap().events;
    assert_eq!(later, []);
    assert_eq!(stream.counts().suppressed, 800);
    assert_eq!(stream.false_positive("0000000000000000"), None);
}

#[test]
fn the_allow_list_wins() {
    let policy = Policy::from_toml("version = 1\nallow = [\"10.0.0.66\"]").unwrap();
    let scan = |i: u32| Flow::new(f64::from(i) * 0.02, "10.0.0.66", "10.0.0.7", 1 + i as u16).unanswered();
    let mut stream = Stream::with_policy(&schema(), &without_guard(), policy).unwrap();
    let events = stream.push(&batch(&(0..500).map(scan).collect::<Vec<_>>())).unwrap().events;
    let last = &events.last().unwrap().incident;
    assert_eq!((last.action.as_str(), last.rule.as_str()), ("allow", "allow-list"));
    assert!(last.severity >= Severity::High);
}

#[test]
fn many_attackers_are_bounded() {
    let config = StreamConfig {
        incidents: qosguard::stream::IncidentConfig { max_open: 16, ..Default::default() },
        max_entities: 1_000,
        ..without_guard()
    };
    let mut stream = Stream::new(&schema(), &config).unwrap();
    for attacker in 0..40_u32 {
        let scan = |i: u32| {
            let from = f64::from(attacker) + f64::from(i) * 0.01;
            Flow::new(from, &format!("203.0.113.{attacker}"), "10.0.0.7", 1 + i as u16).unanswered()
        };
        stream.push(&batch(&(0..60).map(scan).collect::<Vec<_>>())).unwrap();
    }
    assert!(stream.incidents().count() <= 16);
    assert!(stream.counts().evicted >= 24);
}

#[test]
fn a_guard_is_replaced_between_batches() {
    let flows = simulate::table(&FlowSimulatorConfig { rows: 2_000, ..Default::default() }).unwrap();
    let fit = |seed| Guard::builder().seed(seed).fit(&flows).unwrap();
    let (first, second) = (fit(1), fit(2));
    let mut stream = Stream::with_guard(first.clone(), flows.schema(), &StreamConfig::default()).unwrap();
    let (head, tail) = (flows.batches()[0].slice(0, 900), flows.batches()[0].slice(900, 1_100));
    let before = stream.push(&head).unwrap().assessment.unwrap();
    stream.swap(second.clone()).unwrap();
    let after = stream.push(&tail).unwrap().assessment.unwrap();
    assert_eq!(before.scores(), &first.assess(&flows).unwrap().scores()[..900]);
    assert_eq!(after.scores(), &second.assess(&flows).unwrap().scores()[900..]);
    assert_eq!(stream.counts().records, 2_000);
}

#[test]
fn settings_out_of_range_are_named() {
    let of = |json: Value| {
        let config: StreamConfig = serde_json::from_value(json).unwrap();
        let error = Stream::new(&schema(), &config).unwrap_err();
        let Error::InvalidArgument { path, .. } = &error else { panic!("{error}") };
        path.clone()
    };
    assert_eq!(of(json!({"floors": {"scan_ports": 1}})), "floors.scan_ports");
    assert_eq!(of(json!({"floors": {"packets_per_s": 0.0}})), "floors.packets_per_s");
    assert_eq!(of(json!({"floors": {"upload_bytes": 0.0}})), "floors.upload_bytes");
    assert_eq!(of(json!({"floors": {"unanswered_udp_per_s": -1.0}})), "floors.unanswered_udp_per_s");
    assert_eq!(of(json!({"incidents": {"anomaly_sources": 1}})), "incidents.anomaly_sources");
    assert_eq!(of(json!({"incidents": {"open_after": 7}})), "incidents.open_after");
    assert_eq!(of(json!({"time": {"delay_s": -1.0}})), "time.delay_s");
    assert_eq!(of(json!({"warm_up": 100})), "warm_up");
    assert_eq!(of(json!({"max_entities": 1})), "max_entities");
}

#[test]
fn events_are_flat_json() {
    let scan = |i: u32| Flow::new(f64::from(i) * 0.02, "10.0.0.66", "10.0.0.7", 1 + i as u16).unanswered();
    let events = events(&(0..500).map(scan).collect::<Vec<_>>());
    let json = serde_json::to_value(&events[0]).unwrap();
    assert_eq!((&json["event"], &json["kind"]), (&json!("opened"), &json!("port_scan")));
    assert_eq!(json["attackers"], json!({"hosts": ["10.0.0.66"], "count": 1}));
    assert_eq!(json["onset"], "2023-11-14T22:13:20.58Z");
    assert_eq!(json["closed"], Value::Null);
    let again: IncidentEvent = serde_json::from_value(json.clone()).unwrap();
    assert_eq!(serde_json::to_value(&again).unwrap(), json);
}

#[test]
fn a_restored_stream_goes_on_as_if_it_had_never_stopped() {
    let attack =
        |i: u32| Flow::new(100.0 + f64::from(i) * 0.01, "10.0.0.66", "10.0.0.7", 1 + i as u16).unanswered();
    let call = |i: u32| Flow::new(f64::from(i) * 10.0, "10.0.0.5", "198.51.100.99", 8443);
    let mut flows = merged(office(600), (0..300).map(attack).chain((0..60).map(call)));
    // Records out of order: which ones are late must not change.
    for at in (50..flows.len()).step_by(97) {
        flows[at].time -= 90.0;
    }
    let whole = batch(&flows);
    let config = StreamConfig { warm_up: 700, ..StreamConfig::default() };
    let run = |stream: &mut Stream, from: usize, to: usize| {
        let update = stream.push(&whole.slice(from, to - from)).unwrap();
        let events: Vec<String> = update.events.iter().map(|event| json!(event).to_string()).collect();
        let scores: Vec<u32> =
            update.assessment.iter().flat_map(|rows| rows.scores().to_vec()).map(f32::to_bits).collect();
        (events, scores)
    };
    let n = whole.num_rows();
    for cut in [1, 150, 320, 700, 900, 1_200] {
        let mut stream = Stream::new(&schema(), &config).unwrap();
        run(&mut stream, 0, cut);
        let bytes = stream.checkpoint().unwrap();
        let mut again = Stream::restore(&bytes, &schema(), None).unwrap();
        assert_eq!(again.checkpoint().unwrap(), bytes, "cut at {cut}");
        assert_eq!(run(&mut again, cut, n), run(&mut stream, cut, n), "cut at {cut}");
        assert_eq!((again.counts(), again.state()), (stream.counts(), stream.state()));
        assert!(stream.counts().late > 0);
        let ends = |stream: &mut Stream| stream.finish().iter().map(|event| json!(event)).collect::<Vec<_>>();
        assert_eq!(ends(&mut again), ends(&mut stream));
    }
}

#[test]
fn a_checkpoint_that_does_not_fit_is_an_error() {
    let flows = simulate::table(&FlowSimulatorConfig { rows: 1_000, ..Default::default() }).unwrap();
    let guard = Guard::builder().fit(&flows).unwrap();
    let other = Guard::builder().seed(1).fit(&flows).unwrap();
    let stream = Stream::with_guard(guard.clone(), flows.schema(), &StreamConfig::default()).unwrap();
    let bytes = stream.checkpoint().unwrap();
    assert!(Stream::restore(&bytes, flows.schema(), Some(&guard)).is_ok());
    let error = Stream::restore(&bytes, flows.schema(), Some(&other)).unwrap_err().to_string();
    assert!(error.contains(guard.digest()) && error.contains(other.digest()), "{error}");
    let zeek = Schema::preset("zeek_conn").unwrap();
    assert!(matches!(Stream::restore(&bytes, &zeek, None), Err(Error::InvalidArgument { .. })));
    for at in (0..bytes.len()).step_by(bytes.len() / 50) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x40;
        assert!(matches!(
            Stream::restore(&flipped, flows.schema(), None),
            Err(Error::CorruptArtifact { .. } | Error::FormatTooNew { .. })
        ));
        assert!(Stream::restore(&bytes[..at], flows.schema(), None).is_err());
    }
}

#[test]
fn the_last_two_checkpoints_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stream.checkpoint");
    let mut stream = Stream::new(&schema(), &without_guard()).unwrap();
    stream.push(&batch(&office(10))).unwrap();
    stream.save_checkpoint(&path).unwrap();
    stream.push(&batch(&office(20)[20..])).unwrap();
    stream.save_checkpoint(&path).unwrap();
    let records = |path: &std::path::Path| {
        Stream::load_checkpoint(path, &schema(), None).map(|stream| stream.counts().records)
    };
    assert_eq!(records(&path).unwrap(), 40);
    std::fs::write(&path, b"torn").unwrap();
    assert_eq!(records(&path).unwrap(), 20, "the one before it");
    // A file that is not intact does not take the place of the good one.
    stream.save_checkpoint(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(records(&path).unwrap(), 20);
    assert!(records(&folder.path().join("none")).is_err());
}
