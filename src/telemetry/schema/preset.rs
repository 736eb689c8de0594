//! Schemas of public data sets and of plain flow records.

use std::sync::LazyLock;

use super::canonical;
use crate::error::{Error, Result};
use crate::telemetry::schema::{Column, Kind, Role, Schema};

/// The presets as they are written down, one TOML file each.
const SOURCES: [&str; 15] = [
    include_str!("presets/unsw_nb15.toml"),
    include_str!("presets/unsw_nb15_raw.toml"),
    include_str!("presets/cicids2017.toml"),
    include_str!("presets/cicids2017_flows.toml"),
    include_str!("presets/cicids2017_corrected.toml"),
    include_str!("presets/cicids2018.toml"),
    include_str!("presets/nsl_kdd.toml"),
    include_str!("presets/kdd99.toml"),
    include_str!("presets/flow.toml"),
    include_str!("presets/flow_detail.toml"),
    include_str!("presets/device_log.toml"),
    include_str!("presets/zeek_conn.toml"),
    include_str!("presets/eve_flow.toml"),
    include_str!("presets/nfstream.toml"),
    include_str!("presets/ipfix.toml"),
];

/// What the flow meter makes of a capture: the columns of a data set without its truth.
const METERED: [(&str, &str); 2] = [("cic", "cicids2017_corrected"), ("cic_legacy", "cicids2017_flows")];

/// The canonical flow is first: of two that are equally near to a header, the last is named. The meter's tables
/// are last: of two that fit equally well, the first is taken.
static PRESETS: LazyLock<Vec<Schema>> = LazyLock::new(|| {
    let sources: Vec<_> = SOURCES.iter().filter_map(|source| Schema::from_toml(source).ok()).collect();
    let metered = METERED.map(|(name, of)| metered(name, sources.iter().find(|schema| schema.name() == of)?));
    canonical::schema().into_iter().chain(sources).chain(metered.into_iter().flatten()).collect()
});

fn metered(name: &str, of: &Schema) -> Option<Schema> {
    let truth = |column: &&Column| column.role == Role::Label || column.name == "Attempted Category";
    let mut columns: Vec<Column> = of.columns().iter().filter(|c| !truth(c)).cloned().collect();
    columns.push(Column::new("End Reason", Role::Ignore, Kind::Text));
    columns.push(Column::new("Sequence", Role::Ignore, Kind::Number));
    Schema::new(name, columns, Vec::new()).ok()
}

impl Schema {
    /// A built-in schema by name.
    ///
    /// | name | source |
    /// |---|---|
    /// | `unsw_nb15` | UNSW-NB15, 45 columns with a header |
    /// | `unsw_nb15_raw` | UNSW-NB15, 49 columns without a header |
    /// | `cicids2017` | CICIDS2017 as first published, 79 columns |
    /// | `cicids2017_flows` | CICIDS2017 with the flow's identity, 84 or 85 columns |
    /// | `cicids2017_corrected` | CICIDS2017 as corrected in 2022, 91 columns |
    /// | `cicids2018` | CSE-CIC-IDS2018 and `CICFlowMeter` 4, 80 or 84 columns |
    /// | `nsl_kdd` | NSL-KDD, 43 columns without a header |
    /// | `kdd99` | KDD Cup 1999, 42 columns without a header |
    /// | `flow` | the smallest flow record that a service posts |
    /// | `flow_detail` | a flow record with directions, flags and timing, as the simulator writes it |
    /// | `device_log` | what a device logs of its link: latency, loss, retries, errors, traffic |
    /// | `canonical_flow` | one column for every [`Field`](crate::telemetry::Field), by its name and in its unit |
    /// | `zeek_conn` | Zeek's conn.log, TSV or JSON, labelled or not |
    /// | `eve_flow` | flow events of Suricata's EVE JSON; `flow.start` is the key `start` of the object `flow` |
    /// | `nfstream` | `NFStream` 6 with statistical analysis, and the flow meter's profile of that name |
    /// | `ipfix` | a flow as routers export it: NetFlow v5 and v9, IPFIX, sFlow v5 |
    /// | `cic` | the flow meter's profile: `cicids2017_corrected` without truth |
    /// | `cic_legacy` | the flow meter's profile: `cicids2017_flows` without truth |
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for another name.
    ///
    /// # Examples
    ///
    /// ```
    /// use qosguard::telemetry::Schema;
    ///
    /// assert_eq!(Schema::preset("unsw_nb15")?.columns().len(), 45);
    /// assert!(Schema::preset("unknown").is_err());
    /// # Ok::<(), qosguard::Error>(())
    /// ```
    pub fn preset(name: &str) -> Result<Self> {
        Self::presets().iter().find(|schema| schema.name() == name).cloned().ok_or_else(|| {
            let names: Vec<&str> = Self::presets().iter().map(Schema::name).collect();
            Error::invalid("preset", format!("one of {}", names.join(", ")), name)
        })
    }

    /// All built-in schemas.
    pub fn presets() -> &'static [Self] {
        &PRESETS
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::Field;

    #[test]
    fn every_preset_is_a_valid_schema_of_the_documented_width() {
        for source in SOURCES {
            Schema::from_toml(source).unwrap();
        }
        let widths: Vec<_> = Schema::presets().iter().map(|s| (s.name(), s.columns().len())).collect();
        assert_eq!(
            widths,
            [
                ("canonical_flow", Field::ALL.len()),
                ("unsw_nb15", 45),
                ("unsw_nb15_raw", 49),
                ("cicids2017", 79),
                ("cicids2017_flows", 85),
                ("cicids2017_corrected", 91),
                ("cicids2018", 84),
                ("nsl_kdd", 43),
                ("kdd99", 42),
                ("flow", 8),
                ("flow_detail", 19),
                ("device_log", 9),
                ("zeek_conn", 24),
                ("eve_flow", 26),
                ("nfstream", 96),
                ("ipfix", 29),
                ("cic", 91),
                ("cic_legacy", 86),
            ]
        );
    }

    #[test]
    fn identity_and_truth_are_not_features() {
        const NEVER: [&str; 17] = [
            "id",
            "Flow ID",
            "Src IP",
            "Source IP",
            "srcip",
            "src_ip",
            "sport",
            "src_port",
            "Src Port",
            "Source Port",
            "Timestamp",
            "Stime",
            "Ltime",
            "difficulty",
            "label",
            "attack_cat",
            "Attempted Category",
        ];
        for schema in Schema::presets() {
            for column in schema.columns() {
                let hidden = NEVER.contains(&column.name.as_str())
                    || matches!(column.field, Some(Field::SrcIp | Field::DstIp | Field::SrcPort));
                assert!(!(hidden && column.role == Role::Feature), "{}: {}", schema.name(), column.name);
                if column.field == Some(Field::DstPort) {
                    assert_eq!(column.role, Role::Feature, "{}", schema.name());
                }
            }
        }
    }
}
