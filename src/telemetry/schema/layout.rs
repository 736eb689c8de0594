//! Which schema a file has, and the order of its columns.

use std::collections::HashMap;

use super::canonical;
use super::infer;
use super::sample::Sample;
use crate::error::{Error, NearPreset, Result};
use crate::telemetry::cell::clock::Clock;
use crate::telemetry::cell::number;
use crate::telemetry::cell::number::Cell;
use crate::telemetry::schema::{Column, Kind, Role, Schema};
use crate::telemetry::table::options::ReadOptions;

/// Presets whose public files have no header.
const HEADERLESS: [&str; 3] = ["unsw_nb15_raw", "kdd99", "nsl_kdd"];

/// Names that an error lists at most, and the characters of each that it shows.
const LISTED: usize = 10;
const SHOWN: usize = 64;

/// How the columns of a file map to a schema.
#[derive(Debug)]
pub(crate) struct Layout {
    /// The schema, without the columns that the file lacks.
    pub(crate) schema: Schema,
    /// Position in the schema of each column of the file.
    pub(crate) order: Vec<usize>,
    /// Whether the first record holds the names.
    pub(crate) header: bool,
    /// Columns of the whole schema that the file lacks.
    absent: usize,
    /// What the columns were taken for, where the schema was inferred.
    pub(crate) inferred: Vec<String>,
}

/// What keeps a schema from fitting.
#[derive(Default)]
struct Misfit {
    missing: Vec<String>,
    unknown: Vec<String>,
}

impl Layout {
    /// All columns of a schema, in its order.
    pub(crate) fn whole(schema: Schema) -> Self {
        let order = (0..schema.columns().len()).collect();
        Self { order, schema, header: true, absent: 0, inferred: Vec::new() }
    }
}

impl Schema {
    /// The preset that fits the names of a header, in any order, or the first record of a file without one.
    ///
    /// Every feature must be there. Labels, families, times, entities and ignored columns may be absent,
    /// as they are when a model serves; the returned schema then lacks them.
    /// Names of [`Field`](crate::telemetry::Field)s that no other preset fits are `canonical_flow`, in any selection.
    /// The second column of a name is called `name.1`. The width of a record without names decides:
    /// 49 cells are `unsw_nb15_raw`, 41 to 43 are `nsl_kdd`, and 42 with a dot at the end of the label `kdd99`.
    ///
    /// # Errors
    ///
    /// [`Error::NoPreset`] naming the two presets that have the most of the names.
    ///
    /// # Examples
    ///
    /// ```
    /// use qosguard::telemetry::Schema;
    ///
    /// let header = ["duration", "protocol", "packet_count", "byte_count", "dst_port"];
    /// let schema = Schema::detect(&header)?;
    /// assert_eq!((schema.name(), schema.columns().len()), ("flow", 5));
    /// assert!(Schema::detect(&["x", "y"]).is_err());
    /// # Ok::<(), qosguard::Error>(())
    /// ```
    pub fn detect(header: &[&str]) -> Result<Self> {
        let names: Vec<String> = header.iter().map(ToString::to_string).collect();
        layout("header", &names, None).map(|layout| layout.schema)
    }
}

/// Fits the first record of a file to one schema, or to the presets.
pub(crate) fn layout(place: &str, first: &[String], schema: Option<&Schema>) -> Result<Layout> {
    let error = match by_keys(place, &unique_names(first), schema) {
        Ok(fit) => return Ok(fit),
        Err(error) => error,
    };
    let candidates = schema.map_or(Schema::presets(), std::slice::from_ref);
    let headerless = candidates.iter().filter(|s| schema.is_some() || HEADERLESS.contains(&s.name()));
    let fits = headerless.filter_map(|schema| by_position(schema, first));
    fits.max_by_key(|fit| fit.order.len()).ok_or(error)
}

