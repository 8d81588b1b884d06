use super::error::{BootspecError, FileFault};
use super::path::BadBootPath;
use super::read::{Limits, is_line};
use super::{Boot, BootPath, Bootspec, FILE_NAME};
use crate::cmdline::Cmdline;
use pintle_model::{Contents, Kind, Tree, TreeError, TreePath};
use std::collections::BTreeMap;
use std::io;

/// The files of a NixOS system. Names are relative to the toplevel; every link is followed.
pub trait Toplevel {
    /// The toplevel's own path.
    fn path(&self) -> &BootPath;

    /// The bytes of a small file; `None`: there is none.
    ///
    /// # Errors
    /// Of reading, not of absence.
    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>>;

    /// The path that `name` is once every link is followed, with leading slash; `None`: there is nothing.
    ///
    /// # Errors
    /// Of reading, not of absence.
    fn real_path(&self, name: &str) -> io::Result<Option<String>>;

    /// Names in a directory, in order; none where there is no directory.
    ///
    /// # Errors
    /// Of reading, not of absence.
    fn names(&self, name: &str) -> io::Result<Vec<String>>;
}

impl Bootspec {
    /// What a toplevel says of itself: its `boot.json`, or else what its files give (NixOS before 23.05: `kernel`,
    /// `initrd`, `init`, `kernel-params`, `nixos-version`, `system`, `append-initrd-secrets`, `specialisation/`).
    ///
    /// # Errors
    /// [`BootspecError`] names the place or file.
    pub fn of_toplevel(toplevel: &dyn Toplevel, limits: &Limits) -> Result<Self, BootspecError> {
        let files = Files { toplevel, below: String::new(), at: toplevel.path().clone() };
        let Some(document) = files.read(FILE_NAME)? else { return files.synthesize(limits) };
        let system = files.read("system")?.map(|text| files.text("system", &text)).transpose()?;
        Self::parse_with(&document, limits, system.as_deref())
    }
}

/// The toplevel or, below `specialisation/NAME/`, one of its children.
struct Files<'a> {
    toplevel: &'a dyn Toplevel,
    /// Empty, or ends with a slash.
    below: String,
    /// Its own path.
    at: BootPath,
}

