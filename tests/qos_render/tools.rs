//! Programs that tests run and a machine may lack. A test without its program is skipped: it prints a message on standard error, and
//! writes its name to the file `QOSGUARD_SKIPPED`, which `make test` counts.

use std::env;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A program on the path, or in the folders of programs of the system; `None` with a message if there is none.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let more = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    let found =
        env::split_paths(&path).chain(more).map(|folder| folder.join(name)).find(|file| file.is_file());
    if found.is_none() {
        skip(&format!("no program {name}"));
    }
    found
}

/// Reports that a test is skipped.
pub(crate) fn skip(why: &str) {
    eprintln!("SKIPPED: {why}");
    if let Some(skipped) = env::var_os("QOSGUARD_SKIPPED") {
        let thread = std::thread::current();
        let line = format!("rust {} {}\n", env!("CARGO_CRATE_NAME"), thread.name().unwrap_or("main"));
        let mut file = OpenOptions::new().create(true).append(true).open(skipped).unwrap();
        file.write_all(line.as_bytes()).unwrap();
    }
}

/// A process in a network namespace of its own, in which other programs run.
pub(crate) struct Namespace {
    unshare: PathBuf,
    nsenter: PathBuf,
    holder: std::process::Child,
}

impl Namespace {
    /// A new namespace; `None` with a message where the system has none for users.
    pub(crate) fn new() -> Option<Self> {
        let (unshare, nsenter) = (find("unshare")?, find("nsenter")?);
        let works =
            Command::new(&unshare).args(["-rn", "true"]).output().is_ok_and(|run| run.status.success());
        if !works {
            skip("no network namespaces for users");
            return None;
        }
        // It ends when its standard input closes.
        let holder = Command::new(&unshare)
            .args(["-rn", "cat"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let namespace = Self { unshare, nsenter, holder };
        namespace.wait();
        Some(namespace)
    }

    /// Waits until the holder is in its own namespace.
    fn wait(&self) {
        let of = |pid: &str| std::fs::read_link(format!("/proc/{pid}/ns/net")).ok();
        let own = of("self");
        for _ in 0..500 {
            let holder = of(&self.holder.id().to_string());
            if holder.is_some() && holder != own {
                // The user is mapped after the namespaces are made.
                std::thread::sleep(std::time::Duration::from_millis(50));
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        panic!("{} made no namespace", self.unshare.display());
    }

    /// Runs a program in the namespace.
    pub(crate) fn run(&self, program: &Path, arguments: &[&str]) -> Output {
        Command::new(&self.nsenter)
            .args(["-t", &self.holder.id().to_string(), "-U", "-n", "--preserve-credentials"])
            .arg(program)
            .args(arguments)
            .output()
            .unwrap()
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        drop(self.holder.stdin.take());
        let _ = self.holder.wait();
    }
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
