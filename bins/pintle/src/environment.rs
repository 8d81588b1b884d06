//! What the process inherits: read here once, handed down as values.

use crate::progress::Downloads;
use crate::report::{Failure, FailureKind, Reporter};
use pintle_flows::supply::Supply;
use pintle_flows::vendor::VENDOR_MARK;
use pintle_world::clock::{Clock, now};
use pintle_world::fetch::{ProxySettings, Settings};
use pintle_world::{Cache, Fetcher, Store};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// The cache of downloads and unpacked packages: `$PINTLE_CACHE_DIR`, else `$XDG_CACHE_HOME/pintle`, else
/// `~/.cache/pintle`.
pub(crate) fn open_cache() -> Result<Cache, Failure> {
    let root = Cache::default_root(|name| std::env::var_os(name)).ok_or_else(|| {
        Failure::new(FailureKind::Failed, "no folder for the cache: neither PINTLE_CACHE_DIR nor HOME is set")
            .hint("PINTLE_CACHE_DIR=/var/tmp/pintle pintle …")
    })?;
    Cache::open(root).map_err(|error| Failure::new(FailureKind::Failed, error))
}

/// Threads for work that all processors can share.
pub(crate) fn threads() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from)
}

/// The file of this very program, even where another has taken its name since it was started.
pub(crate) fn own_program() -> PathBuf {
    PathBuf::from("/proc/self/exe")
}

/// The agent for systems that have one: `$PINTLE_AGENT`, else what lies beside this program.
pub(crate) fn agent() -> Option<PathBuf> {
    variable("PINTLE_AGENT").or_else(|| {
        let beside = std::env::current_exe().ok()?.with_file_name("pintle-agent");
        beside.is_file().then_some(beside)
    })
}

/// Folder of notes on running machines; private to the user.
pub(crate) fn runtime_folder() -> PathBuf {
    let base = variable("XDG_RUNTIME_DIR").map(|folder| folder.join("pintle"));
    base.unwrap_or_else(|| {
        let uid = rustix::process::getuid().as_raw();
        std::env::temp_dir().join(format!("pintle-{uid}"))
    })
}

/// Set by Ctrl-C and SIGTERM: flows look at it and stop where nothing is lost. A second Ctrl-C ends the process at once.
pub(crate) fn interrupted() -> Arc<AtomicBool> {
    let flag = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        // Order matters: the first signal sees the flag unset and only sets it.
        let second = signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&flag));
        let first = signal_hook::flag::register(signal, Arc::clone(&flag));
        if first.is_err() || second.is_err() {
            // Without handlers the default action (end at once) still loses nothing: outputs appear by rename.
            break;
        }
    }
    flag
}

/// How long mirrors are waited for: `$PINTLE_STALL_SECONDS` for the next byte; pauses between attempts keep their
/// proportion to it.
fn patience() -> Result<Settings, Failure> {
    let usual = Settings::default();
    let Some(text) = variable("PINTLE_STALL_SECONDS") else { return Ok(usual) };
    let seconds = text.to_str().and_then(|text| text.parse::<f64>().ok());
    let Some(seconds) = seconds.filter(|seconds| (0.01..=86_400.0).contains(seconds)) else {
        let message = format!("PINTLE_STALL_SECONDS is `{}`, which is no number of seconds", text.display());
        return Err(Failure::new(FailureKind::Usage, message).hint("PINTLE_STALL_SECONDS=30 pintle …"));
    };
    let stall = Duration::from_secs_f64(seconds);
    let pause = usual.pause.mul_f64(seconds / usual.stall.as_secs_f64());
    Ok(Settings { stall, pause, ..usual })
}

/// Everything outside the process that a flow may need, opened once.
pub(crate) struct Outside {
    cache: Cache,
    store: Store,
    fetcher: Fetcher,
    progress: Downloads,
    apt_sources: Vec<(String, String)>,
    clock: Clock,
    vendor: Option<PathBuf>,
}

impl Outside {
    /// Opens the cache and reads what the process inherits. `offline`: only what was downloaded before is used.
    pub(crate) fn new(reporter: &Reporter, offline: bool) -> Result<Self, Failure> {
        let cache = open_cache()?;
        let proxy = ProxySettings::from_environment(|name| std::env::var(name).ok());
        let settings = Settings { proxy, offline, ..patience()? };
        let fetcher = Fetcher::new(&cache, settings, interrupted())
            .map_err(|error| Failure::new(FailureKind::Usage, error))?;
        let apt = variable("PINTLE_APT_DIR").unwrap_or_else(|| PathBuf::from("/etc/apt"));
        let apt_sources = pintle_world::files::apt_sources(&apt).map_err(|error| {
            let message = format!("cannot read this machine's apt sources in {}: {error}", apt.display());
            Failure::new(FailureKind::Failed, message)
        })?;
        let store = Store::open(&cache);
        let progress = Downloads::new(reporter);
        Ok(Self { cache, store, fetcher, progress, apt_sources, clock: Clock::start(), vendor: None })
    }

    /// The same, with a folder of `pintle vendor` in place of the network.
    pub(crate) fn of(reporter: &Reporter, offline: bool, vendor: Option<&Path>) -> Result<Self, Failure> {
        let Some(folder) = vendor else { return Self::new(reporter, offline) };
        let mark = folder.join(VENDOR_MARK);
        let whole = pintle_world::files::absolute(folder);
        match (pintle_world::files::is_folder(&mark), whole) {
            (Ok(Some(false)), Ok(whole)) => Ok(Self { vendor: Some(whole), ..Self::new(reporter, true)? }),
            (Err(error), _) | (_, Err(error)) => {
                let message = format!("cannot read {}: {error}", mark.display());
                Err(Failure::new(FailureKind::Failed, message))
            }
            _ => {
                let message =
                    format!("{} is no vendored folder: there is no {VENDOR_MARK}", folder.display());
                let hint = format!("pintle vendor {} makes it", folder.display());
                Err(Failure::new(FailureKind::Usage, message).hint(hint))
            }
        }
    }

    /// As flows take it.
    pub(crate) fn supply(&self) -> Supply<'_> {
        Supply {
            cache: &self.cache,
            store: &self.store,
            fetcher: &self.fetcher,
            progress: &self.progress,
            vendor: self.vendor.as_deref(),
            apt_sources: &self.apt_sources,
            threads: threads(),
            now: now(),
            clock: self.clock,
        }
    }

    /// The progress bar.
    pub(crate) fn progress(&self) -> &Downloads {
        &self.progress
    }

    /// Takes the progress bar away.
    pub(crate) fn done(&self) {
        self.progress.done();
    }
}
