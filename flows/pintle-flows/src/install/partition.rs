//! What is on the partition, and what is done to it.

use super::error::InstallError;
use pintle_closure::esp::{Plan, Present, Step, Wanted, names};
use pintle_model::Contents;
use pintle_world::esp::Esp;

/// Texts have some hundred bytes.
const TEXT_MAX: u64 = 64 << 10;

/// What is there, as far as it matters for `wanted`.
///
/// Every wanted file that is there is read and compared: what a name says of its content is not believed.
pub(super) fn present(esp: &dyn Esp, wanted: &Wanted) -> Result<Present, InstallError> {
    let fail = |path: &str| {
        let path = path.to_owned();
        move |source| InstallError::Esp { path, source }
    };
    let room = esp.room().map_err(fail("the size"))?;
    let mut present = Present { free: room.free, cluster: room.cluster, ..Present::default() };
    for folder in names::FOLDERS {
        if let Some(files) = esp.list(folder).map_err(fail(folder))? {
            present.folders.insert(folder.to_owned());
            present.files.extend(files.into_iter().map(|(name, len)| (format!("{folder}/{name}"), len)));
        }
    }
    for path in present.files.keys() {
        let is_text = path == names::CONF || (names::is_entry(path) && path.ends_with(".conf"));
        // A text that is too long is none of ours, and says nothing.
        if is_text && present.files[path] <= TEXT_MAX {
            let text = esp.read(path, TEXT_MAX).map_err(fail(path))?;
            present.texts.extend(text.map(|text| (path.clone(), text)));
        }
    }
    let entries = wanted.entries.iter().flat_map(|entry| entry.files.iter().chain([&entry.entry]));
    for file in entries.chain(&wanted.loaders).chain(&wanted.conf) {
        if !present.same.contains(&file.path)
            && esp.digest(&file.path).map_err(fail(&file.path))? == Some(file.digest)
        {
            present.same.insert(file.path.clone());
        }
    }
    twins(esp, wanted, &present)?;
    Ok(present)
}

/// Refuses a file system on which a leftover may share its clusters with the file it was to become (see
/// [`pintle_world::esp`]): two files of one length and content.
fn twins(esp: &dyn Esp, wanted: &Wanted, present: &Present) -> Result<(), InstallError> {
    for (leftover, len) in &present.files {
        let Some(path) = names::final_of(leftover, wanted.arch) else { continue };
        if *len == 0 {
            continue;
        }
        let digest = |path: &str| {
            esp.digest(path).map_err(|source| InstallError::Esp { path: path.to_owned(), source })
        };
        let found = digest(&path)?;
        if found.is_some() && found == digest(leftover)? {
            return Err(InstallError::Twin { leftover: leftover.clone(), path });
        }
    }
    Ok(())
}

/// Does what the plan says, one after the other, and decides nothing.
pub(super) fn execute(plan: &Plan, esp: &mut dyn Esp, contents: &dyn Contents) -> Result<(), InstallError> {
    for step in &plan.steps {
        let (what, path, done) = match step {
            Step::MakeFolder(path) => ("make", path.as_str(), esp.make_folder(path)),
            Step::Write { path, file } => {
                ("write", plan.files[*file].path.as_str(), esp.write(path, &plan.files[*file].blob, contents))
            }
            Step::Rename { from, to } => ("rename", to.as_str(), esp.rename(from, to)),
            Step::Remove(path) => ("remove", path.as_str(), esp.remove(path)),
            Step::Sync => ("sync", "the files", esp.sync()),
        };
        done.map_err(|source| InstallError::Step { what, path: path.to_owned(), source })?;
    }
    Ok(())
}
