//! Carries out effects on the tree. What they mean was decided before; here is only the doing.

use crate::accounts::Accounts;
use crate::edit::Editor;
use crate::effect::{Attributes, Content, Effect, Existing};
use crate::error::AssembleError;
use pintle_model::{Attrs, Inode, Kind, Origin};

/// Applies the file effects of one package, as `origin`. Accounts, alternatives, units, name services and diversions
/// have steps of their own.
pub(crate) fn apply(
    editor: &mut Editor<'_>,
    accounts: &Accounts,
    origin: Origin,
    effect: &Effect,
) -> Result<(), AssembleError> {
    editor.act_as(origin);
    match effect {
        Effect::Directory { path, attributes } => {
            let (uid, gid) = owner(editor, accounts, attributes)?;
            editor.directory(path, attributes.mode, uid, gid)
        }
        Effect::File { path, content, attributes, existing } => {
            let place = editor.path(path)?;
            if *existing == Existing::Keep && editor.tree().get(&place).is_some() {
                return Ok(());
            }
            let (kind, usual) = bytes(editor, content)?;
            let (uid, gid) = owner(editor, accounts, attributes)?;
            let mode = attributes.mode.unwrap_or(usual.mode);
            let attrs = Attrs { mode, uid: uid.unwrap_or(0), gid: gid.unwrap_or(0), mtime: usual.mtime };
            editor.put(&place, kind, attrs)
        }
        Effect::Ucf { source, path } => {
            let place = editor.path(path)?;
            if editor.tree().get(&place).is_some() {
                return Ok(());
            }
            let (kind, usual) = bytes(editor, &Content::CopyOf(source.clone()))?;
            let attrs = Attrs { mtime: usual.mtime, ..editor.attrs(0o644) };
            editor.put(&place, kind, attrs)
        }
        Effect::Link { path, target, existing } => {
            let place = editor.path(path)?;
            match editor.tree().get(&place) {
                Some(_) if *existing == Existing::Keep => Ok(()),
                _ => editor.link(path, target),
            }
        }
        Effect::Remove { path } => remove(editor, path),
        Effect::Change { path, attributes } => change(editor, accounts, path, attributes),
        Effect::ChangeAll { path, attributes } => {
            let (uid, gid) = owner(editor, accounts, attributes)?;
            change_all(editor, path, &|attrs, _| {
                attrs.uid = uid.unwrap_or(attrs.uid);
                attrs.gid = gid.unwrap_or(attrs.gid);
            })
        }
        Effect::Mode { path, change, recursive: true } => change_all(editor, path, &|attrs, kind| {
            if !matches!(kind, Kind::Symlink(_)) {
                attrs.mode = change.apply(attrs.mode, matches!(kind, Kind::Directory(_)));
            }
        }),
        Effect::Mode { path, change, recursive: false } => {
            let inode = existing(editor, path)?;
            inode.attrs.mode = change.apply(inode.attrs.mode, matches!(inode.kind, Kind::Directory(_)));
            Ok(())
        }
        Effect::Capabilities { path, value } => {
            let name: Box<[u8]> = (*b"security.capability").into();
            existing(editor, path)?.xattrs.insert(name, value.as_slice().into());
            Ok(())
        }
        // dpkg-statoverride(1) takes a path that is not there, and waits for it.
        Effect::StatOverride { path, .. } if editor.tree().find(path).is_none() => Ok(()),
        Effect::StatOverride { path, owner, group, mode } => {
            let (owner, group) = (Some(owner.clone()), Some(group.clone()));
            change(editor, accounts, path, &Attributes { owner, group, mode: Some(*mode) })
        }
        Effect::User(_)
        | Effect::Group { .. }
        | Effect::Member { .. }
        | Effect::Alternative(_)
        | Effect::Divert { .. }
        | Effect::Enable { .. }
        | Effect::Remember { .. }
        | Effect::RunLevels { .. }
        | Effect::PhpModule { .. }
        | Effect::Apache { .. }
        | Effect::NameService { .. } => Ok(()),
    }
}

fn owner(
    editor: &Editor<'_>,
    accounts: &Accounts,
    attributes: &Attributes,
) -> Result<(Option<u32>, Option<u32>), AssembleError> {
    let uid = attributes.owner.as_ref().map(|name| accounts.uid(name, editor.by())).transpose()?;
    let gid = attributes.group.as_ref().map(|name| accounts.gid(name, editor.by())).transpose()?;
    Ok((uid, gid))
}

/// A file's content, with the mode and time of what is copied.
fn bytes(editor: &Editor<'_>, content: &Content) -> Result<(Kind, Attrs), AssembleError> {
    match content {
        Content::Text(text) => {
            Ok((Kind::File(pintle_model::Blob::inline(text.clone().into_bytes())), editor.attrs(0o644)))
        }
        Content::CopyOf(source) => match editor.tree().find(source) {
            Some(inode) if matches!(inode.kind, Kind::File(_)) => Ok((inode.kind.clone(), inode.attrs)),
            Some(_) => Err(editor.problem(source, "only a file can be copied")),
            None => Err(editor.problem(source, "the file to copy does not exist")),
        },
    }
}

fn remove(editor: &mut Editor<'_>, path: &str) -> Result<(), AssembleError> {
    let place = editor.path(path)?;
    match editor.tree().get(&place).map(|inode| &inode.kind) {
        None => Ok(()),
        Some(Kind::Directory(names)) if !names.is_empty() => {
            Err(editor.problem(path, "a folder that is not empty cannot go away"))
        }
        Some(_) => {
            let removed = editor.tree_mut().remove(&place);
            removed.map(drop).map_err(|error| editor.refused(error))
        }
    }
}

fn change(
    editor: &mut Editor<'_>,
    accounts: &Accounts,
    path: &str,
    attributes: &Attributes,
) -> Result<(), AssembleError> {
    let (uid, gid) = owner(editor, accounts, attributes)?;
    let inode = existing(editor, path)?;
    inode.attrs.uid = uid.unwrap_or(inode.attrs.uid);
    inode.attrs.gid = gid.unwrap_or(inode.attrs.gid);
    inode.attrs.mode = attributes.mode.unwrap_or(inode.attrs.mode);
    Ok(())
}

/// What is at a path, links followed.
fn existing<'t>(editor: &'t mut Editor<'_>, path: &str) -> Result<&'t mut Inode, AssembleError> {
    let place = editor.path(path)?;
    let place = editor.tree().resolve(&place).map_err(|error| editor.refused(error))?;
    let missing = editor.problem(path, "there is nothing to give to an owner or a mode");
    editor.tree_mut().get_mut(&place).ok_or(missing)
}

/// Changes what is at a path and all that is below. Links are not followed, as with `chown -R`.
fn change_all(
    editor: &mut Editor<'_>,
    path: &str,
    change: &dyn Fn(&mut Attrs, &Kind),
) -> Result<(), AssembleError> {
    let place = editor.path(path)?;
    let mut waiting = vec![editor.tree().resolve(&place).map_err(|error| editor.refused(error))?];
    while let Some(at) = waiting.pop() {
        let Some(inode) = editor.tree_mut().get_mut(&at) else { continue };
        change(&mut inode.attrs, &inode.kind);
        let names: Vec<Vec<u8>> = editor.tree().children(&at).map(|(name, _)| name.to_vec()).collect();
        for name in names {
            waiting.push(at.join(&name).map_err(|error| editor.refused(error.into()))?);
        }
    }
    Ok(())
}
