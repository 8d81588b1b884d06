//! A toy archive: packages in one line each, as the text of an index or as a signed archive on disk with real .debs.
//!
//! ```
//! use pintle_testkit::archive::toy;
//! let archive = toy()
//!     .package("base-files 13 essential: yes; priority: required; pre-depends: awk")
//!     .package("mawk 1.3.4 provides: awk")
//!     .package("nginx 1.26 depends: libc6 (>= 2.38), nginx-common | nginx-full; arch: all");
//! assert!(archive.packages_text().starts_with("Package: base-files\nVersion: 13\nArchitecture: amd64\n"));
//! ```

mod deb;
mod sign;

pub use sign::Signer;

use deb::File;
use pintle_model::Digest;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// No package yet.
#[must_use]
pub fn toy() -> Archive {
    Archive::default()
}

/// Packages of one suite.
#[derive(Clone, Debug, Default)]
pub struct Archive {
    packages: Vec<Package>,
}

#[derive(Clone, Debug)]
struct Package {
    name: String,
    version: String,
    arch: String,
    /// Control fields beyond those, as written.
    fields: Vec<(String, String)>,
    files: Vec<File>,
    control: Vec<File>,
    /// In place of what the others make.
    raw: Option<Vec<u8>>,
}

impl Archive {
    /// Adds a package: `NAME VERSION [FIELD: VALUE; FIELD: VALUE …]`. Field names in any case; `arch` is short for
    /// `Architecture` (`amd64` unless given). It contains `/usr/share/doc/NAME/copyright` and what [`Self::file`] adds.
    ///
    /// # Panics
    /// When the line is not like that.
    #[must_use]
    pub fn package(mut self, line: &str) -> Self {
        let mut words = line.trim().splitn(3, ' ');
        let name = words.next().expect("a name").to_owned();
        let version = words.next().unwrap_or_else(|| panic!("no version in `{line}`")).to_owned();
        let mut package = Package {
            name,
            version,
            arch: "amd64".to_owned(),
            fields: Vec::new(),
            files: Vec::new(),
            control: Vec::new(),
            raw: None,
        };
        let fields = words.next().unwrap_or_default().split(';').filter(|field| !field.trim().is_empty());
        for field in fields {
            let (name, value) = field.split_once(':').unwrap_or_else(|| panic!("no colon in `{field}`"));
            let (name, value) = (capitals(name.trim()), value.trim().to_owned());
            match name.as_str() {
                "Arch" => package.arch = value,
                _ => package.fields.push((name, value)),
            }
        }
        self.packages.push(package);
        self
    }

    /// Adds a file to the package added last; an absolute path.
    #[must_use]
    pub fn file(mut self, path: &str, mode: u32, content: impl Into<Vec<u8>>) -> Self {
        let file = File { path: path.to_owned(), mode, content: content.into() };
        self.last().files.push(file);
        self
    }

    /// Adds a file to the control archive of the package added last (`postinst`, `conffiles`, …).
    #[must_use]
    pub fn control(mut self, name: &str, content: impl Into<Vec<u8>>) -> Self {
        let mode = if name.ends_with("inst") || name.ends_with("rm") { 0o755 } else { 0o644 };
        let file = File { path: name.to_owned(), mode, content: content.into() };
        self.last().control.push(file);
        self
    }

    /// Makes `bytes` the .deb of the package added last, whatever they are: the index names their size and digest.
    #[must_use]
    pub fn raw(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.last().raw = Some(bytes.into());
        self
    }

    /// The .deb of the package added last.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn deb(&self) -> Vec<u8> {
        self.packages.last().expect("a package was added before").deb()
    }

    fn last(&mut self) -> &mut Package {
        self.packages.last_mut().expect("a package was added before")
    }

    /// The `Packages` index.
    #[must_use]
    pub fn packages_text(&self) -> String {
        self.packages.iter().map(|package| package.stanza(&package.deb())).collect()
    }

    /// Writes the archive below `root`: `pool/`, and `dists/SUITE/` with `InRelease` and the indices, plain, gzipped
    /// and by digest. Several suites may share a root.
    ///
    /// # Errors
    /// Of the file system.
    pub fn write(&self, root: &Path, suite: &ToySuite) -> io::Result<()> {
        let mut index = String::new();
        for package in &self.packages {
            let deb = package.deb();
            index += &package.stanza(&deb);
            write(&root.join(package.pool_path()), &deb)?;
        }
        let folder = root.join("dists").join(&suite.name);
        let mut list = String::new();
        for (extension, bytes) in [("", index.clone().into_bytes()), (".gz", deb::gzip(index.as_bytes()))] {
            let path = format!("main/binary-{}/Packages{extension}", suite.arch);
            let digest = Digest::of(&bytes).hex();
            writeln!(list, " {digest} {} {path}", bytes.len()).map_err(io::Error::other)?;
            let by_hash = format!("main/binary-{}/by-hash/SHA256/{digest}", suite.arch);
            write(&folder.join(&path), &bytes)?;
            write(&folder.join(by_hash), &bytes)?;
        }
        let release = suite.release(&list);
        write(&folder.join("InRelease"), suite.signer.sign(&release, suite.date_seconds).as_bytes())
    }

    /// Where the .deb of a package is below the root.
    ///
    /// # Panics
    /// When there is no such package.
    #[must_use]
    pub fn deb_path(&self, name: &str) -> PathBuf {
        let package = self.packages.iter().find(|package| package.name == name);
        package.unwrap_or_else(|| panic!("no toy package `{name}`")).pool_path().into()
    }
}

