//! Progress and cancellation of long work.
//!
//! A [`Monitor`] receives progress reports of fits and other long calls, and can cancel them. It applies to all work inside
//! [`Monitor::run`], on this thread and on the threads that the work uses. Such work checks the monitor at least every
//! few thousand rows. [`FitContext::monitor`](crate::detect::FitContext::monitor) applies to one fit.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io::{self, Read};
use std::marker::PhantomData;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Minimum time between two reports of the same fine-grained work.
const MIN_INTERVAL: Duration = Duration::from_millis(50);

/// What a [`Progress`] counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Unit {
    /// Fits of members, on all rows or without a fold.
    Fits,
    /// Epochs of a network.
    Epochs,
    /// Trees of a forest, or rounds of boosting.
    Trees,
    /// Iterations of an optimiser.
    Iterations,
    /// Rows of a table.
    Rows,
}

impl Unit {
    /// The unit as a word, such as `trees`.
    ///
    /// ```
    /// assert_eq!(qosguard::progress::Unit::Trees.as_str(), "trees");
    /// ```
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fits => "fits",
            Self::Epochs => "epochs",
            Self::Trees => "trees",
            Self::Iterations => "iterations",
            Self::Rows => "rows",
        }
    }

    /// Whether every step is reported. Steps of other units are reported at most every 50 ms, and at the end.
    const fn is_coarse(self) -> bool {
        matches!(self, Self::Fits | Self::Epochs)
    }
}

/// One epoch of a training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EpochRecord {
    /// The epoch, from 1.
    pub epoch: usize,
    /// Steps since the start of the training.
    pub steps: u64,
    /// Learning rate of the last step.
    pub learning_rate: f64,
    /// Mean over the epoch's rows.
    pub training_loss: f64,
    /// Loss of the held-out rows after the epoch; `None` without held-out rows.
    pub validation_loss: Option<f64>,
    /// Mean over the epoch's steps, before clipping.
    pub gradient_norm: f64,
}

impl EpochRecord {
    /// The loss that determines the best epoch: the validation loss, or the training loss without one.
    pub fn watched_loss(&self) -> f64 {
        self.validation_loss.unwrap_or(self.training_loss)
    }
}

/// The progress of a piece of work.
pub struct Progress<'a> {
    /// The work, such as `boosted_trees`, `ensemble` or `autoencoder`.
    pub stage: &'a str,
    /// What `done` and `total` count.
    pub unit: Unit,
    /// Units that are done.
    pub done: u64,
    /// Units in total. The work may end earlier.
    pub total: u64,
    /// The member or expert that was fitted last, if the unit is fits.
    pub member: Option<&'a str>,
    /// The fold that was left out of the fit, from 0; `None` for a fit on all rows.
    pub fold: Option<usize>,
    /// The epoch that ended last, if the unit is epochs.
    pub epoch: Option<&'a EpochRecord>,
    checkpoint: Option<&'a dyn Fn() -> Result<Vec<u8>>>,
}

impl<'a> Progress<'a> {
    pub(crate) fn new(stage: &'a str, unit: Unit, done: usize, total: usize) -> Self {
        let (done, total) = (done as u64, total as u64);
        Self { stage, unit, done, total, member: None, fold: None, epoch: None, checkpoint: None }
    }

    /// Adds the member and the fold of the last fit.
    pub(crate) fn of_member(self, member: &'a str, fold: Option<usize>) -> Self {
        Self { member: Some(member), fold, ..self }
    }

    /// Adds the epoch, and the function that saves the training.
    #[cfg(feature = "train")]
    pub(crate) fn of_epoch(
        self,
        epoch: &'a EpochRecord,
        checkpoint: &'a dyn Fn() -> Result<Vec<u8>>,
    ) -> Self {
        Self { epoch: Some(epoch), checkpoint: Some(checkpoint), ..self }
    }

    /// After an epoch of a network, the bytes of a checkpoint from which the training can be resumed.
    ///
    /// Each call copies the weights four times, so call it only to keep the result.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] for work that is not the training of a network, [`Error::Tensor`] when the
    /// weights cannot be read.
    pub fn checkpoint(&self) -> Result<Vec<u8>> {
        let other = || Error::invalid("checkpoint", "of the training of a network", self.stage);
        self.checkpoint.ok_or_else(other)?()
    }
}

impl fmt::Debug for Progress<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Progress")
            .field("stage", &self.stage)
            .field("unit", &self.unit)
            .field("done", &self.done)
            .field("total", &self.total)
            .field("member", &self.member)
            .field("fold", &self.fold)
            .field("epoch", &self.epoch)
            .finish_non_exhaustive()
    }
}

