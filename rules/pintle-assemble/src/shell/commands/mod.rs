//! The commands that maintainer scripts are made of, by name.

mod accounts;
mod capabilities;
mod debconf;
mod debian;
mod files;
mod packages;
mod test;
mod text;

pub(super) use accounts::membership;
pub(crate) use capabilities::attribute;
pub(super) use text::{answer, filter};

use super::facts::Shipped;
use super::run::{Field, Output, Phase, Run, Status};
use crate::effect::{Attributes, Content, Effect, EffectClass, Existing};

/// One command about to be looked at.
pub(crate) struct Invocation<'a> {
    pub(crate) line: usize,
    pub(crate) name: &'a str,
    pub(crate) arguments: &'a [Field],
    pub(crate) output: Option<Output>,
    /// The here-document, where it holds no expansions.
    pub(crate) here: Option<String>,
}

/// Commands that only change the shell itself, print, or wait.
const QUIET: &[&str] = &[
    ":",
    "true",
    "echo",
    "printf",
    "export",
    "readonly",
    "local",
    "set",
    "cd",
    "sync",
    "sleep",
    "wait",
    "restorecon",
    "chcon",
    "logger",
    "hash",
    "trap",
    "ulimit",
    "clear",
    "fold",
    "debconf-escape",
];

/// Commands that only read; what they find is not known.
const READERS: &[&str] = &[
    "grep",
    "egrep",
    "fgrep",
    "awk",
    "cut",
    "tr",
    "sort",
    "head",
    "tail",
    "wc",
    "cat",
    "uniq",
    "stat",
    "readlink",
    "realpath",
    "basename",
    "dirname",
    "md5sum",
    "sha1sum",
    "sha256sum",
    "sha512sum",
    "cmp",
    "diff",
    "expr",
    "uname",
    "date",
    "seq",
    "ls",
    "find",
    "dpkg-query",
    "dpkg-realpath",
    "ucfq",
    "runlevel",
    "who",
    "ss",
    "ps",
    "getcap",
    "mountpoint",
    "df",
    "mktemp",
    "xargs",
    "aa-enabled",
    "aa-status",
    "systemd-detect-virt",
    "hostname",
    "groups",
    "whoami",
    "dpkg-architecture",
    "lsb_release",
    "getconf",
    "cksum",
    "base64",
    "rev",
    "tac",
    "nproc",
    "free",
    "locale",
    "tty",
    "lsof",
];

/// Commands that act on the running machine or rebuild what Pintle makes itself: left out, and reported so.
const HANDLED: &[(&str, &str)] = &[
    ("ldconfig", "ld.so.cache is generated"),
    ("depmod", "kernel module index is generated"),
    ("systemd-hwdb", "hwdb.bin is generated"),
    ("update-initramfs", "the initrd is assembled"),
    ("systemd-sysusers", "accounts come from sysusers.d"),
    ("systemd-machine-id-setup", "the machine id is made at first boot"),
    ("deb-systemd-invoke", "units start at boot"),
    ("invoke-rc.d", "units start at boot"),
    ("service", "units start at boot"),
    ("dpkg-trigger", "triggers are covered by generators"),
    ("dpkg-maintscript-helper", "only acts on upgrades"),
    ("udevadm", "devices appear at boot"),
    ("modprobe", "kernel modules are loaded on use"),
    ("update-info-dir", "the index of info pages is not made"),
    ("vgcfgbackup", "there are no volume groups"),
    ("helpztags", "tags of Vim's add-ons are not made"),
    ("update-cracklib", "cracklib's dictionary is made on the machine"),
    ("sysctl", "sysctl.d is applied at boot"),
    ("py3compile", "Python files are not precompiled"),
    ("pycompile", "Python files are not precompiled"),
    ("py3clean", "Python files are not precompiled"),
    ("update-menus", "menus are not made"),
    ("update-icon-caches", "icon caches are not made"),
    ("ucfr", "ucf's registry is written"),
    ("update-shells", "/etc/shells is generated"),
    ("apparmor_parser", "AppArmor profiles are loaded at boot"),
    ("start-stop-daemon", "units start at boot"),
    ("update-mime", "mailcap is not made"),
    ("update-mime-database", "MIME caches are not made"),
    ("update-desktop-database", "menus are not made"),
    ("gtk-update-icon-cache", "icon caches are not made"),
    ("install-info", "the index of info pages is not made"),
    ("mandb", "man-db.timer makes the index of manual pages"),
    ("kill", "nothing of an earlier version runs"),
    ("killall", "nothing of an earlier version runs"),
    ("pkill", "nothing of an earlier version runs"),
    ("systemd-notify", "units start at boot"),
    ("initctl", "units start at boot"),
    ("update-fonts-scale", "X font lists are not made"),
    ("update-fonts-dir", "X font lists are not made"),
    ("update-fonts-alias", "X font lists are not made"),
    ("fc-cache", "font caches are made on use"),
    ("update-pciids", "the shipped list of PCI devices is used"),
    ("update-xmlcatalog", "XML catalogs are not registered"),
    ("update-catalog", "SGML catalogs are not registered"),
    ("update-passwd", "passwd and group come from base-passwd's masters"),
];

