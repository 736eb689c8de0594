//! A growing file, read on across rotation.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::progress;

/// Bytes of `#` lines at the start of a file that are kept for a reader that starts at its end.
const MAX_HEADER: u64 = 64 << 10;

/// How often a wait checks whether it was stopped or cancelled.
const LOOK: Duration = Duration::from_millis(50);

/// How a [`Follow`] follows.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use qosguard::telemetry::FollowOptions;
///
/// let options = FollowOptions { from_end: true, poll: Duration::from_millis(50), ..FollowOptions::default() };
/// assert_eq!(options.give_up, None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FollowOptions {
    /// Whether to start behind what the file holds now, at the next line; by default at its beginning.
    pub from_end: bool,
    /// Time between two checks of a file that does not grow, 1 ms to 1 h; 250 ms by default.
    pub poll: Duration,
    /// How long to wait for a file that vanished before it is an error; default: no limit.
    pub give_up: Option<Duration>,
}

impl Default for FollowOptions {
    fn default() -> Self {
        Self { from_end: false, poll: Duration::from_millis(250), give_up: None }
    }
}

/// What happened to a followed file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FollowCounts {
    /// Times that another file was at the path.
    pub rotated: u64,
    /// Times that the file was cut to less than what was read of it.
    pub truncated: u64,
    /// Times that no file was at the path.
    pub vanished: u64,
}

/// Stops a [`Follow`] from elsewhere, and counts what happened to its file.
#[derive(Clone, Debug)]
pub struct FollowHandle(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    rotated: AtomicU64,
    truncated: AtomicU64,
    vanished: AtomicU64,
}

impl FollowHandle {
    /// Ends the input where the file ends now, within 50 ms.
    pub fn stop(&self) {
        self.0.stop.store(true, Ordering::Relaxed);
    }

    /// Whether it was stopped.
    pub fn is_stopped(&self) -> bool {
        self.0.stop.load(Ordering::Relaxed)
    }

    /// What happened up to now.
    pub fn counts(&self) -> FollowCounts {
        FollowCounts {
            rotated: self.0.rotated.load(Ordering::Relaxed),
            truncated: self.0.truncated.load(Ordering::Relaxed),
            vanished: self.0.vanished.load(Ordering::Relaxed),
        }
    }
}

/// A file that is read on as it grows, for any reader of this module.
///
/// If the file does not grow, a read first returns [`ErrorKind::WouldBlock`] once, so that the readers return
/// the rows that they hold, and then waits. A line without its end stays with the reader until the rest of it
/// comes.
///
/// When another file is at the path (renamed and created anew; the old one may be packed or deleted
/// meanwhile), the old one is read to its end, looked at once more after a poll interval, and then the new one is
/// read from its start. A file that got shorter than what was read of it is read from its start as well. A line
/// that was cut by either ends there. Nothing is lost but what a file gets and loses between two polls.
/// Outside Unix, only their size distinguishes files.
///
/// With [`FollowOptions::from_end`], lines at the start of the file that begin with `#`, of up to 64 KiB, still
/// come first: they are the header of a Zeek log.
///
/// # Examples
///
/// ```
/// use std::io::Write;
/// use qosguard::telemetry::{BatchReader, EveReader, Follow, FollowOptions, ReadOptions};
///
/// let mut log = tempfile::NamedTempFile::new()?;
/// writeln!(log, r#"{{"event_type":"flow","flow":{{"pkts_toserver":1}}}}"#)?;
/// let follow = Follow::open(log.path(), FollowOptions::default())?;
/// let handle = follow.handle();
/// let mut reader = EveReader::new(follow, "eve.json", &ReadOptions::default())?;
/// assert_eq!(reader.next().ok_or("a batch")??.num_rows(), 1);
/// writeln!(log, r#"{{"event_type":"flow","flow":{{"pkts_toserver":2}}}}"#)?;
/// assert_eq!(reader.next().ok_or("another batch")??.num_rows(), 1);
/// handle.stop();
/// assert!(reader.next().is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Follow {
    path: PathBuf,
    options: FollowOptions,
    shared: Arc<Shared>,
    file: File,
    /// Bytes of the file that were read.
    position: u64,
    /// Lines that come before the file's.
    header: io::Cursor<Vec<u8>>,
    /// Whether the rest of a line is passed over.
    inside_line: bool,
    /// The byte that was given last.
    last: u8,
    /// Whether the reader got `WouldBlock` since the file last grew.
    reported: bool,
    /// Whether another file was seen at the path, a poll ago.
    replaced: bool,
    /// Since when no file is at the path.
    gone: Option<Instant>,
}

