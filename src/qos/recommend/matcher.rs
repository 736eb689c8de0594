//! The conditions of a rule, compiled.

use super::subject::{Protocol, Subject};
use crate::qos::ServiceClass;
use crate::qos::policy::PolicyConfig;
use crate::qos::policy::prefix::PrefixSet;
use crate::qos::policy::rule::{PortRange, When};
use crate::qos::policy::schedule::Schedule;
use crate::telemetry::protocol_name;

/// The conditions of one rule, ready to match. Severity is not part of them: what matches cannot depend on the
/// p-value, which keeps every subject on one ladder.
#[derive(Clone, Debug)]
pub(super) struct Matcher {
    src_port: Vec<PortRange>,
    dst_port: Vec<PortRange>,
    protocol: Vec<ProtocolPattern>,
    service: Vec<String>,
    family: Vec<String>,
    src: PrefixSet,
    dst: PrefixSet,
    entity: PrefixSet,
    tenant: Option<PrefixSet>,
    service_class: Vec<ServiceClass>,
    time: Option<Schedule>,
    congestion: Option<u8>,
}

impl Matcher {
    pub(super) fn new(when: &When, config: &PolicyConfig) -> Self {
        let tenant = || when.tenant.iter().filter_map(|name| config.tenants.get(name));
        let prefixes: Vec<_> = tenant().flat_map(|tenant| &tenant.prefixes).copied().collect();
        Self {
            src_port: when.src_port.clone(),
            dst_port: when.dst_port.clone(),
            protocol: when.protocol.iter().map(|p| ProtocolPattern::new(p)).collect(),
            service: when.service.clone(),
            family: when.family.clone(),
            src: PrefixSet::new(&when.src),
            dst: PrefixSet::new(&when.dst),
            entity: PrefixSet::new(&when.entity),
            tenant: (!when.tenant.is_empty()).then(|| PrefixSet::new(&prefixes)),
            service_class: when.service_class.clone(),
            time: when.time.clone(),
            congestion: when.congestion,
        }
    }

    /// Whether all conditions hold; `class` gives the service class where a condition compares it.
    pub(super) fn matches(&self, subject: &Subject<'_>, class: impl FnOnce() -> ServiceClass) -> bool {
        let has_end_in = |set: &PrefixSet| set.contains(subject.src_ip) || set.contains(subject.dst_ip);
        any(&self.dst_port, subject.dst_port, PortRange::contains)
            && any(&self.src_port, subject.src_port, PortRange::contains)
            && any(&self.service, subject.service, |a, b| a.eq_ignore_ascii_case(b.trim()))
            && any(&self.protocol, subject.protocol, ProtocolPattern::matches)
            && any(&self.family, subject.family, |a, b| a.eq_ignore_ascii_case(b.trim()))
            && (self.src.is_empty() || self.src.contains(subject.src_ip))
            && (self.dst.is_empty() || self.dst.contains(subject.dst_ip))
            && (self.entity.is_empty() || has_end_in(&self.entity))
            && self.tenant.as_ref().is_none_or(has_end_in)
            && self.congestion.is_none_or(|least| subject.congestion.is_some_and(|own| own >= least))
            && self.time.as_ref().is_none_or(|part| subject.time_s.is_some_and(|time| part.contains(time)))
            && (self.service_class.is_empty() || self.service_class.contains(&class()))
    }
}

/// Whether a condition is not given, or one of its values matches.
fn any<P, V: Copy>(patterns: &[P], value: Option<V>, matches: impl Fn(&P, V) -> bool) -> bool {
    patterns.is_empty() || value.is_some_and(|value| patterns.iter().any(|p| matches(p, value)))
}

/// A protocol of a rule: as it is written, and by number and registered name where these are known.
#[derive(Clone, Debug)]
struct ProtocolPattern {
    text: String,
    number: Option<u8>,
    name: Option<&'static str>,
}

/// The other name of number 58, `ipv6-icmp`.
const ICMPV6: (&str, u8) = ("icmpv6", 58);

impl ProtocolPattern {
    fn new(text: &str) -> Self {
        let named = |number: &u8| protocol_name(*number).is_some_and(|name| name.eq_ignore_ascii_case(text));
        let number = match digits(text) {
            None if text.eq_ignore_ascii_case(ICMPV6.0) => Some(ICMPV6.1),
            None => (0..=u8::MAX).find(named),
            number => number,
        };
        Self { text: text.to_owned(), number, name: number.and_then(protocol_name) }
    }

    fn matches(&self, protocol: Protocol<'_>) -> bool {
        match protocol {
            Protocol::Number(number) => self.number == Some(number),
            Protocol::Name(name) => {
                let name = name.trim();
                self.text.eq_ignore_ascii_case(name)
                    || self.name.is_some_and(|known| known.eq_ignore_ascii_case(name))
                    || self.number.is_some_and(|number| {
                        digits(name) == Some(number)
                            || (number == ICMPV6.1 && name.eq_ignore_ascii_case(ICMPV6.0))
                    })
            }
        }
    }
}

/// A protocol number in digits; `u8::from_str` would accept a leading `+`.
fn digits(text: &str) -> Option<u8> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}
