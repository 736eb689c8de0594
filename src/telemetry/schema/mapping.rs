//! Whether the columns of one schema can be filled from another, and which from which.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::derive::{Formula, same};
use super::field::Field;
use crate::telemetry::cell::spelling::Spelling;
use crate::telemetry::schema::{Column, Kind, Role, Schema};

/// How the columns of a schema are filled from the columns of another one.
///
/// A column is filled from the source's column of the same name, unless the two name different fields; else
/// from the source's first column of the same [`Field`]; else it is derived, as in the table below. Cells
/// are taken from the source's unit to the column's. Truth only ever fills truth, and a time or an entity
/// no feature.
///
/// | derived | from |
/// |---|---|
/// | `duration` | `end_time` - `start_time` |
/// | `packets`, `payload_bytes`, `ip_bytes`, `frame_bytes`, the counts of flags | forward + backward |
/// | `round_trip` | `syn_ack_delay` + `ack_delay` |
/// | `payload_mean`, `frame_mean`, and both with `fwd_ip_mean` and `bwd_ip_mean` by direction | bytes / packets |
/// | `down_up_ratio` | `bwd_packets` / `fwd_packets` |
/// | `payload_rate`, `packet_rate`, `fwd_packet_rate`, `bwd_packet_rate` | bytes or packets / `duration` |
/// | `fwd_bit_rate`, `bwd_bit_rate` | 8 * IP bytes / `duration` |
///
/// A derived cell is null where one that it follows from is null, and where the divisor is 0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SchemaFit {
    /// Name of the schema that is filled.
    pub schema: String,
    /// Name of the schema that it is filled from.
    pub source: String,
    /// Features that the source has nothing for.
    pub missing: Vec<String>,
    /// Columns that are filled from one of the source's, and which.
    pub mapped: Vec<(String, String)>,
    /// Columns that are derived, and how, in the names of the source.
    pub derived: Vec<(String, String)>,
}

impl SchemaFit {
    /// Whether every feature can be filled.
    pub fn is_complete(&self) -> bool {
        self.missing.is_empty()
    }
}

impl fmt::Display for SchemaFit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { schema, source, missing, mapped, derived } = self;
        if missing.is_empty() {
            write!(f, "`{source}` has every feature of `{schema}`")?;
        } else {
            write!(
                f,
                "`{source}` lacks {} of the features of `{schema}`: {}",
                missing.len(),
                missing.join(", ")
            )?;
        }
        let renamed = mapped.iter().filter(|(to, from)| to != from);
        let renamed = renamed.map(|(to, from)| format!("{to} from {from}"));
        let derived = derived.iter().map(|(to, formula)| format!("{to} = {formula}"));
        for how in renamed.chain(derived) {
            write!(f, "; {how}")?;
        }
        Ok(())
    }
}

impl Schema {
    /// How the columns of this schema can be filled from tables of another one.
    ///
    /// # Examples
    ///
    /// ```
    /// use qosguard::telemetry::Schema;
    ///
    /// let fit = Schema::preset("flow")?.fits(&Schema::preset("unsw_nb15_raw")?);
    /// assert!(fit.is_complete());
    /// assert!(fit.mapped.contains(&("duration".into(), "dur".into())));
    /// assert!(fit.derived.contains(&("packet_count".into(), "Spkts + Dpkts".into())));
    ///
    /// let fit = Schema::preset("flow")?.fits(&Schema::preset("kdd99")?);
    /// assert_eq!(fit.missing, ["dst_port", "packet_count", "byte_count"]);
    /// # Ok::<(), qosguard::Error>(())
    /// ```
    pub fn fits(&self, source: &Self) -> SchemaFit {
        Plan::new(source, self).fit
    }

    /// This schema with only the columns that a table of another one can fill, and with the other one's label and attack
    /// class if it has none.
    ///
    /// ```
    /// use qosguard::telemetry::Schema;
    ///
    /// let canonical = Schema::preset("canonical_flow")?;
    /// let shared = canonical.common_with(&Schema::preset("nsl_kdd")?).common_with(&Schema::preset("flow")?);
    /// let names: Vec<&str> = shared.columns().iter().map(|c| c.name.as_str()).collect();
    /// assert_eq!(names, ["protocol", "duration"]);
    /// # Ok::<(), qosguard::Error>(())
    /// ```
    #[must_use]
    pub fn common_with(&self, source: &Self) -> Self {
        Plan::new(source, self).schema
    }
}

/// How a table is taken to another schema.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The schema that is filled, without the columns that nothing fills.
    pub(crate) schema: Schema,
    /// How each of its columns is filled.
    pub(crate) ways: Vec<Way>,
    pub(crate) fit: SchemaFit,
}

/// How a column is filled.
#[derive(Clone, Debug)]
pub(crate) enum Way {
    /// From one column, by position.
    Column(usize, Cells),
    /// From several, divided by the column's own scale.
    Derived(Formula, Scale),
}

/// What becomes of the cells of a column.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cells {
    /// They stay as they are.
    Same,
    /// Numbers change their unit.
    Scaled(Scale),
    /// Text is spelt as the readers spell it.
    Spelt(Spelling),
    /// Protocol numbers become names.
    Named,
    /// Protocol names become numbers.
    Numbered,
    /// Labels in words become 0 and 1.
    Judged,
}

/// A change of unit, correctly rounded where it is by a whole number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Scale {
    Times(f64),
    By(f64),
}

