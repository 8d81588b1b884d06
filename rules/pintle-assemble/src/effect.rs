//! What maintainer scripts and recipes do, as data; `apply` carries it out.

use serde::Deserialize;

/// One thing done to the file tree or to its databases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// A user is added, unless there is one of that name.
    User(AddUser),
    /// A group is added, unless there is one of that name.
    Group {
        /// Name.
        name: String,
        /// GID, where it is fixed.
        gid: Option<u32>,
    },
    /// A user enters a group.
    Member {
        /// The user.
        user: String,
        /// The group.
        group: String,
    },
    /// A directory is there.
    Directory {
        /// Absolute path.
        path: String,
        /// Owner, group and mode, as far as they are set.
        attributes: Attributes,
    },
    /// A file is there.
    File {
        /// Absolute path.
        path: String,
        /// Its content.
        content: Content,
        /// Owner, group and mode; for copies those of the source where not set.
        attributes: Attributes,
        /// What happens to a file that is there already.
        existing: Existing,
    },
    /// A configuration file is there, and ucf(1) knows what it was made from.
    Ucf {
        /// Absolute path of the file in the package.
        source: String,
        /// Absolute path of the configuration file.
        path: String,
    },
    /// A symbolic link is there.
    Link {
        /// Absolute path.
        path: String,
        /// Target as written.
        target: String,
        /// What happens to what is there already.
        existing: Existing,
    },
    /// A file or an empty directory goes away, if there.
    Remove {
        /// Absolute path.
        path: String,
    },
    /// Owner, group or mode change.
    Change {
        /// Absolute path; it must exist.
        path: String,
        /// The new values.
        attributes: Attributes,
    },
    /// Owner or group of a path and of everything below it change.
    ChangeAll {
        /// Absolute path; nothing happens where there is none.
        path: String,
        /// The new owner and group; a mode is not among them.
        attributes: Attributes,
    },
    /// The mode changes as chmod(1) is told by letters, or by number for everything below.
    Mode {
        /// Absolute path.
        path: String,
        /// What changes.
        change: ModeChange,
        /// Everything below, too.
        recursive: bool,
    },
    /// A file runs with capabilities (capabilities(7), setcap(8)).
    Capabilities {
        /// Absolute path.
        path: String,
        /// Value of its extended attribute `security.capability`.
        value: Vec<u8>,
    },
    /// As `Change`, and dpkg is told to keep it so on upgrades.
    StatOverride {
        /// Absolute path.
        path: String,
        /// Owner.
        owner: String,
        /// Group.
        group: String,
        /// Mode.
        mode: u16,
    },
    /// A candidate for a generic name.
    Alternative(Alternative),
    /// Other packages' files at `from` go to `to`.
    Divert {
        /// Absolute path, as packages ship it.
        from: String,
        /// Absolute path.
        to: String,
        /// The package that diverts and whose own file stays; `None`: the one whose script says so.
        package: Option<String>,
    },
    /// A unit is enabled by its `[Install]` section, unless a preset says otherwise.
    Enable {
        /// Full name.
        unit: String,
        /// System or user manager.
        scope: Scope,
        /// Whether presets are asked (`deb-systemd-helper enable`) or not (`systemctl enable`).
        presets: Presets,
    },
    /// deb-systemd-helper remembers a unit's links without making them (`update-state`).
    Remember {
        /// Full name.
        unit: String,
        /// System or user manager.
        scope: Scope,
    },
    /// The links of a System V script are made by its LSB header (`update-rc.d NAME defaults`).
    RunLevels {
        /// Name below /etc/init.d.
        name: String,
        /// Whether it starts, or only could.
        start: bool,
    },
    /// A module of PHP is enabled for all of its interfaces (`php_invoke enmod`).
    PhpModule {
        /// `8.4`
        version: String,
        /// `opcache`
        name: String,
    },
    /// Something of Apache's is enabled (`a2enmod`, `a2enconf`, `a2ensite`).
    Apache {
        /// `mods`, `conf` or `sites`: the folder is this with `-available` and `-enabled`.
        kind: &'static str,
        /// Name without suffix.
        name: String,
    },
    /// A service is added to a database of /etc/nsswitch.conf.
    NameService {
        /// `hosts`
        database: String,
        /// `resolve [!UNAVAIL=return]`
        service: String,
        /// Where.
        position: Position,
    },
}

impl Effect {
    /// The path of the file or folder that it is about.
    pub(crate) fn path(&self) -> Option<&str> {
        match self {
            Self::Remove { path }
            | Self::Change { path, .. }
            | Self::ChangeAll { path, .. }
            | Self::Mode { path, .. }
            | Self::Capabilities { path, .. }
            | Self::StatOverride { path, .. } => Some(path),
            _ => self.makes(),
        }
    }

