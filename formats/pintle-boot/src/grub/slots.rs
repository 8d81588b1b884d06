//! GRUB for a disk with two places for a system: it counts tries, finds damaged files before it starts them, falls back to
//! the other place, and at the end to a rescue.
//!
//! GRUB reads kernel and initrd out of the unified kernel image that UEFI starts: a loop device over the file, and lists of
//! its sectors (GNU GRUB manual, "Block lists"). So there is one image on the disk, whatever the firmware. GRUB's script
//! language has no indirect variables, so the script says everything once for each place.

use super::config::{MenuError, parameter, quote};
use super::env::{Env, EnvError};
use crate::cmdline::{Cmdline, RESCUE};
use crate::loader::TRIES;
use pintle_model::{Digest, Slot};
use std::fmt::Write as _;
use std::ops::Range;

/// Modules that a core image needs beside those of the shell ([`super::config::MODULES`] without `ext2`).
pub const MODULES: &[&str] = &[
    // reach the disk and the file system
    "biosdisk",
    "part_gpt",
    "fat",
    "loopback",
    // run the script
    "normal",
    "configfile",
    "test",
    "true",
    "echo",
    "sleep",
    "regexp",
    "linux",
    "serial",
    "terminal",
    // count, and find what is damaged
    "loadenv",
    "hashsum",
    "gcry_sha256",
    // what a person at the prompt needs
    "ls",
    "cat",
    "reboot",
    "halt",
    "minicmd",
];

/// Folder of everything of GRUB's on the EFI system partition; `$prefix`.
pub const FOLDER: &str = "grub";
/// The environment block, and its double: where one is damaged, the other one counts.
pub const BLOCKS: [&str; 2] = ["grubenv", "grubenv.2"];

/// Bytes of the sectors in GRUB's lists.
pub const SECTOR: u64 = 512;

/// A run of whole sectors of the unified kernel image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// First sector of [`SECTOR`] bytes.
    pub first: u64,
    /// How many.
    pub count: u64,
    /// SHA-256 of them.
    pub digest: Digest,
}

impl Run {
    fn list(&self) -> String {
        format!("(uki){}+{}", self.first, self.count)
    }
}

/// Reads a line of a list of digests: the digest, and the bytes of the unified kernel image that it is of.
#[must_use]
pub fn parse_sum(line: &str) -> Option<(Digest, Range<u64>)> {
    let (digest, run) = line.split_once("  (uki)")?;
    let (first, count) = run.split_once('+')?;
    let (first, count): (u64, u64) = (first.parse().ok()?, count.parse().ok()?);
    let (start, len) = (first.checked_mul(SECTOR)?, count.checked_mul(SECTOR)?);
    Some((digest.parse().ok()?, start..start.checked_add(len)?))
}

/// A system in one of the places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Shown.
    pub title: String,
    /// Name of the unified kernel image below `EFI/Linux`, without counter and `.efi`.
    pub stem: String,
    /// The kernel in it.
    pub kernel: Run,
    /// The initrd in it.
    pub initrd: Run,
    /// Kernel command line.
    pub cmdline: Cmdline,
}

impl Placed {
    /// The files that tell GRUB of the system in `slot`: path below [`FOLDER`] and text. The first is a part of the script,
    /// the second its digests.
    ///
    /// # Errors
    /// [`MenuError`].
    pub fn files(&self, slot: Slot) -> Result<[(String, String); 2], MenuError> {
        let id = slot.letter();
        let stem = quote(&self.stem)?;
        let title = quote(&self.title)?;
        let mut words = String::new();
        for word in self.cmdline.words() {
            write!(words, " {}", quote(&parameter(word)?)?).expect("invariant: a String takes every write");
        }
        // UEFI counts in the name of the file, so it may have any counter.
        let text = format!(
            "# Made by Pintle, for the system in place {id}.\n\
             set title_{id}={title}\n\
             function open_{id} {{\n  \
               for uki in ($esp)/EFI/Linux/{stem}.efi ($esp)/EFI/Linux/{stem}+*.efi; do\n    \
                 if [ -f \"$uki\" ]; then\n      \
                   if [ -n \"$opened\" ]; then loopback -d uki; fi\n      \
                   set opened=yes\n      loopback uki \"$uki\"\n      return\n    fi\n  \
               done\n  false\n}}\n\
             function load_{id} {{\n  open_{id}\n  linux {}{words} pintle.slot={id} $1 $2 $3\n  initrd {}\n}}\n",
            self.kernel.list(),
            self.initrd.list(),
        );
        let line = |run: &Run| format!("{}  {}\n", run.digest.hex(), run.list());
        let sums = line(&self.kernel) + &line(&self.initrd);
        Ok([(format!("{id}.cfg"), text), (format!("{id}.sha256"), sums)])
    }
}

/// The environment block of a new disk, with one system in place A.
///
/// # Errors
/// None: its variables fit.
pub fn first_block() -> Result<Vec<u8>, EnvError> {
    let mut env = Env::default();
    for (name, value) in
        [("first", "a"), ("good", "a"), ("left_a", TRIES.to_string().as_str()), ("left_b", "0")]
    {
        env.set(name, value)?;
    }
    env.render()
}

