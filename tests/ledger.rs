//! The ledger of decisions: replay, crashes, edits, expiry and revocation.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use qosguard::qos::{
    Action, EndedCounts, Ledger, LedgerConfig, LedgerEntry, LedgerRecord, LedgerState, Outcome, Prefix,
};
use qosguard::{Error, ErrorKind};
use tempfile::TempDir;

const START: f64 = 1_764_583_200.0;

struct Place {
    folder: TempDir,
    path: PathBuf,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger.jsonl");
        Self { folder, path }
    }

    fn open(&self) -> Ledger {
        Ledger::open(&self.path, &LedgerConfig::default()).unwrap()
    }

    fn bytes(&self) -> Vec<u8> {
        std::fs::read(&self.path).unwrap()
    }
}

fn prefix(text: &str) -> Prefix {
    text.parse().unwrap()
}

fn entry(id: &str, entity: &str, action: Action, outcome: Outcome) -> LedgerEntry {
    LedgerEntry::new(id, prefix(entity), action, outcome, format!("reason of {id}"))
}

fn drop_for(ttl_s: u32) -> Action {
    Action::Drop { ttl_s }
}

fn records(ledger: &Ledger) -> Vec<LedgerRecord> {
    ledger.records().unwrap().collect::<Result<_, _>>().unwrap()
}

/// A ledger with some live and some ended decisions.
fn some(place: &Place) -> Ledger {
    let mut ledger = place.open();
    for n in 0..6 {
        let one = entry(&format!("d{n}"), &format!("203.0.113.{n}"), drop_for(60 * (n + 1)), Outcome::DryRun);
        ledger.record(START + f64::from(n), one).unwrap();
    }
    ledger.expire(START + 130.0).unwrap();
    ledger.revoke(START + 140.0, prefix("203.0.113.5"), "our own \"host\"\n").unwrap();
    ledger
}

#[test]
fn the_lines_are_a_chain_that_other_tools_can_verify() {
    use sha2::Digest as _;
    let place = Place::new();
    drop(some(&place));
    let text = String::from_utf8(place.bytes()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 1 + 6 + 2 + 1);
    for (n, pair) in lines.windows(2).enumerate() {
        let json: serde_json::Value = serde_json::from_str(pair[1]).unwrap();
        let hash: String = sha2::Sha256::digest(pair[0]).iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!((&json["previous"], &json["seq"]), (&hash.into(), &(n + 1).into()));
    }
    let first: serde_json::Value = serde_json::from_str(lines[1]).unwrap();
    assert_eq!(first["time"], "2025-12-01T10:00:00Z");
    assert_eq!(
        (&first["action"], &first["ttl_s"], &first["rest_s"]),
        (&"drop".into(), &60.into(), &60.0.into())
    );
    assert_eq!((&first["entity"], &first["outcome"]), (&"203.0.113.0".into(), &"dry_run".into()));
}

#[test]
fn several_decisions_about_one_entity_give_the_strictest_action_and_the_longest_rest() {
    let place = Place::new();
    let mut ledger = place.open();
    let limit = |rate| Action::RateLimit { bytes_per_second: rate, burst: 10_000, ttl_s: 900 };
    for (id, action) in [("a", limit(9_000)), ("b", drop_for(600)), ("c", limit(1_000))] {
        ledger.record(START, entry(id, "::ffff:203.0.113.7", action, Outcome::DryRun)).unwrap();
    }
    let host = prefix("203.0.113.7");
    let of =
        |ledger: &Ledger| ledger.state().entity(host).map(|live| (live.action, live.rest_s, live.ids.len()));
    assert_eq!(of(&ledger), Some((drop_for(600), 900.0, 3)));
    // The end of one leaves the others (a decision that expires deletes no other).
    assert_eq!(ledger.expire(START + 600.0).unwrap(), 1);
    assert_eq!(of(&ledger), Some((limit(1_000), 300.0, 2)));
    assert_eq!(ledger.delete(START + 601.0, "c", "by hand").unwrap(), 1);
    assert_eq!(of(&ledger).unwrap().0, limit(9_000));
    assert_eq!(ledger.delete(START + 601.0, "c", "by hand").unwrap(), 0);
    let ended = ledger.state().ended();
    assert_eq!((ended.expired, ended.revoked, ledger.state().n_live()), (1, 1, 1));
}

