//! System V links: systemd starts a script of /etc/init.d that has no unit by them (systemd-sysv-generator(8)).

use crate::edit::Editor;
use crate::effect::Effect;
use crate::error::AssembleError;
use pintle_model::{Origin, TreePath};

/// Makes the links of /etc/rc?.d as update-rc.d(8) does where insserv is not installed: number 01 for all, levels by
/// the script's header (LSB 3.1, 20.8), nothing where there are links already. Returns warnings.
pub(crate) fn link(
    editor: &mut Editor<'_>,
    effects: &[(usize, Effect)],
) -> Result<Vec<String>, AssembleError> {
    editor.act_as(Origin::Generated("System V links".into()));
    let mut warnings = Vec::new();
    for (_, effect) in effects {
        let Effect::RunLevels { name, start } = effect else { continue };
        let Some(text) = editor.text(&format!("etc/init.d/{name}"))? else {
            warnings.push(format!("update-rc.d {name}: there is no /etc/init.d/{name}"));
            continue;
        };
        if has_links(editor, name) {
            continue;
        }
        let (starts, stops) = (levels(&text, "Default-Start:"), levels(&text, "Default-Stop:"));
        let letter = if *start { 'S' } else { 'K' };
        let links =
            starts.iter().map(|level| (*level, letter)).chain(stops.iter().map(|level| (*level, 'K')));
        for (level, letter) in links {
            let path = format!("etc/rc{level}.d/{letter}01{name}");
            if TreePath::new(&path).ok().is_none_or(|path| editor.tree().get(&path).is_none()) {
                editor.link(&path, &format!("../init.d/{name}"))?;
            }
        }
    }
    Ok(warnings)
}

fn has_links(editor: &Editor<'_>, name: &str) -> bool {
    "0123456S".chars().any(|level| {
        let folder = TreePath::literal(&format!("etc/rc{level}.d"));
        let mut names = editor.tree().children(&folder);
        names.any(|(link, _)| link.len() > 3 && &link[3..] == name.as_bytes())
    })
}

/// The levels of one line of the header.
fn levels(text: &str, key: &str) -> Vec<char> {
    let header = text
        .lines()
        .skip_while(|line| line.trim_end() != "### BEGIN INIT INFO")
        .take_while(|line| line.trim_end() != "### END INIT INFO");
    let value = header.filter_map(|line| line.trim_start_matches('#').trim_start().strip_prefix(key)).next();
    let words = value.unwrap_or_default().split_whitespace().filter_map(|word| word.chars().next());
    words.filter(|level| "0123456S".contains(*level)).collect()
}
