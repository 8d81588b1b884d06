use std::io::Read;
use std::time::{Duration, Instant};

/// Longest line kept; a guest that never ends its line must not fill our memory.
const LINE_MAX: usize = 4096;

/// A line of the guest's serial console.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SerialLine {
    /// Time since the emulator was started, taken when the line's first byte came.
    pub at: Duration,
    /// Text without control sequences and line end.
    pub text: String,
    /// True when the line was not ended (yet): prompts such as `login:` are not.
    pub open: bool,
}

/// Cuts a byte stream into lines. An unfinished line is handed out as soon as no more bytes are there.
pub(super) fn pump(mut from: impl Read, start: Instant, mut each: impl FnMut(&[u8], Option<SerialLine>)) {
    let mut chunk = [0u8; 4096];
    let mut line = Vec::new();
    let mut began = Duration::ZERO;
    while let Ok(n) = from.read(&mut chunk) {
        if n == 0 {
            break;
        }
        each(&chunk[..n], None);
        for byte in &chunk[..n] {
            if line.is_empty() {
                began = start.elapsed();
            }
            match byte {
                b'\n' => {
                    each(&[], Some(SerialLine { at: began, text: clean(&line), open: false }));
                    line.clear();
                }
                _ if line.len() < LINE_MAX => line.push(*byte),
                _ => {}
            }
        }
        if !line.is_empty() {
            each(&[], Some(SerialLine { at: began, text: clean(&line), open: true }));
        }
    }
}

/// Drops ANSI control sequences (ECMA-48) and control characters.
fn clean(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => match chars.next() {
                Some('[') => while chars.next().is_some_and(|c| !('@'..='~').contains(&c)) {},
                Some(']') => while chars.next().is_some_and(|c| c != '\u{7}' && c != '\\') {},
                _ => {}
            },
            '\t' => out.push(' '),
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_and_prompts_seen() {
        let bytes: &[u8] = b"\x1b[2J\x1b[0;32m  OK  \x1b[0m] Started\r\nweb login: ";
        let mut lines = Vec::new();
        pump(bytes, Instant::now(), |_, line| lines.extend(line.map(|l| (l.text, l.open))));
        assert_eq!(lines, [("  OK  ] Started".to_owned(), false), ("web login: ".to_owned(), true)]);
    }
}
