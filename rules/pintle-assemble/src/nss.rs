//! /etc/nsswitch.conf: services that packages add (dh_installnss(1)).

use crate::edit::Editor;
use crate::effect::{Effect, Position};
use crate::error::AssembleError;
use pintle_model::Origin;

const PATH: &str = "etc/nsswitch.conf";

/// Adds the name services of all packages to the file that libc-bin made.
pub(crate) fn add(editor: &mut Editor<'_>, effects: &[(usize, Effect)]) -> Result<(), AssembleError> {
    let Some(mut text) = editor.text(PATH)? else { return Ok(()) };
    let before = text.clone();
    for (_, effect) in effects {
        if let Effect::NameService { database, service, position } = effect {
            text = insert(&text, database, service, position);
        }
    }
    if text == before {
        return Ok(());
    }
    editor.act_as(Origin::Generated("nsswitch.conf".into()));
    editor.file(PATH, text, 0o644, (0, 0))
}

fn insert(text: &str, database: &str, service: &str, position: &Position) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let found = line.split_once(':').filter(|(name, _)| *name == database);
        match found {
            Some((name, services)) => {
                out.push_str(&format!("{name}:{}", line_with(services, service, position)))
            }
            None => out.push_str(line),
        }
        out.push('\n');
    }
    out
}

/// The line's services with one more; the blanks before them and a comment stay.
fn line_with(line: &str, service: &str, position: &Position) -> String {
    let (services, comment) = match line.find('#') {
        Some(at) => line.split_at(at),
        None => (line, ""),
    };
    let indent = &services[..services.len() - services.trim_start().len()];
    let mut items = items(services);
    let plain = service.split(' ').next().unwrap_or(service);
    let find =
        |items: &[String], name: &str| items.iter().position(|item| item.split(' ').next() == Some(name));
    if find(&items, plain).is_none() {
        let at = match position {
            Position::First => Some(0),
            Position::Last => Some(items.len()),
            // Where the neighbour is missing, dh_installnss's own edit changes nothing.
            Position::Before(name) => find(&items, name),
            Position::After(name) => find(&items, name).map(|at| at + 1),
        };
        if let Some(at) = at {
            items.insert(at, service.to_owned());
        }
    }
    let gap = if comment.is_empty() { "" } else { " " };
    format!("{indent}{}{gap}{comment}", items.join(" "))
}

/// Services, each with the `[…]` actions that follow it.
fn items(services: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for word in services.split_whitespace() {
        match out.last_mut() {
            Some(last) if word.starts_with('[') => {
                last.push(' ');
                last.push_str(word);
            }
            _ => out.push(word.to_owned()),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_enter_where_they_are_told() {
        let text = "passwd:         files\nhosts:          files dns\nnetworks: files # comment\n";
        let text = insert(text, "hosts", "myhostname", &Position::After("files".into()));
        let text = insert(&text, "hosts", "resolve [!UNAVAIL=return]", &Position::Before("dns".into()));
        let text = insert(&text, "passwd", "systemd", &Position::Last);
        let text = insert(&text, "passwd", "systemd", &Position::Last);
        let text = insert(&text, "networks", "dns", &Position::First);
        insta::assert_snapshot!(text, @r"
        passwd:         files systemd
        hosts:          files myhostname resolve [!UNAVAIL=return] dns
        networks: dns files # comment
        ");
    }
}
