use super::one_line;
use pintle_package::control::Limits;
use pintle_package::control::deb822::{self, Deb822Error, Dialect, Stanza};

/// One entry: every URI with every suite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AptSource {
    /// `URIs`.
    pub uris: Vec<String>,
    /// `Suites`; one that ends in `/` is a folder without components.
    pub suites: Vec<String>,
    /// `Components`.
    pub components: Vec<String>,
    /// `Signed-By`: files, or an armoured key.
    pub signed_by: Option<String>,
    /// False for `Enabled: no` and for source packages (`deb-src`).
    pub enabled: bool,
}

/// A sources file that cannot be read. The caller knows which file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SourcesError {
    /// A `.sources` file that is not deb822.
    #[error("cannot read the apt sources")]
    Format(#[source] Deb822Error),
    /// An entry of a `.sources` file without a required field.
    #[error("line {line}: the entry has no field `{field}`")]
    Missing {
        /// Line where it starts.
        line: u64,
        /// The field.
        field: &'static str,
    },
    /// A line of a `.list` file.
    #[error("line {line}: `{text}` is not `deb [options] URI SUITE COMPONENTS…`")]
    Line {
        /// Line.
        line: u64,
        /// Its text.
        text: String,
    },
}

/// Reads a file of one-line entries (`*.list`; sources.list(5)). Comments and empty lines are nothing.
///
/// # Errors
/// [`SourcesError::Line`].
pub fn parse_list(text: &str) -> Result<Vec<AptSource>, SourcesError> {
    let mut sources = Vec::new();
    for (line, text) in (1..).zip(text.lines()) {
        let text = text.split('#').next().unwrap_or_default().trim();
        if !text.is_empty() {
            let bad = || SourcesError::Line { line, text: text.chars().take(80).collect() };
            sources.push(one_line::parse(text).ok_or_else(bad)?);
        }
    }
    Ok(sources)
}

/// Reads a deb822 file (`*.sources`; sources.list(5)).
///
/// # Errors
/// [`SourcesError`] with the line.
pub fn parse_sources(text: &str) -> Result<Vec<AptSource>, SourcesError> {
    let stanzas =
        deb822::stanzas(text, Dialect::Sources, &Limits::default()).map_err(SourcesError::Format)?;
    stanzas.iter().map(entry).collect()
}

fn entry(stanza: &Stanza<'_>) -> Result<AptSource, SourcesError> {
    let words = |name: &'static str| -> Option<Vec<String>> {
        stanza.get(name).map(|field| field.words().map(str::to_owned).collect())
    };
    let need = |name| words(name).ok_or(SourcesError::Missing { line: stanza.line, field: name });
    let types = need("Types")?;
    // apt's own words for no (StringToBool in apt-pkg).
    let off = stanza.get("Enabled").is_some_and(|field| {
        ["no", "false", "without", "off", "disable", "0"].contains(&field.value.to_ascii_lowercase().as_str())
    });
    Ok(AptSource {
        uris: need("URIs")?,
        suites: need("Suites")?,
        components: words("Components").unwrap_or_default(),
        signed_by: stanza.get("Signed-By").map(|field| field.value.to_owned()),
        enabled: !off && types.iter().any(|kind| kind == "deb"),
    })
}