/// The function that receives the reports.
type Watch = dyn FnMut(&Progress<'_>) -> ControlFlow<()> + Send;

struct Shared {
    cancelled: AtomicBool,
    watch: Option<Mutex<(Option<Instant>, Box<Watch>)>>,
}

/// Receives the progress of long work, and cancels it. Clones share one state, so that another thread can cancel.
///
/// Cancelled work returns [`Error::Cancelled`]. The training of a network that has completed an epoch ends instead without an
/// error and keeps the best weights so far.
///
/// # Examples
///
/// ```
/// use qosguard::detect::{BoostedTreesConfig, Fit, FitContext};
/// use qosguard::ndarray::Array2;
/// use qosguard::{ErrorKind, Monitor};
/// use std::ops::ControlFlow;
///
/// let x = Array2::from_shape_fn((200, 2), |(i, j)| (i * (j + 3) % 17) as f32);
/// let labels: Vec<bool> = (0..200).map(|i| i % 3 == 0).collect();
/// let monitor = Monitor::new(|progress| match progress.done {
///     0..3 => ControlFlow::Continue(()),
///     _ => ControlFlow::Break(()),
/// });
/// monitor.cancel(); // from any thread, at any time
/// let context = FitContext { monitor: Some(&monitor), ..FitContext::labelled(&labels) };
/// let error = BoostedTreesConfig::default().fit(x.view(), context).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Cancelled);
/// ```
#[derive(Clone)]
pub struct Monitor(Arc<Shared>);

impl Default for Monitor {
    /// A monitor that only cancels.
    fn default() -> Self {
        Self(Arc::new(Shared { cancelled: AtomicBool::new(false), watch: None }))
    }
}

impl fmt::Debug for Monitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Monitor").field("is_cancelled", &self.is_cancelled()).finish_non_exhaustive()
    }
}

impl Monitor {
    /// A monitor that calls `watch` with every report, one call at a time, on the thread that does the work.
    ///
    /// `Break` after an epoch ends that training, which keeps its best weights. Any other `Break` cancels the work.
    pub fn new(watch: impl FnMut(&Progress<'_>) -> ControlFlow<()> + Send + 'static) -> Self {
        let watch: Box<Watch> = Box::new(watch);
        Self(Arc::new(Shared { cancelled: AtomicBool::new(false), watch: Some(Mutex::new((None, watch))) }))
    }

    /// Cancels all present and future work under this monitor.
    pub fn cancel(&self) {
        self.0.cancelled.store(true, Ordering::Relaxed);
    }

    /// Whether the work is cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.0.cancelled.load(Ordering::Relaxed)
    }

    /// Runs `work` under this monitor, and under the monitors that already apply on this thread.
    ///
    /// # Examples
    ///
    /// ```
    /// use qosguard::simulate::{self, FlowSimulatorConfig};
    /// use qosguard::{ErrorKind, Monitor};
    ///
    /// let monitor = Monitor::default();
    /// monitor.cancel();
    /// let work = || simulate::table(&FlowSimulatorConfig { rows: 1_000_000, ..Default::default() });
    /// assert_eq!(monitor.run(work).unwrap_err().kind(), ErrorKind::Cancelled);
    /// ```
    pub fn run<T>(&self, work: impl FnOnce() -> T) -> T {
        let Scope { link, quiet } = scope();
        let link = Some(Arc::new(Link { monitor: self.clone(), outer: link }));
        Scope { link, quiet }.run(work)
    }

    /// Calls the watch. Returns whether the work continues.
    fn report(&self, progress: &Progress<'_>) -> ControlFlow<()> {
        let Some(watch) = &self.0.watch else { return ControlFlow::Continue(()) };
        // A watch that starts work of its own may run a task of the reported work, which would report again.
        if REPORTING.replace(true) {
            return ControlFlow::Continue(());
        }
        let _reset = Reset;
        let (last, watch) = &mut *watch.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = last.is_none_or(|last| last.elapsed() >= MIN_INTERVAL);
        if !progress.unit.is_coarse() && progress.done < progress.total && !is_due {
            return ControlFlow::Continue(());
        }
        *last = Some(Instant::now());
        watch(progress)
    }
}

/// Marks the end of a report, also after a panic.
struct Reset;

impl Drop for Reset {
    fn drop(&mut self) {
        REPORTING.set(false);
    }
}

/// A monitor, and the monitors around it.
struct Link {
    monitor: Monitor,
    outer: Option<Arc<Self>>,
}

/// The monitors that apply on a thread.
#[derive(Clone, Default)]
pub(crate) struct Scope {
    link: Option<Arc<Link>>,
    quiet: bool,
}

thread_local! {
    static SCOPE: RefCell<Scope> = RefCell::default();
    static REPORTING: Cell<bool> = const { Cell::new(false) };
}

/// The scope of this thread, to enter it on another thread.
pub(crate) fn scope() -> Scope {
    SCOPE.with_borrow(Clone::clone)
}

impl Scope {
    /// Runs `work` in this scope.
    pub(crate) fn run<T>(&self, work: impl FnOnce() -> T) -> T {
        let _entered = self.enter();
        work()
    }

    /// Makes this the scope of the thread until the result is dropped. Results must be dropped on the same thread, in the
    /// reverse order of the calls.
    pub(crate) fn enter(&self) -> Entered {
        Entered { before: SCOPE.replace(self.clone()), on_this_thread: PhantomData }
    }
}

