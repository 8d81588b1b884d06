//! Which image this is, and that no machine is any particular one yet.

use crate::edit::Editor;
use crate::error::AssembleError;
use pintle_model::{Origin, System};

/// os-release(5): `IMAGE_ID`, `IMAGE_VERSION`.
pub(crate) fn os_release(editor: &mut Editor<'_>, system: &System) -> Result<(), AssembleError> {
    const PATH: &str = "usr/lib/os-release";
    let Some(text) = editor.text(PATH)? else { return Ok(()) };
    editor.act_as(Origin::Generated("os-release".into()));
    let ours = |line: &&str| !line.starts_with("IMAGE_ID=") && !line.starts_with("IMAGE_VERSION=");
    let mut out: String = text.lines().filter(ours).map(|line| format!("{line}\n")).collect();
    out.push_str(&format!("IMAGE_ID={}\nIMAGE_VERSION={}\n", quote(&system.name), quote(&system.version)));
    editor.file(PATH, out, 0o644, (0, 0))
}

/// Shell quoting where it is needed.
fn quote(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.+~".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    let escape = |c: char| if "\"$`\\".contains(c) { format!("\\{c}") } else { c.to_string() };
    format!("\"{}\"", text.chars().map(escape).collect::<String>())
}

/// What stands for "no id yet".
pub(crate) const UNINITIALIZED: &str = "uninitialized\n";

/// machine-id(5), "First Boot Semantics": the machine gets an id when it boots first, and that boot counts as the first
/// (Debian's sshd-keygen.service makes the host keys only then), again if power fails before it is complete.
pub(crate) fn machine_id(editor: &mut Editor<'_>) -> Result<(), AssembleError> {
    editor.act_as(Origin::Generated("machine-id".into()));
    editor.file("etc/machine-id", UNINITIALIZED, 0o444, (0, 0))
}
