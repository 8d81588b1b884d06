//! `grub.cfg`: a menu whose first entry starts at once, on the screen and on the first serial port.

use crate::cmdline::Cmdline;
use std::fmt::Write as _;

/// Modules that a core image needs to run what [`Menu::render`] writes, from GPT and ext4, without any file beside
/// `grub.cfg`.
pub const MODULES: &[&str] = &[
    // reach the disk and the file system
    "biosdisk",
    "part_gpt",
    "ext2",
    // run the script
    "normal",
    "configfile",
    "test",
    "echo",
    "search_fs_uuid",
    "search",
    "linux",
    "serial",
    "terminal",
    // what a person at the prompt needs, and the environment block
    "loadenv",
    "ls",
    "cat",
    "reboot",
    "halt",
    "minicmd",
];

/// A menu.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Menu {
    /// UUID of the file system that holds the kernels, as `blkid` shows it.
    pub root_uuid: String,
    /// Seconds the menu is shown; 0: the first entry starts at once.
    pub timeout: u32,
    /// The first starts at once; the others are tried in turn when one before fails to load.
    pub entries: Vec<MenuEntry>,
}

/// One way to boot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MenuEntry {
    /// Stable name for `default` and the environment block; letters, digits, `-`, `_`, `.`.
    pub id: String,
    /// Shown.
    pub title: String,
    /// Absolute path of the kernel.
    pub kernel: String,
    /// Absolute path of the initrd.
    pub initrd: Option<String>,
    /// Kernel command line.
    pub cmdline: Cmdline,
}

/// Why a menu cannot be written.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum MenuError {
    /// No entries.
    #[error("a GRUB menu needs an entry")]
    Empty,
    /// A title, id, path or UUID with a control character.
    #[error("`{0}` cannot stand in grub.cfg: it holds a control character")]
    ControlCharacter(String),
    /// GRUB would change the word on its way to the kernel.
    #[error(
        "GRUB cannot hand the kernel parameter `{0}` over unchanged (quotes only around a whole value, no `'`, no `\\`)"
    )]
    Parameter(String),
}

impl Menu {
    /// The text of `grub.cfg`.
    ///
    /// # Errors
    /// [`MenuError`].
    pub fn render(&self) -> Result<String, MenuError> {
        if self.entries.is_empty() {
            return Err(MenuError::Empty);
        }
        let mut text = String::from(HEAD);
        let others: Vec<_> = (1..self.entries.len()).map(|n| n.to_string()).collect();
        let write = |text: &mut String, line: std::fmt::Arguments<'_>| {
            text.write_fmt(line).expect("invariant: a String takes every write");
        };
        let style = if self.timeout == 0 { "hidden" } else { "menu" };
        write(&mut text, format_args!("set timeout_style={style}\nset timeout={}\n", self.timeout));
        text.push_str("set default=0\n");
        if !others.is_empty() {
            write(&mut text, format_args!("set fallback={}\n", quote(&others.join(" "))?));
        }
        // The hint makes the disk that was booted win over a copy of it on another one.
        let uuid = quote(&self.root_uuid)?;
        write(&mut text, format_args!("search --no-floppy --fs-uuid --set=root --hint=\"$root\" {uuid}\n"));
        for entry in &self.entries {
            let (title, id, kernel) = (quote(&entry.title)?, quote(&entry.id)?, quote(&entry.kernel)?);
            write(&mut text, format_args!("\nmenuentry {title} --id {id} {{\n  linux {kernel}"));
            for word in entry.cmdline.words() {
                write(&mut text, format_args!(" {}", quote(&parameter(word)?)?));
            }
            text.push('\n');
            if let Some(initrd) = &entry.initrd {
                write(&mut text, format_args!("  initrd {}\n", quote(initrd)?));
            }
            text.push_str("}\n");
        }
        Ok(text)
    }
}

