//! Columns of a matrix with a special meaning for a network.

use serde::{Deserialize, Serialize};

use crate::telemetry::{Field, Schema};

/// Columns of the matrix with a special meaning for a network, by index from 0.
///
/// A guard supplies it from its featurizer. Without it every column is a plain number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Columns {
    /// Columns that hold categories as whole numbers in `0..65536`.
    pub categorical: Vec<usize>,
    /// The statistics of time, one list for each direction; empty without such columns.
    pub timing: Vec<TimingChannel>,
}

/// The statistics of time in one direction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimingChannel {
    /// The direction: `both`, `forward`, `backward` and so on.
    pub name: String,
    /// The column of each statistic, in the same order for all channels; `None` for a missing column.
    pub columns: Vec<Option<usize>>,
}

impl TimingChannel {
    /// The order of the statistics that [`Columns::by_name`] gives every channel.
    ///
    /// `total` is the whole time, the next four are statistics of the times between packets (of active or idle periods
    /// for `active` and `idle`), the last two are bytes and packets per second.
    pub const STATISTICS: [&str; 7] = ["total", "mean", "std", "max", "min", "byte_rate", "packet_rate"];
}

/// The fields of each statistic, for each channel; the first that has a column is taken.
const TIMING: [(&str, [&[Field]; 7]); 5] = [
    (
        "both",
        [
            &[Field::Duration],
            &[Field::IatMean],
            &[Field::IatStd],
            &[Field::IatMax],
            &[Field::IatMin],
            &[Field::PayloadRate],
            &[Field::PacketRate],
        ],
    ),
    (
        "forward",
        [
            &[Field::FwdIatTotal, Field::FwdDuration],
            &[Field::FwdIatMean],
            &[Field::FwdIatStd],
            &[Field::FwdIatMax],
            &[Field::FwdIatMin],
            &[],
            &[],
        ],
    ),
    (
        "backward",
        [
            &[Field::BwdIatTotal, Field::BwdDuration],
            &[Field::BwdIatMean],
            &[Field::BwdIatStd],
            &[Field::BwdIatMax],
            &[Field::BwdIatMin],
            &[],
            &[],
        ],
    ),
    (
        "active",
        [&[], &[Field::ActiveMean], &[Field::ActiveStd], &[Field::ActiveMax], &[Field::ActiveMin], &[], &[]],
    ),
    ("idle", [&[], &[Field::IdleMean], &[Field::IdleStd], &[Field::IdleMax], &[Field::IdleMin], &[], &[]]),
];

impl Columns {
    /// Finds the statistics of time among columns by the names that the schema presets give them.
    ///
    /// `names` are the names of the columns of the matrix, in order; `categorical` lists the columns of categories.
    /// Names of every preset are recognised ([`Schema::presets`]): `Flow IAT Mean`, `bidirectional_mean_piat_ms` and
    /// `iat_mean` are the same statistic. A channel without any column is left out. The statistics of a channel
    /// are in the order of [`TimingChannel::STATISTICS`].
    ///
    /// # Examples
    ///
    /// ```
    /// use qosguard::detect::Columns;
    ///
    /// let names = ["Protocol", "Fwd IAT Mean", "Flow Duration", "Fwd IAT Max"].map(String::from);
    /// let columns = Columns::by_name(&names, vec![0]);
    /// assert_eq!(columns.categorical, [0]);
    /// assert_eq!(columns.timing[0].name, "both");
    /// assert_eq!(columns.timing[0].columns, [Some(2), None, None, None, None, None, None]);
    /// assert_eq!(columns.timing[1].columns, [None, Some(1), None, Some(3), None, None, None]);
    /// ```
    pub fn by_name(names: &[String], categorical: Vec<usize>) -> Self {
        let fields: Vec<Option<Field>> = names
            .iter()
            .enumerate()
            .map(|(i, name)| if categorical.contains(&i) { None } else { field(name) })
            .collect();
        let find = |wanted: &&[Field]| {
            wanted.iter().find_map(|field| fields.iter().position(|have| have.as_ref() == Some(field)))
        };
        let timing = TIMING
            .iter()
            .map(|(name, statistics)| TimingChannel {
                name: (*name).to_owned(),
                columns: statistics.iter().map(find).collect(),
            })
            .filter(|channel| channel.columns.iter().any(Option::is_some))
            .collect();
        Self { categorical, timing }
    }

