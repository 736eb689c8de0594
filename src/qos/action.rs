//! The ladder of actions, from doing nothing to cutting a host off.

use std::cmp::Ordering;
use std::fmt;
use std::ops::RangeInclusive;

use serde::{Deserialize, Deserializer, Serialize};

use super::service_class::ServiceClass;

/// Seconds that an action may last: from one second to a day.
pub(super) const TTL_S: RangeInclusive<u32> = 1..=86_400;

/// Bytes per second of a rate limit, and bytes of its burst. Zero would be a drop.
pub(super) const BYTES: RangeInclusive<u64> = 1..=1_000_000_000_000;

/// How traffic is inspected, from the least intrusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Inspection {
    /// A copy goes to the inspector; the traffic itself is not touched.
    Mirror,
    /// The traffic waits for the inspector, and passes when there is none.
    Queue,
    /// The traffic is sent through the inspector.
    Redirect,
}

impl Inspection {
    /// The word that files and bindings use, such as `"mirror"`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Mirror => "mirror",
            Self::Queue => "queue",
            Self::Redirect => "redirect",
        }
    }
}

/// What to do with the traffic of a flow's source. All but `Allow` expire after `ttl_s` seconds.
///
/// The variants are in the order of the ladder ([`Action::rung`]). In files an action is a table whose
/// `action` is the variant's name in `snake_case`.
///
/// ```
/// use qosguard::qos::Action;
///
/// let limit = Action::RateLimit { bytes_per_second: 125_000, burst: 256_000, ttl_s: 60 };
/// assert_eq!(limit.to_string(), "rate-limit to 125000 B/s, burst 256000 B, for 60 s");
/// assert!(limit.no_harsher_than(Action::Drop { ttl_s: 60 }));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// Leave it alone.
    Allow,
    /// Forward it early; for clean, delay-sensitive traffic only.
    Prioritize {
        /// Service class to mark it as; `class` in a written policy, so that the files of guards keep their bytes.
        #[serde(rename = "class")]
        service_class: ServiceClass,
        /// Seconds until it expires, 1 to 86,400.
        ttl_s: u32,
    },
    /// Forward it after everything else (lower effort, RFC 8622): the mildest answer to an anomaly.
    Deprioritize {
        /// Seconds until it expires, 1 to 86,400.
        ttl_s: u32,
    },
    /// Drop what goes beyond a rate.
    RateLimit {
        /// Bytes (not bits) per second, 1 to 10^12.
        bytes_per_second: u64,
        /// Bytes that may pass at once, 1 to 10^12.
        burst: u64,
        /// Seconds until it expires, 1 to 86,400.
        ttl_s: u32,
    },
    /// Send it to an inspector.
    Inspect {
        /// How it reaches the inspector; `how` in a written policy.
        #[serde(rename = "how")]
        inspection: Inspection,
        /// Seconds until it expires, 1 to 86,400.
        ttl_s: u32,
    },
    /// Drop it.
    Drop {
        /// Seconds until it expires, 1 to 86,400.
        ttl_s: u32,
    },
    /// Cut the host off from the network.
    Isolate {
        /// Seconds until it expires, 1 to 86,400.
        ttl_s: u32,
    },
}

impl Action {
    /// The rung on the ladder; higher is harsher. `Allow` and `Prioritize` share rung 0: neither harms.
    pub const fn rung(self) -> u8 {
        match self {
            Self::Allow | Self::Prioritize { .. } => 0,
            Self::Deprioritize { .. } => 1,
            Self::RateLimit { .. } => 2,
            Self::Inspect { .. } => 3,
            Self::Drop { .. } => 4,
            Self::Isolate { .. } => 5,
        }
    }

