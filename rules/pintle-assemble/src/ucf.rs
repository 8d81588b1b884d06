//! ucf(1)'s records of the configuration files it looks after.

use crate::database::md5;
use crate::edit::Editor;
use crate::effect::Effect;
use crate::error::AssembleError;
use crate::input::Package;
use pintle_model::{Kind, Origin};
use std::collections::BTreeMap;

/// Largest configuration file: they are text.
const FILE_MAX: u64 = 16 << 20;

/// Writes /var/lib/ucf/hashfile, registry and cache: what each file was made from, whose it is, and the text it was made
/// from, so that an upgrade on the machine sees an unchanged file, or merges a changed one.
pub(crate) fn record(
    editor: &mut Editor<'_>,
    packages: &[Package<'_>],
    effects: &[(usize, Effect)],
) -> Result<(), AssembleError> {
    let (mut hashes, mut owners) = (BTreeMap::new(), BTreeMap::new());
    editor.act_as(Origin::Generated("ucf".into()));
    for (index, effect) in effects {
        let Effect::Ucf { source, path } = effect else { continue };
        let Some(Kind::File(blob)) = editor.tree().find(source).map(|inode| &inode.kind) else { continue };
        let bytes = blob.read(editor.contents(), FILE_MAX);
        let bytes = bytes.map_err(|source| AssembleError::Read { path: path.clone(), source })?;
        hashes.insert(path, format!("{}  {path}\n", md5(&bytes)));
        owners.insert(path, format!("{} \t {path}\n", packages[*index].locked.name));
        editor.file(&format!("var/lib/ucf/cache/{}", path.replace('/', ":")), bytes, 0o644, (0, 0))?;
    }
    if hashes.is_empty() {
        return Ok(());
    }
    editor.file("var/lib/ucf/hashfile", hashes.into_values().collect::<String>(), 0o644, (0, 0))?;
    editor.file("var/lib/ucf/registry", owners.into_values().collect::<String>(), 0o644, (0, 0))
}