impl Scale {
    /// From cells of one factor to cells of another; `None` where they are equal.
    fn between(from: f64, to: f64) -> Option<Self> {
        let whole = |ratio: f64| (ratio - ratio.round()).abs() <= 1e-9 * ratio && ratio.round() >= 1.0;
        let (up, down) = (from / to, to / from);
        match () {
            () if from == to => None,
            () if whole(up) => Some(Self::Times(up.round())),
            () if whole(down) => Some(Self::By(down.round())),
            () => Some(Self::Times(up)),
        }
    }

    pub(crate) fn of(self, value: f64) -> f64 {
        match self {
            Self::Times(factor) => value * factor,
            Self::By(divisor) => value / divisor,
        }
    }
}

impl Plan {
    /// The plan that fills `target` from tables of `source`.
    pub(crate) fn new(source: &Schema, target: &Schema) -> Self {
        let (mut keep, mut ways) = (Vec::new(), Vec::new());
        let mut fit = SchemaFit {
            schema: target.name().to_owned(),
            source: source.name().to_owned(),
            missing: Vec::new(),
            mapped: Vec::new(),
            derived: Vec::new(),
        };
        let mut foreign_label = false;
        for (i, column) in target.columns().iter().enumerate() {
            let way = Way::to(column, source);
            match &way {
                Some(Way::Column(at, _)) => {
                    let from = source.columns().get(*at).map_or_else(String::new, |c| c.name.clone());
                    fit.mapped.push((column.name.clone(), from));
                    foreign_label |= column.role == Role::Label && column.kind == Kind::Text;
                }
                Some(Way::Derived(formula, _)) => {
                    fit.derived.push((column.name.clone(), formula.words(source)));
                }
                None if column.role == Role::Feature => fit.missing.push(column.name.clone()),
                None => {}
            }
            if let Some(way) = way {
                keep.push(i);
                ways.push(way);
            }
        }
        let schema = target.restrict(&keep);
        // The words of a label mean what they mean where they come from.
        let schema = if foreign_label { schema.with_clean_of(source) } else { schema };
        Self { schema, ways, fit }.with_truth(source)
    }

    /// The plan with the source's label and attack class as further columns, if the target has none.
    fn with_truth(mut self, source: &Schema) -> Self {
        let has_label = self.schema.index_of_role(Role::Label).is_some();
        for role in [Role::Label, Role::Family] {
            let truth = source.index_of_role(role).filter(|_| self.schema.index_of_role(role).is_none());
            let Some((at, column)) = truth.and_then(|at| Some((at, source.columns().get(at)?))) else {
                continue;
            };
            if self.schema.index_of(&column.name).is_none() {
                self.schema.columns.push(column.clone());
                self.ways.push(Way::Column(at, Cells::Same));
            }
        }
        if !has_label && self.schema.index_of_role(Role::Label).is_some() {
            self.schema = self.schema.with_clean_of(source);
        }
        self
    }
}

impl Way {
    fn to(to: &Column, source: &Schema) -> Option<Self> {
        let columns = source.columns();
        let by_name = || {
            let at = source.index_of(&to.name)?;
            let other = to.field.zip(columns.get(at)?.field).is_some_and(|(a, b)| !same(a, b));
            if other { None } else { Some((at, cells(columns.get(at)?, to)?)) }
        };
        let by_role = || {
            let at =
                source.index_of_role(to.role).filter(|_| matches!(to.role, Role::Label | Role::Family))?;
            Some((at, cells(columns.get(at)?, to)?))
        };
        let by_field = || {
            let mut alike = columns
                .iter()
                .enumerate()
                .filter(|(_, c)| c.field.zip(to.field).is_some_and(|(a, b)| same(a, b)));
            alike.find_map(|(at, from)| Some((at, cells(from, to)?)))
        };
        if let Some((at, cells)) = by_name().or_else(by_role).or_else(by_field) {
            return Some(Self::Column(at, cells));
        }
        let field = to.field.filter(|_| to.kind != Kind::Text)?;
        let scale = Scale::between(1.0, to.factor()).unwrap_or(Scale::Times(1.0));
        Some(Self::Derived(Formula::derived(field, source)?, scale))
    }
}

/// What becomes of the cells of `from` in `to`; `None` where they may not or cannot go there.
fn cells(from: &Column, to: &Column) -> Option<Cells> {
    let allowed = match to.role {
        Role::Label | Role::Family => from.role == to.role,
        Role::Feature => !from.is_barred(),
        Role::Time | Role::Entity | Role::Ignore => !from.is_truth() || to.is_truth(),
    };
    let protocol = to.field.or(from.field) == Some(Field::Protocol);
    let cells = match (from.kind, to.kind) {
        _ if !allowed => return None,
        // A time is a number too: seconds since the epoch.
        (Kind::Number | Kind::Time, Kind::Number | Kind::Time) => {
            let both = from.field.is_some() && to.field.is_some();
            let scale = if both { Scale::between(from.factor(), to.factor()) } else { None };
            scale.map_or(Cells::Same, Cells::Scaled)
        }
        (Kind::Text, Kind::Text) if Spelling::of(from) == Spelling::of(to) => Cells::Same,
        (Kind::Text, Kind::Text) => Cells::Spelt(Spelling::of(to)),
        (Kind::Number, Kind::Text) if protocol => Cells::Named,
        (Kind::Text, Kind::Number) if protocol => Cells::Numbered,
        (Kind::Text, Kind::Number) if to.role == Role::Label => Cells::Judged,
        _ => return None,
    };
    Some(cells)
}
