//! Ctrl-C: of live input, what was read is still written, and files get their ends; any other work is cancelled.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Once};
use std::thread;
use std::time::Duration;

use qosguard::{Error, Monitor, Result};
use signal_hook::flag;

pub(crate) use signal_hook::consts::{SIGINT, SIGTERM};

/// Exit code of what a second Ctrl-C ends, as shells give it.
const INTERRUPTED: i32 = 130;

/// How often it is looked whether to stop.
const LOOK: Duration = Duration::from_millis(50);

/// Makes the first of these signals set a flag; the second ends the command at once.
pub(crate) fn flag(signals: &[i32]) -> Result<Arc<AtomicBool>> {
    let asked = Arc::new(AtomicBool::new(false));
    let register = || -> io::Result<()> {
        for &signal in signals {
            // In this order: the first signal must find the flag down.
            flag::register_conditional_shutdown(signal, INTERRUPTED, Arc::clone(&asked))?;
            flag::register(signal, Arc::clone(&asked))?;
        }
        Ok(())
    };
    register().map_err(|source| Error::Io { path: Path::new("signals").into(), source })?;
    Ok(asked)
}

/// What cancels the work of this command.
static WORK: LazyLock<Monitor> = LazyLock::new(Monitor::default);

/// Makes Ctrl-C cancel the work inside [`run`] from now on; a second one ends the command at once.
pub(crate) fn cancel() -> Result<()> {
    static ONCE: Once = Once::new();
    let mut registered = Ok(());
    ONCE.call_once(|| registered = flag(&[SIGINT]).map(|asked| once(asked, || WORK.cancel())));
    registered
}

/// Runs work that [`cancel`] makes cancellable.
pub(crate) fn run<T>(work: impl FnOnce() -> T) -> T {
    WORK.run(work)
}

/// Calls `stop` once the flag is up.
pub(crate) fn once(asked: Arc<AtomicBool>, stop: impl FnOnce() + Send + 'static) {
    thread::spawn(move || {
        while !asked.load(Ordering::Relaxed) {
            thread::sleep(LOOK);
        }
        stop();
    });
}
