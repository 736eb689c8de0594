//! A schema for a source that no preset fits, from the names and the first values of its columns.

use std::collections::HashSet;
use std::net::IpAddr;

use super::clock::{Clock, TimeUnit};
use super::detect::unique_names;
use super::field::Field;
use super::infer_names::{
    CLEAN, CLOCKS, DESTINATION_PORTS, DESTINATIONS, ENTITIES, FAMILIES, IDENTIFIERS, LABELS, PERHAPS,
    PROTOCOLS, SOURCE_PORTS, SOURCES, TIMES, TRUTH_PARTS, plain,
};
use super::json;
use super::number::{self, Cell};
use super::sample::{self, Object, Sample, Sort};
use super::schema::{Column, Kind, Role, Schema, is_reserved};
use super::text::is_unknown;
use crate::arrow::array::RecordBatch;
use crate::error::{Error, Result};

/// The name of an inferred schema.
pub(super) const NAME: &str = "inferred";

/// Records from which on a column with one value is ignored, and one with a value for each record.
const ENOUGH: usize = 20;

/// Most different texts of a label and of a category; of a category also every second record's.
const CLASSES: usize = 1_000;
const CATEGORIES: usize = 100;

/// Formats of times besides ISO 8601. Where both of a pair fit, day and month cannot be told apart.
const FORMATS: [(&str, Option<&str>); 8] = [
    ("%d/%m/%Y %H:%M:%S", Some("%m/%d/%Y %H:%M:%S")),
    ("%d/%m/%Y %H:%M", Some("%m/%d/%Y %H:%M")),
    ("%d/%m/%Y %I:%M:%S %p", Some("%m/%d/%Y %I:%M:%S %p")),
    ("%d/%m/%Y %I:%M %p", Some("%m/%d/%Y %I:%M %p")),
    ("%d.%m.%Y %H:%M:%S", None),
    ("%Y/%m/%d %H:%M:%S%.f", None),
    ("%d/%b/%Y:%H:%M:%S %z", None),
    ("%b %d, %Y %H:%M:%S%.f", None),
];

/// What a column is taken for, and why in words.
struct Taken {
    column: Column,
    why: String,
}

impl Schema {
    /// A schema for a batch that no preset describes, from the names and the first 2,000 rows of its columns.
    ///
    /// | role | columns |
    /// |---|---|
    /// | `label`, `family` | by name, such as `label`, `Class`, `is_attack`, `attack_cat`; values such as `normal` and `BENIGN` are clean |
    /// | `time` | by name, if its values are times: ISO 8601, a common format, or a number of seconds, milliseconds, microseconds or nanoseconds since 1970 |
    /// | `entity` | addresses, hosts and devices, by name or because all values are addresses |
    /// | `ignore` | destination addresses, source ports, numbers of records, other times, columns with one value, texts that hardly repeat, nested values, and all that may say what the label says |
    /// | `feature` | all else: numbers, and texts as categories |
    ///
    /// All readers do this where no schema is given and no preset fits; [`ReadReport::inferred`](super::ReadReport::inferred) then
    /// says what each column was taken for. [`Schema::to_toml`] writes it down, to be changed.
    ///
    /// # Errors
    ///
    /// [`Error::SchemaMismatch`] where no column can be a feature.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::sync::Arc;
    /// use qosguard::arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};
    /// use qosguard::telemetry::{Role, Schema};
    ///
    /// let rate: ArrayRef = Arc::new(Float64Array::from(vec![0.5, 2.5]));
    /// let class: ArrayRef = Arc::new(StringArray::from(vec!["Normal", "Flood"]));
    /// let schema = Schema::infer(&RecordBatch::try_from_iter([("rate", rate), ("class", class)])?)?;
    /// assert_eq!(schema.columns()[0].role, Role::Feature);
    /// assert_eq!(schema.columns()[1].role, Role::Label);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn infer(batch: &RecordBatch) -> Result<Self> {
        let names: Vec<String> = batch.schema_ref().fields().iter().map(|f| f.name().clone()).collect();
        let names = unique_names(&names);
        of_samples("batch", &sample::of_batch(batch, &names))
    }

    /// A schema for JSON records that no preset describes, as [`Schema::infer`] makes one for a batch.
    ///
    /// The text is one JSON object, or an array of objects.
    ///
    /// # Errors
    ///
    /// [`Error::BadRecord`] for text that is not such JSON; [`Error::InsufficientData`] for an empty array;
    /// [`Error::SchemaMismatch`] where no column can be a feature.
    ///
    /// # Examples
    ///
    /// ```
    /// use qosguard::telemetry::{Role, Schema};
    ///
    /// let schema = Schema::infer_json(r#"[{"rate": 0.5, "class": "Normal"}, {"rate": 2.5, "class": "Flood"}]"#)?;
    /// assert_eq!(schema.columns()[1].role, Role::Label);
    /// # Ok::<(), qosguard::Error>(())
    /// ```
    pub fn infer_json(text: &str) -> Result<Self> {
        let names = json::first_keys(text)?;
        let objects = serde_json::from_str::<Vec<Object>>(text);
        let objects = objects.or_else(|_| serde_json::from_str(text).map(|object| vec![object]));
        let objects = objects.map_err(|error| json::not_json(text, &error))?;
        of_samples("json", &sample::of_objects(objects.into_iter(), &names))
    }
}

