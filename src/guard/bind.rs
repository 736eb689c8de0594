//! A guard bound to a schema: columns are found once, then record batches are assessed.

use std::fmt;
use std::sync::Arc;

use super::fingerprint::FingerprintColumns;
use super::notice;
use super::subjects::{SubjectColumns, column_of};
use super::{Assessment, Guard};
use crate::arrow::array::RecordBatch;
use crate::arrow::datatypes::{FieldRef, Schema as ArrowSchema, SchemaRef};
use crate::error::{Error, Result};
use crate::features::{BoundEncoder, Context, Featurizer, extended, replay};
use crate::telemetry::{Column, Field, Role, Schema, Table};

/// A guard with the places of the columns that it reads, in batches that have its contexts' columns.
#[derive(Debug)]
pub(super) struct Bound<'a> {
    pub(super) guard: &'a Guard,
    pub(super) encoder: BoundEncoder<'a>,
    pub(super) subjects: SubjectColumns,
    pub(super) fingerprints: FingerprintColumns,
    /// Fields that policies compare and the records have no column of.
    pub(super) absent: Vec<Field>,
}

impl<'a> Bound<'a> {
    /// `schema` has the columns of the contexts.
    pub(super) fn new(guard: &'a Guard, schema: &Schema) -> Result<Self> {
        let stages = &guard.stages;
        Ok(Self {
            guard,
            encoder: stages.featurizer.bind(schema)?,
            subjects: SubjectColumns::of(&stages.schema, schema),
            fingerprints: FingerprintColumns::of(&stages.schema, |name| schema.index_of(name)),
            absent: notice::absent(|field| column_of(field, &stages.schema, schema).is_some()),
        })
    }
}

/// Assesses record batches of one schema, one after the other; made by [`Guard::bind`].
///
/// The columns that the guard reads are found once. A guard with contexts keeps their state here: the batches are one stream
/// of records, and the assessments equal [`Guard::assess`] of one table with all of them as long as their times do not go
/// back.
///
/// # Examples
///
/// ```
/// use qosguard::{Guard, simulate};
///
/// let flows = simulate::table(&simulate::FlowSimulatorConfig { rows: 1_000, ..Default::default() })?;
/// let guard = Guard::builder().fit(&flows)?;
/// let mut assessor = guard.bind(flows.schema())?;
/// let assessment = assessor.assess(&flows.batches()[0])?;
/// assert_eq!(assessment.scores(), guard.assess(&flows)?.scores());
/// # Ok::<(), qosguard::Error>(())
/// ```
pub struct Assessor<'a> {
    bound: Bound<'a>,
    /// Of the batches that are given.
    given: Schema,
    /// Of the batches with the columns of the contexts.
    schema: Arc<Schema>,
    /// The Arrow schema of the last batch, which need not be compared again.
    seen: Option<SchemaRef>,
    contexts: Vec<Box<dyn Context>>,
}

impl fmt::Debug for Assessor<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Assessor")
            .field("schema", &self.schema)
            .field("contexts", &self.contexts)
            .finish_non_exhaustive()
    }
}