/// A scope applies until this is dropped.
pub(crate) struct Entered {
    before: Scope,
    on_this_thread: PhantomData<*const ()>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        SCOPE.set(std::mem::take(&mut self.before));
    }
}

/// Runs a part of some work without reports. It can still be cancelled.
pub(crate) fn quiet<T>(work: impl FnOnce() -> T) -> T {
    Scope { quiet: true, ..scope() }.run(work)
}

fn links(first: Option<&Arc<Link>>) -> impl Iterator<Item = &Link> {
    std::iter::successors(first.map(|link| &**link), |link| link.outer.as_deref())
}

/// Whether the work on this thread is cancelled.
pub(crate) fn is_cancelled() -> bool {
    SCOPE.with_borrow(|scope| links(scope.link.as_ref()).any(|link| link.monitor.is_cancelled()))
}

/// Whether a watch receives the reports of this thread.
pub(crate) fn is_watched() -> bool {
    let watched = |scope: &Scope| links(scope.link.as_ref()).any(|link| link.monitor.0.watch.is_some());
    SCOPE.with_borrow(|scope| !scope.quiet && watched(scope))
}

/// Returns an error if the work on this thread is cancelled.
///
/// # Errors
///
/// [`Error::Cancelled`].
pub(crate) fn check() -> Result<()> {
    if is_cancelled() { Err(Error::Cancelled) } else { Ok(()) }
}

/// Reports progress, and returns an error if a monitor cancels the work.
///
/// # Errors
///
/// [`Error::Cancelled`].
pub(crate) fn report(progress: &Progress<'_>) -> Result<()> {
    check()?;
    if is_watched() {
        for link in links(scope().link.as_ref()) {
            if link.monitor.report(progress).is_break() {
                link.monitor.cancel();
            }
        }
        check()?;
    }
    Ok(())
}

/// Reports an epoch; `Break` ends this training.
#[cfg(feature = "train")]
pub(crate) fn report_epoch(progress: &Progress<'_>) -> ControlFlow<()> {
    if is_watched() {
        let broken = |link: &Link| link.monitor.report(progress).is_break();
        // Every monitor receives the report, also if an earlier one ends the training.
        if links(scope().link.as_ref()).filter(|link| broken(link)).count() > 0 {
            return ControlFlow::Break(());
        }
    }
    ControlFlow::Continue(())
}

/// A reader that fails after the work is cancelled. [`Error::io`] converts its error to [`Error::Cancelled`].
pub(crate) struct Cancellable<R>(pub(crate) R);

impl<R: Read> Read for Cancellable<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        check().map_err(io::Error::other)?;
        self.0.read(buffer)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;
    use crate::parallel;

    #[test]
    fn a_monitor_reaches_the_threads_of_its_work_and_no_others() {
        let monitor = Monitor::default();
        let outer = Monitor::default();
        let seen = outer.run(|| monitor.run(|| parallel::map(64, |_| is_cancelled())));
        assert_eq!(seen, [false; 64]);
        outer.cancel();
        let seen = outer.run(|| monitor.run(|| parallel::map(64, |_| check().is_err())));
        assert_eq!(seen, [true; 64]);
        assert!(!is_cancelled());
        assert_eq!(parallel::map(64, |_| is_cancelled()), [false; 64]);
    }

    #[test]
    fn fine_steps_are_reported_rarely_and_the_last_one_always() {
        let calls = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&calls);
        let monitor = Monitor::new(move |_| {
            count.fetch_add(1, Ordering::Relaxed);
            ControlFlow::Continue(())
        });
        monitor.run(|| {
            (1..=1000).for_each(|done| report(&Progress::new("x", Unit::Trees, done, 1000)).unwrap());
        });
        let fine = calls.swap(0, Ordering::Relaxed);
        assert!((2..100).contains(&fine), "{fine}");
        monitor.run(|| {
            (1..=50).for_each(|done| report(&Progress::new("x", Unit::Fits, done, 50)).unwrap());
            quiet(|| report(&Progress::new("x", Unit::Fits, 1, 1))).unwrap();
        });
        assert_eq!(calls.load(Ordering::Relaxed), 50);
    }

    #[test]
    fn a_break_cancels_for_good() {
        let monitor = Monitor::new(|_| ControlFlow::Break(()));
        let error = monitor.run(|| report(&Progress::new("x", Unit::Fits, 1, 2))).unwrap_err();
        assert_eq!(error.to_string(), "the work was cancelled");
        assert!(monitor.is_cancelled());
    }

    #[test]
    fn a_watch_that_reports_itself_is_not_called_again() {
        let monitor = Arc::new(Mutex::new(None::<Monitor>));
        let inner = Arc::clone(&monitor);
        let watch = Monitor::new(move |_| {
            let own = inner.lock().unwrap().clone().unwrap();
            own.run(|| report(&Progress::new("x", Unit::Fits, 1, 1))).unwrap();
            ControlFlow::Continue(())
        });
        *monitor.lock().unwrap() = Some(watch.clone());
        watch.run(|| report(&Progress::new("x", Unit::Fits, 1, 1))).unwrap();
    }
}
