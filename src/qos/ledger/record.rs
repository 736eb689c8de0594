//! One line of a ledger.

use serde::{Deserialize, Serialize};

use super::entry::{LedgerEntry, short};
use super::outcome::Outcome;
use super::time;
use crate::qos::action::{Action, Inspection, RawAction, Word};
use crate::qos::policy::prefix::Prefix;
use crate::qos::service_class::ServiceClass;

/// One line of a [`Ledger`](super::Ledger): an entry, its place in the chain, and its time.
///
/// Its JSON has a key for each field, the settings of the action included, and `time` in RFC 3339; `docs/LEDGER.md` lists them.
///
/// # Examples
///
/// ```
/// use qosguard::qos::{Action, Ledger, LedgerConfig, LedgerEntry, Outcome};
///
/// # let folder = std::env::temp_dir().join(format!("qosguard-doc-record-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder).unwrap();
/// # let path = folder.join("ledger.jsonl");
/// let mut ledger = Ledger::open(&path, &LedgerConfig::default())?;
/// let action = Action::Drop { ttl_s: 600 };
/// let entry = LedgerEntry::new("a", "203.0.113.7".parse()?, action, Outcome::DryRun, "port scan");
/// ledger.record(1_764_583_200.0, entry)?;
/// let record = ledger.records()?.next().unwrap()?;
/// assert_eq!((record.seq, record.time_s()), (1, 1_764_583_200.0));
/// assert_eq!(serde_json::to_value(&record).unwrap()["entity"], "203.0.113.7");
/// # std::fs::remove_dir_all(&folder).unwrap();
/// # Ok::<(), qosguard::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Raw")]
#[non_exhaustive]
pub struct LedgerRecord {
    /// Number of the line, without gaps over all files of the ledger; 0 is the first line of the first file.
    pub seq: u64,
    /// SHA-256 of the line before, 64 hexadecimal digits.
    pub previous: String,
    /// Time that the writer gave, in microseconds since the epoch.
    #[serde(with = "time")]
    pub(super) time: i64,
    /// Microseconds that the clock of the ledger has moved since its first record. It never goes back, so it decides what expires.
    pub elapsed_us: u64,
    /// Id of the decision or the incident.
    pub id: String,
    /// The address or the prefix that the action is about.
    #[serde(serialize_with = "short")]
    pub entity: Prefix,
    /// The action with its settings and its whole time.
    #[serde(flatten)]
    pub action: Action,
    /// Seconds until it expires.
    pub rest_s: f64,
    /// What became of it.
    pub outcome: Outcome,
    /// Why, in words.
    pub reason: String,
    /// Digest of the guard.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guard: Option<String>,
    /// Digest of the policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// In the first lines of a new file, which repeat what is live: when the decision was last started or renewed.
    #[serde(with = "time::maybe", skip_serializing_if = "Option::is_none")]
    pub(super) since: Option<i64>,
}

impl LedgerRecord {
    /// The record of an entry at a place of the chain.
    pub(super) fn new(entry: LedgerEntry, seq: u64, previous: &str, time: i64, elapsed_us: u64) -> Self {
        let LedgerEntry { id, entity, action, outcome, rest_s, reason, guard, policy } = entry;
        let previous = previous.to_owned();
        Self {
            seq,
            previous,
            time,
            elapsed_us,
            id,
            entity,
            action,
            rest_s,
            outcome,
            reason,
            guard,
            policy,
            since: None,
        }
    }

    /// Time that the writer gave, in seconds since the epoch.
    pub fn time_s(&self) -> f64 {
        time::seconds(self.time)
    }

    /// Whether the line repeats a live decision at the start of a file, and records no new outcome.
    pub const fn is_carried(&self) -> bool {
        self.since.is_some()
    }
}

/// The keys of a line. The action is read by [`RawAction`], which names what is wrong with a setting.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    seq: u64,
    previous: String,
    #[serde(with = "time")]
    time: i64,
    elapsed_us: u64,
    id: String,
    entity: Prefix,
    action: Word,
    #[serde(default, alias = "class")]
    service_class: Option<ServiceClass>,
    #[serde(default, alias = "how")]
    inspection: Option<Inspection>,
    #[serde(default)]
    bytes_per_second: Option<u64>,
    #[serde(default)]
    burst: Option<u64>,
    #[serde(default)]
    ttl_s: Option<u32>,
    rest_s: f64,
    outcome: Outcome,
    reason: String,
    #[serde(default)]
    guard: Option<String>,
    #[serde(default)]
    policy: Option<String>,
    #[serde(default, with = "time::maybe")]
    since: Option<i64>,
}

impl TryFrom<Raw> for LedgerRecord {
    type Error = serde_json::Error;

    fn try_from(raw: Raw) -> Result<Self, serde_json::Error> {
        let action = RawAction {
            action: raw.action,
            service_class: raw.service_class,
            inspection: raw.inspection,
            bytes_per_second: raw.bytes_per_second,
            burst: raw.burst,
            ttl_s: raw.ttl_s,
        };
        let Raw { seq, previous, time, elapsed_us, id, entity, rest_s, outcome, .. } = raw;
        let Raw { reason, guard, policy, since, .. } = raw;
        Ok(Self {
            seq,
            previous,
            time,
            elapsed_us,
            id,
            entity,
            action: action.action()?,
            rest_s,
            outcome,
            reason,
            guard,
            policy,
            since,
        })
    }
}