fn of_samples(place: &str, samples: &[Sample]) -> Result<Schema> {
    infer(samples).map(|(schema, _)| schema).ok_or_else(|| Error::SchemaMismatch {
        place: place.into(),
        schema: NAME.into(),
        missing: vec!["a column that can be a feature".into()],
        unknown: Vec::new(),
    })
}

/// The schema of a sample, and what its columns were taken for in words; `None` where no column can be a feature.
pub(super) fn infer(samples: &[Sample]) -> Option<(Schema, Vec<String>)> {
    let profiles: Vec<Profile> = samples.iter().map(Profile::of).collect();
    let label = label(&profiles);
    let family = family(&profiles, label);
    let mut taken: Vec<Taken> = Vec::with_capacity(profiles.len());
    for (i, profile) in profiles.iter().enumerate() {
        taken.push(if Some(i) == label {
            profile.label()
        } else if Some(i) == family {
            let column = Column::new(&profile.sample.name, Role::Family, Kind::Text);
            Taken { column, why: String::new() }
        } else {
            profile.ordinary(label.is_some())
        });
    }
    only_one_time(&mut taken);
    only_one_of_a_field(&mut taken);
    ends_by_values(&mut taken, &profiles);
    taken.iter().any(|t| t.column.role == Role::Feature).then_some(())?;
    let words = words(&taken);
    let columns = taken.into_iter().map(|t| t.column).collect();
    let clean = CLEAN.iter().map(ToString::to_string).collect();
    Some((Schema::new(NAME, columns, clean).ok()?, words))
}

/// A column's values.
struct Profile<'a> {
    sample: &'a Sample,
    /// Name in small letters and digits.
    name: String,
    /// Records with a value.
    present: usize,
    distinct: HashSet<&'a str>,
    /// The values, if all are numbers.
    numbers: Option<Vec<f64>>,
}

impl<'a> Profile<'a> {
    fn of(sample: &'a Sample) -> Self {
        let cells = || sample.cells.iter().flatten().map(String::as_str);
        let number = |cell: &str| match number::parse(cell.as_bytes(), false) {
            Cell::Value(value) => Some(Some(value)),
            Cell::Missing => Some(None),
            _ => None,
        };
        let numbers: Option<Vec<Option<f64>>> = cells().map(number).collect();
        let numbers: Option<Vec<f64>> = numbers.map(|numbers| numbers.into_iter().flatten().collect());
        Self {
            name: plain(&sample.name),
            present: cells().filter(|&cell| cell != "-").count(),
            distinct: cells().filter(|&cell| cell != "-").collect(),
            numbers: numbers.filter(|numbers| !numbers.is_empty() && sample.sort != Sort::Instant),
            sample,
        }
    }

    fn named(&self, names: &[&str]) -> bool {
        names.contains(&self.name.as_str())
    }

    /// Whether a value says that traffic is clean.
    fn has_clean_word(&self) -> bool {
        let word = |value: &&str| {
            CLEAN[..9].iter().any(|clean| value.trim_end_matches('.').eq_ignore_ascii_case(clean))
        };
        self.distinct.iter().any(word)
    }

