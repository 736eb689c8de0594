//! What a program records about one decision.

use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};

use super::outcome::Outcome;
use super::time;
use crate::artifact::hex;
use crate::error::{Error, Result};
use crate::qos::action::{Action, TTL_S};
use crate::qos::policy::prefix::Prefix;

/// Maximum number of bytes of an id.
const MAX_ID: usize = 64;
/// Maximum number of characters of a reason; a longer one is cut.
const MAX_REASON: usize = 1000;
/// Maximum number of digits of a digest.
const MAX_DIGEST: usize = 64;

/// One outcome of one decision about one address or prefix, before it is written to a [`Ledger`](super::Ledger).
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
#[derive(Clone, Debug, PartialEq)]
pub struct LedgerEntry {
    /// Id of the decision or the incident: 1 to 64 letters, digits, `-`, `_`, `.` or `:`.
    pub id: String,
    /// The address or the prefix that the action is about.
    pub entity: Prefix,
    /// The action with its settings and its whole time.
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

/// An address without `/32` or `/128`, and a prefix with its length.
pub(super) fn short<S: Serializer>(entity: &Prefix, to: S) -> std::result::Result<S::Ok, S::Error> {
    entity.short().serialize(to)
}
