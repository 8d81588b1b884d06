//! What the definition leaves out of its packages, by rules that read as dpkg's own (dpkg(1), `--path-exclude`).

use crate::edit::Editor;
use crate::error::AssembleError;
use crate::report::Slimmed;
use pintle_model::{Kind, Origin, SlimRule, Tree, TreeError, TreePath, left_out, may_hold_kept};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// What was left out.
#[derive(Debug, Default)]
pub(crate) struct LeftOut {
    /// By rule.
    pub(crate) slimmed: Vec<Slimmed>,
    /// Paths without leading slash, folders included.
    pub(crate) paths: BTreeSet<Vec<u8>>,
    /// What is worth saying: patterns of the user's own that match nothing.
    pub(crate) idle: Vec<String>,
}

/// Takes out of `tree`, which holds packages only, what `rules` leave out. Folders go when they are empty then.
pub(crate) fn leave_out(tree: &mut Tree, rules: &[SlimRule]) -> Result<LeftOut, TreeError> {
    let mut left = LeftOut::default();
    if rules.is_empty() {
        return Ok(left);
    }
    left.slimmed =
        rules.iter().map(|rule| Slimmed { rule: rule.name.clone(), ..Slimmed::default() }).collect();
    let (mut links, mut folders) = (Vec::new(), Vec::new());
    let mut gone = Vec::new();
    let mut text = Vec::new();
    let links_to = tree.link_counts();
    let mut seen = BTreeSet::new();
    for entry in tree.walk() {
        text.clear();
        text.push(b'/');
        text.extend_from_slice(entry.path.as_bytes());
        let Some(rule) = left_out(rules, &text) else { continue };
        match &entry.inode.kind {
            Kind::Directory(_) => folders.push(entry.path),
            Kind::Symlink(_) if may_hold_kept(rules, &text) => links.push((entry.path, rule)),
            _ => {
                // Of a file with several names the bytes go with the first: all go, or the saving is shown too large.
                let first = links_to[entry.id.index()] == 1 || seen.insert(entry.id);
                let bytes =
                    if let (Kind::File(blob), true) = (&entry.inode.kind, first) { blob.len() } else { 0 };
                let package = match tree.origin_of(entry.inode.origin) {
                    Origin::Package { name, .. } => name.clone(),
                    other => other.to_string(),
                };
                gone.push((entry.path, rule, bytes, package));
            }
        }
    }
    for (path, rule, bytes, package) in gone {
        tree.remove(&path)?;
        left.add(rule, &path, bytes, package);
    }
    // Children come after their folders on a walk.
    for path in folders.into_iter().rev() {
        if matches!(tree.get(&path).map(|inode| &inode.kind), Some(Kind::Directory(names)) if names.is_empty())
        {
            tree.remove(&path)?;
            left.paths.insert(path.as_bytes().to_vec());
        }
    }
    // A link to a folder with something kept in it (/usr/share/doc/libgcc-s1) stays.
    for (path, rule) in links {
        let target = tree.resolve(&path).ok().and_then(|target| tree.get(&target));
        if !target.is_some_and(|target| matches!(target.kind, Kind::Directory(_))) {
            let package = tree.get(&path).map(|inode| tree.origin_of(inode.origin).clone());
            tree.remove(&path)?;
            let package = match package {
                Some(Origin::Package { name, .. }) => name,
                other => other.map(|origin| origin.to_string()).unwrap_or_default(),
            };
            left.add(rule, &path, 0, package);
        }
    }
    left.idle = idle(rules, &left.paths);
    Ok(left)
}

/// Patterns of the rule `own`, which the module `slim` writes from the definition, that match nothing. Rules of modules
/// may find nothing to do; a pattern that was written for this very system should.
fn idle(rules: &[SlimRule], paths: &BTreeSet<Vec<u8>>) -> Vec<String> {
    let own = rules.iter().filter(|rule| rule.name == "own").flat_map(|rule| &rule.remove);
    let matches_nothing = |pattern: &&String| {
        let alone = [SlimRule {
            name: String::new(),
            remove: vec![(*pattern).clone()],
            keep: Vec::new(),
            origin: String::new(),
        }];
        !paths.iter().any(|path| left_out(&alone, &[b"/", path.as_slice()].concat()).is_some())
    };
    own.filter(matches_nothing).map(|pattern| format!("slim.remove: nothing matches `{pattern}`")).collect()
}

impl LeftOut {
    fn add(&mut self, rule: usize, path: &TreePath, bytes: u64, package: String) {
        let slimmed = &mut self.slimmed[rule];
        slimmed.files += 1;
        slimmed.bytes += bytes;
        let share = slimmed.packages.entry(package).or_default();
        *share = (share.0 + 1, share.1 + bytes);
        self.paths.insert(path.as_bytes().to_vec());
    }
}

/// dpkg(1) reads its configuration at every start: what apt installs later is left out likewise.
const CONFIGURATION: &str = "etc/dpkg/dpkg.cfg.d/90-pintle-slim";

/// Tells the image's own dpkg.
pub(crate) fn configure(editor: &mut Editor<'_>, rules: &[SlimRule]) -> Result<(), AssembleError> {
    if rules.is_empty() {
        return Ok(());
    }
    editor.act_as(Origin::Generated("slim".into()));
    let mut text =
        "# What this image leaves out of packages. The last line that matches a path decides.\n".to_owned();
    for rule in rules {
        let _ = writeln!(text, "# {}", rule.name);
        rule.remove.iter().for_each(|pattern| text.push_str(&format!("path-exclude={pattern}\n")));
        rule.keep.iter().for_each(|pattern| text.push_str(&format!("path-include={pattern}\n")));
    }
    editor.file(CONFIGURATION, text, 0o644, (0, 0))
}