#[test]
fn a_clock_that_jumps_back_extends_nothing() {
    let place = Place::new();
    let mut ledger = place.open();
    ledger.record(START, entry("a", "203.0.113.7", drop_for(600), Outcome::Applied)).unwrap();
    assert_eq!(ledger.expire(START + 300.0).unwrap(), 0);
    // An hour back, and 300 s on: 600 s have passed.
    assert_eq!(ledger.expire(START - 3_600.0).unwrap(), 0);
    assert_eq!(ledger.expire(START - 3_600.0 + 299.0).unwrap(), 0);
    ledger
        .record(START - 3_600.0 + 299.5, entry("b", "203.0.113.8", drop_for(60), Outcome::Applied))
        .unwrap();
    drop(ledger);
    let mut ledger = place.open();
    assert_eq!(ledger.state().rest_s(ledger.state().decision("a", prefix("203.0.113.7")).unwrap()), 0.5);
    assert_eq!(ledger.expire(START - 3_300.0).unwrap(), 1);
    assert_eq!(ledger.expire(START - 3_240.5).unwrap(), 1);
}

#[test]
fn an_allowed_prefix_revokes_in_both_directions_and_all_forms() {
    let live = [
        ("host", "10.1.2.3"),
        ("mapped", "::ffff:10.1.2.4"),
        ("inside", "10.1.2.0/28"),
        ("around", "10.0.0.0/12"),
        ("nat64", "64:ff9b::10.1.2.5"),
        ("6to4", "2002:0a01:0206::/48"),
        ("other", "10.1.3.1"),
        ("v6", "2001:db8::7"),
    ];
    let revoked = |by: &str| {
        let place = Place::new();
        let mut ledger = place.open();
        for (id, entity) in live {
            ledger.record(START, entry(id, entity, drop_for(600), Outcome::Applied)).unwrap();
        }
        let mut ids = ledger.revoke(START, prefix(by), "allowed").unwrap();
        assert_eq!(ledger.state().n_live(), live.len() - ids.len());
        ids.sort();
        ids
    };
    assert_eq!(revoked("10.1.2.0/24"), ["6to4", "around", "host", "inside", "mapped", "nat64"]);
    assert_eq!(revoked("::ffff:10.1.2.0/120"), revoked("10.1.2.0/24"));
    assert_eq!(revoked("10.1.2.3"), ["around", "host", "inside"]);
    assert_eq!(revoked("2001:db8::/32"), ["v6"]);
    assert_eq!(revoked("64:ff9b::/96"), ["nat64"]);
    assert!(revoked("192.0.2.1").is_empty());
}

#[test]
fn a_file_of_another_program_is_left_as_it_is() {
    for content in ["hello", "hello\n", "{\"a\":1}\n{\"b\":2}\n", "\n", "{\"ledger\":\"other\"}\n"] {
        let place = Place::new();
        std::fs::write(&place.path, content).unwrap();
        let error = Ledger::open(&place.path, &LedgerConfig::default()).unwrap_err();
        assert!(matches!(&error, Error::CorruptArtifact { path, .. } if *path == place.path), "{error}");
        assert_eq!(place.bytes(), content.as_bytes());
    }
    let place = Place::new();
    std::fs::write(&place.path, "{\"ledger\":\"qosguard\",\"version\":2,\"x\":1}\n").unwrap();
    let error = Ledger::open(&place.path, &LedgerConfig::default()).unwrap_err();
    assert!(matches!(error, Error::FormatTooNew { found: 2, supported: 1, .. }), "{error}");
    std::fs::write(&place.path, vec![b'x'; 1 << 20]).unwrap();
    assert_eq!(
        Ledger::open(&place.path, &LedgerConfig::default()).unwrap_err().kind(),
        ErrorKind::CorruptArtifact
    );
}

