//! Where a key that TOML found twice was defined first. The parser names only the second place.

use std::borrow::Cow;
use std::ops::Range;
use toml_parser::Source;
use toml_parser::parser::{Event, EventKind, parse_document};

/// A key as written in a header or before `=`, with everything it stands under.
struct Definition {
    path: Vec<String>,
    keys: Vec<Range<usize>>,
    header: bool,
}

/// The span of the definition that clashes with the key at byte `second`.
pub(crate) fn first_definition(text: &str, second: usize) -> Option<Range<usize>> {
    let definitions = definitions(text);
    let found = definitions.iter().position(|d| d.keys.iter().any(|key| key.start == second))?;
    let clash = &definitions[found];
    let base = clash.path.len() - clash.keys.len();
    let depth = base + clash.keys.iter().position(|key| key.start == second)? + 1;
    definitions[..found]
        .iter()
        .find(|earlier| earlier.path.get(..depth) == Some(&clash.path[..depth]))
        .and_then(|earlier| {
            let under = earlier.path.len() - earlier.keys.len();
            earlier.keys.get((depth - 1).checked_sub(under)?).cloned()
        })
}

/// All keys of the document outside of inline tables, in order; each `[[list]]` header starts a path of its own.
fn definitions(text: &str) -> Vec<Definition> {
    let source = Source::new(text);
    let tokens = source.lex().into_vec();
    let mut events: Vec<Event> = Vec::new();
    parse_document(&tokens, &mut events, &mut ());
    let mut found: Vec<Definition> = Vec::new();
    let mut table: Vec<String> = Vec::new();
    let mut current: Option<Definition> = None;
    let mut depth = 0usize;
    let mut lists = 0usize;
    let mut list_header = false;
    for event in &events {
        match event.kind() {
            EventKind::StdTableOpen | EventKind::ArrayTableOpen => {
                list_header = event.kind() == EventKind::ArrayTableOpen;
                current = Some(Definition { path: Vec::new(), keys: Vec::new(), header: true });
            }
            EventKind::SimpleKey if depth == 0 => {
                let span = event.span().start()..event.span().end();
                let definition = current.get_or_insert_with(|| Definition {
                    path: table.clone(),
                    keys: Vec::new(),
                    header: false,
                });
                definition.path.push(key_text(&source, event));
                definition.keys.push(span);
            }
            EventKind::InlineTableOpen | EventKind::ArrayOpen => depth += 1,
            EventKind::InlineTableClose | EventKind::ArrayClose => depth = depth.saturating_sub(1),
            EventKind::KeyValSep if depth == 0 => found.extend(current.take()),
            EventKind::StdTableClose | EventKind::ArrayTableClose => {
                if let Some(definition) = current.take().filter(|definition| definition.header) {
                    table.clone_from(&definition.path);
                    if list_header {
                        lists += 1;
                        table.push(format!("[{lists}]"));
                    }
                    found.push(definition);
                }
            }
            _ => {}
        }
    }
    found
}

fn key_text(source: &Source<'_>, event: &Event) -> String {
    let mut text = Cow::Borrowed("");
    if let Some(raw) = source.get(event.span()) {
        let raw = toml_parser::Raw::new_unchecked(raw.as_str(), event.encoding(), event.span());
        raw.decode_key(&mut text, &mut ());
    }
    text.into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_two_definitions_is_found() {
        for (text, second, first) in [
            ("a = 1\nb = 2\na = 3\n", 12, 0),
            ("[x]\ny = 1\n[z]\ny = 2\n\"y\" = 3\n", 20, 14),
            ("[x.y]\n[x]\nz = 1\n[x.y]\n", 19, 3),
            ("a.b = 1\na.b = 2\n", 10, 2),
            ("[[l]]\na = 1\n[[l]]\na = 2\na = 3\n", 24, 18),
        ] {
            assert_eq!(first_definition(text, second).map(|span| span.start), Some(first), "{text}");
        }
        assert_eq!(first_definition("a = 1\n", 0), None);
    }
}