/// Fits names to one schema, or to the presets.
pub(crate) fn by_keys(place: &str, names: &[String], schema: Option<&Schema>) -> Result<Layout> {
    let candidates = schema.map_or(Schema::presets(), std::slice::from_ref);
    let fits = candidates.iter().filter_map(|schema| by_name(schema, names).ok());
    if let Some(fit) = fits.min_by_key(|fit| fit.absent) {
        return Ok(fit);
    }
    if schema.is_none()
        && let Some(fit) = canonical_part(names)
    {
        return Ok(fit);
    }
    let Some(schema) = schema else { return Err(no_preset(place, names)) };
    let misfit = by_name(schema, names).err().unwrap_or_default();
    Err(Error::SchemaMismatch {
        place: place.to_owned(),
        schema: schema.name().to_owned(),
        missing: listed(misfit.missing),
        unknown: listed(misfit.unknown),
    })
}

/// The error of columns that no preset fits, with the two that have the most of them.
fn no_preset(place: &str, names: &[String]) -> Error {
    let mut nearest: Vec<(usize, &Schema)> = Schema::presets().iter().map(|s| (known(s, names), s)).collect();
    nearest.sort_by_key(|(found, _)| std::cmp::Reverse(*found));
    let listed_presets = nearest.iter().take(2).map(|(found, schema)| NearPreset {
        name: schema.name().to_owned(),
        found: *found,
        columns: schema.columns().len(),
    });
    Error::NoPreset {
        place: place.to_owned(),
        columns: listed(names.to_vec()),
        nearest: listed_presets.collect(),
    }
}

/// A fit, or the schema that is inferred from the first records where none was given and no preset fits.
pub(crate) fn or_inferred(
    fit: Result<Layout>,
    options: &ReadOptions,
    names: &[String],
    samples: impl FnOnce() -> Result<Vec<Sample>>,
) -> Result<Layout> {
    let error = match fit {
        Err(error @ Error::NoPreset { .. }) => error,
        other => return other,
    };
    if let Some(fit) = options.fallback.as_ref().and_then(|schema| by_name(schema, names).ok()) {
        return Ok(fit);
    }
    let Some((schema, inferred)) = infer::infer(&samples()?) else { return Err(error) };
    let order = (0..schema.columns().len()).collect();
    Ok(Layout { schema, order, header: true, absent: 0, inferred })
}

/// The canonical flow's columns of these names, if a feature is among them; other columns may be the label and the attack class.
fn canonical_part(names: &[String]) -> Option<Layout> {
    let canonical = Schema::presets().iter().find(|schema| schema.name() == canonical::NAME)?;
    let canonical = canonical::with_truth(canonical).ok()?;
    let mut keep: Vec<usize> = names.iter().filter_map(|name| canonical.index_of(name)).collect();
    keep.sort_unstable();
    let part = canonical.restrict(&keep);
    part.index_of_role(Role::Feature)?;
    by_name(&part, names).ok()
}

/// How many of the first record's cells are columns of a candidate: by name, or by the right width without names.
pub(crate) fn familiarity(first: &[String], schema: Option<&Schema>) -> usize {
    if let Ok(fit) = layout("", first, schema) {
        return fit.order.len();
    }
    let names = unique_names(first);
    schema.map_or(Schema::presets(), std::slice::from_ref).iter().map(|s| known(s, &names)).max().unwrap_or(0)
}

fn known(schema: &Schema, names: &[String]) -> usize {
    let positions = positions(schema);
    names.iter().filter(|name| positions.contains_key(name.as_str())).count()
}

fn positions(schema: &Schema) -> HashMap<&str, usize> {
    schema.columns().iter().enumerate().map(|(i, column)| (column.name.as_str(), i)).collect()
}