#[test]
fn an_edited_line_is_named_by_its_number() {
    let place = Place::new();
    drop(some(&place));
    let text = String::from_utf8(place.bytes()).unwrap();
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let seq_of = |lines: &[String]| {
        std::fs::write(&place.path, lines.join("\n") + "\n").unwrap();
        match Ledger::open(&place.path, &LedgerConfig::default()).unwrap_err() {
            Error::BrokenLedger { path, seq, .. } if path == place.path => seq,
            error => panic!("{error}"),
        }
    };
    let mut edited = lines.clone();
    edited[3] = edited[3].replace("203.0.113.2", "203.0.113.9");
    assert_eq!(seq_of(&edited), 3);
    let mut removed = lines.clone();
    removed.remove(4);
    assert_eq!(seq_of(&removed), 4);
    let mut swapped = lines.clone();
    swapped.swap(5, 6);
    assert_eq!(seq_of(&swapped), 5);
    let mut repeated = lines;
    repeated.insert(2, repeated[2].clone());
    assert_eq!(seq_of(&repeated), 3);
}

#[test]
fn every_byte_that_is_flipped_is_found_or_only_cuts_the_last_line() {
    let place = Place::new();
    drop(some(&place));
    let bytes = place.bytes();
    let last = bytes[..bytes.len() - 1].iter().rposition(|&b| b == b'\n').unwrap();
    let mut cut = 0;
    for at in 0..bytes.len() {
        for bit in [0, 3, 7] {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << bit;
            std::fs::write(&place.path, &flipped).unwrap();
            match Ledger::open(&place.path, &LedgerConfig::default()) {
                Err(error) => {
                    let kinds = [ErrorKind::CorruptArtifact, ErrorKind::IncompatibleFormat];
                    assert!(kinds.contains(&error.kind()), "{error}");
                }
                Ok(ledger) => {
                    assert_eq!((at, ledger.counts().torn_lines), (bytes.len() - 1, 1));
                    assert_eq!(place.bytes().len(), last + 1);
                    cut += 1;
                }
            }
        }
    }
    assert_eq!(cut, 3);
}

#[test]
fn a_crash_at_any_byte_leaves_the_state_of_the_last_whole_line() {
    let place = Place::new();
    let mut ledger = place.open();
    let mut states: BTreeMap<usize, LedgerState> = BTreeMap::new();
    states.insert(place.bytes().len(), ledger.state().clone());
    for n in 0..6_u32 {
        let one = entry(&format!("d{n}"), "203.0.113.7", drop_for(600), Outcome::Applied);
        ledger.record(START, one).unwrap();
        states.insert(place.bytes().len(), ledger.state().clone());
        ledger.delete(START, &format!("d{}", n / 2), "x").unwrap();
        states.insert(place.bytes().len(), ledger.state().clone());
    }
    let bytes = place.bytes();
    for len in 0..bytes.len() {
        std::fs::write(&place.path, &bytes[..len]).unwrap();
        let seen = Ledger::open_read_only(&place.path).unwrap();
        let mut again = place.open();
        let whole = states.range(..=len).next_back();
        let expected = whole.map_or_else(LedgerState::default, |(_, state)| state.clone());
        assert_eq!(*again.state(), expected, "{len}");
        assert_eq!(*seen.state(), expected, "{len}");
        let is_torn = whole.map_or(len > 0, |(at, _)| *at != len);
        assert_eq!(again.counts().torn_lines, u64::from(is_torn), "{len}");
        // It goes on as usual.
        again.record(START, entry("new", "203.0.113.9", drop_for(1), Outcome::DryRun)).unwrap();
        assert_eq!(*place.open().state(), *again.state());
    }
}

