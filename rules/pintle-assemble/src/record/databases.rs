//! What Debian's tools write down: overrides, diversions, alternatives, enabled units, configuration files of ucf.

use super::draft::{Draft, Table, octal, quote};
use super::{Evidence, RecordError, new_lines, text};
use pintle_model::{Kind, Tree, TreePath};

const ALTERNATIVES: &str = "var/lib/dpkg/alternatives";

pub(super) fn compare(evidence: &Evidence<'_>, draft: &mut Draft) -> Result<(), RecordError> {
    overrides(evidence, draft)?;
    diversions(evidence, draft)?;
    for (name, _) in files(evidence.after, ALTERNATIVES) {
        let path = format!("{ALTERNATIVES}/{name}");
        let (old, new) = (
            text(evidence.before, &path, evidence.contents)?,
            text(evidence.after, &path, evidence.contents)?,
        );
        if old != new {
            alternative(&name, &old, &new, draft);
        }
    }
    for (folder, scope) in [
        ("var/lib/systemd/deb-systemd-helper-enabled", None),
        ("var/lib/systemd/deb-systemd-user-helper-enabled", Some("user")),
    ] {
        for (name, _) in files(evidence.after, folder) {
            let Some(unit) = name.strip_suffix(".dsh-also") else { continue };
            if evidence.before.find(&format!("{folder}/{name}")).is_none() {
                let mut fields = vec![("unit", quote(unit))];
                fields.extend(scope.map(|scope| ("scope", quote(scope))));
                draft.add(Table::Enable, fields);
                let links = text(evidence.after, &format!("{folder}/{name}"), evidence.contents)?;
                draft.claimed.extend(links.lines().map(|path| path.trim_start_matches('/').to_owned()));
            }
        }
    }
    Ok(())
}

/// Names in a folder, and whether each is a file.
fn files(tree: &Tree, folder: &str) -> Vec<(String, bool)> {
    let folder = TreePath::literal(folder);
    let children = tree.children(&folder);
    let named = |(name, id): (&[u8], _)| {
        (String::from_utf8_lossy(name).into_owned(), matches!(tree.inode(id).kind, Kind::File(_)))
    };
    children.map(named).filter(|(_, file)| *file).collect()
}

fn both(evidence: &Evidence<'_>, path: &str) -> Result<(String, String), RecordError> {
    Ok((text(evidence.before, path, evidence.contents)?, text(evidence.after, path, evidence.contents)?))
}

/// dpkg-statoverride(1): `owner group mode path`.
fn overrides(evidence: &Evidence<'_>, draft: &mut Draft) -> Result<(), RecordError> {
    let (before, after) = both(evidence, "var/lib/dpkg/statoverride")?;
    for line in new_lines(&before, &after) {
        let words: Vec<&str> = line.splitn(4, ' ').collect();
        if let [owner, group, mode, path] = words.as_slice()
            && let Ok(mode) = u16::from_str_radix(mode, 8)
        {
            let fields = vec![
                ("path", quote(path)),
                ("owner", quote(owner)),
                ("group", quote(group)),
                ("mode", octal(mode)),
            ];
            draft.add(Table::StatOverride, fields);
            draft.claimed.insert(path.trim_start_matches('/').to_owned());
        }
    }
    Ok(())
}

/// dpkg-divert(1): three lines each.
fn diversions(evidence: &Evidence<'_>, draft: &mut Draft) -> Result<(), RecordError> {
    let (before, after) = both(evidence, "var/lib/dpkg/diversions")?;
    let triples = |text: &str| -> Vec<Vec<String>> {
        text.lines().map(str::to_owned).collect::<Vec<_>>().chunks(3).map(<[String]>::to_vec).collect()
    };
    let known = triples(&before);
    for triple in triples(&after).into_iter().filter(|triple| !known.contains(triple)) {
        if let [from, to, package] = triple.as_slice() {
            let mut fields = vec![("from", quote(from)), ("to", quote(to))];
            if package != evidence.package {
                fields.push(("package", quote(package)));
            }
            draft.add(Table::Divert, fields);
            for path in [from, to] {
                draft.claimed.insert(path.trim_start_matches('/').to_owned());
            }
        }
    }
    Ok(())
}

/// The state file of update-alternatives(1): mode, link, slaves (name, link) up to an empty line, then candidates
/// (path, priority, a line per slave) up to an empty line.
fn alternative(name: &str, old: &str, new: &str, draft: &mut Draft) {
    let (known, (link, slaves, found)) = (parse(old).2, parse(new));
    draft.claimed.insert(link.trim_start_matches('/').to_owned());
    draft.claimed.extend(slaves.iter().map(|(_, link)| link.trim_start_matches('/').to_owned()));
    for candidate in found.iter().filter(|candidate| !known.contains(candidate)) {
        let (path, priority, targets) = candidate;
        let mut fields = vec![
            ("name", quote(name)),
            ("link", quote(&link)),
            ("path", quote(path)),
            ("priority", priority.clone()),
        ];
        let used = slaves.iter().zip(targets).filter(|(_, target)| !target.is_empty());
        let slaves: Vec<String> = used
            .map(|((name, link), target)| {
                format!(
                    "    {{ name = {}, link = {}, path = {} }},\n",
                    quote(name),
                    quote(link),
                    quote(target)
                )
            })
            .collect();
        if !slaves.is_empty() {
            fields.push(("slaves", format!("[\n{}]", slaves.concat())));
        }
        draft.add(Table::Alternative, fields);
    }
}

type Candidate = (String, String, Vec<String>);

fn parse(text: &str) -> (String, Vec<(String, String)>, Vec<Candidate>) {
    let mut lines = text.lines().map(str::to_owned);
    let (_mode, link) = (lines.next(), lines.next().unwrap_or_default());
    let mut slaves = Vec::new();
    while let Some(name) = lines.next().filter(|line| !line.is_empty()) {
        slaves.push((name, lines.next().unwrap_or_default()));
    }
    let mut candidates = Vec::new();
    while let Some(path) = lines.next().filter(|line| !line.is_empty()) {
        let priority = lines.next().filter(|text| text.parse::<i32>().is_ok()).unwrap_or_else(|| "0".into());
        candidates.push((path, priority, lines.by_ref().take(slaves.len()).collect()));
    }
    (link, slaves, candidates)
}
