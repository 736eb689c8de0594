//! What a detector reported.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use crate::stream::{Incident, IncidentEvent, Parties};

/// What a detector reported, such as an incident. Fields with other names are ignored in JSON.
///
/// In JSON, a time is seconds or text in RFC 3339, and hosts are a list or an object with the list `hosts`, so that the JSON of
/// an incident is the JSON of a detected event.
///
/// ```
/// let json = r#"{"kind": "port_scan", "opened": 12.5, "closed": null, "id": "4f"}"#;
/// let event: qosguard::evaluate::DetectedEvent = serde_json::from_str(json)?;
/// assert_eq!((event.opened, event.closed), (12.5, None));
///
/// let json = r#"{"opened": "1970-01-01T00:00:12.5Z", "attackers": {"hosts": ["10.0.0.1"], "count": 1}}"#;
/// let event: qosguard::evaluate::DetectedEvent = serde_json::from_str(json)?;
/// assert_eq!((event.opened, &event.attackers[..]), (12.5, &["10.0.0.1".to_owned()][..]));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DetectedEvent {
    /// The kind that the detector reported.
    #[serde(default)]
    pub kind: String,
    /// When it was reported, in seconds.
    #[serde(deserialize_with = "moment")]
    pub opened: f64,
    /// When it ended, at least `opened`; `None` if it is still open.
    #[serde(default, deserialize_with = "maybe_moment")]
    pub closed: Option<f64>,
    /// Addresses, prefixes or names of the attackers, if the detector names them.
    #[serde(default, deserialize_with = "hosts")]
    pub attackers: Vec<String>,
    /// Addresses, prefixes or names of the victims, if the detector names them.
    #[serde(default, deserialize_with = "hosts")]
    pub victims: Vec<String>,
    /// What distinguishes it from others; of several detections with one id only the last counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

impl From<&Self> for DetectedEvent {
    fn from(event: &Self) -> Self {
        event.clone()
    }
}

impl From<&Incident> for DetectedEvent {
    fn from(incident: &Incident) -> Self {
        let hosts = |parties: &Parties| parties.hosts().map(|host| host.to_string()).collect();
        Self {
            kind: incident.kind.as_str().to_owned(),
            opened: incident.opened,
            // An incident may close by the watermark before the time of its last record.
            closed: incident.closed.map(|closed| closed.max(incident.opened)),
            attackers: hosts(&incident.attackers),
            victims: hosts(&incident.victims),
            id: Some(incident.id.clone()),
        }
    }
}

impl From<&IncidentEvent> for DetectedEvent {
    fn from(event: &IncidentEvent) -> Self {
        Self::from(&event.incident)
    }
}

/// The last detection of each id, and all without one, in the order in which each came first.
pub(super) fn last_of_each(detections: Vec<DetectedEvent>) -> Vec<DetectedEvent> {
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let mut last: Vec<DetectedEvent> = Vec::with_capacity(detections.len());
    for detection in detections {
        let known = detection.id.as_ref().and_then(|id| places.get(id)).copied();
        if let Some(known) = known.and_then(|at| last.get_mut(at)) {
            *known = detection;
            continue;
        }
        if let Some(id) = &detection.id {
            places.insert(id.clone(), last.len());
        }
        last.push(detection);
    }
    last
}

/// A time in JSON.
#[derive(Deserialize)]
#[serde(untagged, expecting = "expected seconds or a time in RFC 3339")]
enum Moment {
    Seconds(f64),
    Text(String),
}

impl Moment {
    fn seconds<E: serde::de::Error>(self) -> Result<f64, E> {
        match self {
            Self::Seconds(seconds) => Ok(seconds),
            Self::Text(text) => {
                let time: jiff::Timestamp = text.parse().map_err(E::custom)?;
                Ok(time.as_microsecond() as f64 / 1e6)
            }
        }
    }
}

/// Hosts in JSON.
#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a list of hosts, or an object with the list `hosts`")]
enum Hosts {
    List(Vec<String>),
    Parties { hosts: Vec<String> },
}

fn moment<'de, D: Deserializer<'de>>(from: D) -> Result<f64, D::Error> {
    Moment::deserialize(from)?.seconds()
}

fn maybe_moment<'de, D: Deserializer<'de>>(from: D) -> Result<Option<f64>, D::Error> {
    Option::<Moment>::deserialize(from)?.map(Moment::seconds).transpose()
}

fn hosts<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    Hosts::deserialize(from).map(|hosts| match hosts {
        Hosts::List(hosts) | Hosts::Parties { hosts } => hosts,
    })
}
