//! Secure Boot Advanced Targeting: lines that name each part and its generation, so that a part can be revoked
//! (shim, SBAT.md).

/// The line systemd's tools add for the image as a whole (systemd 257, `ukify`).
const UKI_LINE: &str = "uki,1,UKI,uki,1,https://uapi-group.org/specifications/specs/unified_kernel_image/\n";

/// Lines of stub and kernel and the image's own, without doubles; the `sbat` line comes first. Stubs before systemd 254
/// have no room for a further line: there the image's own is left out, which nothing has needed so far (its
/// generation is the first). `None` when the lines of stub and kernel do not fit in `room` bytes.
/// Data that is not text is no reason to stop: firmware that enforces SBAT will.
pub(super) fn merge(stub: &[u8], kernel: Option<&[u8]>, room: usize) -> Option<Vec<u8>> {
    let parts = [Some(stub), kernel, Some(UKI_LINE.as_bytes())];
    let fits = |lines: &Vec<u8>| lines.len() <= room;
    Some(join(&parts)).filter(fits).or_else(|| Some(join(&parts[..2])).filter(fits))
}

fn join(parts: &[Option<&[u8]>]) -> Vec<u8> {
    let mut lines: Vec<&[u8]> = Vec::new();
    for part in parts.iter().flatten() {
        let text = part.split(|b| *b == 0).next().unwrap_or_default();
        for line in text.split(|b| *b == b'\n').filter(|line| !line.is_empty()) {
            // The line on the format itself stands once, at the top.
            if !lines.contains(&line) && (lines.is_empty() || !line.starts_with(b"sbat,")) {
                lines.push(line);
            }
        }
    }
    let mut out = lines.join(&b'\n');
    // Readers stop at the NUL; systemd's tools write it too.
    out.extend_from_slice(b"\n\0");
    out
}