impl Follow {
    /// Opens a file to follow.
    ///
    /// # Errors
    ///
    /// [`Error::Io`]; [`Error::InvalidArgument`] for settings outside their domain.
    pub fn open(path: impl AsRef<Path>, options: FollowOptions) -> Result<Self> {
        let path = path.as_ref();
        if !(Duration::from_millis(1)..=Duration::from_hours(1)).contains(&options.poll) {
            return Err(Error::invalid("poll", "in 1 ms..=1 h", format!("{:?}", options.poll)));
        }
        let start = || {
            let mut file = File::open(path)?;
            if !file.metadata()?.is_file() {
                return Err(io::Error::new(ErrorKind::InvalidInput, "only a regular file can be followed"));
            }
            let (mut position, mut header, mut inside_line) = (0, Vec::new(), false);
            if options.from_end {
                header = leading_comments(&mut file)?;
                position = file.seek(SeekFrom::End(0))?;
                inside_line = position > 0 && {
                    let mut last = [0];
                    file.seek(SeekFrom::End(-1))?;
                    file.read_exact(&mut last)?;
                    last != *b"\n"
                };
            }
            Ok((file, position, io::Cursor::new(header), inside_line))
        };
        let (file, position, header, inside_line) = start().map_err(|e| Error::io(path, e))?;
        Ok(Self {
            path: path.to_owned(),
            options,
            shared: Arc::default(),
            file,
            position,
            header,
            inside_line,
            last: b'\n',
            reported: false,
            replaced: false,
            gone: None,
        })
    }

    /// Stops the reading from elsewhere, and counts what happened to the file.
    pub fn handle(&self) -> FollowHandle {
        FollowHandle(Arc::clone(&self.shared))
    }

    fn is_stopped(&self) -> bool {
        self.shared.stop.load(Ordering::Relaxed)
    }

    /// Reads from the file as it is now, without the rest of a line that is passed over.
    fn read_file(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let length = self.file.read(buffer)?;
            self.position += length as u64;
            if !self.inside_line || length == 0 {
                return Ok(length);
            }
            let Some(end) = memchr::memchr(b'\n', &buffer[..length]) else { continue };
            self.inside_line = false;
            buffer.copy_within(end + 1..length, 0);
            if end + 1 < length {
                return Ok(length - end - 1);
            }
        }
    }

    /// At the end of the file: whether its place was taken by what is now opened.
    fn replace(&mut self) -> io::Result<bool> {
        let now = match fs::metadata(&self.path) {
            Err(e) if e.kind() == ErrorKind::NotFound => return self.miss().map(|()| false),
            other => other?,
        };
        self.gone = None;
        let truncated = now.len() < self.position;
        let same = is_same(&now, &self.file.metadata()?);
        if same && !truncated {
            return Ok(false);
        }
        // Whoever wrote the old file may still have some to write.
        if !same && !self.is_stopped() && !std::mem::replace(&mut self.replaced, true) {
            return Ok(false);
        }
        self.file = match File::open(&self.path) {
            Err(e) if e.kind() == ErrorKind::NotFound => return self.miss().map(|()| false),
            other => other?,
        };
        let counter = if same { &self.shared.truncated } else { &self.shared.rotated };
        counter.fetch_add(1, Ordering::Relaxed);
        (self.position, self.replaced, self.inside_line) = (0, false, false);
        Ok(true)
    }

    /// Waits for the next check of the file, or less if the reading is stopped or cancelled.
    fn wait(&self) -> io::Result<()> {
        let end = Instant::now() + self.options.poll;
        while !self.is_stopped() {
            progress::check().map_err(io::Error::other)?;
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            thread::sleep(left.min(LOOK));
        }
        Ok(())
    }

    /// The path, for messages.
    pub(super) fn place(&self) -> String {
        self.path.display().to_string()
    }

    /// No file exists at the path.
    fn miss(&mut self) -> io::Result<()> {
        let since = *self.gone.get_or_insert_with(|| {
            self.shared.vanished.fetch_add(1, Ordering::Relaxed);
            Instant::now()
        });
        match self.options.give_up {
            Some(limit) if since.elapsed() >= limit => {
                let path = self.path.display();
                Err(io::Error::new(ErrorKind::NotFound, format!("{path} vanished {limit:?} ago")))
            }
            _ => Ok(()),
        }
    }
}

impl Read for Follow {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let header = self.header.read(buffer)?;
        if header > 0 || buffer.is_empty() {
            return Ok(header);
        }
        loop {
            let length = self.read_file(buffer)?;
            if length > 0 {
                self.reported = false;
                self.last = buffer[length - 1];
                return Ok(length);
            }
            if !self.is_stopped() && !std::mem::replace(&mut self.reported, true) {
                return Err(ErrorKind::WouldBlock.into());
            }
            if self.replace()? {
                if std::mem::replace(&mut self.last, b'\n') == b'\n' {
                    continue;
                }
                buffer[0] = b'\n';
                return Ok(1);
            }
            if self.is_stopped() {
                return Ok(0);
            }
            self.wait()?;
        }
    }
}

/// The lines at the start of a file that begin with `#`.
fn leading_comments(file: &mut File) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    file.take(MAX_HEADER).read_to_end(&mut head)?;
    let lines = head.split_inclusive(|&b| b == b'\n');
    let length =
        lines.take_while(|line| line.starts_with(b"#") && line.ends_with(b"\n")).map(<[u8]>::len).sum();
    head.truncate(length);
    Ok(head)
}

/// Whether two descriptions are of one file.
#[cfg(unix)]
fn is_same(a: &Metadata, b: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (a.dev(), a.ino()) == (b.dev(), b.ino())
}

/// Whether two descriptions are of one file: nothing distinguishes them here.
#[cfg(not(unix))]
fn is_same(_: &Metadata, _: &Metadata) -> bool {
    true
}
