//! A terminal that shows one table, which is redrawn in place.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use console::Term;
use qosguard::Result;

use crate::interrupt;

/// The other screen of the terminal, without a cursor.
const OPEN: &str = "\x1b[?1049h\x1b[?25l\x1b[2J";
/// The screen and the cursor as they were.
const CLOSE: &str = "\x1b[?25h\x1b[?1049l";
/// The terminal shows what is between these two at once.
const BEGIN: &str = "\x1b[?2026h\x1b[H";
const END: &str = "\x1b[J\x1b[?2026l";
/// The rest of the line is empty.
const CLEAR: &str = "\x1b[K";

/// An open screen; the terminal is as it was when this is dropped, and from the first signal on.
#[derive(Debug)]
pub(super) struct Screen(Arc<Mutex<bool>>);

impl Screen {
    /// Opens the screen where standard output is a terminal that can move its cursor.
    pub(super) fn open() -> Result<Option<Self>> {
        let is_dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb" || term.is_empty());
        if !Term::stdout().is_term() || is_dumb {
            return Ok(None);
        }
        let is_open = Arc::new(Mutex::new(true));
        write(OPEN);
        let shared = Arc::clone(&is_open);
        // The second signal ends the command at once, and nothing else would restore the terminal.
        interrupt::on_signal(move || close(&shared))?;
        Ok(Some(Self(is_open)))
    }

    /// Columns and lines.
    pub(super) fn size() -> (usize, usize) {
        let (lines, columns) = Term::stdout().size();
        (columns.into(), lines.into())
    }

    /// Shows lines in place of the lines before.
    pub(super) fn draw(&self, lines: &[String]) {
        let is_open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !*is_open {
            return;
        }
        let mut text = String::from(BEGIN);
        for (at, line) in lines.iter().enumerate() {
            text.push_str(if at > 0 { "\r\n" } else { "" });
            text.push_str(line);
            text.push_str(CLEAR);
        }
        text.push_str(END);
        write(&text);
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        close(&self.0);
    }
}

fn close(is_open: &Mutex<bool>) {
    let mut is_open = is_open.lock().unwrap_or_else(PoisonError::into_inner);
    if std::mem::take(&mut *is_open) {
        write(CLOSE);
    }
}

/// A terminal that is gone is not an error: nobody looks at it.
fn write(text: &str) {
    let mut stdout = io::stdout().lock();
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}
