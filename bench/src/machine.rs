//! Where the timing happens.

use crate::measure::Call;
use std::path::{Path, PathBuf};

/// Folders and programs of a run.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// For everything that is made.
    pub(crate) work: PathBuf,
    /// The program.
    pub(crate) pintle: PathBuf,
    /// This crate's folder: the peers' recipes and the definition.
    pub(crate) home: PathBuf,
}

impl Place {
    /// Makes the working folder.
    ///
    /// # Errors
    /// Where it cannot be made, or the program is not there.
    pub(crate) fn new(work: &Path, pintle: &Path) -> Result<Self, String> {
        let made = std::fs::create_dir_all(work).and_then(|()| work.canonicalize());
        let work = made.map_err(|error| format!("{}: {error}", work.display()))?;
        let pintle = pintle.canonicalize().map_err(|error| format!("{}: {error}", pintle.display()))?;
        Ok(Self { work, pintle, home: PathBuf::from(env!("CARGO_MANIFEST_DIR")) })
    }
}

/// The base URL of the Debian mirror in this machine's apt sources.
///
/// # Errors
/// Where there is none.
pub(crate) fn mirror() -> Result<String, String> {
    let words = ["apt-get", "indextargets", "--format", "$(CODENAME) $(REPO_URI)"];
    let listing = Call::new(&words, Path::new("/")).run()?;
    let main = listing.lines().filter_map(|line| line.split_once(' '));
    let mut main = main.filter(|(codename, _)| !codename.contains('-'));
    let (_, uri) = main.next().ok_or("this machine's apt sources name no Debian mirror")?;
    Ok(uri.trim_end_matches('/').to_owned())
}

/// Processor, memory, system and load, for the page.
pub(crate) fn describe(place: &Place) -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, key: &str| {
        let line = text.lines().find(|line| line.starts_with(key));
        line.and_then(|line| line.split_once(':'))
            .map(|(_, value)| value.trim().to_owned())
            .unwrap_or_default()
    };
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    let processor = field(&read("/proc/cpuinfo"), "model name");
    let memory = field(&read("/proc/meminfo"), "MemTotal");
    let gib =
        memory.split(' ').next().and_then(|kib| kib.parse::<f64>().ok()).unwrap_or(0.0) / f64::from(1 << 20);
    let folder = place.work.to_string_lossy();
    let kind = Call::new(&["stat", "--file-system", "--format", "%T", &folder], Path::new("/")).run();
    let load = read("/proc/loadavg").split(' ').next().unwrap_or_default().to_owned();
    format!(
        "{cpus} processors ({processor}), {gib:.0} GiB, working folder on {}, load {load} at the end",
        kind.unwrap_or_default().trim()
    )
}
