//! What a program records about one decision.

use serde::{Deserialize, Serialize, Serializer};
use sha2::{Digest, Sha256};

use super::outcome::Outcome;
use super::time;
use crate::artifact::hex;
use crate::error::{Error, Result};
use crate::qos::action::{Action, Inspection, RawAction, TTL_S, Word};
use crate::qos::policy::prefix::Prefix;
use crate::qos::service_class::ServiceClass;

/// Maximum number of bytes of an id.
const MAX_ID: usize = 64;
/// Maximum number of characters of a reason; a longer one is cut.
const MAX_REASON: usize = 1000;
/// Maximum number of digits of a digest.
const MAX_DIGEST: usize = 64;

/// One outcome of one decision about one address or prefix, before it is written to a [`Ledger`](super::Ledger).
///
/// Its JSON is one flat object: the fields, and the name of the action with its settings. `rest_s` may be left out: it is then the
/// whole time of the action.
///
/// # Examples
///
/// ```
/// use qosguard::qos::{Action, LedgerEntry, Outcome};
///
/// let entry = LedgerEntry::new(
///     "9f2c00000000000a",
///     "203.0.113.7".parse()?,
///     Action::Drop { ttl_s: 600 },
///     Outcome::DryRun,
///     "port scan",
/// );
/// assert_eq!(entry.rest_s, 600.0);
/// # Ok::<(), qosguard::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Raw")]
pub struct LedgerEntry {
    /// Id of the decision or the incident: 1 to 64 letters, digits, `-`, `_`, `.` or `:`.
    pub id: String,
    /// The address or the prefix that the action is about.
    #[serde(serialize_with = "short")]
    pub entity: Prefix,
    /// The action with its settings and its whole time.
    #[serde(flatten)]
    pub action: Action,
    /// What became of it.
    pub outcome: Outcome,
    /// Seconds until it expires, from 0 to 86,400.
    pub rest_s: f64,
    /// Why, in words; cut after 1,000 characters.
    pub reason: String,
    /// Digest of the guard, 1 to 64 hexadecimal digits.
    pub guard: Option<String>,
    /// Digest of the policy, 1 to 64 hexadecimal digits.
    pub policy: Option<String>,
}

impl LedgerEntry {
    /// An entry whose rest is the whole time of its action, without digests.
    pub fn new(
        id: impl Into<String>,
        entity: Prefix,
        action: Action,
        outcome: Outcome,
        reason: impl Into<String>,
    ) -> Self {
        Self {
            id: id.into(),
            entity,
            action,
            outcome,
            rest_s: action.ttl_s().map_or(0.0, f64::from),
            reason: reason.into(),
            guard: None,
            policy: None,
        }
    }

    /// The id of a decision that a person makes: 16 hexadecimal digits, from the entity, the action and the time.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for a time outside 1970 to 9998.
    ///
    /// # Examples
    ///
    /// ```
    /// use qosguard::qos::{Action, LedgerEntry};
    ///
    /// let id = LedgerEntry::manual_id("203.0.113.7".parse()?, Action::Drop { ttl_s: 60 }, 1_764_583_200.0)?;
    /// assert_eq!(id.len(), 16);
    /// # Ok::<(), qosguard::Error>(())
    /// ```
    pub fn manual_id(entity: Prefix, action: Action, time: f64) -> Result<String> {
        let text = format!("{entity} {action} {}", time::micros(time)?);
        Ok(hex(&Sha256::digest(text))[..16].to_owned())
    }

    /// Checks all fields, and cuts the reason.
    pub(super) fn checked(mut self) -> Result<Self> {
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.:".contains(&b);
        if !(1..=MAX_ID).contains(&self.id.len()) || !self.id.bytes().all(is_plain) {
            return Err(Error::invalid("id", "1 to 64 letters, digits, `-`, `_`, `.` or `:`", &self.id));
        }
        for (name, digest) in [("guard", &self.guard), ("policy", &self.policy)] {
            let is_digest = |d: &&String| {
                d.len() <= MAX_DIGEST && !d.is_empty() && d.bytes().all(|b| b.is_ascii_hexdigit())
            };
            if let Some(bad) = digest.as_ref().filter(|digest| !is_digest(digest)) {
                return Err(Error::invalid(name, "1 to 64 hexadecimal digits", bad));
            }
        }
        if !(0.0..=f64::from(*TTL_S.end())).contains(&self.rest_s) {
            return Err(Error::invalid("rest_s", "from 0 to 86400", self.rest_s));
        }
        if let Some((name, expected, got)) = self.action.bad_setting() {
            return Err(Error::invalid(name, expected, got));
        }
        if self.outcome.is_start() && self.action.ttl_s().is_none() {
            return Err(Error::invalid("action", "an action that expires", self.action));
        }
        if let Some((end, _)) = self.reason.char_indices().nth(MAX_REASON) {
            self.reason.truncate(end);
            self.reason.push('…');
        }
        Ok(self)
    }
}

/// The keys of an entry.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    id: String,
    entity: Prefix,
    action: Word,
    #[serde(alias = "class")]
    service_class: Option<ServiceClass>,
    #[serde(alias = "how")]
    inspection: Option<Inspection>,
    bytes_per_second: Option<u64>,
    burst: Option<u64>,
    ttl_s: Option<u32>,
    outcome: Outcome,
    rest_s: Option<f64>,
    #[serde(default)]
    reason: String,
    guard: Option<String>,
    policy: Option<String>,
}

impl TryFrom<Raw> for LedgerEntry {
    type Error = serde_json::Error;

    fn try_from(raw: Raw) -> std::result::Result<Self, serde_json::Error> {
        let Raw { action, service_class, inspection, bytes_per_second, burst, ttl_s, .. } = raw;
        let action =
            RawAction { action, service_class, inspection, bytes_per_second, burst, ttl_s }.action()?;
        let entry = Self::new(raw.id, raw.entity, action, raw.outcome, raw.reason);
        let rest_s = raw.rest_s.unwrap_or(entry.rest_s);
        Ok(Self { rest_s, guard: raw.guard, policy: raw.policy, ..entry })
    }
}

/// An address without `/32` or `/128`, and a prefix with its length.
pub(super) fn short<S: Serializer>(entity: &Prefix, to: S) -> std::result::Result<S::Ok, S::Error> {
    entity.short().serialize(to)
}
