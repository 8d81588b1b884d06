//! What a server says when it refuses (S3 API Reference, "Error responses"): a small document with `Code` and `Message`.

use std::fmt;

/// Bytes of an answer that are looked at: they have some hundreds.
pub const REFUSAL_SIZE: usize = 16 << 10;

/// What a refusal says, as far as it says something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusal {
    /// `AccessDenied`, `SignatureDoesNotMatch`, …
    pub code: Option<String>,
    /// In words.
    pub message: Option<String>,
    /// The region that the bucket is in, where another was asked.
    pub region: Option<String>,
}

impl Refusal {
    /// Reads what it can of `bytes`; anything is an answer, and most of it is none.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(&bytes[..bytes.len().min(REFUSAL_SIZE)]).into_owned();
        let find = |name: &str| element(&text, name);
        Self { code: find("Code"), message: find("Message"), region: find("Region") }
    }

    /// Whether the code is `code`.
    #[must_use]
    pub fn is(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }
}

/// The text of the first element `name`, in one line, without control characters and of bounded length.
fn element(text: &str, name: &str) -> Option<String> {
    let from = text.find(&format!("<{name}>"))? + name.len() + 2;
    let len = text[from..].find(&format!("</{name}>"))?;
    let plain = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")]
        .iter()
        .fold(text[from..from + len].to_owned(), |text, (from, to)| text.replace(from, to));
    let words: Vec<&str> = plain.split_whitespace().collect();
    let line: String = words.join(" ").chars().filter(|c| !c.is_control()).take(300).collect();
    Some(line).filter(|line| !line.is_empty())
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.code, &self.message) {
            (Some(code), Some(message)) => write!(f, "{code}: {}", message.trim_end_matches('.')),
            (Some(text), None) | (None, Some(text)) => f.write_str(text.trim_end_matches('.')),
            (None, None) => f.write_str("it does not say why"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_read_as_far_as_they_go() {
        let text = b"<?xml version=\"1.0\"?>\n<Error><Code>AccessDenied</Code>\n<Message>Access\n Denied &lt;x&gt;.</Message><RequestId>1</RequestId></Error>";
        let refusal = Refusal::parse(text);
        assert_eq!(refusal.to_string(), "AccessDenied: Access Denied <x>");
        assert!(refusal.is("AccessDenied") && refusal.region.is_none());
        let other = b"<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-west-1</Region>";
        assert_eq!(Refusal::parse(other).region.as_deref(), Some("eu-west-1"));
        for text in [&b""[..], b"\xff\xfe", b"<Code>", b"<Code></Code>", b"</Code><Code>"] {
            assert_eq!(Refusal::parse(text).to_string(), "it does not say why");
        }
        let long = format!("<Code>{}\x1b[31m</Code>", "a".repeat(5000));
        assert_eq!(Refusal::parse(long.as_bytes()).code.unwrap().len(), 300);
    }
}
