//! Ctrl-C and SIGTERM: live input ends, so that what was read is written and files are complete; any other work is cancelled.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Once};
use std::thread;
use std::time::Duration;

use qosguard::{Error, Monitor, Result};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

/// Time between two checks of the flag.
pub(crate) const LOOK: Duration = Duration::from_millis(50);

/// What shells add to the number of the signal that ended a command.
const BY_SIGNAL: u8 = 128;

/// Whether a signal came.
static ASKED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);
/// Its number; 0 for none.
static SIGNAL: LazyLock<Arc<AtomicUsize>> = LazyLock::new(Arc::default);
/// What cancels the work of this command.
static WORK: LazyLock<Monitor> = LazyLock::new(Monitor::default);

/// Makes the first signal set a flag, and the second end the command at once.
fn register() -> Result<()> {
    static REGISTERED: Once = Once::new();
    let mut registered: io::Result<()> = Ok(());
    REGISTERED.call_once(|| {
        registered = [SIGINT, SIGTERM].into_iter().try_for_each(|signal| {
            // In this order: at the first signal the flag is not set.
            flag::register_conditional_shutdown(signal, i32::from(BY_SIGNAL) + signal, Arc::clone(&ASKED))?;
            flag::register_usize(signal, Arc::clone(&SIGNAL), signal.unsigned_abs() as usize)?;
            flag::register(signal, Arc::clone(&ASKED))?;
            Ok(())
        });
    });
    registered.map_err(|source| Error::Io { path: Path::new("signals").into(), source })
}

/// A flag that a signal sets from now on; the command goes on.
pub(crate) fn flag() -> Result<Arc<AtomicBool>> {
    register()?;
    Ok(Arc::clone(&ASKED))
}

/// Calls `stop` at the first signal from now on.
pub(crate) fn on_signal(stop: impl FnOnce() + Send + 'static) -> Result<()> {
    let asked = flag()?;
    thread::spawn(move || {
        while !asked.load(Ordering::Relaxed) {
            thread::sleep(LOOK);
        }
        stop();
    });
    Ok(())
}

/// Makes a signal cancel the work inside [`run`] from now on.
pub(crate) fn cancel() -> Result<()> {
    static WATCHED: Once = Once::new();
    let mut watched = Ok(());
    WATCHED.call_once(|| watched = on_signal(|| WORK.cancel()));
    watched
}

/// Runs work that [`cancel`] makes cancellable.
pub(crate) fn run<T>(work: impl FnOnce() -> T) -> T {
    WORK.run(work)
}

/// Whether a signal came.
pub(crate) fn came() -> bool {
    ASKED.load(Ordering::Relaxed)
}

/// The exit code of work that a signal ended: 130 for Ctrl-C, 143 for SIGTERM.
pub(crate) fn exit_code() -> u8 {
    let signal = match SIGNAL.load(Ordering::Relaxed) {
        0 => SIGINT.unsigned_abs() as usize,
        signal => signal,
    };
    BY_SIGNAL.saturating_add(u8::try_from(signal).unwrap_or_default())
}