    /// Whether the values can be labels.
    fn tells_truth(&self) -> bool {
        let zero_or_one = || self.numbers.as_ref().is_some_and(|n| n.iter().all(|v| *v == 0.0 || *v == 1.0));
        let classes = self.present > 0 && self.distinct.len() <= CLASSES && !self.is_unique();
        classes
            && match self.numbers {
                Some(_) => zero_or_one() || !self.named(&PERHAPS),
                None => self.has_clean_word() || !self.named(&PERHAPS),
            }
    }

    /// Whether nearly each record has another value.
    fn is_unique(&self) -> bool {
        self.present >= ENOUGH && self.distinct.len() * 10 > self.present * 9
    }

    fn label(&self) -> Taken {
        if self.numbers.is_some() {
            let mut column = Column::new(&self.sample.name, Role::Label, Kind::Number);
            column.minimum = Some(0.0);
            return Taken { column, why: "0 is clean".into() };
        }
        let column = Column::new(&self.sample.name, Role::Label, Kind::Text);
        let mut clean: Vec<&str> = self
            .distinct
            .iter()
            .copied()
            .filter(|v| CLEAN.iter().any(|c| v.trim_end_matches('.').eq_ignore_ascii_case(c)))
            .collect();
        clean.sort_unstable();
        let why = if clean.is_empty() {
            format!("no value up to record {} is known to be clean", self.sample.cells.len())
        } else {
            format!("clean: {}", clean.join(", "))
        };
        Taken { column, why }
    }

    /// A column that is neither label nor family.
    fn ordinary(&self, labelled: bool) -> Taken {
        let name = &self.sample.name;
        let ignored =
            |why: &str| Taken { column: Column::new(name, Role::Ignore, Kind::Text), why: why.to_owned() };
        if self.sample.sort == Sort::Nested {
            return ignored("nested values");
        }
        if self.present == 0 {
            return ignored("no values");
        }
        if self.sample.partial {
            return ignored("absent from some records");
        }
        let truth = TRUTH_PARTS.iter().any(|part| self.name.contains(part))
            || (self.named(&FAMILIES) || self.named(&LABELS)) && !self.named(&PERHAPS)
            || labelled && self.named(&PERHAPS) && self.has_clean_word();
        if truth {
            return ignored("may say what the label says");
        }
        if let Some(taken) = self.address().or_else(|| self.time()).or_else(|| self.port()) {
            return taken;
        }
        if self.named(&PROTOCOLS) {
            let mut column = Column::new(name, Role::Feature, Kind::Text);
            column.field = Some(Field::Protocol);
            return Taken { column, why: String::new() };
        }
        if self.named(&IDENTIFIERS)
            || self.name.starts_with("unnamed")
            || self.name.starts_with("indexlevel")
            || self.counts()
        {
            return ignored("a number of the record");
        }
        if is_reserved(name) {
            return ignored("a name of truth or identity");
        }
        if self.distinct.len() == 1
            && self.sample.cells.len() >= ENOUGH
            && self.present == self.sample.cells.len()
        {
            let value: String = self.distinct.iter().flat_map(|v| v.chars()).take(32).collect();
            return ignored(&format!("always {value}"));
        }
        if self.numbers.is_some() {
            return Taken { column: Column::new(name, Role::Feature, Kind::Number), why: String::new() };
        }
        if self.is_unique() || self.distinct.len() > CATEGORIES.max(self.present / 2) {
            return ignored(&format!("{} different texts", self.distinct.len()));
        }
        Taken { column: Column::new(name, Role::Feature, Kind::Text), why: String::new() }
    }

    /// Whether each record has the number behind the last one's.
    fn counts(&self) -> bool {
        let steps = |n: &Vec<f64>| n.len() >= ENOUGH && n.windows(2).all(|pair| pair[1] - pair[0] == 1.0);
        self.numbers.as_ref().is_some_and(steps)
    }

    /// Whether all values are addresses.
    fn holds_addresses(&self) -> bool {
        self.numbers.is_none() && self.present > 0 && self.distinct.iter().all(|value| is_address(value))
    }

