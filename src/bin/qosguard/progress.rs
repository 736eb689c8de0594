//! A line on the terminal that says how far the work is; none where standard error is no terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Counts rows as they pass.
#[derive(Debug)]
pub(crate) struct Progress(ProgressBar);

impl Progress {
    pub(crate) fn new(verb: &'static str, rows: Option<u64>) -> Self {
        let (bar, template) = match rows {
            Some(rows) => {
                (ProgressBar::new(rows), "{msg} {wide_bar} {human_pos}/{human_len} rows, {eta} left")
            }
            None => (ProgressBar::no_length(), "{spinner} {msg} {human_pos} rows, {per_sec}"),
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(verb);
        bar.enable_steady_tick(Duration::from_millis(200));
        Self(bar)
    }

    pub(crate) fn add(&self, rows: usize) {
        self.0.inc(rows as u64);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