    /// The action's name in files and bindings, such as `"rate_limit"`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Prioritize { .. } => "prioritize",
            Self::Deprioritize { .. } => "deprioritize",
            Self::RateLimit { .. } => "rate_limit",
            Self::Inspect { .. } => "inspect",
            Self::Drop { .. } => "drop",
            Self::Isolate { .. } => "isolate",
        }
    }

    /// Seconds until the action expires; `None` for `Allow`, which changes nothing.
    pub const fn ttl_s(self) -> Option<u32> {
        match self {
            Self::Allow => None,
            Self::Prioritize { ttl_s, .. }
            | Self::Deprioritize { ttl_s }
            | Self::RateLimit { ttl_s, .. }
            | Self::Inspect { ttl_s, .. }
            | Self::Drop { ttl_s }
            | Self::Isolate { ttl_s } => Some(ttl_s),
        }
    }

    /// Whether this action is at most as harsh as the other.
    ///
    /// A lower rung is milder. On one rung, an action is at most as harsh when it is so in every setting:
    /// no longer TTL, no lower rate or burst, no more intrusive inspection. Two actions of one rung may
    /// therefore be incomparable.
    pub fn no_harsher_than(self, other: Self) -> bool {
        match self.rung().cmp(&other.rung()) {
            Ordering::Less => true,
            Ordering::Equal => self.rung() == 0 || self.milder(other) == self,
            Ordering::Greater => false,
        }
    }

    /// The harshest action that is at most as harsh as both: the lattice's meet.
    ///
    /// Being a meet it keeps order: `a ≤ b` implies `a.milder(c) ≤ b.milder(c)`, so capping a monotone
    /// ladder gives a monotone ladder.
    pub(super) fn milder(self, other: Self) -> Self {
        match (self, other) {
            (Self::Deprioritize { ttl_s: a }, Self::Deprioritize { ttl_s: b }) => {
                Self::Deprioritize { ttl_s: a.min(b) }
            }
            (
                Self::RateLimit { bytes_per_second, burst, ttl_s },
                Self::RateLimit { bytes_per_second: other_rate, burst: other_burst, ttl_s: other_ttl },
            ) => Self::RateLimit {
                bytes_per_second: bytes_per_second.max(other_rate),
                burst: burst.max(other_burst),
                ttl_s: ttl_s.min(other_ttl),
            },
            (
                Self::Inspect { inspection: a, ttl_s: ttl_a },
                Self::Inspect { inspection: b, ttl_s: ttl_b },
            ) => Self::Inspect { inspection: a.min(b), ttl_s: ttl_a.min(ttl_b) },
            (Self::Drop { ttl_s: a }, Self::Drop { ttl_s: b }) => Self::Drop { ttl_s: a.min(b) },
            (Self::Isolate { ttl_s: a }, Self::Isolate { ttl_s: b }) => Self::Isolate { ttl_s: a.min(b) },
            (a, b) if a.rung() <= b.rung() => a,
            (_, b) => b,
        }
    }

    /// The first setting outside its range: its name, the range, and the value.
    pub(super) fn bad_setting(self) -> Option<(&'static str, String, String)> {
        if let Self::RateLimit { bytes_per_second, burst, .. } = self {
            for (name, value) in [("bytes_per_second", bytes_per_second), ("burst", burst)] {
                if !BYTES.contains(&value) {
                    let expected = format!("a whole number from {} to {}", BYTES.start(), BYTES.end());
                    return Some((name, expected, value.to_string()));
                }
            }
        }
        let ttl_s = self.ttl_s().filter(|t| !TTL_S.contains(t))?;
        let expected = format!("a whole number of seconds from {} to {}", TTL_S.start(), TTL_S.end());
        Some(("ttl_s", expected, ttl_s.to_string()))
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allow => f.write_str("allow"),
            Self::Prioritize { service_class, ttl_s } => {
                write!(f, "prioritize as {} for {ttl_s} s", service_class.as_str())
            }
            Self::Deprioritize { ttl_s } => write!(f, "deprioritize for {ttl_s} s"),
            Self::RateLimit { bytes_per_second, burst, ttl_s } => {
                write!(f, "rate-limit to {bytes_per_second} B/s, burst {burst} B, for {ttl_s} s")
            }
            Self::Inspect { inspection, ttl_s } => {
                write!(f, "inspect by {} for {ttl_s} s", inspection.as_str())
            }
            Self::Drop { ttl_s } => write!(f, "drop for {ttl_s} s"),
            Self::Isolate { ttl_s } => write!(f, "isolate for {ttl_s} s"),
        }
    }
}

/// An action's name in files.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Word {
    Allow,
    Prioritize,
    Deprioritize,
    RateLimit,
    Inspect,
    Drop,
    Isolate,
}

/// The fields of an action in a file. The tagged enums of serde buffer their content, which removes the field from the
/// errors inside.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAction {
    pub(super) action: Word,
    #[serde(alias = "class")]
    pub(super) service_class: Option<ServiceClass>,
    #[serde(alias = "how")]
    pub(super) inspection: Option<Inspection>,
    pub(super) bytes_per_second: Option<u64>,
    pub(super) burst: Option<u64>,
    pub(super) ttl_s: Option<u32>,
}

impl<'de> Deserialize<'de> for Action {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        RawAction::deserialize(deserializer)?.action()
    }
}

impl RawAction {
    /// The action, or an error for a setting that is missing or belongs to another action.
    pub(super) fn action<E: serde::de::Error>(mut self) -> Result<Action, E> {
        let missing = E::missing_field;
        let mut ttl_s = || self.ttl_s.take().ok_or_else(|| missing("ttl_s"));
        let action = match self.action {
            Word::Allow => Action::Allow,
            Word::Prioritize => Action::Prioritize {
                service_class: self.service_class.take().ok_or_else(|| missing("service_class"))?,
                ttl_s: ttl_s()?,
            },
            Word::Deprioritize => Action::Deprioritize { ttl_s: ttl_s()? },
            Word::RateLimit => Action::RateLimit {
                bytes_per_second: self.bytes_per_second.take().ok_or_else(|| missing("bytes_per_second"))?,
                burst: self.burst.take().ok_or_else(|| missing("burst"))?,
                ttl_s: ttl_s()?,
            },
            Word::Inspect => Action::Inspect {
                inspection: self.inspection.take().ok_or_else(|| missing("inspection"))?,
                ttl_s: ttl_s()?,
            },
            Word::Drop => Action::Drop { ttl_s: ttl_s()? },
            Word::Isolate => Action::Isolate { ttl_s: ttl_s()? },
        };
        // What was not taken does not belong to this action.
        let foreign = [
            ("service_class", self.service_class.is_some()),
            ("inspection", self.inspection.is_some()),
            ("bytes_per_second", self.bytes_per_second.is_some()),
            ("burst", self.burst.is_some()),
            ("ttl_s", self.ttl_s.is_some()),
        ];
        match foreign.iter().find(|(_, given)| *given) {
            Some((name, _)) => Err(E::unknown_field(name, &[])),
            None => Ok(action),
        }
    }
}