    fn address(&self) -> Option<Taken> {
        let addresses = self.holds_addresses();
        let source = self.named(&SOURCES);
        let destination = self.named(&DESTINATIONS);
        // `source` and `dst` may be anything.
        let named =
            (source || destination) && (addresses || self.name.contains("ip") || self.name.contains("addr"));
        let entity = self.named(&ENTITIES) && self.numbers.is_none();
        if !(named || entity || addresses) {
            return None;
        }
        let role = if destination { Role::Ignore } else { Role::Entity };
        let mut column = Column::new(&self.sample.name, role, Kind::Text);
        column.field = match (source, destination) {
            (true, _) => Some(Field::SrcIp),
            (_, true) => Some(Field::DstIp),
            _ => None,
        };
        Some(Taken { column, why: "an address".into() })
    }

    fn port(&self) -> Option<Taken> {
        let (source, destination) = (self.named(&SOURCE_PORTS), self.named(&DESTINATION_PORTS));
        let port = |cell: &&str| match number::parse(cell.as_bytes(), true) {
            Cell::Value(value) => (0.0..=65_535.0).contains(&value) && value.trunc() == value,
            Cell::Missing => true,
            _ => false,
        };
        if !(source || destination) || !self.distinct.iter().all(port) {
            return None;
        }
        let role = if source { Role::Ignore } else { Role::Feature };
        let mut column = Column::new(&self.sample.name, role, Kind::Number);
        column.field = Some(if source { Field::SrcPort } else { Field::DstPort });
        (column.minimum, column.maximum) = (Some(0.0), Some(65_535.0));
        Some(Taken { column, why: "a source port".into() })
    }

    /// A time, or what looks like one and cannot be read.
    fn time(&self) -> Option<Taken> {
        let mut column = Column::new(&self.sample.name, Role::Time, Kind::Time);
        let named = self.named(&TIMES) || self.name.ends_with("timestamp");
        if self.sample.sort == Sort::Instant {
            return Some(Taken { column, why: String::new() });
        }
        if let Some(numbers) = &self.numbers {
            if !named {
                return None;
            }
            let within = |low: f64, high: f64| numbers.iter().all(|n| (low..high).contains(n));
            column.unit = if within(1e8, 1e11) {
                None
            } else if within(1e11, 1e14) {
                Some(TimeUnit::Milliseconds)
            } else if within(1e14, 1e17) {
                Some(TimeUnit::Microseconds)
            } else if within(1e17, 1e20) {
                Some(TimeUnit::Nanoseconds)
            } else if within(0.0, 1e11) && self.named(&CLOCKS) {
                None
            } else if self.named(&CLOCKS) {
                return Some(Taken {
                    column: Column::new(&self.sample.name, Role::Ignore, Kind::Text),
                    why: "times of no known unit".into(),
                });
            } else {
                return None;
            };
            return Some(Taken { column, why: String::new() });
        }
        let reads = |format: Option<&str>| {
            let clock = Clock::new(None, format.map(str::to_owned));
            let reads = |value: &&str| value.len() >= 8 && clock.read(value.as_bytes()).is_ok();
            self.distinct.iter().all(reads)
        };
        if reads(None) {
            return Some(Taken { column, why: String::new() });
        }
        for (format, twin) in FORMATS {
            let format = match (reads(Some(format)), twin.is_some_and(|twin| reads(Some(twin)))) {
                (true, false) => Some(format),
                (false, true) => twin,
                (true, true) => {
                    let ignored = Column::new(&self.sample.name, Role::Ignore, Kind::Text);
                    return Some(Taken {
                        column: ignored,
                        why: format!("times that are `{format}` or `{}`", twin.unwrap_or("")),
                    });
                }
                (false, false) => None,
            };
            if let Some(format) = format {
                column.format = Some(format.to_owned());
                return Some(Taken { column, why: String::new() });
            }
        }
        None
    }
}

fn is_address(value: &str) -> bool {
    let host = value.split_once('/').map_or(value, |(host, _)| host);
    let mac = || {
        let bytes: Vec<&str> = value.split([':', '-']).collect();
        bytes.len() == 6 && bytes.iter().all(|b| b.len() == 2 && b.bytes().all(|b| b.is_ascii_hexdigit()))
    };
    host.parse::<IpAddr>().is_ok() || mac()
}

