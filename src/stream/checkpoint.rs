//! Checkpoints: a stream that stops, restarts and goes on as if it had never stopped.

use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::activity;
use super::config::StreamConfig;
use super::incident::Tracker;
use super::pairs::Pairs;
use super::run::{Stream, without_truth};
use super::update::StreamCounts;
use super::warm_up::WarmUp;
use super::watermark::Watermarks;
use crate::artifact::{self, Tensors};
use crate::error::{Error, Result};
use crate::features::{Context, ContextConfig};
use crate::guard::Guard;
use crate::qos::Policy;
use crate::telemetry::{BatchReader, IpcReader, ReadOptions, Schema};

/// What the file is, in its header.
const KIND: &str = "checkpoint";
/// What is added to the name of a checkpoint for the one before it.
const PREVIOUS: &str = ".previous";

/// The part of a checkpoint that is text.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    config: StreamConfig,
    /// The schema of the records, as TOML.
    schema: String,
    policy: String,
    /// Digest of the guard.
    guard: Option<String>,
    contexts: usize,
    has_windows: bool,
    is_warming: bool,
    failed: String,
    counts: StreamCounts,
    marks: Watermarks,
    closed_at: Option<f64>,
}

impl Stream {
    /// The whole state as bytes: windows, incidents, watermarks, counts and the guard. [`Stream::restore`] continues from it,
    /// with the same bits as a stream that never stopped.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for a state of more than 1 GiB.
    ///
    /// # Examples
    ///
    /// ```
    /// use qosguard::simulate::{self, FlowSimulatorConfig};
    /// use qosguard::stream::{Stream, StreamConfig};
    ///
    /// let flows = simulate::table(&FlowSimulatorConfig { rows: 1_000, ..Default::default() })?;
    /// let (head, tail) = (flows.batches()[0].slice(0, 400), flows.batches()[0].slice(400, 600));
    /// let mut stream = Stream::new(flows.schema(), &StreamConfig { warm_up: 500, ..Default::default() })?;
    /// stream.push(&head)?;
    /// let mut again = Stream::restore(&stream.checkpoint()?, flows.schema(), None)?;
    /// assert_eq!(again.push(&tail)?.events, stream.push(&tail)?.events);
    /// assert_eq!(again.counts(), stream.counts());
    /// # Ok::<(), qosguard::Error>(())
    /// ```
    pub fn checkpoint(&self) -> Result<Vec<u8>> {
        let header = Header {
            config: self.config.clone(),
            schema: self.given.to_toml(),
            policy: self.recommender.policy().to_json()?,
            guard: self.guard.as_ref().map(|guard| guard.digest().to_owned()),
            contexts: self.contexts.len(),
            has_windows: self.windows.is_some(),
            is_warming: self.warm_up.is_some(),
            failed: self.failed.clone(),
            counts: self.counts,
            marks: self.marks.clone(),
            closed_at: self.closed_at.is_finite().then_some(self.closed_at),
        };
        let representable = |error: &dyn std::fmt::Display| {
            Error::invalid("stream", "a state that a checkpoint can hold", error)
        };
        let mut tensors = Tensors::default();
        for (at, context) in self.contexts.iter().enumerate() {
            tensors.put(&format!("context_{at}"), &context.save()?);
        }
        if let Some(windows) = &self.windows {
            tensors.put("windows", &windows.save()?);
        }
        if let Some(warm_up) = &self.warm_up {
            tensors.put("warm_up", &warm_up.to_ipc()?);
        }
        if let Some(guard) = &self.guard {
            tensors.put("guard", &guard.to_bytes());
        }
        let incidents = serde_json::to_vec(&self.tracker).map_err(|error| representable(&error))?;
        tensors.put("incidents", &incidents);
        let pairs = postcard::to_extend(&self.pairs, Vec::new()).map_err(|error| representable(&error))?;
        tensors.put("pairs", &pairs);
        artifact::pack_one(KIND, &header, &tensors)
    }

    /// Continues from the bytes of a checkpoint, for records of the same schema. A guard that is given must be the one of the
    /// checkpoint.
    ///
    /// # Errors
    ///
    /// [`Error::CorruptArtifact`] for bytes that are not an intact checkpoint, [`Error::FormatTooNew`] for one of a newer
    /// release, [`Error::InvalidArgument`] for another schema or guard.
    pub fn restore(bytes: &[u8], schema: &Schema, guard: Option<&Guard>) -> Result<Self> {
        Self::parse(bytes, Path::new("checkpoint"), schema, guard)
    }

    /// Writes a checkpoint to a file, atomically. The one that the file held stays next to it, with `.previous` after its name.
    ///
    /// # Errors
    ///
    /// [`Error::Io`], and as [`Stream::checkpoint`].
    pub fn save_checkpoint(&self, path: impl AsRef<Path>) -> Result<()> {
        let (path, bytes) = (path.as_ref(), self.checkpoint()?);
        if path.is_file() {
            let known = artifact::read_file(path)?;
            // Only a checkpoint that can be read takes the place of the one before it.
            if artifact::is_intact(&known, path) {
                artifact::write_file(&previous(path), &known)?;
            }
        }
        artifact::write_file(path, &bytes)
    }