fn by_name(schema: &Schema, names: &[String]) -> Result<Layout, Misfit> {
    let positions = positions(schema);
    let mut places = HashMap::new();
    let mut unknown = Vec::new();
    for (i, name) in names.iter().enumerate() {
        match positions.get(name.as_str()) {
            Some(&column) if !places.contains_key(&column) => {
                places.insert(column, i);
            }
            _ => unknown.push(name.clone()),
        }
    }
    let (mut keep, mut missing) = (Vec::new(), Vec::new());
    for (i, column) in schema.columns().iter().enumerate() {
        let adds = |date: &Column| date.time_of_day.as_ref() == Some(&column.name);
        let needed = || {
            let mut dates = schema.columns().iter().enumerate().filter(|(_, date)| adds(date));
            column.role == Role::Feature || dates.any(|(date, _)| places.contains_key(&date))
        };
        if places.contains_key(&i) {
            keep.push(i);
        } else if needed() {
            missing.push(column.name.clone());
        }
    }
    if !missing.is_empty() || !unknown.is_empty() || keep.is_empty() {
        return Err(Misfit { missing, unknown });
    }
    let mut order = vec![0; names.len()];
    for (position, column) in keep.iter().enumerate() {
        if let Some(slot) = places.get(column).and_then(|&i| order.get_mut(i)) {
            *slot = position;
        }
    }
    let absent = schema.columns().len() - keep.len();
    Ok(Layout { schema: schema.restrict(&keep), order, header: true, absent, inferred: Vec::new() })
}

/// The columns by their position, where the first record is already data.
fn by_position(schema: &Schema, first: &[String]) -> Option<Layout> {
    let columns = schema.columns();
    let absent = columns.get(first.len()..)?;
    if first.is_empty() || absent.iter().any(|c| c.role == Role::Feature) {
        return None;
    }
    let mut numbers = 0;
    for (cell, column) in first.iter().zip(columns) {
        if column.kind == Kind::Time {
            let clock = Clock::of(column);
            let cell = cell.trim();
            if !cell.is_empty() && clock.read(cell.as_bytes()).is_err() {
                return None;
            }
            continue;
        }
        match (column.kind, number::parse(cell.as_bytes(), column.is_port())) {
            (Kind::Number, Cell::Bad | Cell::TooLarge) => return None,
            (Kind::Number, Cell::Value(_)) => numbers += 1,
            _ => {}
        }
    }
    let dotted = columns
        .iter()
        .zip(first)
        .any(|(c, cell)| c.role == Role::Label && c.kind == Kind::Text && cell.trim_end().ends_with('.'));
    if numbers == 0 || (schema.name() == "nsl_kdd" && dotted) || (schema.name() == "kdd99" && !dotted) {
        return None;
    }
    let order: Vec<usize> = (0..first.len()).collect();
    let schema = schema.restrict(&order);
    Some(Layout { schema, absent: absent.len(), order, header: false, inferred: Vec::new() })
}

/// Trimmed names; the second of a name becomes `name.1`.
pub(crate) fn unique_names(first: &[String]) -> Vec<String> {
    let mut seen: HashMap<&str, usize> = HashMap::new();
    let mut names = Vec::with_capacity(first.len());
    for name in first {
        let name = name.trim().trim_start_matches('\u{feff}').trim();
        // As pandas reads the index that it writes without a name.
        if name.is_empty() {
            names.push(format!("Unnamed: {}", names.len()));
            continue;
        }
        let times = seen.entry(name).or_default();
        names.push(if *times == 0 { name.to_owned() } else { format!("{name}.{times}") });
        *times += 1;
    }
    names
}