impl Assessor<'_> {
    /// Scores every record of a batch and recommends an action for it.
    ///
    /// # Errors
    ///
    /// [`Error::SchemaMismatch`] for a batch of another schema than the bound one.
    pub fn assess(&mut self, batch: &RecordBatch) -> Result<Assessment> {
        let rows = self.append_contexts(batch)?;
        Assessment::of_batches(&self.bound, std::slice::from_ref(&rows))
    }

    /// The batch with the columns of the guard's contexts, which count its records; a batch of [`Assessor::schema`].
    ///
    /// # Errors
    ///
    /// As [`Assessor::assess`].
    pub fn append_contexts(&mut self, batch: &RecordBatch) -> Result<RecordBatch> {
        self.check(batch)?;
        let mut rows = batch.clone();
        for context in &mut self.contexts {
            rows = context.push(&rows)?;
        }
        Ok(rows)
    }

    /// The states of the guard's contexts, in their order, which [`Assessor::restore_contexts`] reads.
    ///
    /// # Errors
    ///
    /// As [`Context::save`].
    ///
    /// # Examples
    ///
    /// ```
    /// use qosguard::features::HostContextConfig;
    /// use qosguard::{Guard, simulate};
    ///
    /// let flows = simulate::table(&simulate::FlowSimulatorConfig { rows: 1_000, ..Default::default() })?;
    /// let guard = Guard::builder().context(HostContextConfig::default()).fit(&flows)?;
    /// let mut assessor = guard.bind(flows.schema())?;
    /// assessor.assess(&flows.batches()[0].slice(0, 400))?;
    /// let states = assessor.save_contexts()?;
    ///
    /// let mut restored = guard.bind(flows.schema())?;
    /// restored.restore_contexts(&states)?;
    /// let rest = flows.batches()[0].slice(400, 600);
    /// assert_eq!(restored.assess(&rest)?.scores(), assessor.assess(&rest)?.scores());
    /// # Ok::<(), qosguard::Error>(())
    /// ```
    pub fn save_contexts(&self) -> Result<Vec<Vec<u8>>> {
        self.contexts.iter().map(|context| context.save()).collect()
    }

    /// Continues from the states of an assessor of the same guard and schema. After an error the contexts are what they were.
    ///
    /// # Errors
    ///
    /// [`Error::CorruptArtifact`] for another number of states than contexts; as [`Context::restore`].
    pub fn restore_contexts(&mut self, states: &[Vec<u8>]) -> Result<()> {
        if states.len() != self.contexts.len() {
            let reason = format!("{} states for {} contexts", states.len(), self.contexts.len());
            return Err(Error::CorruptArtifact { path: "context state".into(), reason });
        }
        let fitted = &self.bound.guard.stages;
        let mut contexts = Vec::new();
        for (config, state) in fitted.contexts.iter().zip(states) {
            let mut context = config.start(&fitted.schema)?;
            context.restore(state)?;
            contexts.push(context);
        }
        self.contexts = contexts;
        Ok(())
    }

    /// The bound schema with the columns of the guard's contexts.
    pub const fn schema(&self) -> &Arc<Schema> {
        &self.schema
    }

    fn check(&mut self, batch: &RecordBatch) -> Result<()> {
        let got = batch.schema_ref();
        if self.seen.as_ref().is_some_and(|seen| Arc::ptr_eq(seen, got)) {
            return Ok(());
        }
        let expected = self.given.to_arrow();
        let column = |field: &FieldRef| (field.name().clone(), field.data_type().clone());
        if !expected.fields().iter().map(column).eq(got.fields().iter().map(column)) {
            let names = |schema: &ArrowSchema| schema.fields().iter().map(|f| f.name().clone()).collect();
            return Err(Error::SchemaMismatch {
                place: "record batch".into(),
                schema: self.given.name().to_owned(),
                missing: names(&expected),
                unknown: names(got),
            });
        }
        self.seen = Some(Arc::clone(got));
        Ok(())
    }
}

