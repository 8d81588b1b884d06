//! fstab(5).

use std::fmt::Write as _;

/// One line of /etc/fstab.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// `PARTUUID=…`, `LABEL=…`, `tmpfs`.
    pub what: String,
    /// Absolute path.
    pub place: String,
    /// `ext4`
    pub kind: String,
    /// `defaults,noatime`
    pub options: String,
    /// Order of checks at boot; 0: none.
    pub pass: u8,
}

/// The text of /etc/fstab.
#[must_use]
pub fn fstab(mounts: &[Mount]) -> String {
    let mut out = String::from("# <file system> <mount point> <type> <options> <dump> <pass>\n");
    for mount in mounts {
        let [what, place] = [&mount.what, &mount.place].map(|text| escape(text));
        let _ = writeln!(out, "{what} {place} {} {} 0 {}", mount.kind, mount.options, mount.pass);
    }
    out
}

/// Blanks, line ends and backslashes as octal numbers, as getmntent(3) reads them.
fn escape(text: &str) -> String {
    text.replace('\\', "\\134").replace(' ', "\\040").replace('\t', "\\011").replace('\n', "\\012")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_blanks() {
        let mount = Mount {
            what: "LABEL=my root".into(),
            place: "/".into(),
            kind: "ext4".into(),
            options: "defaults".into(),
            pass: 1,
        };
        insta::assert_snapshot!(fstab(&[mount]), @r"
        # <file system> <mount point> <type> <options> <dump> <pass>
        LABEL=my\040root / ext4 defaults 0 1
        ");
    }
}
