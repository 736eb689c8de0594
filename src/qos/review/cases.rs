//! Cases with the expected action, as tests of a policy.

use std::fmt;
use std::net::IpAddr;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::qos::policy::text;
use crate::qos::{Policy, Protocol, Recommender, ServiceClass, Subject, read_time};
use crate::verdict::Severity;

/// Most cases of one file.
const MAX_CASES: usize = 10_000;
/// Names of actions.
const ACTIONS: [&str; 7] =
    ["allow", "prioritize", "deprioritize", "rate_limit", "inspect", "drop", "isolate"];

/// Cases of a policy: flows with a severity or a p-value, and the action that the policy is expected to give.
///
/// ```
/// use qosguard::qos::{Policy, PolicyCases};
///
/// let cases = PolicyCases::from_toml(r#"
///     [[cases]]
///     name = "scanner"
///     src_ip = "198.51.100.7"
///     severity = "critical"
///     action = "drop"
///
///     [[cases]]
///     name = "loopback"
///     src_ip = "127.0.0.1"
///     p_value = 1e-9
///     action = "drop"
/// "#)?;
/// let results = cases.run(&Policy::default());
/// assert_eq!(results[0].to_string(), "pass: scanner: drop for 600 s (rule: band critical, dry run)");
/// assert_eq!(
///     results[1].to_string(),
///     "FAIL: loopback: expected action drop, got allow: allow (rule: allow-list, dry run)",
/// );
/// # Ok::<(), qosguard::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyCases {
    /// The cases, at most 10,000.
    pub cases: Vec<PolicyCase>,
}

/// One case. Values that are left out are unknown, and meet no condition of a rule.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PolicyCase {
    /// Name in the report; default: the number of the case.
    pub name: Option<String>,
    /// Source address.
    pub src_ip: Option<IpAddr>,
    /// Destination address.
    pub dst_ip: Option<IpAddr>,
    /// Source port.
    pub src_port: Option<u16>,
    /// Destination port.
    pub dst_port: Option<u16>,
    /// Transport protocol, by name or by number as text.
    pub protocol: Option<String>,
    /// Application service.
    pub service: Option<String>,
    /// Attack class.
    pub family: Option<String>,
    /// Time of the record, in RFC 3339.
    pub time: Option<String>,
    /// `DiffServ` code point, 0 to 63.
    pub dscp: Option<u8>,
    /// Mean size of the packets in bytes.
    pub mean_packet_bytes: Option<u32>,
    /// Variation of the time between packets in percent.
    pub interval_variation: Option<u16>,
    /// Congestion in percent.
    pub congestion: Option<u8>,
    /// Severity; `none` for clean traffic. Either this or `p_value` is given.
    pub severity: Option<Severity>,
    /// The p-value of an anomaly, in (0, 1].
    pub p_value: Option<f64>,
    /// Name of the expected action.
    pub action: Option<String>,
    /// Name of the expected rule.
    pub rule: Option<String>,
    /// Expected service class.
    pub service_class: Option<ServiceClass>,
    /// Whether a dry run is expected.
    pub dry_run: Option<bool>,
}

/// What a policy gives for one case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CaseResult {
    /// Name of the case.
    pub name: String,
    /// What the policy gives: the action with its settings, and the rule.
    pub answer: String,
    /// What is not as expected; empty for a case that passes.
    pub failures: Vec<String>,
}

impl fmt::Display for CaseResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.failures.is_empty() {
            return write!(f, "pass: {}: {}", self.name, self.answer);
        }
        write!(f, "FAIL: {}: {}: {}", self.name, self.failures.join("; "), self.answer)
    }
}

impl PolicyCases {
    /// Reads cases from TOML.
    ///
    /// # Errors
    ///
    /// [`Error::Policy`] with the path and the line of a value that does not fit.
    pub fn from_toml(text: &str) -> Result<Self> {
        Self::parse("cases", text)
    }