impl Guard {
    /// Finds the columns that the guard reads in a schema, to assess many batches of its records.
    ///
    /// # Errors
    ///
    /// [`Error::SchemaMismatch`] naming the columns that are missing.
    pub fn bind(&self, schema: &Schema) -> Result<Assessor<'_>> {
        self.check_columns(schema, "schema")?;
        let (contexts, columns) = if self.has_contexts(schema) {
            (Vec::new(), Vec::new())
        } else {
            extended(&self.stages.schema, &self.stages.contexts)?
        };
        let with = schema.columns().iter().chain(&columns).cloned().collect();
        let with = Arc::new(schema.with_columns(with)?);
        let bound = Bound::new(self, &with)?;
        Ok(Assessor { bound, given: schema.clone(), schema: with, seen: None, contexts })
    }

    /// Assesses a batch of a schema that has the columns of its contexts.
    pub(crate) fn assess_extended(&self, schema: &Schema, batch: &RecordBatch) -> Result<Assessment> {
        Assessment::of_batches(&Bound::new(self, schema)?, std::slice::from_ref(batch))
    }

    /// The columns that its contexts append to the records before the features are made; empty without contexts.
    pub fn context_columns(&self) -> &[Column] {
        &self.context_columns
    }

    /// The table with the columns of the guard's contexts, computed in event time from an empty state: the rows are taken
    /// in the order of their times, and come out in their own order.
    ///
    /// A table that already has these columns is returned as it is, and so is every table by a guard without contexts.
    /// [`Guard::assess`] and [`Guard::explain`] do this by themselves; a single row of the result can be explained.
    ///
    /// # Errors
    ///
    /// [`Error::SchemaMismatch`] naming the columns that are missing.
    ///
    /// # Examples
    ///
    /// ```
    /// use qosguard::features::HostContextConfig;
    /// use qosguard::{Guard, simulate};
    ///
    /// let flows = simulate::table(&simulate::FlowSimulatorConfig { rows: 1_000, ..Default::default() })?;
    /// let guard = Guard::builder().context(HostContextConfig::default()).fit(&flows)?;
    /// let with_contexts = guard.append_contexts(&flows)?;
    /// let worst = guard.assess(&with_contexts)?.top(1)[0].row as usize;
    /// let explained = guard.explain(&with_contexts.take(&[worst])?)?;
    /// assert!(explained.columns().iter().any(|column| column == "src_flows_60s"));
    /// # Ok::<(), qosguard::Error>(())
    /// ```
    pub fn append_contexts(&self, table: &Table) -> Result<Table> {
        self.check_columns(table.schema(), &table.report().place)?;
        if self.has_contexts(table.schema()) {
            return Ok(table.clone());
        }
        replay(table, &self.stages.schema, &self.stages.contexts)
    }

    /// Whether a schema has the columns of the contexts already; every schema has the columns of none.
    fn has_contexts(&self, schema: &Schema) -> bool {
        self.context_columns.iter().all(|column| schema.index_of(&column.name).is_some())
    }

    /// Names of the columns that a table of a schema must have.
    fn required<'s>(&'s self, schema: &Schema) -> Vec<&'s str> {
        let read = self.stages.featurizer.columns();
        if self.has_contexts(schema) {
            return read;
        }
        let appended = |name: &str| self.context_columns.iter().any(|column| column.name == name);
        let mut required: Vec<&str> = read.into_iter().filter(|name| !appended(name)).collect();
        for input in self.context_inputs.iter() {
            if !required.contains(&input.as_str()) {
                required.push(input);
            }
        }
        required
    }

    /// Its schema, without the features that nothing reads.
    pub fn inputs(&self) -> Schema {
        let read = self.required(&self.stages.schema);
        let columns = self.stages.schema.columns().iter().enumerate();
        let keep = columns.filter(|(_, c)| c.role != Role::Feature || read.contains(&c.name.as_str()));
        self.stages.schema.restrict(&keep.map(|(i, _)| i).collect::<Vec<_>>())
    }

    /// Returns an error for a schema that lacks columns.
    pub(crate) fn check_columns(&self, given: &Schema, place: &str) -> Result<()> {
        let required = self.required(given).into_iter();
        let missing: Vec<String> = required.filter(|c| given.index_of(c).is_none()).map(Into::into).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let known = |name: &str| self.stages.schema.index_of(name).is_some();
        let unknown = given
            .columns()
            .iter()
            .filter(|c| c.role != Role::Ignore && !known(&c.name))
            .map(|c| c.name.clone());
        Err(Error::SchemaMismatch {
            place: place.to_owned(),
            schema: self.stages.schema.name().to_owned(),
            missing,
            unknown: unknown.collect(),
        })
    }
}