#[test]
fn a_full_file_is_finished_and_the_new_one_replays_alone() {
    let place = Place::new();
    let config = LedgerConfig { max_file_bytes: 4096, ..LedgerConfig::default() };
    let mut ledger = Ledger::open(&place.path, &config).unwrap();
    for n in 0..200_u32 {
        let one = entry(&format!("d{n}"), &format!("203.0.113.{}", n % 250), drop_for(20), Outcome::DryRun);
        ledger.record(START + f64::from(n), one).unwrap();
        ledger.expire(START + f64::from(n)).unwrap();
    }
    let finished = |n: u32| place.folder.path().join(format!("ledger.jsonl.{n}"));
    assert!(finished(1).exists() && finished(5).exists());
    assert!(place.bytes().len() < 40_000);
    assert_eq!(place.open().state(), ledger.state());
    let all = records(&ledger);
    assert_eq!(
        all.iter().filter(|record| !record.is_carried() && record.outcome == Outcome::DryRun).count(),
        200
    );
    assert_eq!(ledger.explain("d3").unwrap().len(), 2);
    // The newest file is enough to go on.
    for n in 1.. {
        if std::fs::remove_file(finished(n)).is_err() {
            break;
        }
    }
    let alone = Ledger::open(&place.path, &config).unwrap();
    assert_eq!(alone.state(), ledger.state());
    assert_eq!(alone.head(), ledger.head());
    assert_eq!(alone.state().decisions(), 200);
}

#[test]
fn a_rotation_that_stops_half_way_is_completed() {
    let place = Place::new();
    let config = LedgerConfig { max_file_bytes: 4096, ..LedgerConfig::default() };
    let mut ledger = Ledger::open(&place.path, &config).unwrap();
    let first = place.folder.path().join("ledger.jsonl.1");
    for n in 0.. {
        ledger.record(START, entry(&format!("d{n}"), "203.0.113.7", drop_for(20), Outcome::DryRun)).unwrap();
        if first.exists() {
            break;
        }
    }
    let (state, next) = (ledger.state().clone(), place.folder.path().join("ledger.jsonl.next"));
    drop(ledger);
    std::fs::rename(&place.path, &next).unwrap();
    assert_eq!(*place.open().state(), state);
    assert!(!next.exists());
}

#[test]
fn two_programs_write_one_chain() {
    let place = Place::new();
    let config = LedgerConfig { max_file_bytes: 4096, ..LedgerConfig::default() };
    let (path, config) = (&place.path, &config);
    std::thread::scope(|scope| {
        for writer in 0..4_u32 {
            scope.spawn(move || {
                let mut ledger = Ledger::open(path, config).unwrap();
                for n in 0..50 {
                    let id = format!("w{writer}-{n}");
                    ledger.record(START, entry(&id, "203.0.113.7", drop_for(600), Outcome::DryRun)).unwrap();
                    if n % 2 == 0 {
                        assert_eq!(ledger.delete(START, &id, "x").unwrap(), 1);
                    }
                }
            });
        }
    });
    let mut watcher = Ledger::open_read_only(path).unwrap();
    assert_eq!((watcher.state().n_live(), watcher.state().ended().revoked), (100, 100));
    assert!(watcher.record(START, entry("x", "203.0.113.7", drop_for(1), Outcome::DryRun)).is_err());
    let mut writer = place.open();
    writer.revoke(START, prefix("0.0.0.0/0"), "all").unwrap();
    watcher.refresh().unwrap();
    assert_eq!(watcher.state().n_live(), 0);
    assert_eq!(records(&watcher).iter().filter(|record| !record.is_carried()).count(), 400);
}

#[test]
fn a_decision_beyond_the_limit_is_skipped_and_counted() {
    let place = Place::new();
    let config = LedgerConfig { max_live: 2, ..LedgerConfig::default() };
    let mut ledger = Ledger::open(&place.path, &config).unwrap();
    for n in 0..4 {
        ledger.record(START, entry(&format!("d{n}"), "203.0.113.7", drop_for(60), Outcome::Applied)).unwrap();
    }
    // A renewal is not a new decision.
    ledger.record(START, entry("d1", "203.0.113.7", drop_for(90), Outcome::Applied)).unwrap();
    assert_eq!((ledger.state().n_live(), ledger.counts().over_limit), (2, 2));
    assert_eq!(ledger.state().ended().skipped, 2);
    assert!(ledger.explain("d3").unwrap()[0].contains("2 decisions are live, the maximum"));
}