/// How a suite is dated and signed.
#[derive(Clone, Debug)]
pub struct ToySuite {
    /// Name, below `dists/`; also its codename.
    pub name: String,
    /// Debian architecture of the index.
    pub arch: String,
    /// `Date`, as text.
    pub date: String,
    /// The same, seconds since 1970: when it is signed.
    pub date_seconds: i64,
    /// `Valid-Until`, as text.
    pub valid_until: Option<String>,
    /// Who signs.
    pub signer: Signer,
    /// `Acquire-By-Hash`.
    pub by_hash: bool,
    /// Further lines of the release.
    pub extra: String,
}

impl ToySuite {
    /// A good suite for amd64, dated 2026-09-12, valid for good.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            arch: "amd64".to_owned(),
            date: "Sat, 12 Sep 2026 07:55:41 UTC".to_owned(),
            date_seconds: 1_789_199_741,
            valid_until: None,
            signer: Signer::Archive,
            by_hash: true,
            extra: String::new(),
        }
    }

    fn release(&self, list: &str) -> String {
        let Self { name, arch, date, extra, .. } = self;
        let until =
            self.valid_until.iter().map(|until| format!("Valid-Until: {until}\n")).collect::<String>();
        let by_hash = if self.by_hash { "yes" } else { "no" };
        format!(
            "Origin: Toy\nSuite: {name}\nCodename: {name}\nDate: {date}\n{until}Acquire-By-Hash: {by_hash}\n\
             Architectures: all {arch}\nComponents: main\n{extra}SHA256:\n{list}"
        )
    }
}

impl Package {
    fn pool_path(&self) -> String {
        // As dak does, the epoch has no part in file names.
        let version = self.version.split_once(':').map_or(self.version.as_str(), |(_, version)| version);
        let Self { name, arch, .. } = self;
        format!("pool/main/{}/{name}/{name}_{version}_{arch}.deb", &name[..1])
    }

    fn head(&self) -> String {
        let mut text =
            format!("Package: {}\nVersion: {}\nArchitecture: {}\n", self.name, self.version, self.arch);
        for (name, value) in &self.fields {
            text += &format!("{name}: {value}\n");
        }
        text
    }

    fn deb(&self) -> Vec<u8> {
        if let Some(raw) = &self.raw {
            return raw.clone();
        }
        let control =
            format!("{}Maintainer: Nobody <nobody@example.org>\nDescription: toy package\n", self.head());
        let mut control = vec![File { path: "control".into(), mode: 0o644, content: control.into_bytes() }];
        control.extend(self.control.iter().cloned());
        let copyright = format!("{} is free of rights.\n", self.name);
        let mut data = vec![File {
            path: format!("/usr/share/doc/{}/copyright", self.name),
            mode: 0o644,
            content: copyright.into_bytes(),
        }];
        data.extend(self.files.iter().cloned());
        deb::build(&control, &data)
    }

    fn stanza(&self, deb: &[u8]) -> String {
        let (path, size, digest) = (self.pool_path(), deb.len(), Digest::of(deb).hex());
        format!("{}Filename: {path}\nSize: {size}\nSHA256: {digest}\n\n", self.head())
    }
}

/// `pre-depends` to `Pre-Depends`.
fn capitals(name: &str) -> String {
    let capital = |part: &str| part[..1].to_ascii_uppercase() + &part[1..].to_ascii_lowercase();
    name.split('-').map(capital).collect::<Vec<_>>().join("-")
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    fs::create_dir_all(folder)?;
    fs::write(path, bytes)
}
