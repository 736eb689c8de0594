//! `Follower`: a growing file, also across rotation.

use std::collections::HashMap;
use std::time::Duration;

use napi::Env;
use napi::bindgen_prelude::{ClassInstance, Object};
use napi_derive::napi;
use qosguard::telemetry::{self, Follow, FollowHandle, SharedReader};

use crate::convert::{Settings, settings};
use crate::error::{Result, into_js_err, invalid};
use crate::schema::Schema;
use crate::stream::Stream;
use crate::table::{ReadOptions, ReadReport};

/// How a growing file is followed.
#[napi(object, object_to_js = false)]
#[derive(Default)]
#[allow(missing_debug_implementations, reason = "a class instance has none")]
pub struct FollowOptions<'a> {
    /// Whether to start at the next line; default: at the start of the file.
    pub from_end: Option<bool>,
    /// Seconds between two checks of a file that does not grow, 0.001 to 3,600; default: 0.25.
    pub poll: Option<f64>,
    /// Seconds to wait for a file that vanished before it is an error; default: no limit.
    pub give_up: Option<f64>,
    /// The schema; without one it is detected among the built-in ones.
    pub schema: Option<ClassInstance<'a, Schema>>,
    /// Share of records, in [0, 1], that may be rejected before the reading fails; default: 0.05.
    pub max_rejected_share: Option<f64>,
    /// Separator of the cells of a CSV line; default: `,`.
    pub delimiter: Option<String>,
    /// Longest line in bytes, 1 to 2^28; a longer one is rejected; default: 2^20.
    pub max_line_bytes: Option<f64>,
    /// Rows of a batch, 1 to 2^20; default: 65,536.
    pub batch_rows: Option<f64>,
}

impl Settings for FollowOptions<'_> {
    const KEYS: &'static [&'static str] = &[
        "fromEnd",
        "poll",
        "giveUp",
        "schema",
        "maxRejectedShare",
        "delimiter",
        "maxLineBytes",
        "batchRows",
    ];
}

/// An asynchronous iterator of the tables of a growing file; `follow` makes one.
#[napi]
#[allow(missing_debug_implementations, reason = "a reader has none")]
pub struct Follower {
    stream: Stream,
    handle: FollowHandle,
}

#[napi]
impl Follower {
    /// The next table, `null` after `stop`.
    #[napi(catch_unwind, ts_return_type = "Promise<Table | null>")]
    pub fn read<'env>(&self, env: &'env Env) -> Result<Object<'env>> {
        self.stream.promise(env)
    }

    /// Names and roles of the columns of every table; `null` before the first one.
    #[napi(getter, catch_unwind)]
    pub fn schema(&self) -> Option<Schema> {
        self.stream.schema()
    }

    /// What was read and what was rejected, up to the last table.
    #[napi(getter, catch_unwind)]
    pub fn report(&self) -> Result<ReadReport> {
        self.stream.report()
    }

    /// What happened to the file: how often it was `rotated`, `truncated`, and `vanished`.
    #[napi(getter, catch_unwind)]
    pub fn counts(&self) -> HashMap<String, f64> {
        let counts = self.handle.counts();
        let named =
            [("rotated", counts.rotated), ("truncated", counts.truncated), ("vanished", counts.vanished)];
        named.into_iter().map(|(name, count)| (name.to_owned(), count as f64)).collect()
    }

    /// Ends the iteration at the present end of the file; the lines before it are still returned.
    #[napi(catch_unwind)]
    pub fn stop(&self) {
        self.handle.stop();
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.handle.stop();
    }
}

/// Follows a growing log, such as Zeek's conn.log or Suricata's eve.json, across rotation: an asynchronous iterator of tables.
///
/// Throws `io` if the file does not exist. Reading rejects as `read`, and with `io` for a file that vanished too long ago.
#[napi(catch_unwind)]
pub fn follow(
    path: String,
    #[napi(ts_arg_type = "FollowOptions")] options: Option<Object<'_>>,
) -> Result<Follower> {
    let options = settings::<FollowOptions<'_>>(options)?;
    let core = telemetry::FollowOptions::default();
    let how = telemetry::FollowOptions {
        from_end: options.from_end.unwrap_or_default(),
        poll: options.poll.map_or(Ok(core.poll), |seconds| duration("poll", seconds))?,
        give_up: options.give_up.map(|seconds| duration("giveUp", seconds)).transpose()?,
    };
    let read = ReadOptions {
        schema: options.schema,
        max_rejected_share: options.max_rejected_share,
        delimiter: options.delimiter,
        max_line_bytes: options.max_line_bytes,
        batch_rows: options.batch_rows,
        ..ReadOptions::default()
    };
    let read = read.to_core()?;
    let follow = Follow::open(&path, how).map_err(|e| into_js_err(&e))?;
    let handle = follow.handle();
    Ok(Follower { stream: Stream::new(SharedReader::of_follow(follow, read)), handle })
}

fn duration(name: &str, seconds: f64) -> Result<Duration> {
    Duration::try_from_secs_f64(seconds).map_err(|_| invalid(name, "seconds from 0", seconds))
}
