//! Outputs on their way back: into files without names, compared with their digests, all together or none.

use super::error::RemoteError;
use super::link::Link;
use super::message::{Frames as _, Garbled, Message};
use crate::build::{Built, Request, formats};
use crate::outputs;
use crate::supply::Supply;
use pintle_model::{Encoding, SbomFormat, TreeEncoding};
use pintle_world::atomic::{self, AtomicError};
use pintle_world::files;
use pintle_world::sparse;
use pintle_world::together::{self, Folder, Pending};
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Component, Path, PathBuf};

/// What has arrived.
pub(super) struct Received {
    built: Built,
    pending: Vec<Pending>,
}

impl Received {
    /// Gives everything its name.
    pub(super) fn commit(self) -> Result<Built, RemoteError> {
        together::commit(self.pending)?;
        Ok(self.built)
    }
}

/// Takes in all outputs and the report, of which `message` came already.
pub(super) fn receive(
    request: &Request<'_>,
    mut message: Message,
    link: &mut Link<'_>,
    supply: &Supply<'_>,
) -> Result<Received, RemoteError> {
    let mut place = Place { request, wanted: wanted(request), pending: Vec::new() };
    loop {
        match message {
            Message::File { name, size } => place.file(&name, size, link, supply)?,
            Message::Same { name, like } => place.same(&name, &like, link)?,
            Message::Built(mut built) => {
                here(&mut built, request.output);
                place.complete(&built, link)?;
                return Ok(Received { built: *built, pending: place.pending });
            }
            other => return Err(link.failed(Garbled::turn(&other, "a file").into())),
        }
        message = link.answer()?;
    }
}

/// Names of what may come, and whether it is a folder.
fn wanted(request: &Request<'_>) -> BTreeMap<PathBuf, bool> {
    let name = &request.definition.system().name;
    let mut wanted = BTreeMap::new();
    for format in formats(request) {
        let is_folder = matches!(format.encoding(), Encoding::Tree(TreeEncoding::Oci));
        wanted.insert(outputs::path(Path::new(""), name, *format), is_folder);
    }
    let reports = [SbomFormat::Spdx, SbomFormat::CycloneDx].map(SbomFormat::extension);
    for extension in reports.into_iter().chain(["html", "json"]) {
        wanted.insert(format!("{name}.{extension}").into(), false);
    }
    wanted
}

/// The report with paths as they are here.
fn here(built: &mut Built, folder: &Path) {
    let moved = |path: &Path| path.file_name().map_or_else(|| folder.to_owned(), |name| folder.join(name));
    built.manifest = moved(&built.manifest);
    built.outputs.iter_mut().for_each(|output| output.path = moved(&output.path));
    built.reports.iter_mut().for_each(|report| report.path = moved(&report.path));
}

struct Place<'a> {
    request: &'a Request<'a>,
    wanted: BTreeMap<PathBuf, bool>,
    pending: Vec<Pending>,
}

impl Place<'_> {
    /// A file that comes next.
    fn file(
        &mut self,
        name: &str,
        size: u64,
        link: &mut Link<'_>,
        supply: &Supply<'_>,
    ) -> Result<(), RemoteError> {
        let target = self.target(name, link)?;
        let (path, file) = match &target {
            Target::Single(file) => (file.path(), file.as_file()),
            Target::Inside(path, file) => (path.as_path(), file),
        };
        supply.progress.started(name, size);
        let fail = |error: io::Error| RemoteError::from(AtomicError::new(path, error));
        let mut writer = sparse::Writer::new(file);
        link.stream(name, size, &mut |run| {
            supply.progress.advanced(name, run.len());
            writer.add(run).map_err(fail)
        })?;
        writer.finish().map_err(fail)?;
        supply.progress.finished(name);
        if let Target::Single(file) = target {
            self.pending.push(Pending::File(file));
        }
        Ok(())
    }

    /// A file with the bytes of one that came: no link, so that whoever writes into one does not change the other.
    fn same(&mut self, name: &str, like: &str, link: &Link<'_>) -> Result<(), RemoteError> {
        let Target::Single(file) = self.target(name, link)? else {
            return Err(link.failed(Garbled::Name(name.to_owned()).into()));
        };
        let like_path = self.request.output.join(like);
        let first = self.pending.iter().find(|one| one.path() == like_path);
        let first = first.ok_or_else(|| link.failed(Garbled::Name(like.to_owned()).into()))?;
        files::copy_into(first.temporary_path(), file.as_file())
            .map_err(|error| AtomicError::new(file.path(), error))?;
        self.pending.push(Pending::File(file));
        Ok(())
    }

    /// Where a file goes. A builder chooses no names: only those that were asked for are taken.
    fn target(&mut self, name: &str, link: &Link<'_>) -> Result<Target, RemoteError> {
        let refused = || link.failed(Garbled::Name(name.to_owned()).into());
        let relative = Path::new(name);
        let plain = relative.components().all(|part| matches!(part, Component::Normal(_)));
        let first = relative.components().next().filter(|_| plain).ok_or_else(refused)?;
        let first = Path::new(first.as_os_str());
        let is_folder = *self.wanted.get(first).ok_or_else(refused)?;
        let path = self.request.output.join(first);
        let there = self.pending.iter().position(|one| one.path() == path);
        if !is_folder {
            if relative != first || there.is_some() {
                return Err(refused());
            }
            return Ok(Target::Single(atomic::File::create(path)?));
        }
        let inside = relative.strip_prefix(first).unwrap_or(relative);
        let at = match there {
            Some(at) => at,
            None => {
                self.pending.push(Pending::Folder(Folder::create(&path)?));
                self.pending.len() - 1
            }
        };
        let temporary = self.pending[at].temporary_path().join(inside);
        let shown = path.join(inside);
        let fail = |error| AtomicError::new(&shown, error);
        if let Some(above) = temporary.parent() {
            files::make_folder(above).map_err(fail)?;
        }
        let file = files::create_new(&temporary).map_err(fail)?;
        Ok(Target::Inside(shown, file))
    }

    /// Everything that the report names has come.
    fn complete(&self, built: &Built, link: &Link<'_>) -> Result<(), RemoteError> {
        let outputs = built.outputs.iter().map(|output| &output.path);
        let reports = built.reports.iter().map(|report| &report.path);
        for path in outputs.chain(reports).chain([&built.manifest]) {
            if !self.pending.iter().any(|one| one.path() == path) {
                let turn = Garbled::Turn { found: "a report", expected: "the rest of the files" };
                return Err(link.failed(turn.into()));
            }
        }
        Ok(())
    }
}

enum Target {
    /// An output.
    Single(atomic::File),
    /// A file of one that is a folder.
    Inside(PathBuf, File),
}