/// Why a command behind `setpriv … --` and the like is left out, if it is.
fn wrapped(call: &Invocation<'_>) -> Option<&'static str> {
    let words = call.arguments.iter().map(|field| field.value.as_deref());
    let name = words.skip_while(|word| *word != Some("--")).nth(1)??;
    let name = name.rsplit('/').next().unwrap_or(name);
    HANDLED.iter().find(|(handled, _)| *handled == name).map(|(_, note)| *note)
}

/// Commands that print nothing of their own.
const SILENT: &[&str] = &[
    ":", "true", "false", "export", "readonly", "local", "set", "cd", "sync", "sleep", "wait", "trap",
    "unset", "shift", "umask", "[", "[[", "test", "read", "hash", "ulimit", "mkdir", "install", "chown",
    "chgrp", "chmod", "touch", "ln", "cp", "rm", "rmdir", "mktemp",
];

/// What the command does.
pub(super) fn run(run: &mut Run<'_>, call: &Invocation<'_>) -> Status {
    if call.output.is_some() {
        return writes(run, call);
    }
    if !SILENT.contains(&call.name) {
        let words = || Some([vec![call.name.to_owned()], values(call)?].concat());
        let known = text::text(call).or_else(|| answer(run, &words()?).map(|text| text::line(&text)));
        run.printed.add(known.as_deref());
    }
    if QUIET.contains(&call.name) {
        return quiet(run, call);
    }
    if let Some((_, note)) = HANDLED.iter().find(|(name, _)| *name == call.name) {
        return run.handled(*note);
    }
    if matches!(call.name, "setpriv" | "runuser" | "timeout" | "nice" | "ionice" | "env" | "chroot")
        && let Some(note) = wrapped(call)
    {
        return run.handled(note);
    }
    if call.name.ends_with(".rtupdate") {
        return run.handled("Python files are not precompiled");
    }
    if READERS.contains(&call.name) {
        return reader(run, call);
    }
    match call.name {
        "false" => Status::False,
        "[" | "[[" | "test" => test::evaluate(run, call),
        "umask" => umask(run, call),
        "unset" => unset(run, call),
        "shift" => {
            run.shift();
            Status::True
        }
        "read" => {
            call.arguments.iter().filter_map(|a| a.value.clone()).for_each(|name| run.assign(&name, None));
            Status::Unknown
        }
        "command" | "which" | "type" => lookup(run, call),
        "." => source(run, call),
        "sed" => {
            let in_place =
                call.arguments.iter().any(|a| a.value.as_deref().is_none_or(|a| a.starts_with("-i")));
            if in_place { run.unknown(call.line, EffectClass::Files) } else { Status::Unknown }
        }
        "pidof" | "pgrep" => Status::False,
        "ischroot" => Status::True,
        _ if call.name.starts_with("db_") => debconf::run(run, call),
        _ => effects(run, call),
    }
}

fn effects(run: &mut Run<'_>, call: &Invocation<'_>) -> Status {
    match call.name {
        "dpkg" => debian::dpkg(run, call),
        "dpkg-divert" => debian::divert(run, call),
        "dpkg-statoverride" => debian::statoverride(run, call),
        "update-alternatives" => debian::alternatives(run, call),
        "update-rc.d" => debian::run_levels(run, call),
        "setcap" => capabilities::setcap(run, call),
        "php_invoke" | "phpenmod" => packages::php(run, call),
        "phpquery" => Status::Unknown,
        "apache2_invoke" | "a2enmod" | "a2enconf" | "a2ensite" => packages::apache(run, call),
        "apache2_msg" | "apache2_reload" | "apache2_needs_action" | "php_msg" => Status::True,
        "apache2_has_module" | "apache2_switch_mpm" => packages::apache_other(run, call),
        "deb-systemd-helper" => debian::systemd_helper(run, call),
        "systemctl" => debian::systemctl(run, call),
        "systemd-tmpfiles" => debian::tmpfiles(run, call),
        "pam-auth-update" if values(call).is_some_and(|words| words == ["--package"]) => {
            run.handled("the common files of PAM are made from all profiles")
        }
        "journalctl" => debian::journalctl(run, call),
        "ucf" => debian::ucf(run, call),
        "getent" | "id" => accounts::lookup(run, call),
        "adduser" | "useradd" => accounts::adduser(run, call),
        "addgroup" | "groupadd" => accounts::addgroup(run, call),
        "mkdir" => files::mkdir(run, call),
        "install" => files::install(run, call),
        "chown" | "chgrp" => files::chown(run, call),
        "chmod" => files::chmod(run, call),
        "touch" => files::touch(run, call),
        "ln" => files::ln(run, call),
        "cp" => files::cp(run, call),
        "rm" | "rmdir" => files::rm(run, call),
        "mv" => run.unknown(call.line, EffectClass::Files),
        "usermod" | "gpasswd" => accounts::member(run, call),
        "groupmod" | "passwd" | "shadowconfig" | "deluser" | "delgroup" | "userdel" | "groupdel" => {
            run.unknown(call.line, EffectClass::Accounts)
        }
        _ => run.unknown(call.line, EffectClass::Program),
    }
}

/// A command whose output goes to a file: a text that is known makes the file, or grows one that was made.
fn writes(run: &mut Run<'_>, call: &Invocation<'_>) -> Status {
    let mut text = text::text(call);
    let output = call.output.as_ref().and_then(|output| output.path.clone());
    if let (Some(path), true) = (&output, call.output.as_ref().is_some_and(|output| output.append)) {
        let before = text::written(run, path).map(str::to_owned);
        text = before.zip(text).map(|(before, text)| before + &text);
    }
    // Of what is left out, or only reads, the log is left out too.
    if output.as_deref().is_some_and(|path| path.starts_with("/var/log/"))
        && let Some((_, note)) = HANDLED.iter().find(|(name, _)| *name == call.name)
    {
        return run.handled(*note);
    }
    match (text, output) {
        (Some(text), Some(path)) if path.starts_with('/') => run.effect(
            call.line,
            Effect::File {
                path,
                content: Content::Text(text),
                attributes: Attributes { mode: unusual_mode(run, 0o666), ..Attributes::default() },
                existing: Existing::Replace,
            },
        ),
        _ => run.unknown(call.line, EffectClass::Files),
    }
}

fn quiet(run: &mut Run<'_>, call: &Invocation<'_>) -> Status {
    match call.name {
        "export" | "readonly" | "local" => {
            for argument in call.arguments {
                // A name with an unknown value: which name is not known any more, so nothing may hang on it.
                let Some(text) = &argument.value else {
                    return run.unknown(call.line, EffectClass::Decision);
                };
                let (name, value) = text.split_once('=').map_or((text.as_str(), None), |(n, v)| (n, Some(v)));
                if call.name == "local" {
                    run.hide(name);
                }
                if let Some(value) = value {
                    run.assign(name, Some(value.to_owned()));
                }
            }
            Status::True
        }
        "set"
            if values(call).is_some_and(
                |w| matches!(&w[..], [o, _] if o.starts_with(['-', '+']) && o.ends_with('o')),
            ) =>
        {
            Status::True
        }
        "set" if call.arguments.first().is_some_and(|first| first.value.as_deref() == Some("--")) => {
            run.arguments = call.arguments[1..].iter().map(|field| field.value.clone()).collect();
            if values(call).is_some() { Status::True } else { run.unknown(call.line, EffectClass::Decision) }
        }
        // New arguments for the script are not followed; options are.
        "set"
            if !values(call)
                .is_some_and(|w| w.iter().all(|w| w.len() > 1 && w.starts_with(['-', '+']) && w != "--")) =>
        {
            run.unknown(call.line, EffectClass::Decision)
        }
        _ => Status::True,
    }
}

fn unset(run: &mut Run<'_>, call: &Invocation<'_>) -> Status {
    for name in values(call).unwrap_or_default().iter().filter(|name| !name.starts_with('-')) {
        run.assign(name, Some(String::new()));
    }
    Status::True
}

fn umask(run: &mut Run<'_>, call: &Invocation<'_>) -> Status {
    if call.arguments.is_empty() {
        return Status::True;
    }
    let words = values(call).unwrap_or_default();
    match words.first().and_then(|text| u16::from_str_radix(text, 8).ok()) {
        Some(mask) => {
            run.umask = mask & 0o777;
            Status::True
        }
        None => run.unknown(call.line, EffectClass::Owners),
    }
}

/// The mode of a new file or folder, unless it is the usual one.
fn unusual_mode(run: &Run<'_>, all: u16) -> Option<u16> {
    (run.umask != 0o022).then_some(all & !run.umask)
}

fn reader(run: &mut Run<'_>, call: &Invocation<'_>) -> Status {
    let changes = match call.name {
        "find" => &["-delete", "-exec", "-execdir", "-ok"][..],
        "xargs" => &[""],
        "awk" => &["-i"],
        _ => return Status::Unknown,
    };
    let words = values(call);
    if words.is_none_or(|words| words.iter().any(|word| changes.contains(&word.as_str()) || changes == [""]))
    {
        return run.unknown(call.line, EffectClass::Program);
    }
    Status::Unknown
}

/// `command -v NAME`, `which NAME`; `command NAME …` runs NAME.
fn lookup(run: &mut Run<'_>, call: &Invocation<'_>) -> Status {
    let words = values(call);
    match words.as_deref() {
        Some([option, name]) if call.name == "command" && (option == "-v" || option == "-V") => {
            Status::of(run.facts.program(name).is_some())
        }
        Some([name]) if call.name != "command" => Status::of(run.facts.program(name).is_some()),
        _ => run.unknown(call.line, EffectClass::Program),
    }
}

/// Libraries of functions that scripts source, whose functions are known here by name.
const LIBRARIES: [(&str, &str); 4] = [
    ("/usr/share/debconf/confmodule", "debconf keeps its defaults"),
    ("/usr/lib/php/php-maintscript-helper", "PHP modules are linked"),
    ("/usr/share/apache2/apache2-maintscript-helper", "Apache modules are linked"),
    ("/lib/lsb/init-functions", "units start at boot"),
];

/// Sourcing debconf's library starts debconf, which does nothing by itself.
fn source(run: &mut Run<'_>, call: &Invocation<'_>) -> Status {
    let path = call.arguments.first().and_then(|a| a.value.as_deref());
    match LIBRARIES.iter().find(|(library, _)| Some(*library) == path) {
        Some((_, note)) => run.handled(*note),
        None => run.unknown(call.line, EffectClass::Program),
    }
}

/// The arguments, where all are known and none is a pattern.
fn values(call: &Invocation<'_>) -> Option<Vec<String>> {
    call.arguments.iter().map(|field| field.value.clone().filter(|_| !field.glob)).collect()
}

/// True while nothing of the package is unpacked yet.
fn before_unpacking(run: &Run<'_>) -> bool {
    run.phase == Phase::Preinst
}

fn is_directory(run: &Run<'_>, path: &str) -> bool {
    run.facts.look(path) == Some(Shipped::Directory)
}
