//! A line on the terminal that says how far the work is; none where standard error is no terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use qosguard::detect;

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

/// Counts the epochs of a training, one stage after the other.
#[derive(Debug, Default)]
pub(crate) struct Epochs(Option<(String, ProgressBar)>);

impl Epochs {
    pub(crate) fn show(&mut self, progress: &detect::Progress<'_>) {
        if self.0.as_ref().is_none_or(|(stage, _)| stage != progress.stage) {
            let bar = ProgressBar::new(progress.epochs as u64);
            if let Ok(style) = ProgressStyle::with_template("{prefix} {wide_bar} {pos}/{len} epochs, {msg}") {
                bar.set_style(style);
            }
            bar.set_prefix(progress.stage.to_owned());
            self.end();
            self.0 = Some((progress.stage.to_owned(), bar));
        }
        if let Some((_, bar)) = &self.0 {
            bar.set_message(format!("loss {:.4}", progress.record.watched_loss()));
            bar.set_position(progress.record.epoch as u64);
        }
    }

    fn end(&mut self) {
        if let Some((_, bar)) = self.0.take() {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Epochs {
    fn drop(&mut self) {
        self.end();
    }
}