#[test]
fn fields_outside_their_ranges_are_rejected_by_name() {
    let place = Place::new();
    let mut ledger = place.open();
    let before = place.bytes();
    let good = entry("a", "203.0.113.7", drop_for(60), Outcome::Applied);
    let mut path = |time: f64, entry: LedgerEntry| match ledger.record(time, entry).unwrap_err() {
        Error::InvalidArgument { path, .. } => path,
        error => panic!("{error}"),
    };
    assert_eq!(path(f64::NAN, good.clone()), "time");
    assert_eq!(path(-1.0, good.clone()), "time");
    assert_eq!(path(1e300, good.clone()), "time");
    assert_eq!(path(START, LedgerEntry { id: String::new(), ..good.clone() }), "id");
    assert_eq!(path(START, LedgerEntry { id: "a\nb".into(), ..good.clone() }), "id");
    assert_eq!(path(START, LedgerEntry { rest_s: f64::INFINITY, ..good.clone() }), "rest_s");
    assert_eq!(path(START, LedgerEntry { guard: Some("no".into()), ..good.clone() }), "guard");
    assert_eq!(path(START, LedgerEntry { action: Action::Allow, ..good.clone() }), "action");
    assert_eq!(path(START, LedgerEntry { action: drop_for(0), ..good.clone() }), "ttl_s");
    assert_eq!(path(START, LedgerEntry { outcome: Outcome::Expired, ..good.clone() }), "outcome");
    assert_eq!(place.bytes(), before);
    // The longest reason is cut, and its line is below the limit.
    let long = LedgerEntry { reason: "\u{1}".repeat(100_000), ..good };
    place.open().record(START, long).unwrap();
    assert!(place.bytes().len() < 16_384);
    assert_eq!(records(&place.open())[0].reason.chars().count(), 1001);
}

#[test]
fn a_record_is_a_remediation_activity_of_ocsf() {
    let place = Place::new();
    let mut ledger = some(&place);
    let inspect = Action::Inspect { inspection: qosguard::qos::Inspection::Mirror, ttl_s: 60 };
    ledger.record(START + 140.0, entry("i", "2001:db8::/32", inspect, Outcome::Failed)).unwrap();
    let events: Vec<serde_json::Value> =
        records(&ledger).iter().map(|record| serde_json::from_str(&record.to_ocsf()).unwrap()).collect();
    for event in &events {
        assert_eq!((&event["class_uid"], &event["category_uid"]), (&7004.into(), &7.into()));
        let activity = event["activity_id"].as_u64().unwrap();
        assert_eq!(event["type_uid"], 700_400 + activity);
        for required in ["command_uid", "time", "severity_id", "metadata", "connection_info", "message"] {
            assert!(!event[required].is_null(), "{required}");
        }
    }
    assert_eq!((&events[0]["activity_id"], &events[0]["status_id"]), (&1.into(), &99.into()));
    assert_eq!(events[0]["countermeasures"][0]["d3f_technique"]["uid"], "D3-NTF");
    assert_eq!((&events[6]["activity_id"], &events[6]["status_detail"]), (&3.into(), &"expired".into()));
    let last = events.last().unwrap();
    assert_eq!((&last["activity_id"], &last["status_id"]), (&5.into(), &2.into()));
    assert_eq!(last["observables"][0]["type"], "Subnet");
}

/// One call of a program that uses a ledger.
#[derive(Clone, Debug)]
enum Call {
    Record(u8, u8, u8, u32),
    Expire,
    Revoke(u8),
    Delete(u8),
    Reopen,
}

fn call() -> impl Strategy<Value = (i32, Call)> {
    let call = prop_oneof![
        6 => (0..6_u8, 0..4_u8, 0..4_u8, 1..900_u32).prop_map(|(id, host, outcome, ttl)| Call::Record(id, host, outcome, ttl)),
        3 => Just(Call::Expire),
        1 => (0..4_u8).prop_map(Call::Revoke),
        1 => (0..6_u8).prop_map(Call::Delete),
        1 => Just(Call::Reopen),
    ];
    (-400..600_i32, call)
}

