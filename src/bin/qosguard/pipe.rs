//! Standard input and named pipes, whose reads a signal ends.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use qosguard::{Error, Result};

use crate::interrupt::{self, LOOK};

/// Bytes of one read.
const BLOCK: usize = 64 << 10;
/// Blocks that may wait to be processed.
const WAITING: usize = 4;
/// Time that the program before a pipe has after Ctrl-C, which reaches it too, to write what it still holds.
const GRACE: Duration = Duration::from_millis(300);

/// What a signal does to the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnSignal {
    /// The input ends, so that what was read is processed.
    End,
    /// The work is cancelled.
    Cancel,
}

/// An input that may wait without end. A separate thread reads it, so that a signal ends the wait.
#[derive(Debug)]
pub(crate) struct Pipe {
    blocks: Receiver<io::Result<Vec<u8>>>,
    block: Vec<u8>,
    at: usize,
    is_empty: bool,
    on_signal: OnSignal,
    asked: Arc<AtomicBool>,
    asked_at: Option<Instant>,
    flush: Flush,
}

/// Whether a read of text returns [`WouldBlock`](io::ErrorKind::WouldBlock) while the pipe is empty, so that the reader returns
/// the records that it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flush {
    Never,
    /// The first block shows whether it is text.
    Unknown,
    /// Not since the last block.
    Due,
    Done,
}

impl Pipe {
    /// The pipe or device under a path, where `-` is standard input; `None` for files and for what does not exist.
    pub(crate) fn open(path: &Path, on_signal: OnSignal) -> Result<Option<Self>> {
        if path == Path::new("-") {
            // A file does not wait: a signal cancels its reads.
            let on_signal = if is_file(&io::stdin()) { OnSignal::Cancel } else { on_signal };
            return Self::over(|| Ok(io::stdin()), on_signal).map(Some);
        }
        if path.metadata().map_or(true, |target| target.is_file() || target.is_dir()) {
            return Ok(None);
        }
        let path = path.to_path_buf();
        // Opening a named pipe waits for the program that writes to it.
        Self::over(move || File::open(path), on_signal).map(Some)
    }

    /// The same pipe, whose readers return the records of a text that they have while they wait for more.
    pub(crate) fn flushed(self) -> Self {
        Self { flush: Flush::Unknown, ..self }
    }

    /// Takes a block.
    fn take(&mut self, block: Vec<u8>) {
        self.flush = match self.flush {
            Flush::Unknown if is_text(&block) => Flush::Due,
            Flush::Unknown | Flush::Never => Flush::Never,
            Flush::Due | Flush::Done => Flush::Due,
        };
        (self.block, self.at, self.is_empty) = (block, 0, false);
    }

    fn over<R: Read>(
        open: impl FnOnce() -> io::Result<R> + Send + 'static,
        on_signal: OnSignal,
    ) -> Result<Self> {
        let asked = interrupt::flag()?;
        if on_signal == OnSignal::Cancel {
            interrupt::cancel()?;
        }
        let (sender, blocks) = sync_channel(WAITING);
        thread::spawn(move || {
            if let Err(error) = open().and_then(|input| send(input, &sender)) {
                let _ = sender.send(Err(error));
            }
        });
        Ok(Self {
            blocks,
            block: Vec::new(),
            at: 0,
            is_empty: true,
            on_signal,
            asked,
            asked_at: None,
            flush: Flush::Never,
        })
    }

    /// What a read returns instead of waiting longer, once a signal came.
    fn end(&mut self) -> Option<io::Result<usize>> {
        if !self.asked.load(Ordering::Relaxed) {
            return None;
        }
        if self.on_signal == OnSignal::Cancel || self.is_empty {
            return Some(Err(io::Error::other(Error::Cancelled)));
        }
        let since = *self.asked_at.get_or_insert_with(Instant::now);
        (since.elapsed() >= GRACE).then_some(Ok(0))
    }
}

/// Whether bytes begin a text, and not a capture, an export, a columnar file or a compressed one.
fn is_text(block: &[u8]) -> bool {
    let is_columnar = block.starts_with(b"PAR1") || block.starts_with(b"ARROW1");
    block.first().is_some_and(|byte| *byte >= b' ' && *byte < 0x7f) && !is_columnar
}

/// Reads an input to its end, block by block.
fn send(mut input: impl Read, sender: &SyncSender<io::Result<Vec<u8>>>) -> io::Result<()> {
    loop {
        let mut block = vec![0; BLOCK];
        match input.read(&mut block) {
            Ok(0) => return Ok(()),
            Ok(read) => block.truncate(read),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        }
        if sender.send(Ok(block)).is_err() {
            return Ok(());
        }
    }
}

#[cfg(unix)]
fn is_file(stdin: &io::Stdin) -> bool {
    use std::os::fd::AsFd;

    let copy = stdin.as_fd().try_clone_to_owned().map(File::from);
    copy.and_then(|file| file.metadata()).is_ok_and(|target| target.is_file())
}

#[cfg(not(unix))]
fn is_file(_: &io::Stdin) -> bool {
    false
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at == self.block.len() {
            if let Some(end) = self.end() {
                return end;
            }
            match self.blocks.recv_timeout(LOOK) {
                Ok(block) => self.take(block?),
                Err(RecvTimeoutError::Disconnected) => return Ok(0),
                Err(RecvTimeoutError::Timeout) if self.flush == Flush::Due => {
                    self.flush = Flush::Done;
                    return Err(io::ErrorKind::WouldBlock.into());
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
        let count = buffer.len().min(self.block.len() - self.at);
        buffer[..count].copy_from_slice(&self.block[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}
