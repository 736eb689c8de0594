//! Rules: which traffic they are about, and what they change for it.

use std::fmt;
use std::ops::RangeInclusive;

use serde::de::{self, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::list::one_or_many;
use super::prefix::Prefix;
use super::schedule::Schedule;
use crate::qos::action::Action;
use crate::qos::service_class::ServiceClass;
use crate::telemetry::Field;
use crate::verdict::Severity;

/// Maximum number of values in one condition of a rule.
pub(super) const MAX_VALUES: usize = 256;

/// A rule: for the traffic that [`When`] describes, exactly one of `then`, `cap` and `prioritize`.
///
/// Two kinds of rules never meet: `prioritize` looks at clean traffic only, `then` and `cap` at anomalies
/// only. Of each kind, the first rule that matches wins.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Unique name: letters, digits, `.`, `_` and `-`, at most 64; not `allow-list`, `unread-address`,
    /// `no-address` or `clean`.
    pub name: String,
    /// The traffic that it is about; at least one condition besides `severity`.
    pub when: When,
    /// The action for anomalies from `when.severity` on; below it the policy's own actions hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub then: Option<Action>,
    /// The harshest action for anomalies; where the policy's own is milder, that one holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cap: Option<Action>,
    /// The class and TTL that clean traffic is prioritized with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prioritize: Option<Priority>,
}

/// A rule that gives traffic a service class, before ports and marks do; the first that matches wins.
///
/// ```
/// use qosguard::qos::{Policy, Recommender, ServiceClass, Subject};
///
/// let recommender = Recommender::new(Policy::from_toml(r#"
///     version = 1
///     [[classes]]
///     when = { dst_port = 443, dst = "192.0.2.0/24" }
///     service_class = "multimedia_conferencing"
/// "#)?);
/// let call = Subject { dst_ip: "192.0.2.9".parse().ok(), dst_port: Some(443), ..Subject::default() };
/// let answer = recommender.service_class(&call);
/// assert_eq!(answer.class, ServiceClass::MultimediaConferencing);
/// assert_eq!(answer.reason, "classes[0] of the policy matches");
/// # Ok::<(), qosguard::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassRule {
    /// The traffic; at least one condition, none of them `severity`, `family`, `service_class` and `congestion`.
    pub when: When,
    /// Its class.
    pub service_class: ServiceClass,
}

/// How clean traffic is prioritized.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Priority {
    /// Service class to mark it as; `class` in a written policy.
    #[serde(rename = "class", alias = "service_class")]
    pub service_class: ServiceClass,
    /// Seconds until it expires, 1 to 86,400.
    pub ttl_s: u32,
}

impl From<Priority> for Action {
    fn from(priority: Priority) -> Self {
        Self::Prioritize { service_class: priority.service_class, ttl_s: priority.ttl_s }
    }
}

/// The conditions of a rule. All that are given must hold; of the values of one, any (at most 256).
///
/// In a file each condition is one value or a list. Words are compared without regard to case. A flow without
/// a value meets no condition on it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct When {
    /// Application services, such as `dns`.
    #[serde(default, deserialize_with = "words", skip_serializing_if = "Vec::is_empty")]
    pub service: Vec<String>,
    /// Transport protocols, by name (`tcp`) or by IANA number as text (`"6"`); each finds the other for
    /// the common ones.
    #[serde(default, deserialize_with = "words", skip_serializing_if = "Vec::is_empty")]
    pub protocol: Vec<String>,
    /// Source prefixes.
    #[serde(default, deserialize_with = "prefixes", skip_serializing_if = "Vec::is_empty")]
    pub src: Vec<Prefix>,
    /// Destination prefixes.
    #[serde(default, deserialize_with = "prefixes", skip_serializing_if = "Vec::is_empty")]
    pub dst: Vec<Prefix>,
    /// Source ports: numbers, or ranges such as `"67-68"`.
    #[serde(default, deserialize_with = "ports", skip_serializing_if = "Vec::is_empty")]
    pub src_port: Vec<PortRange>,
    /// Destination ports: numbers, or ranges such as `"67-68"`.
    #[serde(default, deserialize_with = "ports", skip_serializing_if = "Vec::is_empty")]
    pub dst_port: Vec<PortRange>,
    /// Attack classes that the classifier gave.
    #[serde(default, deserialize_with = "words", skip_serializing_if = "Vec::is_empty")]
    pub family: Vec<String>,
    /// Prefixes in which the source or the destination lies.
    #[serde(default, deserialize_with = "prefixes", skip_serializing_if = "Vec::is_empty")]
    pub entity: Vec<Prefix>,
    /// Names of tenants in whose prefixes the source or the destination lies.
    #[serde(default, deserialize_with = "words", skip_serializing_if = "Vec::is_empty")]
    pub tenant: Vec<String>,
    /// Service classes, as [`Recommender::service_class`](crate::qos::Recommender::service_class) gives them.
    #[serde(default, deserialize_with = "classes", skip_serializing_if = "Vec::is_empty")]
    pub service_class: Vec<ServiceClass>,
    /// The part of the day in which the record lies, by its own time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<Schedule>,
    /// The lowest congestion in percent, 1 to 100, where the caller gives it in [`Subject::congestion`](crate::qos::Subject::congestion).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub congestion: Option<u8>,
    /// For `then` only: the lowest severity that the action is for; `low`, every anomaly, when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
}

