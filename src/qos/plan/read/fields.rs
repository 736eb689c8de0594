//! The fields of one finding or one change of an incident in JSON.

use std::net::IpAddr;

use serde_json::Value;

use super::bad;
use crate::error::Result;
use crate::qos::action::RawAction;
use crate::qos::{Action, Prefix, Proposal};
use crate::telemetry::{protocol_number, read_address};
use crate::verdict::Severity;

/// Largest number of hosts of one incident.
const MAX_HOSTS: usize = 10_000;

/// Values that an action may have.
pub(super) const ACTIONS: &str = "allow, prioritize, deprioritize, rate_limit, inspect, drop or isolate";

/// The keys of one object, with its place for errors.
pub(super) struct Fields<'a> {
    pub(super) place: &'a str,
    pub(super) line: u64,
    object: &'a serde_json::Map<String, Value>,
}

impl<'a> Fields<'a> {
    pub(super) fn new(place: &'a str, line: u64, value: &'a Value) -> Result<Self> {
        let object = value.as_object().ok_or_else(|| {
            bad(place, line, "", &value.to_string(), "a JSON object of a finding or an incident")
        })?;
        Ok(Self { place, line, object })
    }

    /// Whether the object is a change of an incident.
    pub(super) fn is_incident(&self) -> bool {
        self.object.contains_key("attackers")
    }

    /// The proposal of a finding.
    pub(super) fn decision(&self) -> Result<Proposal> {
        let source = self.source()?;
        let destination = self.address("dst_ip")?;
        Ok(Proposal {
            source: source.and_then(Result::ok),
            unread_address: matches!(source, Some(Err(()))) || matches!(destination, Some(Err(()))),
            destination: destination.and_then(Result::ok),
            protocol: self.protocol()?,
            dst_port: self.port("dst_port")?,
            time: self.time("time")?,
            ..self.common()?
        })
    }

    /// The proposals of an incident: one for each attacker. An incident whose attackers are not all
    /// listed is one without a source.
    pub(super) fn incident(&self) -> Result<Vec<Proposal>> {
        let proposal = Proposal { time: self.time("updated")?, ..self.common()? };
        let attackers = self.hosts("attackers")?;
        let victims = self.hosts("victims")?;
        let destination = match victims.as_slice() {
            [one] if one.is_host() => Some(one.address()),
            _ => None,
        };
        let proposal = Proposal { destination, ..proposal };
        let count = self.get("attackers").and_then(|side| side.get("count")).and_then(Value::as_u64);
        // Of a flood from more hosts than are listed, the sources may be forged.
        if attackers.is_empty() || count.is_some_and(|count| count > attackers.len() as u64) {
            return Ok(vec![proposal]);
        }
        Ok(attackers.into_iter().map(|host| Proposal { source: Some(host), ..proposal }).collect())
    }

    /// What findings and incidents have in common.
    fn common(&self) -> Result<Proposal> {
        let severity = self.text("severity")?.map_or(Ok(Severity::None), |text| {
            serde_json::from_value(text.into())
                .map_err(|_| self.bad("severity", text, "none, low, medium, high or critical"))
        })?;
        let dry_run = match self.get("dry_run") {
            None => false,
            Some(value) => value.as_bool().ok_or_else(|| self.wrong("dry_run", value, "true or false"))?,
        };
        Ok(Proposal { id: self.id()?, action: self.action()?, severity, dry_run, ..Proposal::default() })
    }

    fn id(&self) -> Result<u64> {
        let text = self.required("id", "16 hexadecimal digits")?;
        read_id(text).ok_or_else(|| self.bad("id", text, "16 hexadecimal digits"))
    }

    fn action(&self) -> Result<Action> {
        let name = self.required("action", ACTIONS)?;
        let known = serde_json::from_value(name.into());
        let action = known.map_err(|_| self.bad("action", name, ACTIONS))?;
        let number = |key| -> Result<Option<u64>> {
            let Some(value) = self.get(key) else { return Ok(None) };
            let whole = value.as_u64().ok_or_else(|| self.wrong(key, value, "a whole number from 1"))?;
            Ok(Some(whole))
        };
        let ttl_s = number("ttl_s")?;
        let word = |key, other| self.text(key).and_then(|text| Ok(text.or(self.text(other)?)));
        let raw = RawAction {
            action,
            service_class: self.word("service_class", word("service_class", "class")?)?,
            inspection: self.word("inspection", word("inspection", "how")?)?,
            bytes_per_second: number("bytes_per_second")?,
            burst: number("burst")?,
            ttl_s: ttl_s.map(|ttl_s| u32::try_from(ttl_s).unwrap_or(u32::MAX)),
        };
        let action: Action = raw.action().map_err(|error: serde_json::Error| {
            self.bad("action", name, format!("an action with its settings: {error}"))
        })?;
        match action.bad_setting() {
            Some((setting, expected, got)) => Err(self.bad(setting, &got, expected)),
            None => Ok(action),
        }
    }

