//! Home directories of the definition's users.

use super::Accounts;
use crate::edit::Editor;
use crate::error::AssembleError;
use pintle_model::{Attrs, Kind, Origin, System, TreePath, UserSpec};

/// Makes homes from /etc/skel, and the files of authorized keys.
pub(crate) fn make_homes(
    editor: &mut Editor<'_>,
    accounts: &Accounts,
    system: &System,
) -> Vec<AssembleError> {
    system.users.iter().filter_map(|spec| make_home(editor, accounts, spec).err()).collect()
}

fn make_home(editor: &mut Editor<'_>, accounts: &Accounts, spec: &UserSpec) -> Result<(), AssembleError> {
    editor.act_as(Origin::Definition(spec.origin.clone()));
    let base = accounts.needs.base.users.iter().find(|user| user.name == spec.name);
    let (uid, gid, home) = match (base, accounts.needs.users.get(&spec.name)) {
        (Some(user), _) => (user.uid, user.gid, &user.home),
        (None, Some(user)) => (accounts.uid(&user.name, &user.by)?, accounts.primary(user)?, &user.home),
        (None, None) => return Ok(()),
    };
    if home == "/nonexistent" || (spec.system && spec.ssh_keys.is_empty()) {
        return Ok(());
    }
    let path = editor.path(home)?;
    if editor.tree().get(&path).is_none() {
        // adduser.conf(5): DIR_MODE=0700.
        editor.directory(home, Some(0o700), Some(uid), Some(gid))?;
        skeleton(editor, &path, uid, gid)?;
    }
    if !spec.ssh_keys.is_empty() {
        let folder = format!("{home}/.ssh");
        editor.directory(&folder, Some(0o700), Some(uid), Some(gid))?;
        let keys: String = spec.ssh_keys.iter().map(|key| format!("{}\n", key.trim_end())).collect();
        editor.file(&format!("{folder}/authorized_keys"), keys, 0o600, (uid, gid))?;
    }
    Ok(())
}

fn skeleton(editor: &mut Editor<'_>, home: &TreePath, uid: u32, gid: u32) -> Result<(), AssembleError> {
    let skel = TreePath::literal("etc/skel");
    let found: Vec<_> =
        editor.tree().walk_from(&skel).skip(1).map(|entry| (entry.path, entry.inode.clone())).collect();
    for (path, inode) in found {
        let below = &path.as_bytes()[skel.as_bytes().len()..];
        let target = home.join(below).map_err(|error| editor.refused(error.into()))?;
        let attrs = Attrs { uid, gid, ..inode.attrs };
        let kind = match inode.kind {
            Kind::Directory(_) => Kind::Directory(Default::default()),
            kind => kind,
        };
        editor.put(&target, kind, attrs)?;
    }
    Ok(())
}