impl When {
    /// The fields of a flow that the conditions compare; a record without one of them never meets all conditions.
    pub(crate) fn fields(&self) -> Vec<Field> {
        let fields = [
            (!self.service.is_empty(), Field::Service),
            (!self.protocol.is_empty(), Field::Protocol),
            (!self.src.is_empty(), Field::SrcIp),
            (!self.dst.is_empty(), Field::DstIp),
            (!self.src_port.is_empty(), Field::SrcPort),
            (!self.dst_port.is_empty(), Field::DstPort),
        ];
        fields.into_iter().filter(|(compared, _)| *compared).map(|(_, field)| field).collect()
    }
}

fn classes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<ServiceClass>, D::Error> {
    one_or_many::<_, _, MAX_VALUES>(deserializer)
}

fn words<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    one_or_many::<_, _, MAX_VALUES>(deserializer)
}

fn prefixes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Prefix>, D::Error> {
    one_or_many::<_, _, MAX_VALUES>(deserializer)
}

fn ports<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<PortRange>, D::Error> {
    one_or_many::<_, _, MAX_VALUES>(deserializer)
}

/// Ports from a first to a last, both included. In files a number, or text such as `"67-68"`.
///
/// ```
/// use qosguard::qos::PortRange;
///
/// assert!(PortRange::from(53).contains(53));
/// assert_eq!(PortRange::new(67, 68).unwrap().to_string(), "67-68");
/// assert_eq!(PortRange::new(68, 67), None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PortRange(RangeInclusive<u16>);

impl PortRange {
    /// The range, or `None` when the last port is below the first.
    pub fn new(first: u16, last: u16) -> Option<Self> {
        (first <= last).then_some(Self(first..=last))
    }

    /// Whether the port lies in the range.
    pub fn contains(&self, port: u16) -> bool {
        self.0.contains(&port)
    }

    fn parse(text: &str) -> Option<Self> {
        let port = |text: &str| -> Option<u16> {
            // `u16::from_str` accepts a leading `+`, and some parsers read leading zeros as octal.
            let padded = text.len() > 1 && text.starts_with('0');
            (!padded && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
        };
        match text.split_once('-') {
            Some((first, last)) => Self::new(port(first)?, port(last)?),
            None => port(text).map(Self::from),
        }
    }
}

impl From<u16> for PortRange {
    fn from(port: u16) -> Self {
        Self(port..=port)
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.0.start(), self.0.end())
    }
}

impl Serialize for PortRange {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.start() == self.0.end() {
            serializer.serialize_u16(*self.0.start())
        } else {
            serializer.collect_str(self)
        }
    }
}

impl<'de> Deserialize<'de> for PortRange {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PortVisitor)
    }
}

struct PortVisitor;

impl Visitor<'_> for PortVisitor {
    type Value = PortRange;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a port from 0 to 65535, or a range such as \"67-68\", without leading zeros")
    }

    fn visit_u64<E: de::Error>(self, port: u64) -> Result<PortRange, E> {
        match u16::try_from(port) {
            Ok(port) => Ok(port.into()),
            Err(_) => Err(E::invalid_value(Unexpected::Unsigned(port), &self)),
        }
    }

    fn visit_i64<E: de::Error>(self, port: i64) -> Result<PortRange, E> {
        match u16::try_from(port) {
            Ok(port) => Ok(port.into()),
            Err(_) => Err(E::invalid_value(Unexpected::Signed(port), &self)),
        }
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<PortRange, E> {
        PortRange::parse(text).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn port_ranges_include_both_ends() {
        let range = PortRange::parse("67-68").unwrap();
        assert_eq!([66, 67, 68, 69].map(|p| range.contains(p)), [false, true, true, false]);
        assert!(PortRange::parse("0-65535").unwrap().contains(u16::MAX));
        assert_eq!(PortRange::parse("53"), Some(53.into()));
        for text in [
            "68-67", "65536", "1-65536", "-1", "1-", "", "+1", "1-2-3", " 1", "1 - 2", "http", "053",
            "067-68", "67-068",
        ] {
            assert_eq!(PortRange::parse(text), None, "{text}");
        }
    }

    #[test]
    fn ports_read_from_numbers_and_text() {
        let ports: Vec<PortRange> = serde_json::from_str(r#"[53, "67-68", "80"]"#).unwrap();
        assert_eq!(serde_json::to_string(&ports).unwrap(), r#"[53,"67-68",80]"#);
        for bad in ["65536", "-1", "5.5", "true", "null", "[1]", "{}"] {
            let error = serde_json::from_str::<PortRange>(bad).unwrap_err().to_string();
            assert!(error.contains("a port from 0 to 65535"), "{bad}: {error}");
        }
    }
}
