use super::generations::Start;
use pintle_boot::loader::{Entry, EntryError};
use std::fmt::Write as _;

/// Keys of os-release that systemd-boot reads of a unified kernel image (systemd 257, `bootspec-fundamental.c`): they
/// are given anew.
const READ_BY_LOADER: [&str; 3] = ["PRETTY_NAME", "IMAGE_ID", "IMAGE_VERSION"];

/// What menus show: the label, and the specialisation where it is one.
#[must_use]
pub fn title(start: &Start<'_>) -> String {
    let label = &start.document.boot.label;
    if start.specialisation.is_empty() {
        label.clone()
    } else {
        format!("{label} ({})", start.specialisation)
    }
}

/// What entries of one title are told apart by, and sorted by: numbers are compared by value, the newest is on top.
fn version(start: &Start<'_>) -> String {
    start.number.map_or("Not a generation".to_owned(), |number| format!("Generation {number}"))
}

/// The system's os-release with title, sort key and version for the menu of systemd-boot. `own` is the system's own
/// file; empty where it has none.
#[must_use]
pub fn os_release(own: &[u8], start: &Start<'_>, sort_key: &str) -> Vec<u8> {
    let text = String::from_utf8_lossy(own);
    let replaced = |line: &&str| READ_BY_LOADER.iter().any(|key| line.split('=').next() == Some(key));
    let mut out = String::new();
    let mut line = |line: &str| writeln!(out, "{line}").expect("invariant: a String takes every write");
    if text.trim().is_empty() {
        line("ID=nixos\nNAME=NixOS");
    }
    text.lines().filter(|line| !line.is_empty() && !replaced(line)).for_each(&mut line);
    for (key, value) in
        [("PRETTY_NAME", title(start)), ("IMAGE_ID", sort_key.to_owned()), ("IMAGE_VERSION", version(start))]
    {
        line(&format!("{key}=\"{}\"", value.replace(['"', '\\', '$', '`'], "_")));
    }
    out.into_bytes()
}

/// What a type #1 entry refers to: paths on the partition.
#[derive(Clone, Copy, Debug)]
pub struct Type1<'a> {
    /// The kernel.
    pub linux: &'a str,
    /// The initrd.
    pub initrd: Option<&'a str>,
    /// The device tree.
    pub devicetree: Option<&'a str>,
    /// The kernel's whole command line.
    pub options: &'a str,
}

/// The text of a type #1 entry (UAPI.1).
///
/// # Errors
/// [`EntryError`] for what does not fit on a line.
pub fn type1(start: &Start<'_>, sort_key: &str, files: &Type1<'_>) -> Result<String, EntryError> {
    let mut entry = Entry::default()
        .with("title", title(start))
        .with("sort-key", sort_key)
        .with("version", version(start))
        .with("linux", format!("/{}", files.linux));
    for (key, path) in [("initrd", files.initrd), ("devicetree", files.devicetree)] {
        if let Some(path) = path {
            entry = entry.with(key, format!("/{path}"));
        }
    }
    entry.with("options", files.options).render()
}

#[cfg(test)]
mod tests {
    use super::*;
    use pintle_boot::bootspec::{Bootspec, Limits};

    #[test]
    fn the_menu_shows_label_specialisation_and_generation() {
        let document = r#"{"org.nixos.bootspec.v1": {"system": "x86_64-linux", "label": "NixOS \"25.11\"",
            "kernel": "/k", "init": "/i", "kernelParams": ["quiet"], "toplevel": "/t"}}"#;
        let document = Bootspec::parse(document.as_bytes(), &Limits::default()).unwrap();
        let start = Start {
            number: Some(12),
            specialisation: "debug".to_owned(),
            document: &document,
            default: false,
        };
        let plain = Start { number: None, specialisation: String::new(), ..start.clone() };
        let own = b"ID=nixos\nVERSION=\"25.11 (X)\"\nVERSION_ID=\"25.11\"\nPRETTY_NAME=\"NixOS\"\n";
        insta::assert_snapshot!(String::from_utf8(os_release(own, &start, "nixos")).unwrap(), @r#"
        ID=nixos
        VERSION="25.11 (X)"
        VERSION_ID="25.11"
        PRETTY_NAME="NixOS _25.11_ (debug)"
        IMAGE_ID="nixos"
        IMAGE_VERSION="Generation 12"
        "#);
        insta::assert_snapshot!(String::from_utf8(os_release(b"", &plain, "nixos")).unwrap(), @r#"
        ID=nixos
        NAME=NixOS
        PRETTY_NAME="NixOS _25.11_"
        IMAGE_ID="nixos"
        IMAGE_VERSION="Not a generation"
        "#);
        let files = Type1 {
            linux: "EFI/pintle/linux-1.efi",
            initrd: Some("EFI/pintle/initrd-1"),
            devicetree: None,
            options: "quiet init=/i",
        };
        insta::assert_snapshot!(type1(&start, "nixos", &files).unwrap(), @r#"
        title NixOS "25.11" (debug)
        sort-key nixos
        version Generation 12
        linux /EFI/pintle/linux-1.efi
        initrd /EFI/pintle/initrd-1
        options quiet init=/i
        "#);
    }
}