/// A missing serial port must not take the screen away with it.
pub(super) const HEAD: &str = "\
# Made by Pintle; changes are lost with the next build.
if serial --unit=0 --speed=115200; then
  terminal_input console serial
  terminal_output console serial
fi
";

/// One word for GRUB's script language (GNU GRUB manual, 6.2 "Quoting").
pub(super) fn quote(word: &str) -> Result<String, MenuError> {
    if word.chars().any(char::is_control) {
        return Err(MenuError::ControlCharacter(word.escape_debug().to_string()));
    }
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_./=:,@%+".contains(&b);
    if !word.is_empty() && word.bytes().all(plain) {
        return Ok(word.to_owned());
    }
    Ok(format!("'{}'", word.replace('\'', r"'\''")))
}

/// GRUB wraps a word that holds a space in `"…"` and puts `\` before quotes and backslashes, which the kernel takes as
/// they come. The kernel drops quotes around a whole value or word, so they are dropped here, and GRUB puts them back
/// where a space needs them (GRUB: `grub-core/lib/cmdline.c`).
pub(super) fn parameter(word: &str) -> Result<String, MenuError> {
    let (key, value) = word.split_once('=').map_or(("", word), |(key, value)| (key, value));
    let bare = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value);
    if [key, bare].iter().any(|part| part.contains(['"', '\'', '\\'])) {
        return Err(MenuError::Parameter(word.to_owned()));
    }
    Ok(if word.contains('=') { format!("{key}={bare}") } else { bare.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn menu(parameters: &str) -> Menu {
        let entry = |id: &str, more: &str| MenuEntry {
            id: id.into(),
            title: format!("It's {id}"),
            kernel: "/boot/vmlinuz-6.12".into(),
            initrd: Some("/boot/initrd.img-6.12".into()),
            cmdline: Cmdline::parse(&format!("root=PARTUUID=1-2 {parameters}{more}")).unwrap(),
        };
        Menu {
            root_uuid: "aa-bb".into(),
            timeout: 0,
            entries: vec![entry("demo", ""), entry("rescue", " rescue")],
        }
    }

    #[test]
    fn the_menu_reads_as_grub_wants_it() {
        insta::assert_snapshot!(menu("a=$x dyndbg=\"file x +p\" rw").render().unwrap(), @r#"
# Made by Pintle; changes are lost with the next build.
if serial --unit=0 --speed=115200; then
  terminal_input console serial
  terminal_output console serial
fi
set timeout_style=hidden
set timeout=0
set default=0
set fallback=1
search --no-floppy --fs-uuid --set=root --hint="$root" aa-bb

menuentry 'It'\''s demo' --id demo {
  linux /boot/vmlinuz-6.12 root=PARTUUID=1-2 'a=$x' 'dyndbg=file x +p' rw
  initrd /boot/initrd.img-6.12
}

menuentry 'It'\''s rescue' --id rescue {
  linux /boot/vmlinuz-6.12 root=PARTUUID=1-2 'a=$x' 'dyndbg=file x +p' rw rescue
  initrd /boot/initrd.img-6.12
}
"#);
    }

    #[test]
    fn what_grub_would_change_is_refused() {
        for text in ["a='b'", r"a=\d", "a\"b\"c=1", "a=b\"c\""] {
            assert!(matches!(menu(text).render(), Err(MenuError::Parameter(_))), "{text}");
        }
        insta::assert_snapshot!(menu("a='b'").render().unwrap_err(), @r"GRUB cannot hand the kernel parameter `a='b'` over unchanged (quotes only around a whole value, no `'`, no `\`)");
        let mut control = menu("");
        control.entries[0].title = "a\nb".into();
        insta::assert_snapshot!(control.render().unwrap_err(), @r"`a\nb` cannot stand in grub.cfg: it holds a control character");
        insta::assert_snapshot!(Menu { entries: vec![], ..control }.render().unwrap_err(), @"a GRUB menu needs an entry");
    }
}
