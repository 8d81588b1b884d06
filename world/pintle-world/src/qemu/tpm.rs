use super::QemuError;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A TPM 2.0 in software (swtpm). Dropping it ends it; what it holds stays in its folder.
pub struct Tpm {
    child: Child,
    socket: PathBuf,
}

/// How long it may take to listen.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often it is looked for.
const LOOK: Duration = Duration::from_millis(10);
/// Where it listens, in its folder.
const SOCKET: &str = "tpm.sock";
/// `sun_path` of unix(7).
const SOCKET_MAX: usize = 107;

impl Tpm {
    /// Starts one whose state is in `folder`, which is made where it is missing: another start finds what this one kept.
    /// It listens in `runtime`. `path` is the value of `$PATH`.
    ///
    /// # Errors
    /// [`QemuError::Missing`], [`QemuError::Spawn`], [`QemuError::File`], [`QemuError::Tpm`].
    pub fn start(folder: &Path, runtime: &Path, path: &OsString) -> Result<Self, QemuError> {
        let program = std::env::split_paths(path)
            .map(|folder| folder.join("swtpm"))
            .find(|file| file.is_file())
            .ok_or(QemuError::Missing { program: "swtpm".to_owned() })?;
        let file = |path: &Path| {
            let path = path.to_owned();
            move |source| QemuError::File { path, source }
        };
        std::fs::create_dir_all(folder).map_err(file(folder))?;
        let socket = runtime.join(SOCKET);
        if socket.as_os_str().len() > SOCKET_MAX {
            let source = std::io::Error::other("the path is too long for a socket");
            return Err(QemuError::File { path: socket, source });
        }
        let word = |key: &str, path: &Path, more: &str| {
            let mut word = OsString::from(key);
            word.push(path);
            word.push(more);
            word
        };
        let mut child = Command::new(&program)
            .args(["socket", "--tpm2", "--terminate", "--tpmstate"])
            .arg(word("dir=", folder, ",mode=0600"))
            .arg("--ctrl")
            .arg(word("type=unixio,path=", &socket, ",mode=0600"))
            .arg("--log")
            .arg(word("file=", &runtime.join("tpm.log"), ",level=1"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|source| QemuError::Spawn { program, source })?;
        let begun = Instant::now();
        while !socket.exists() {
            let ended = child.try_wait().ok().flatten();
            if ended.is_some() || begun.elapsed() > PATIENCE {
                drop(child.kill());
                drop(child.wait());
                let said = std::fs::read_to_string(runtime.join("tpm.log")).unwrap_or_default();
                let said = said.lines().next_back().unwrap_or("it said nothing").to_owned();
                return Err(QemuError::Tpm { folder: folder.to_owned(), said });
            }
            std::thread::sleep(LOOK);
        }
        Ok(Self { child, socket })
    }

    /// Where QEMU reaches it (`-tpmdev emulator`).
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }
}

impl Drop for Tpm {
    fn drop(&mut self) {
        // It ends by itself with QEMU; both fail only when it has.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