    /// The columns of all statistics of time, channel by channel.
    pub(crate) fn timing_columns(&self) -> impl Iterator<Item = usize> + '_ {
        self.timing.iter().flat_map(|channel| channel.columns.iter().copied().flatten())
    }
}

/// The field of a column with this name in the first preset that has it.
fn field(name: &str) -> Option<Field> {
    let columns = Schema::presets().iter().flat_map(Schema::columns);
    columns.filter(|column| column.name == name).find_map(|column| column.field)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The feature columns of a preset.
    pub(crate) fn features(preset: &str) -> Vec<String> {
        let schema = Schema::preset(preset).unwrap();
        let columns = schema.columns().iter().filter(|column| column.role == crate::telemetry::Role::Feature);
        columns.map(|column| column.name.clone()).collect()
    }

    fn timing(preset: &str) -> Vec<(String, Vec<String>)> {
        let mut names = features(preset);
        // Never by position.
        names.reverse();
        let columns = Columns::by_name(&names, Vec::new());
        let of =
            |channel: &TimingChannel| channel.columns.iter().flatten().map(|&i| names[i].clone()).collect();
        columns.timing.iter().map(|channel| (channel.name.clone(), of(channel))).collect()
    }

    #[test]
    fn the_25_statistics_of_cicids2017_are_found_by_name() {
        let expected: Vec<(String, Vec<String>)> = [
            ("both", "Flow Duration,Flow IAT Mean,Flow IAT Std,Flow IAT Max,Flow IAT Min,Flow Bytes/s,Flow Packets/s"),
            ("forward", "Fwd IAT Total,Fwd IAT Mean,Fwd IAT Std,Fwd IAT Max,Fwd IAT Min"),
            ("backward", "Bwd IAT Total,Bwd IAT Mean,Bwd IAT Std,Bwd IAT Max,Bwd IAT Min"),
            ("active", "Active Mean,Active Std,Active Max,Active Min"),
            ("idle", "Idle Mean,Idle Std,Idle Max,Idle Min"),
        ]
        .map(|(channel, names)| (channel.to_owned(), names.split(',').map(String::from).collect()))
        .into();
        for preset in ["cicids2017", "cicids2017_flows", "cicids2017_corrected", "cic", "cic_legacy"] {
            assert_eq!(timing(preset), expected, "{preset}");
        }
        assert_eq!(expected.iter().map(|(_, names)| names.len()).sum::<usize>(), 25);
    }

    #[test]
    fn other_sources_give_what_they_have() {
        let names = |preset| timing(preset).iter().map(|(_, names)| names.join(",")).collect::<Vec<_>>();
        assert_eq!(names("unsw_nb15"), ["dur,rate", "sinpkt", "dinpkt"]);
        assert_eq!(names("nsl_kdd"), ["duration"]);
        let nfstream = names("nfstream");
        assert_eq!(nfstream.len(), 3);
        assert_eq!(
            nfstream[1],
            "src2dst_duration_ms,src2dst_mean_piat_ms,src2dst_stddev_piat_ms,src2dst_max_piat_ms,src2dst_min_piat_ms"
        );
        assert!(Columns::by_name(&["bytes".into()], Vec::new()).timing.is_empty());
    }

    #[test]
    fn a_name_means_one_statistic_in_all_presets() {
        let timed: Vec<Field> = TIMING.iter().flat_map(|(_, fields)| fields.concat()).collect();
        for column in Schema::presets().iter().flat_map(Schema::columns) {
            if column.field.is_some_and(|field| timed.contains(&field)) {
                assert_eq!(field(&column.name), column.field, "{}", column.name);
            }
        }
    }
}
