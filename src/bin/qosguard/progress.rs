//! A progress bar on the terminal; none where standard error is not a terminal.

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

/// Counts the steps of a fit: fits by member and fold, epochs, trees and so on, one stage after the other.
#[derive(Debug, Default)]
pub(crate) struct Steps(Option<(String, ProgressBar)>);

impl Steps {
    pub(crate) fn show(&mut self, progress: &qosguard::Progress<'_>) {
        if self.0.as_ref().is_none_or(|(stage, _)| stage != progress.stage) {
            let bar = ProgressBar::no_length();
            let template =
                format!("{{prefix}} {{wide_bar}} {{pos}}/{{len}} {}{{msg}}", progress.unit.as_str());
            if let Ok(style) = ProgressStyle::with_template(&template) {
                bar.set_style(style);
            }
            bar.set_prefix(progress.stage.to_owned());
            self.end();
            self.0 = Some((progress.stage.to_owned(), bar));
        }
        if let Some((_, bar)) = &self.0 {
            bar.set_message(match (progress.epoch, progress.member, progress.fold) {
                (Some(epoch), ..) => format!(", loss {:.4}", epoch.watched_loss()),
                (_, Some(member), Some(fold)) => format!(", {member} without fold {}", fold + 1),
                (_, Some(member), None) => format!(", {member} on all rows"),
                _ => String::new(),
            });
            bar.set_length(progress.total);
            bar.set_position(progress.done);
        }
    }

    fn end(&mut self) {
        if let Some((_, bar)) = self.0.take() {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Steps {
    fn drop(&mut self) {
        self.end();
    }
}