    /// Continues from a file that [`Stream::save_checkpoint`] wrote; from the one before it where the file is missing or not intact.
    ///
    /// # Errors
    ///
    /// As [`Stream::restore`], of the newer file where both cannot be read; [`Error::Io`].
    pub fn load_checkpoint(path: impl AsRef<Path>, schema: &Schema, guard: Option<&Guard>) -> Result<Self> {
        let path = path.as_ref();
        let load = |path: &Path| Self::parse(&artifact::read_file(path)?, path, schema, guard);
        match load(path) {
            Err(error @ (Error::CorruptArtifact { .. } | Error::Io { .. })) => {
                load(&previous(path)).map_err(|_| error)
            }
            loaded => loaded,
        }
    }

    fn parse(bytes: &[u8], path: &Path, schema: &Schema, guard: Option<&Guard>) -> Result<Self> {
        let corrupt = |reason: String| Error::CorruptArtifact { path: path.to_path_buf(), reason };
        let (header, parts) = artifact::unpack_one(KIND, bytes, path, |header: Header, tensors| {
            let mut take = |name: &str| tensors.take::<u8>(name);
            let contexts = (0..header.contexts).map(|at| take(&format!("context_{at}")));
            let contexts = contexts.collect::<Result<Vec<_>, String>>()?;
            let windows = if header.has_windows { Some(take("windows")?) } else { None };
            let warm_up = if header.is_warming { Some(take("warm_up")?) } else { None };
            let guard = if header.guard.is_some() { Some(take("guard")?) } else { None };
            let (incidents, pairs) = (take("incidents")?, take("pairs")?);
            Ok((header, Parts { contexts, windows, warm_up, guard, incidents, pairs }))
        })?;
        let schema = &without_truth(schema);
        if header.schema != schema.to_toml() {
            let expected = "the schema of the checkpoint's records";
            return Err(Error::invalid("schema", expected, format!("schema `{}`", schema.name())));
        }
        if let Some(given) = guard
            && header.guard.as_deref() != Some(given.digest())
        {
            let expected = match &header.guard {
                Some(digest) => format!("the guard of the checkpoint, {digest}"),
                None => "none, as in the checkpoint".to_owned(),
            };
            return Err(Error::invalid("guard", expected, given.digest()));
        }
        let guard = parts.guard.map(|bytes| Guard::from_bytes(&bytes)).transpose()?;
        let policy = Policy::from_json(&header.policy).map_err(|error| corrupt(error.to_string()))?;
        let mut stream = Self::start(schema, &header.config, guard, policy)?;
        if stream.contexts.len() != parts.contexts.len() {
            return Err(corrupt(format!("{} contexts, not {}", parts.contexts.len(), stream.contexts.len())));
        }
        for (context, state) in stream.contexts.iter_mut().zip(&parts.contexts) {
            context.restore(state)?;
        }
        stream.windows = match parts.windows {
            Some(state) => Some(windows(&header.config, schema, &state)?),
            None => None,
        };
        stream.warm_up = match parts.warm_up {
            Some(ipc) => Some(WarmUp::from_ipc(&stream.given, header.config.warm_up, &ipc)?),
            None => None,
        };
        let tracker: Tracker =
            serde_json::from_slice(&parts.incidents).map_err(|error| corrupt(error.to_string()))?;
        stream.tracker = tracker.with_config(&header.config.incidents);
        let pairs: Pairs = postcard::from_bytes(&parts.pairs).map_err(|error| corrupt(error.to_string()))?;
        stream.pairs = pairs.with_capacity(header.config.max_entities);
        stream.failed = header.failed;
        stream.counts = header.counts;
        stream.marks = header.marks;
        stream.closed_at = header.closed_at.unwrap_or(f64::NEG_INFINITY);
        Ok(stream)
    }
}

/// The parts of a checkpoint that are bytes.
struct Parts {
    contexts: Vec<Vec<u8>>,
    windows: Option<Vec<u8>>,
    warm_up: Option<Vec<u8>>,
    guard: Option<Vec<u8>>,
    incidents: Vec<u8>,
    pairs: Vec<u8>,
}

/// The host windows of a checkpoint.
fn windows(config: &StreamConfig, schema: &Schema, state: &[u8]) -> Result<Box<dyn Context>> {
    let mut windows = ContextConfig::from(activity::context(config.max_entities)).start(schema)?;
    windows.restore(state)?;
    Ok(windows)
}

/// The file of the checkpoint before the last one.
fn previous(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(PREVIOUS);
    name.into()
}

impl WarmUp {
    /// The collected records.
    fn to_ipc(&self) -> Result<Vec<u8>> {
        self.table()?.to_ipc()
    }

    fn from_ipc(schema: &Arc<Schema>, needed: usize, ipc: &[u8]) -> Result<Self> {
        let mut warm_up = Self::new(schema, needed);
        let options = ReadOptions {
            schema: Some((**schema).clone()),
            max_rejected_share: 1.0,
            ..ReadOptions::default()
        };
        let table = IpcReader::new(Cursor::new(ipc.to_vec()), "checkpoint", &options)?.read()?;
        warm_up.put(table.batches().to_vec());
        Ok(warm_up)
    }
}