/// `grub.cfg`: the same on every disk. `timeout`: seconds for which the menu is shown.
#[must_use]
pub fn script(timeout: u32) -> String {
    let mut text = String::from(super::config::HEAD);
    let style = if timeout == 0 { "hidden" } else { "menu" };
    text += &format!("set timeout_style={style}\nset timeout={timeout}\nset esp=\"$root\"\n");
    text.push_str(STATE);
    for slot in Slot::ALL {
        text.push_str(&TRY.replace('@', slot.letter()));
    }
    text.push_str(CHOICE);
    for slot in Slot::ALL {
        text.push_str(&ENTRIES.replace('@', slot.letter()).replace("RESCUE", RESCUE));
    }
    text.push_str(NOTHING);
    text
}

/// What is remembered. A block that cannot be read, or says nothing, is damaged.
const STATE: &str = "
# What is remembered, in either of two blocks.
function remembered {
  set first=
  set good=
  set left_a=
  set left_b=
  set block=\"$prefix/$1\"
  if load_env -f \"$block\" first good left_a left_b; then
    if [ \"$first\" = a -o \"$first\" = b ]; then return; fi
  fi
  echo \"$block is damaged\"
  false
}
if remembered grubenv; then true; elif remembered grubenv.2; then true; else
  # Nothing can be counted, so nothing is tried that might not end.
  set first=a
  set left_a=0
  set left_b=0
fi
";

/// Counts the tries of one place down, and looks whether what it would start is whole.
const TRY: &str = "
set title_@=
if [ -f \"$prefix/@.cfg\" ]; then source \"$prefix/@.cfg\"; fi
function try_@ {
  if [ -z \"$title_@\" ]; then false; return; fi
  if [ \"$left_@\" = 3 ]; then set left_@=2
  elif [ \"$left_@\" = 2 ]; then set left_@=1
  elif [ \"$left_@\" = 1 ]; then set left_@=0
  else
    echo \"$title_@: no tries are left\"
    false
    return
  fi
  # What cannot be written down was not counted.
  if save_env -f \"$block\" left_@; then true; else false; return; fi
  whole_@
}
function whole_@ {
  if [ -z \"$title_@\" ]; then false; return; fi
  if open_@; then
    if hashsum --hash sha256 --check \"$prefix/@.sha256\"; then return; fi
  fi
  echo \"$title_@: its files are damaged\"
  false
}
";

/// The newest first, then the other; then a rescue of what was good last, then of the other.
const CHOICE: &str = "
set default=nothing
if [ \"$first\" = b ]; then
  if try_b; then set default=b; elif try_a; then set default=a; fi
else
  if try_a; then set default=a; elif try_b; then set default=b; fi
fi
if [ \"$default\" = nothing ]; then
  if [ \"$good\" = b ]; then
    if whole_b; then set default=rescue-b; elif whole_a; then set default=rescue-a; fi
  else
    if whole_a; then set default=rescue-a; elif whole_b; then set default=rescue-b; fi
  fi
fi
";

const ENTRIES: &str = "
if [ -n \"$title_@\" ]; then
  menuentry \"$title_@\" --id @ {
    load_@ pintle.left=$left_@
  }
  menuentry \"$title_@ (rescue)\" --id rescue-@ {
    load_@ RESCUE
  }
fi
";

/// Where no files are whole there is nobody to start again for.
const NOTHING: &str = "
menuentry 'Nothing that can be started is left' --id nothing {
  echo 'No system on this disk can be started: its files are damaged. Write the image anew.'
  sleep 3600
  halt
}
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_reads_as_grub_wants_it() {
        let run = |first, text: &[u8]| Run { first, count: 2, digest: Digest::of(text) };
        let placed = Placed {
            title: "web 1".into(),
            stem: "web_1".into(),
            kernel: run(7, b"kernel"),
            initrd: run(9, b"initrd"),
            cmdline: Cmdline::parse("root=tmpfs a=$x console=ttyS0,115200").unwrap(),
        };
        let [(name, text), (sums_name, sums)] = placed.files(Slot::B).unwrap();
        assert_eq!((name.as_str(), sums_name.as_str()), ("b.cfg", "b.sha256"));
        insta::assert_snapshot!(text, @r#"
        # Made by Pintle, for the system in place b.
        set title_b='web 1'
        function open_b {
          for uki in ($esp)/EFI/Linux/web_1.efi ($esp)/EFI/Linux/web_1+*.efi; do
            if [ -f "$uki" ]; then
              if [ -n "$opened" ]; then loopback -d uki; fi
              set opened=yes
              loopback uki "$uki"
              return
            fi
          done
          false
        }
        function load_b {
          open_b
          linux (uki)7+2 root=tmpfs 'a=$x' console=ttyS0,115200 pintle.slot=b $1 $2 $3
          initrd (uki)9+2
        }
        "#);
        insta::assert_snapshot!(sums, @"
        6923dd1bc0460082c5d55a831908c24a282860b7f1cd6c2b79cf1bc8857c639c  (uki)7+2
        09e6c018d2c8c4903308613dd1b72484d57eadf12ec50ddc8f52e5accce470f2  (uki)9+2
        ");
    }

    #[test]
    fn the_first_block_has_all_tries_for_a() {
        let env = Env::parse(&first_block().unwrap()).unwrap();
        assert_eq!(
            (env.get("first"), env.get("left_a"), env.get("left_b")),
            (Some("a"), Some("3"), Some("0"))
        );
        assert_eq!(env.get("left_a"), Some(TRIES.to_string().as_str()));
        assert_eq!(RESCUE.split(' ').count(), 3, "as many arguments as `load` hands over");
    }
}