/// A slow and simple ledger: live decisions with the seconds that they have left.
#[derive(Default)]
struct Model {
    live: BTreeMap<(String, String), f64>,
    decisions: u64,
    ended: EndedCounts,
    time: Option<f64>,
}

impl Model {
    fn advance(&mut self, time: f64) {
        let step = self.time.map_or(0.0, |before| f64::max(time - before, 0.0));
        self.live.values_mut().for_each(|rest| *rest -= step);
        self.time = Some(time);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn replay_equals_the_live_state_and_every_decision_has_one_outcome(
        calls in prop::collection::vec(call(), 1..60),
        small in any::<bool>(),
    ) {
        let place = Place::new();
        let config = LedgerConfig { max_file_bytes: if small { 4096 } else { 1 << 20 }, ..LedgerConfig::default() };
        let mut ledger = Ledger::open(&place.path, &config).unwrap();
        let (mut model, mut now) = (Model::default(), START);
        for (step, call) in calls {
            now += f64::from(step);
            match call {
                Call::Record(id, host, outcome, ttl_s) => {
                    let (id, host) = (format!("d{id}"), format!("10.0.{host}.1"));
                    let outcome = Outcome::ALL[usize::from(outcome)];
                    ledger.record(now, entry(&id, &host, drop_for(ttl_s), outcome)).unwrap();
                    model.advance(now);
                    let key = (id, host);
                    let is_live = model.live.contains_key(&key);
                    model.decisions += u64::from(!is_live);
                    if outcome.is_start() {
                        model.live.insert(key, f64::from(ttl_s));
                    } else if !is_live {
                        model.ended.skipped += u64::from(outcome == Outcome::Skipped);
                        model.ended.failed += u64::from(outcome == Outcome::Failed);
                    }
                }
                Call::Expire => {
                    let n = ledger.expire(now).unwrap();
                    model.advance(now);
                    let before = model.live.len();
                    model.live.retain(|_, rest| *rest > 0.0);
                    prop_assert_eq!(n, before - model.live.len());
                    model.ended.expired += n as u64;
                }
                Call::Revoke(host) => {
                    let n = ledger.revoke(now, prefix(&format!("10.0.{host}.0/24")), "allowed").unwrap().len();
                    model.advance(now);
                    let before = model.live.len();
                    model.live.retain(|(_, entity), _| *entity != format!("10.0.{host}.1"));
                    prop_assert_eq!(n, before - model.live.len());
                    model.ended.revoked += n as u64;
                }
                Call::Delete(id) => {
                    let n = ledger.delete(now, &format!("d{id}"), "by hand").unwrap();
                    model.advance(now);
                    let before = model.live.len();
                    model.live.retain(|(known, _), _| *known != format!("d{id}"));
                    prop_assert_eq!(n, before - model.live.len());
                    model.ended.revoked += n as u64;
                }
                Call::Reopen => {
                    // What follows a restart is what the records say, so the model's clock needs a record.
                    ledger.record(now, entry("reopen", "192.0.2.1", drop_for(1), Outcome::Skipped)).unwrap();
                    model.advance(now);
                    model.decisions += 1;
                    model.ended.skipped += 1;
                    ledger = Ledger::open(&place.path, &config).unwrap();
                }
            }
            let replayed = Ledger::open_read_only(&place.path).unwrap();
            prop_assert_eq!(replayed.state(), ledger.state());
            prop_assert_eq!(replayed.head(), ledger.head());
            let live: Vec<_> = ledger.state().live().map(|live| (live.id.clone(), live.entity.to_string().replace("/32", ""))).collect();
            let mut expected: Vec<_> = model.live.keys().cloned().collect();
            expected.sort_by_key(|(id, entity)| (entity.clone(), id.clone()));
            prop_assert_eq!(live, expected);
            prop_assert_eq!(ledger.state().ended(), model.ended);
            prop_assert_eq!(ledger.state().decisions(), model.decisions);
            prop_assert_eq!(model.decisions, model.ended.total() + ledger.state().n_live() as u64);
        }
        prop_assert!(Path::new(&place.path).exists());
    }
}
