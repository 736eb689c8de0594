//! Profiles: the columns of well-known flow meters.

use std::sync::{Arc, LazyLock};

use serde::{Deserialize, Serialize};

use super::views::{self, Cell};
use crate::error::Result;
use crate::telemetry::Schema;

/// Which flow meter's columns and rules are used. `docs/FLOW_COLUMNS.md` defines each column.
///
/// | | `cic` | `cic_legacy` | `nfstream` |
/// |---|---|---|---|
/// | names from | `cicids2017_corrected` | `cicids2017_flows` | `nfstream` |
/// | clock | µs | µs | ms |
/// | size of a packet | payload | payload | frame |
/// | idle timeout | more than 120 s | more than 120 s | 120 s or more |
/// | active timeout | more than 120 s | more than 120 s | 1,800 s or more |
/// | TCP end | both FINs and an ACK, or RST; the next SYN starts another flow | first FIN | none |
/// | forward | first packet; a SYN-ACK is the answer | first packet | first packet |
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Profile {
    /// `CICFlowMeter`'s columns with corrected definitions.
    Cic,
    /// `CICFlowMeter`'s columns as in its first release, with the defects of that release.
    CicLegacy,
    /// `NFStream`'s columns and rules.
    #[default]
    Nfstream,
}

/// The description of one column of a profile.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct FlowColumn {
    /// Name in the table.
    pub name: &'static str,
    /// Unit: `µs`, `ms`, `B`, `1/s`, …; empty for counts, codes and text.
    pub unit: &'static str,
    /// The formula.
    pub formula: &'static str,
    pub(super) cell: Cell,
}

impl Profile {
    /// Every profile.
    pub const ALL: [Self; 3] = [Self::Cic, Self::CicLegacy, Self::Nfstream];

    /// The name in a configuration.
    ///
    /// ```
    /// use qosguard::telemetry::packets::Profile;
    ///
    /// assert_eq!(Profile::CicLegacy.as_str(), "cic_legacy");
    /// ```
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cic => "cic",
            Self::CicLegacy => "cic_legacy",
            Self::Nfstream => "nfstream",
        }
    }

    /// The columns of its tables, in order.
    ///
    /// ```
    /// use qosguard::telemetry::packets::Profile;
    ///
    /// let duration = Profile::Cic.columns().iter().find(|c| c.name == "Flow Duration").expect("a column");
    /// assert_eq!((duration.unit, duration.formula), ("µs", "last packet − first packet"));
    /// ```
    pub fn columns(self) -> &'static [FlowColumn] {
        match self {
            Self::Cic => views::CIC,
            Self::CicLegacy => &views::CIC_LEGACY,
            Self::Nfstream => &views::NFSTREAM,
        }
    }

    /// The schema of its tables: the columns of the preset of the same name that a capture can fill.
    ///
    /// # Errors
    ///
    /// The errors of [`Schema::new`]; none for the presets of this release.
    ///
    /// ```
    /// use qosguard::telemetry::packets::Profile;
    ///
    /// assert_eq!(Profile::Nfstream.schema()?.name(), "nfstream");
    /// assert_eq!(Profile::Nfstream.schema()?.columns()[0].name, "id");
    /// # Ok::<(), qosguard::Error>(())
    /// ```
    pub fn schema(self) -> Result<Arc<Schema>> {
        static SCHEMAS: LazyLock<[Option<Arc<Schema>>; 3]> =
            LazyLock::new(|| Profile::ALL.map(|profile| profile.derive().ok().map(Arc::new)));
        match SCHEMAS.get(self as usize) {
            Some(Some(schema)) => Ok(Arc::clone(schema)),
            _ => self.derive().map(Arc::new),
        }
    }

    fn derive(self) -> Result<Schema> {
        let preset = Schema::preset(self.as_str())?;
        let made = |name: &str| self.columns().iter().any(|column| column.name == name);
        let keep = preset.columns().iter().enumerate().filter(|(_, column)| made(&column.name));
        Ok(preset.restrict(&keep.map(|(i, _)| i).collect::<Vec<_>>()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::Kind;

    #[test]
    fn the_columns_have_the_names_order_and_kinds_of_the_preset() {
        for profile in Profile::ALL {
            let schema = profile.schema().unwrap();
            let names: Vec<_> = schema.columns().iter().map(|c| c.name.as_str()).collect();
            let made: Vec<_> = profile.columns().iter().map(|c| c.name).collect();
            assert_eq!(names, made, "{}", profile.as_str());
            for (column, made) in schema.columns().iter().zip(profile.columns()) {
                let number = matches!(made.cell, Cell::Number(_));
                assert_eq!(column.kind == Kind::Number, number, "{}", made.name);
            }
        }
    }

    #[test]
    fn the_cic_tables_have_the_columns_of_the_data_sets_without_labels() {
        for (profile, preset, columns) in
            [(Profile::Cic, "cicids2017_corrected", 91), (Profile::CicLegacy, "cicids2017_flows", 85)]
        {
            let schema = profile.schema().unwrap();
            let preset = Schema::preset(preset).unwrap();
            let (own, shared) = schema.columns().split_last_chunk::<2>().map(|(a, b)| (b, a)).unwrap();
            assert_eq!(own.each_ref().map(|c| c.name.as_str()), ["End Reason", "Sequence"]);
            assert_eq!(shared, &preset.columns()[..shared.len()]);
            assert_eq!(preset.columns().len(), columns);
            for left_out in &preset.columns()[shared.len()..] {
                assert!(["Label", "Attempted Category"].contains(&left_out.name.as_str()));
            }
        }
    }
}
