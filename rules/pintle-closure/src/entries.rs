//! How a closure starts: its bootspec, as entries for boot menus.

use crate::ClosureError;
use crate::assemble::Input;
use pintle_boot::bootspec::{Boot, BootPath, Bootspec, Limits, TreeToplevel};
use pintle_boot::uki::{HEAD_LEN, LinuxHeader};
use pintle_model::{Attrs, Blob, Contents, InitrdSecrets, Kind, Origin, Timestamp, Tree, TreePath};
use pintle_nix::StorePath;

/// An os-release file has some hundred bytes.
const OS_RELEASE_MAX: u64 = 64 << 10;

/// A file of the closure: where it is once every link is followed, and its bytes.
pub type File = (TreePath, Blob);

/// One way to start a system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Name of the specialisation, with `+` between where it is one of a specialisation; empty for the system itself.
    pub name: String,
    /// For menus.
    pub title: String,
    /// `uname -r` of its kernel.
    pub release: String,
    /// The kernel.
    pub kernel: File,
    /// The initrd.
    pub initrd: Option<File>,
    /// The kernel's whole command line, `init=` included.
    pub cmdline: String,
    /// Its os-release file, with the title as its name.
    pub os_release: Vec<u8>,
    /// The program that adds secrets to its initrd, where it is to be run: its path, and its file.
    pub secrets: Option<(String, File)>,
}

impl Entry {
    /// Puts `initrd`, the one that the secrets were added to, in the place of the one in the store, below `/boot` of `tree`
    /// where only root can read it.
    ///
    /// # Errors
    /// [`ClosureError::Tree`], where something is there already.
    pub fn put_initrd(
        &mut self,
        tree: &mut Tree,
        initrd: Vec<u8>,
        time: Timestamp,
    ) -> Result<(), ClosureError> {
        let name = if self.name.is_empty() { String::new() } else { format!("-{}", self.name) };
        let path = TreePath::new(format!("boot/initrd-with-secrets{name}"))?;
        let origin = tree.origin(Origin::Generated("initrd secrets".to_owned()));
        let attrs = |mode| Attrs { mtime: time, ..Attrs::root(mode) };
        tree.ensure_directory(&TreePath::literal("boot"), attrs(0o755), origin)?;
        let blob = Blob::inline(initrd);
        tree.add(&path, Kind::File(blob.clone()), attrs(0o600), origin)?;
        self.initrd = Some((path, blob));
        Ok(())
    }
}

/// What `toplevel` says of how it starts.
///
/// # Errors
/// [`ClosureError::Bootspec`].
fn bootspec(tree: &Tree, toplevel: &StorePath, contents: &dyn Contents) -> Result<Bootspec, ClosureError> {
    let fail = |source| ClosureError::Bootspec { toplevel: toplevel.clone(), source };
    let path = boot_path(toplevel)?;
    Bootspec::of_toplevel(&TreeToplevel { tree, contents, path }, &Limits::default()).map_err(fail)
}

fn boot_path(toplevel: &StorePath) -> Result<BootPath, ClosureError> {
    let bad = |_| pintle_nix::BadStorePath::NotTopLevel(toplevel.to_string());
    Ok(toplevel.to_string().parse().map_err(bad)?)
}

/// Reads entries out of a tree.
struct Reader<'a> {
    tree: &'a Tree,
    toplevel: &'a StorePath,
    contents: &'a dyn Contents,
    secrets: InitrdSecrets,
    /// Entries whose initrd goes without its secrets.
    without: Vec<String>,
}

/// Every entry: the system itself, then its specialisations by name. And what deserves a look.
///
/// # Errors
/// [`ClosureError`].
pub(crate) fn all_entries(tree: &Tree, input: &Input<'_>) -> Result<(Vec<Entry>, Vec<String>), ClosureError> {
    let Input { toplevel, contents, secrets, .. } = *input;
    let document = bootspec(tree, toplevel, contents)?;
    let mut reader = Reader { tree, toplevel, contents, secrets, without: Vec::new() };
    let mut entries = Vec::new();
    // In the order in which people read: each system before its specialisations.
    let mut todo = vec![(String::new(), &document)];
    while let Some((name, document)) = todo.pop() {
        entries.push(reader.entry(name.clone(), &document.boot)?);
        let below = |child: &String| if name.is_empty() { child.clone() } else { format!("{name}+{child}") };
        todo.extend(document.specialisations.iter().rev().map(|(child, document)| (below(child), document)));
    }
    let warn =
        |title: String| format!("{title} starts without the secrets that its boot loader adds to the initrd");
    Ok((entries, reader.without.into_iter().map(warn).collect()))
}