    /// Reads a file of cases in TOML.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] when the file cannot be read, and as [`PolicyCases::from_toml`].
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).map_err(|error| Error::io(path, error))?;
        Self::parse(&path.display().to_string(), &text)
    }

    fn parse(place: &str, text: &str) -> Result<Self> {
        let all: Self = text::from_toml(place, text)?;
        let refuse = |path: String, expected: &str, got: &dyn fmt::Display| {
            text::locate_toml(text, text::refuse(place, path, expected, got))
        };
        if all.cases.len() > MAX_CASES {
            return Err(refuse("cases".into(), "at most 10000 cases", &all.cases.len()));
        }
        for (index, case) in all.cases.iter().enumerate() {
            let at = |key: &str| format!("cases[{index}]{key}");
            match (case.severity, case.p_value) {
                (Some(_), None) => {}
                (None, Some(p)) if p > 0.0 && p <= 1.0 => {}
                (None, Some(p)) => return Err(refuse(at(".p_value"), "above 0 and at most 1", &p)),
                _ => {
                    return Err(refuse(
                        at(""),
                        "a case with one of `severity` and `p_value`",
                        &"none or both",
                    ));
                }
            }
            if let Some(action) = case.action.as_ref().filter(|action| !ACTIONS.contains(&action.as_str())) {
                let expected = "allow, prioritize, deprioritize, rate_limit, inspect, drop or isolate";
                return Err(refuse(at(".action"), expected, &format!("{action:?}")));
            }
            if let Some(time) = case.time.as_ref().filter(|time| read_time(time).is_none()) {
                return Err(refuse(at(".time"), "a time such as 2026-03-01T08:00:00Z", &format!("{time:?}")));
            }
            let expects = case.action.is_some() || case.rule.is_some() || case.service_class.is_some();
            if !expects && case.dry_run.is_none() {
                let expected = "a case with at least one of `action`, `rule`, `service_class` and `dry_run`";
                return Err(refuse(at(""), expected, &"none"));
            }
        }
        Ok(all)
    }

    /// What a policy gives for each case, in their order.
    pub fn run(&self, policy: &Policy) -> Vec<CaseResult> {
        let recommender = Recommender::new(policy.clone());
        self.cases.iter().zip(1_u64..).map(|(case, number)| case.run(number, &recommender)).collect()
    }
}

impl PolicyCase {
    fn subject(&self) -> Subject<'_> {
        Subject {
            src_ip: self.src_ip,
            dst_ip: self.dst_ip,
            src_port: self.src_port,
            dst_port: self.dst_port,
            protocol: self.protocol.as_deref().map(Protocol::Name),
            service: self.service.as_deref(),
            family: self.family.as_deref(),
            time_s: self.time.as_deref().and_then(read_time).map(|time| time.floor() as i64),
            dscp: self.dscp,
            mean_packet_bytes: self.mean_packet_bytes,
            interval_variation: self.interval_variation,
            congestion: self.congestion,
            ..Subject::default()
        }
    }

    fn run(&self, number: u64, recommender: &Recommender) -> CaseResult {
        let subject = self.subject();
        let answer = match (self.severity, self.p_value) {
            (Some(severity), _) => recommender.recommend_for(severity, &subject),
            (None, p_value) => recommender.recommend(p_value.unwrap_or(1.0), true, &subject),
        };
        let rule = recommender.rule_name(answer.rule);
        let class = self.service_class.map(|_| recommender.service_class(&subject).class);
        let expected = [
            ("action", self.action.clone(), answer.action.as_str().to_owned()),
            ("rule", self.rule.clone(), rule.to_owned()),
            (
                "service_class",
                self.service_class.map(|class| class.as_str().to_owned()),
                class.map_or_else(String::new, |class| class.as_str().to_owned()),
            ),
            ("dry_run", self.dry_run.map(|on| on.to_string()), answer.dry_run.to_string()),
        ];
        let failures = expected.into_iter().filter_map(|(what, expected, got)| {
            let expected = expected.filter(|expected| *expected != got)?;
            Some(format!("expected {what} {expected}, got {got}"))
        });
        let mode = if answer.dry_run { ", dry run" } else { "" };
        CaseResult {
            name: self.name.clone().unwrap_or_else(|| format!("case {number}")),
            failures: failures.collect(),
            answer: format!("{} (rule: {rule}{mode})", answer.action),
        }
    }
}