    /// The path that it makes.
    pub(crate) fn makes(&self) -> Option<&str> {
        match self {
            Self::Directory { path, .. }
            | Self::File { path, .. }
            | Self::Link { path, .. }
            | Self::Ucf { path, .. } => Some(path),
            _ => None,
        }
    }
}

/// A user as `adduser --system` or a recipe describes it.
#[derive(Clone, Debug, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddUser {
    /// Login name.
    pub name: String,
    /// UID, where it is fixed.
    pub uid: Option<u32>,
    /// Primary group; none: `nogroup` as for `adduser --system`.
    pub group: Option<String>,
    /// Home directory; none: `/nonexistent`.
    pub home: Option<String>,
    /// Shell; none: `/usr/sbin/nologin`.
    pub shell: Option<String>,
    /// Full name.
    #[serde(default)]
    pub description: String,
}

/// Owner, group and mode; what is not set stays or is root's and usual.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Attributes {
    /// User name.
    pub owner: Option<String>,
    /// Group name; `USER:` is that user's login group.
    pub group: Option<String>,
    /// Permission bits.
    pub mode: Option<u16>,
}

/// How chmod(1) changes a mode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModeChange {
    /// To this.
    To(u16),
    /// Step by step: `u=rwX,g-w`.
    Steps(Vec<ModeStep>),
}

/// One operator of a symbolic mode with its letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModeStep {
    /// Bits that may change.
    pub who: u16,
    /// `+`, `-` or `=`.
    pub operator: char,
    /// Bits named.
    pub bits: u16,
    /// `X`: execute too, where it is a folder or somebody may already.
    pub search: bool,
}

impl ModeChange {
    /// Mode of something that had `mode`.
    #[must_use]
    pub fn apply(&self, mode: u16, is_folder: bool) -> u16 {
        let steps = match self {
            // chmod(1) keeps a folder's set-ID bits unless the number has five digits.
            Self::To(to) if is_folder => return to | (mode & 0o6000),
            Self::To(to) => return *to,
            Self::Steps(steps) => steps,
        };
        steps.iter().fold(mode, |mode, step| {
            let search = step.search && (is_folder || mode & 0o111 != 0);
            let bits = (step.bits | if search { 0o111 } else { 0 }) & step.who;
            match step.operator {
                '+' => mode | bits,
                '-' => mode & !bits,
                // `=` leaves a folder's set-ID bits alone unless they are named.
                _ => (mode & !(step.who & if is_folder { 0o1777 } else { 0o7777 })) | bits,
            }
        })
    }
}

/// Where a file's bytes come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// This text.
    Text(String),
    /// The file at this absolute path of the tree.
    CopyOf(String),
}

/// What happens to something in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum Existing {
    /// It stays, and nothing is done.
    #[default]
    Keep,
    /// It is replaced.
    Replace,
}

/// System or user manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// `/usr/lib/systemd/system`
    #[default]
    System,
    /// `/usr/lib/systemd/user`
    User,
}

/// Whether preset files have a say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presets {
    /// A `disable` line that matches wins.
    Asked,
    /// They do not.
    Ignored,
}

/// One candidate of `update-alternatives --install`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alternative {
    /// Name below /etc/alternatives.
    pub name: String,
    /// Generic path.
    pub link: String,
    /// The candidate.
    pub path: String,
    /// The highest wins.
    pub priority: i32,
    /// Links that follow the choice.
    #[serde(default)]
    pub slaves: Vec<Slave>,
}

/// A link that follows the choice of an [`Alternative`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slave {
    /// Name below /etc/alternatives.
    pub name: String,
    /// Generic path.
    pub link: String,
    /// Where it leads for this candidate.
    pub path: String,
}

/// Where a service enters a line of /etc/nsswitch.conf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Position {
    /// Before all.
    First,
    /// After all.
    Last,
    /// Before a service; last if it is missing.
    Before(String),
    /// After a service; last if it is missing.
    After(String),
}

/// Kinds of effects, for what is missing from an uncovered script.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EffectClass {
    /// Files, directories or links are made, changed or removed.
    Files,
    /// Owners or modes change.
    Owners,
    /// Users or groups.
    Accounts,
    /// Units or services.
    Units,
    /// Something of the running machine decides.
    Decision,
    /// A program runs whose effect is not known.
    Program,
}

impl std::fmt::Display for EffectClass {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Files => "files, directories or links",
            Self::Owners => "owners or modes",
            Self::Accounts => "users or groups",
            Self::Units => "units or services",
            Self::Decision => "decisions that depend on the running machine",
            Self::Program => "programs whose effect is not known",
        })
    }
}