/// A list short enough for an error.
fn listed(mut names: Vec<String>) -> Vec<String> {
    let more = names.len().saturating_sub(LISTED);
    names.truncate(LISTED);
    for name in &mut names {
        if name.chars().nth(SHOWN).is_some() {
            *name = name.chars().take(SHOWN).chain(['…']).collect();
        }
    }
    if more > 0 {
        names.push(format!("and {more} more"));
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(preset: &str) -> Vec<String> {
        Schema::preset(preset).unwrap().columns().iter().map(|c| c.name.clone()).collect()
    }

    fn detect(names: &[String]) -> Result<Schema> {
        Schema::detect(&names.iter().map(String::as_str).collect::<Vec<_>>())
    }

    #[test]
    fn every_preset_is_known_by_its_own_names_in_any_order() {
        for schema in Schema::presets() {
            let mut names = names(schema.name());
            assert_eq!(detect(&names).unwrap(), *schema);
            names.reverse();
            assert_eq!(detect(&names).unwrap(), *schema, "{}", schema.name());
        }
    }

    #[test]
    fn truth_may_be_absent_and_features_may_not() {
        let mut header = names("unsw_nb15");
        header.retain(|n| n != "label" && n != "attack_cat" && n != "id");
        let schema = detect(&header).unwrap();
        assert_eq!((schema.name(), schema.columns().len()), ("unsw_nb15", 42));
        assert_eq!(schema.index_of_role(Role::Label), None);

        header.retain(|n| n != "sbytes");
        header.push("colour".into());
        match detect(&header).unwrap_err() {
            Error::NoPreset { columns, nearest, .. } => {
                assert_eq!((columns.len(), columns[10].as_str()), (11, "and 32 more"));
                assert_eq!(
                    (nearest[0].name.as_str(), nearest[0].found, nearest[0].columns),
                    ("unsw_nb15", 41, 45)
                );
                assert_eq!(nearest.len(), 2);
            }
            other => panic!("{other}"),
        }
        match by_keys("x", &header, Some(&Schema::preset("unsw_nb15").unwrap())).unwrap_err() {
            Error::SchemaMismatch { schema, missing, unknown, .. } => {
                assert_eq!(
                    (schema.as_str(), missing, unknown),
                    ("unsw_nb15", vec!["sbytes".to_owned()], vec!["colour".to_owned()])
                );
            }
            other => panic!("{other}"),
        }
    }

    #[test]
    fn blanks_byte_order_marks_and_repeated_names_are_expected() {
        let header: Vec<String> =
            names("cicids2017").iter().map(|n| format!(" {}", n.trim_end_matches(".1"))).collect();
        assert_eq!(detect(&header).unwrap().name(), "cicids2017");
        let mut header = names("flow");
        header[0].insert(0, '\u{feff}');
        assert_eq!(detect(&header).unwrap().name(), "flow");
        // A name three times is one too many.
        header.extend(["duration".to_owned(), "duration".to_owned()]);
        assert!(detect(&header).is_err());
    }

    #[test]
    fn records_without_names_are_known_by_their_width() {
        let kdd = |tail: &[&str]| {
            let mut cells = vec!["0"; 41];
            (cells[1], cells[2], cells[3]) = ("tcp", "http", "SF");
            cells.extend_from_slice(tail);
            Schema::detect(&cells).map(|s| (s.name().to_owned(), s.columns().len()))
        };
        assert_eq!(kdd(&["normal", "21"]).unwrap(), ("nsl_kdd".to_owned(), 43));
        assert_eq!(kdd(&["normal"]).unwrap(), ("nsl_kdd".to_owned(), 42));
        assert_eq!(kdd(&["normal."]).unwrap(), ("kdd99".to_owned(), 42));
        assert_eq!(kdd(&[]).unwrap(), ("nsl_kdd".to_owned(), 41));
        assert!(kdd(&["normal", "21", "1"]).is_err());
    }

    #[test]
    fn a_long_list_of_unknown_names_is_cut() {
        let header = vec!["x".repeat(10_000); 5_000];
        match detect(&header).unwrap_err() {
            Error::NoPreset { columns, .. } => {
                assert_eq!(columns.len(), LISTED + 1);
                assert!(columns.iter().all(|n| n.chars().count() <= SHOWN + 1));
                assert_eq!(columns[LISTED], "and 4990 more");
            }
            other => panic!("{other}"),
        }
    }
}