impl Files<'_> {
    fn synthesize(&self, limits: &Limits) -> Result<Bootspec, BootspecError> {
        let mut specialisations = BTreeMap::new();
        let names =
            self.toplevel.names("specialisation").map_err(|error| self.failed("specialisation", error))?;
        if names.len() > limits.specialisations {
            return Err(BootspecError::Many { max: limits.specialisations });
        }
        for name in names {
            let link = format!("specialisation/{name}");
            if !is_line(&name) {
                return Err(self.bad(&link, FileFault::Text));
            }
            let at = self.real_path(&link)?.ok_or_else(|| self.missing(&link))?;
            let child = Files { toplevel: self.toplevel, below: format!("{link}/"), at };
            let boot = child.boot()?;
            specialisations.insert(
                name,
                Bootspec { boot, specialisations: BTreeMap::new(), extensions: BTreeMap::new() },
            );
        }
        Ok(Bootspec { boot: self.boot()?, specialisations, extensions: BTreeMap::new() })
    }

    fn boot(&self) -> Result<Boot, BootspecError> {
        let own = |name: &str| self.at.join(name).map_err(|source| self.bad_path(name, source));
        let kernel = self.real_path("kernel")?.ok_or_else(|| self.missing("kernel"))?;
        self.real_path("init")?.ok_or_else(|| self.missing("init"))?;
        let secrets = self.real_path("append-initrd-secrets")?;
        let params = self.required("kernel-params")?;
        let params = Cmdline::parse(params.trim());
        let params = params.map_err(|source| self.bad("kernel-params", FileFault::KernelParams(source)))?;
        Ok(Boot {
            system: self.required("system")?,
            label: self.label()?,
            kernel,
            kernel_params: params.words().map(str::to_owned).collect(),
            // Not followed: where it leads to (a shell script's interpreter, a copy of systemd) is the system's affair.
            init: own("init")?,
            initrd: self.real_path("initrd")?,
            initrd_secrets: secrets.map(|_| own("append-initrd-secrets")).transpose()?,
            toplevel: self.at.clone(),
        })
    }

    /// As NixOS words it: `NixOS 21.11 (Linux 5.15.30)`.
    fn label(&self) -> Result<String, BootspecError> {
        let version = self.required("nixos-version")?;
        let modules = format!("{}kernel-modules/lib/modules", self.below);
        let kernels = self.toplevel.names(&modules).map_err(|error| self.failed(&modules, error))?;
        Ok(match kernels.first() {
            Some(kernel) => format!("NixOS {version} (Linux {kernel})"),
            None => format!("NixOS {version}"),
        })
    }

    fn read(&self, name: &str) -> Result<Option<Vec<u8>>, BootspecError> {
        let read = self.toplevel.read(&format!("{}{name}", self.below));
        read.map_err(|error| self.failed(name, error))
    }

    fn required(&self, name: &str) -> Result<String, BootspecError> {
        let bytes = self.read(name)?.ok_or_else(|| self.missing(name))?;
        if name == "kernel-params" && bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(String::new());
        }
        self.text(name, &bytes)
    }

    /// A line of text.
    fn text(&self, name: &str, bytes: &[u8]) -> Result<String, BootspecError> {
        let text = String::from_utf8_lossy(bytes);
        let text = text.trim();
        if is_line(text) { Ok(text.to_owned()) } else { Err(self.bad(name, FileFault::Text)) }
    }

    fn real_path(&self, name: &str) -> Result<Option<BootPath>, BootspecError> {
        let found = self.toplevel.real_path(&format!("{}{name}", self.below));
        let found = found.map_err(|error| self.failed(name, error))?;
        found.map(|text| text.parse().map_err(|source| self.bad_path(name, source))).transpose()
    }

    fn missing(&self, name: &str) -> BootspecError {
        BootspecError::NoFile { toplevel: self.at.to_string(), name: name.to_owned() }
    }

    fn failed(&self, name: &str, source: io::Error) -> BootspecError {
        BootspecError::Read { toplevel: self.at.to_string(), name: name.to_owned(), source }
    }

    fn bad(&self, name: &str, source: FileFault) -> BootspecError {
        BootspecError::BadFile { toplevel: self.at.to_string(), name: name.to_owned(), source }
    }

    fn bad_path(&self, name: &str, source: BadBootPath) -> BootspecError {
        self.bad(name, FileFault::Path(source))
    }
}

/// A toplevel in a tree.
pub struct TreeToplevel<'a> {
    /// Holds the whole closure.
    pub tree: &'a Tree,
    /// For the files' bytes.
    pub contents: &'a dyn Contents,
    /// The toplevel's path in it.
    pub path: BootPath,
}

/// Largest file that is read whole.
const FILE_MAX: u64 = 16 << 20;

impl TreeToplevel<'_> {
    /// `None`: there is nothing.
    fn resolve(&self, name: &str) -> io::Result<Option<TreePath>> {
        let path = self.path.tree_path().join(name).map_err(io::Error::other)?;
        match self.tree.resolve(&path) {
            Ok(path) if self.tree.lookup(&path).is_some() => Ok(Some(path)),
            Ok(_) | Err(TreeError::NoParent(_)) => Ok(None),
            Err(error) => Err(io::Error::other(error)),
        }
    }
}

impl Toplevel for TreeToplevel<'_> {
    fn path(&self) -> &BootPath {
        &self.path
    }

    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        let Some(path) = self.resolve(name)? else { return Ok(None) };
        match self.tree.get(&path).map(|inode| &inode.kind) {
            Some(Kind::File(blob)) => blob.read(self.contents, FILE_MAX).map(Some),
            Some(kind) => Err(io::Error::other(format!("{path} is a {}", kind.noun()))),
            None => Ok(None),
        }
    }

    fn real_path(&self, name: &str) -> io::Result<Option<String>> {
        Ok(self.resolve(name)?.map(|path| format!("/{}", path.lossy())))
    }

    fn names(&self, name: &str) -> io::Result<Vec<String>> {
        let Some(path) = self.resolve(name)? else { return Ok(Vec::new()) };
        let names = self.tree.children(&path).map(|(name, _)| String::from_utf8_lossy(name).into_owned());
        Ok(names.collect())
    }
}