impl Reader<'_> {
    fn entry(&mut self, name: String, boot: &Boot) -> Result<Entry, ClosureError> {
        let title = if name.is_empty() { boot.label.clone() } else { format!("{} ({name})", boot.label) };
        if boot.initrd_secrets.is_some() {
            match self.secrets {
                InitrdSecrets::Refuse => {
                    return Err(ClosureError::Secrets { toplevel: self.toplevel.clone() });
                }
                InitrdSecrets::Omit => self.without.push(title.clone()),
                InitrdSecrets::Run => {}
            }
        }
        let program = boot.initrd_secrets.as_ref().filter(|_| self.secrets == InitrdSecrets::Run);
        let secrets = program
            .map(|path| Ok::<_, ClosureError>((path.to_string(), self.file(path, "initrdSecrets")?)))
            .transpose()?;
        let kernel = self.file(&boot.kernel, "kernel")?;
        let initrd = boot.initrd.as_ref().map(|path| self.file(path, "initrd")).transpose()?;
        if self.tree.find(boot.init.as_str()).is_none() {
            return Err(self.missing(&boot.init, "init"));
        }
        let fail = |source| pintle_boot::bootspec::BootspecError::KernelParams { at: String::new(), source };
        let cmdline = boot.command_line().map_err(fail);
        let cmdline = cmdline
            .map_err(|source| ClosureError::Bootspec { toplevel: self.toplevel.clone(), source })?
            .to_string();
        let release = self.release(&kernel)?;
        let os_release = self.os_release(&boot.toplevel, &title)?;
        Ok(Entry { name, title, release, kernel, initrd, cmdline, os_release, secrets })
    }

    fn missing(&self, path: &BootPath, what: &'static str) -> ClosureError {
        ClosureError::File { toplevel: self.toplevel.clone(), path: path.to_string(), what }
    }

    fn file(&self, path: &BootPath, what: &'static str) -> Result<File, ClosureError> {
        let found = self.tree.resolve(&path.tree_path()).ok();
        match found.and_then(|at| Some((at.clone(), &self.tree.get(&at)?.kind))) {
            Some((at, Kind::File(blob))) => Ok((at, blob.clone())),
            _ => Err(self.missing(path, what)),
        }
    }

    fn release(&self, (path, blob): &File) -> Result<String, ClosureError> {
        let path = || path.to_string();
        let mut head = vec![0; HEAD_LEN.min(blob.len()) as usize];
        let read = blob.read_at(self.contents, 0, &mut head);
        read.map_err(|source| ClosureError::Read { path: path(), source })?;
        let header =
            LinuxHeader::parse(&head).map_err(|source| ClosureError::Kernel { path: path(), source })?;
        Ok(header.release)
    }

    /// `etc/os-release` of the toplevel with `title` as its `PRETTY_NAME`, which is what menus show of a unified kernel
    /// image; made up where there is none.
    fn os_release(&self, toplevel: &BootPath, title: &str) -> Result<Vec<u8>, ClosureError> {
        let path = format!("{toplevel}/etc/os-release");
        let own = match self.tree.find(&path).map(|inode| &inode.kind) {
            Some(Kind::File(blob)) => blob
                .read(self.contents, OS_RELEASE_MAX)
                .map_err(|source| ClosureError::Read { path, source })?,
            _ => b"ID=nixos\nNAME=NixOS\n".to_vec(),
        };
        let text = String::from_utf8_lossy(&own);
        let mut lines: Vec<&str> = text.lines().filter(|line| !line.starts_with("PRETTY_NAME=")).collect();
        let named = format!("PRETTY_NAME=\"{}\"", title.replace(['"', '\\', '$', '`'], "_"));
        lines.push(&named);
        Ok((lines.join("\n") + "\n").into_bytes())
    }
}