    fn word<T: serde::de::DeserializeOwned>(&self, key: &str, text: Option<&str>) -> Result<Option<T>> {
        let Some(text) = text else { return Ok(None) };
        let word = serde_json::from_value(text.into());
        word.map(Some).map_err(|error: serde_json::Error| self.bad(key, text, format!("known ({error})")))
    }

    /// The source: an address, or a prefix.
    fn source(&self) -> Result<Option<Result<Prefix, ()>>> {
        Ok(match self.address("src_ip")? {
            Some(Err(())) => {
                let text = self.text("src_ip")?.unwrap_or_default().trim();
                Some(if text.contains('/') { text.parse().map_err(|_| ()) } else { Err(()) })
            }
            address => address.map(|address| address.map(Prefix::from)),
        })
    }

    /// An address; the inner error is for text that is not one address, which a decision may contain.
    fn address(&self, key: &str) -> Result<Option<Result<IpAddr, ()>>> {
        let text = self.text(key)?.map(str::trim).filter(|text| !text.is_empty());
        Ok(text.map(|text| read_address(text).ok_or(())))
    }

    fn hosts(&self, key: &str) -> Result<Vec<Prefix>> {
        let Some(side) = self.get(key) else { return Ok(Vec::new()) };
        let expected = "an object with the list `hosts`";
        let hosts =
            side.get("hosts").and_then(Value::as_array).ok_or_else(|| self.wrong(key, side, expected))?;
        if hosts.len() > MAX_HOSTS {
            return Err(self.bad(
                key,
                &format!("{} hosts", hosts.len()),
                format!("at most {MAX_HOSTS} hosts"),
            ));
        }
        let read = |host: &Value| {
            let prefix = host.as_str().and_then(|text| text.parse().ok());
            prefix.ok_or_else(|| self.wrong(&format!("{key}.hosts"), host, "an address or a prefix"))
        };
        hosts.iter().map(read).collect()
    }

    fn protocol(&self) -> Result<Option<u8>> {
        let Some(value) = self.get("protocol") else { return Ok(None) };
        Ok(match value {
            Value::String(name) => read_protocol(name),
            value => {
                let number = value.as_u64().and_then(|number| u8::try_from(number).ok());
                Some(number.ok_or_else(|| self.wrong("protocol", value, "a protocol number from 0 to 255"))?)
            }
        })
    }

    pub(super) fn port(&self, key: &str) -> Result<Option<u16>> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let port = value.as_u64().and_then(|port| u16::try_from(port).ok());
        port.map(Some).ok_or_else(|| self.wrong(key, value, "a port from 0 to 65535"))
    }

    fn time(&self, key: &str) -> Result<Option<f64>> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let expected = "a time such as 2026-03-01T08:00:00Z, or seconds since the epoch";
        let time = value.as_f64().or_else(|| value.as_str().and_then(read_time));
        time.map(Some).ok_or_else(|| self.wrong(key, value, expected))
    }

    pub(super) fn get(&self, key: &str) -> Option<&'a Value> {
        self.object.get(key).filter(|value| !value.is_null())
    }

    pub(super) fn text(&self, key: &str) -> Result<Option<&'a str>> {
        let Some(value) = self.get(key) else { return Ok(None) };
        value.as_str().map(Some).ok_or_else(|| self.wrong(key, value, "text"))
    }

    fn required(&self, key: &str, expected: &str) -> Result<&'a str> {
        self.text(key)?.ok_or_else(|| self.bad(key, "null", expected))
    }

    fn wrong(&self, key: &str, value: &Value, expected: &str) -> crate::Error {
        match value {
            Value::String(text) => self.bad(key, text, expected),
            value => self.bad(key, &value.to_string(), expected),
        }
    }

    fn bad(&self, key: &str, value: &str, expected: impl Into<String>) -> crate::Error {
        bad(self.place, self.line, key, value, expected)
    }
}

/// An id of 16 hexadecimal digits.
pub(super) fn read_id(text: &str) -> Option<u64> {
    let is_id = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_id.then(|| u64::from_str_radix(text, 16).ok())?
}

/// The number of a protocol by name or in digits; `None` for a name that has no number.
pub(super) fn read_protocol(name: &str) -> Option<u8> {
    let name = name.trim();
    name.parse()
        .ok()
        .or_else(|| protocol_number(name))
        .or_else(|| name.eq_ignore_ascii_case("icmpv6").then_some(58))
}

/// Reads a time in RFC 3339, or in seconds since the epoch; `None` for other text.
///
/// ```
/// use qosguard::qos::read_time;
///
/// assert_eq!(read_time("2023-11-14T22:13:20Z"), Some(1_700_000_000.0));
/// assert_eq!(read_time("1700000000.5"), Some(1_700_000_000.5));
/// assert_eq!(read_time("yesterday"), None);
/// ```
pub fn read_time(text: &str) -> Option<f64> {
    let text = text.trim();
    match text.parse::<jiff::Timestamp>() {
        Ok(time) => Some(time.as_microsecond() as f64 / 1e6),
        Err(_) => text.parse::<f64>().ok().filter(|seconds| seconds.is_finite()),
    }
}
