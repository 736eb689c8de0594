//! Column names by what they are used for, in small letters and digits.

/// Truth: clean or attack. The first that a source has is its label.
pub(super) const LABELS: [&str; 22] = [
    "label",
    "labels",
    "attacklabel",
    "binarylabel",
    "labelbinary",
    "isattack",
    "isanomaly",
    "isanomalous",
    "ismalicious",
    "isintrusion",
    "groundtruth",
    "anomaly",
    "anomalous",
    "malicious",
    "intrusion",
    "attack",
    "class",
    "target",
    "outcome",
    "classification",
    "traffictype",
    "y",
];

/// Attack classes.
pub(super) const FAMILIES: [&str; 19] = [
    "attackcat",
    "attackcategory",
    "attacktype",
    "attackname",
    "attackclass",
    "attackfamily",
    "trafficcategory",
    "traffictype",
    "labelmulticlass",
    "labelmulti",
    "multiclass",
    "detailedlabel",
    "attack",
    "label",
    "class",
    "family",
    "category",
    "subcategory",
    "type",
];

/// Names that are truth in one data set and an ordinary column in another: their values decide.
pub(super) const PERHAPS: [&str; 9] =
    ["class", "target", "outcome", "classification", "family", "category", "subcategory", "type", "y"];

/// Labels whose 1 means clean.
pub(super) const INVERTED: [&str; 10] = [
    "isbenign",
    "isnormal",
    "isclean",
    "islegitimate",
    "islegit",
    "benign",
    "normal",
    "clean",
    "legitimate",
    "legit",
];

/// Parts of names that only truth has.
pub(super) const TRUTH_PARTS: [&str; 5] = ["attack", "label", "malicious", "anomal", "benign"];

/// Parts of names whose 1 means an attack.
pub(super) const ATTACK_PARTS: [&str; 7] =
    ["attack", "anomal", "malicious", "intrusion", "outlier", "threat", "malware"];

/// Labels of clean traffic; the kinds of the public data sets among them.
pub(super) const CLEAN: [&str; 12] = [
    "normal",
    "benign",
    "clean",
    "legitimate",
    "legit",
    "background",
    "ok",
    "good",
    "no",
    "none",
    "false",
    "0",
];

/// The labels that usually mean clean traffic, in lower case; see [`is_clean_label`].
///
/// # Examples
///
/// ```
/// assert!(qosguard::telemetry::clean_labels().contains(&"benign"));
/// ```
pub fn clean_labels() -> &'static [&'static str] {
    &CLEAN
}

/// Whether a label of an unknown source means clean traffic: one of [`clean_labels`], in any case and with blanks around it.
///
/// An inferred schema decides by the same words and by phrases such as `Normal Traffic`;
/// [`Schema::is_clean`](crate::telemetry::Schema::is_clean) decides by the words of any schema.
///
/// # Examples
///
/// ```
/// use qosguard::telemetry::is_clean_label;
///
/// assert!(is_clean_label(" Normal") && !is_clean_label("neptune"));
/// ```
pub fn is_clean_label(label: &str) -> bool {
    CLEAN.iter().any(|clean| label.trim().eq_ignore_ascii_case(clean))
}

/// Times, the best first.
pub(super) const TIMES: [&str; 42] = [
    "timestamp",
    "time",
    "datetime",
    "ts",
    "date",
    "starttime",
    "stime",
    "flowstart",
    "flowstarttime",
    "firstseen",
    "flowstartmilliseconds",
    "flowstartmicroseconds",
    "flowstartnanoseconds",
    "flowstartseconds",
    "bidirectionalfirstseenms",
    "firstswitched",
    "timestart",
    "timefirst",
    "begin",
    "start",
    "first",
    "eventtime",
    "frametime",
    "frametimeepoch",
    "timereceived",
    "timereceivedns",
    "timeflowstartns",
    "timeflowstart",
    "epoch",
    "at",
    "when",
    "created",
    "createdat",
    "received",
    "stamp",
    "endtime",
    "ltime",
    "flowend",
    "lastseen",
    "timeend",
    "end",
    "last",
];

/// Times that are read as seconds even if they count from another moment than 1970.
pub(super) const CLOCKS: [&str; 5] = ["timestamp", "time", "ts", "datetime", "epoch"];

/// Where a flow comes from.
pub(super) const SOURCES: [&str; 19] = [
    "srcip",
    "sourceip",
    "ipsrc",
    "saddr",
    "srcaddr",
    "sourceaddress",
    "srcaddress",
    "sourceipaddress",
    "srcipaddr",
    "ipv4srcaddr",
    "ipv6srcaddr",
    "idorigh",
    "origh",
    "sip",
    "clientip",
    "srchost",
    "src",
    "source",
    "sa",
];

/// Where a flow goes to.
pub(super) const DESTINATIONS: [&str; 21] = [
    "dstip",
    "destip",
    "destinationip",
    "ipdst",
    "daddr",
    "dstaddr",
    "destinationaddress",
    "dstaddress",
    "destinationipaddress",
    "dstipaddr",
    "ipv4dstaddr",
    "ipv6dstaddr",
    "idresph",
    "resph",
    "dip",
    "serverip",
    "dsthost",
    "dst",
    "dest",
    "destination",
    "da",
];

/// Hosts, devices and users besides the two ends of a flow.
pub(super) const ENTITIES: [&str; 28] = [
    "ip",
    "ipaddr",
    "ipaddress",
    "address",
    "host",
    "hostname",
    "device",
    "deviceid",
    "devicename",
    "client",
    "clientid",
    "server",
    "mac",
    "macaddress",
    "srcmac",
    "sourcemac",
    "dstmac",
    "destinationmac",
    "ethsrc",
    "ethdst",
    "user",
    "username",
    "userid",
    "sensor",
    "sensorid",
    "exporter",
    "exporterip",
    "link",
];

/// Ports.
pub(super) const SOURCE_PORTS: [&str; 12] = [
    "srcport",
    "sourceport",
    "sport",
    "srcpt",
    "spt",
    "l4srcport",
    "idorigp",
    "origp",
    "tcpsrcport",
    "udpsrcport",
    "clientport",
    "sp",
];
/// Ports of the service.
pub(super) const DESTINATION_PORTS: [&str; 14] = [
    "dstport",
    "destport",
    "destinationport",
    "dport",
    "dstpt",
    "dpt",
    "l4dstport",
    "idrespp",
    "respp",
    "tcpdstport",
    "udpdstport",
    "serverport",
    "port",
    "dp",
];

/// IP protocols.
pub(super) const PROTOCOLS: [&str; 10] = [
    "protocol",
    "proto",
    "prot",
    "ipprotocol",
    "ipproto",
    "l4proto",
    "protocolname",
    "transport",
    "transportprotocol",
    "pr",
];

/// Numbers of records.
pub(super) const IDENTIFIERS: [&str; 24] = [
    "id",
    "uid",
    "uuid",
    "guid",
    "flowid",
    "flowkey",
    "index",
    "idx",
    "row",
    "rowid",
    "rowindex",
    "recordid",
    "record",
    "no",
    "number",
    "sessionid",
    "connid",
    "connectionid",
    "eventid",
    "communityid",
    "hash",
    "key",
    "sequence",
    "pkseqid",
];

/// A name in small letters and digits.
pub(super) fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase()
}