/// The label: the first of the names that a column has whose values can be one.
fn label(profiles: &[Profile<'_>]) -> Option<usize> {
    let of = |name: &&str| profiles.iter().position(|p| p.name == *name && p.tells_truth());
    let by_name = LABELS.iter().find_map(of);
    // A class of attack with a word for clean traffic says both.
    let clean = |name: &&str| profiles.iter().position(|p| p.name == *name && p.has_clean_word());
    by_name.or_else(|| FAMILIES.iter().find_map(clean))
}

fn family(profiles: &[Profile<'_>], label: Option<usize>) -> Option<usize> {
    label?;
    let fits = |(i, p): (usize, &Profile<'_>), name: &str| {
        let text = p.numbers.is_none() && p.present > 0 && p.distinct.len() <= CLASSES && !p.is_unique();
        (p.name == name && Some(i) != label && text && p.tells_truth()).then_some(i)
    };
    FAMILIES.iter().find_map(|name| profiles.iter().enumerate().find_map(|column| fits(column, name)))
}

/// Of several times the one with the best name is the record's.
fn only_one_time(taken: &mut [Taken]) {
    let rank = |t: &Taken| {
        let name = plain(&t.column.name);
        TIMES.iter().position(|&time| time == name).unwrap_or(TIMES.len())
    };
    let times = taken.iter().enumerate().filter(|(_, t)| t.column.role == Role::Time);
    let Some((best, _)) = times.min_by_key(|(_, t)| rank(t)) else { return };
    for (i, t) in taken.iter_mut().enumerate() {
        if t.column.role == Role::Time && i != best {
            t.column.role = Role::Ignore;
            t.why = "another time".into();
        }
    }
}

/// A field has one column: the first of several.
fn only_one_of_a_field(taken: &mut [Taken]) {
    let mut seen = HashSet::new();
    for t in taken {
        if t.column.field.is_some_and(|field| !seen.insert(field)) {
            t.column.field = None;
        }
    }
}

/// Addresses under names of no known end are the ends that no column has by name, so that the prefixes of a policy match them.
fn ends_by_values(taken: &mut [Taken], profiles: &[Profile<'_>]) {
    for field in [Field::SrcIp, Field::DstIp] {
        if taken.iter().any(|t| t.column.field == Some(field)) {
            continue;
        }
        let unnamed = taken.iter_mut().zip(profiles).find(|(t, profile)| {
            t.column.role == Role::Entity && t.column.field.is_none() && profile.holds_addresses()
        });
        if let Some((t, _)) = unnamed {
            t.column.field = Some(field);
        }
    }
}

/// What the columns were taken for, a line for each role.
fn words(taken: &[Taken]) -> Vec<String> {
    let named = |t: &Taken, why: bool| match (why && !t.why.is_empty(), t.column.unit) {
        (true, _) => format!("`{}` ({})", t.column.name, t.why),
        (_, Some(TimeUnit::Milliseconds)) => format!("`{}` (in milliseconds)", t.column.name),
        (_, Some(TimeUnit::Microseconds)) => format!("`{}` (in microseconds)", t.column.name),
        (_, Some(TimeUnit::Nanoseconds)) => format!("`{}` (in nanoseconds)", t.column.name),
        _ => match &t.column.format {
            Some(format) => format!("`{}` (as {format})", t.column.name),
            None => format!("`{}`", t.column.name),
        },
    };
    let line = |what: &str, why: bool, fits: &dyn Fn(&Column) -> bool| {
        let listed: Vec<String> = taken.iter().filter(|t| fits(&t.column)).map(|t| named(t, why)).collect();
        (!listed.is_empty()).then(|| format!("{what}: {}", listed.join(", ")))
    };
    let role = |role: Role| move |c: &Column| c.role == role;
    let feature = |text: bool| move |c: &Column| c.role == Role::Feature && (c.kind == Kind::Text) == text;
    [
        line("label", true, &role(Role::Label)),
        line("family", false, &role(Role::Family)),
        line("time", false, &role(Role::Time)),
        line("entities", false, &role(Role::Entity)),
        line("numbers", false, &feature(false)),
        line("categories", false, &feature(true)),
        line("ignored", true, &role(Role::Ignore)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Whether a record of CSV is a header: no cell is empty or a number.
pub(super) fn is_header(first: &[String]) -> bool {
    let name = |cell: &String| match number::parse(cell.trim().as_bytes(), false) {
        Cell::Bad => !is_unknown(cell) && !is_address(cell.trim()),
        // pandas writes an index without a name.
        Cell::Missing => true,
        _ => false,
    };
    first.len() > 1 && first.iter().all(name)
}
