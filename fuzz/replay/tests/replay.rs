//! Every kept input and every seed through its fuzz target, without the fuzzer: the same sources, compiled as modules.
//! A target that is not listed fails [`every_target_is_replayed`].

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must fail")]

// The targets call the fuzzer's library by its name: here, this file is it.
extern crate self as libfuzzer_sys;
pub use arbitrary;

use std::path::{Path, PathBuf};
use std::process::Command;

/// What `libfuzzer_sys` makes of a target: a function of bytes.
#[macro_export]
macro_rules! fuzz_target {
    (|$data:ident: &[u8]| $body:expr) => {
        pub(crate) fn run($data: &[u8]) {
            $body
        }
    };
    (|$input:ident: $kind:ty| $body:expr) => {
        pub(crate) fn run(data: &[u8]) {
            use $crate::arbitrary::{Arbitrary, Unstructured};
            if let Ok($input) = <$kind>::arbitrary_take_rest(Unstructured::new(data)) {
                $body
            }
        }
    };
}

macro_rules! targets {
    ($($name:ident $path:literal)*) => {
        $(
            #[path = $path]
            #[allow(unused_attributes, unused_imports, reason = "`no_main` and the import are for the fuzzer's programs")]
            mod $name;
        )*

        /// Every target by its name.
        const TARGETS: &[(&str, fn(&[u8]))] = &[$((stringify!($name), $name::run)),*];
    };
}

targets! {
    apt_sources "../../fuzz_targets/apt_sources.rs"
    ar "../../fuzz_targets/ar.rs"
    boot_trace "../../fuzz_targets/boot_trace.rs"
    bootspec "../../fuzz_targets/bootspec.rs"
    bucket "../../fuzz_targets/bucket.rs"
    certificate "../../fuzz_targets/certificate.rs"
    changelog "../../fuzz_targets/changelog.rs"
    clearsigned "../../fuzz_targets/clearsigned.rs"
    copyright "../../fuzz_targets/copyright.rs"
    cpio "../../fuzz_targets/cpio.rs"
    cpio_write "../../fuzz_targets/cpio_write.rs"
    deb "../../fuzz_targets/deb.rs"
    deb822 "../../fuzz_targets/deb822.rs"
    definition "../../fuzz_targets/definition.rs"
    document "../../fuzz_targets/document.rs"
    elf "../../fuzz_targets/elf.rs"
    erofs "../../fuzz_targets/erofs.rs"
    erofs_write "../../fuzz_targets/erofs_write.rs"
    event_log "../../fuzz_targets/event_log.rs"
    ext4 "../../fuzz_targets/ext4.rs"
    ext4_write "../../fuzz_targets/ext4_write.rs"
    frame "../../fuzz_targets/frame.rs"
    generated "../../fuzz_targets/generated.rs"
    gpt "../../fuzz_targets/gpt.rs"
    gpt_write "../../fuzz_targets/gpt_write.rs"
    grubenv "../../fuzz_targets/grubenv.rs"
    keyring "../../fuzz_targets/keyring.rs"
    linux_header "../../fuzz_targets/linux_header.rs"
    loader_entry "../../fuzz_targets/loader_entry.rs"
    lockfile "../../fuzz_targets/lockfile.rs"
    modinfo "../../fuzz_targets/modinfo.rs"
    module "../../fuzz_targets/module.rs"
    nar "../../fuzz_targets/nar.rs"
    narinfo "../../fuzz_targets/narinfo.rs"
    oci "../../fuzz_targets/oci.rs"
    packages_index "../../fuzz_targets/packages_index.rs"
    pe "../../fuzz_targets/pe.rs"
    qcow2 "../../fuzz_targets/qcow2.rs"
    recipe "../../fuzz_targets/recipe.rs"
    registration "../../fuzz_targets/registration.rs"
    relations "../../fuzz_targets/relations.rs"
    release "../../fuzz_targets/release.rs"
    secureboot "../../fuzz_targets/secureboot.rs"
    shell "../../fuzz_targets/shell.rs"
    sign "../../fuzz_targets/sign.rs"
    slim "../../fuzz_targets/slim.rs"
    solve "../../fuzz_targets/solve.rs"
    store_database "../../fuzz_targets/store_database.rs"
    sysusers "../../fuzz_targets/sysusers.rs"
    tar "../../fuzz_targets/tar.rs"
    unpacked_index "../../fuzz_targets/unpacked_index.rs"
    verity "../../fuzz_targets/verity.rs"
    version "../../fuzz_targets/version.rs"
    vfat "../../fuzz_targets/vfat.rs"
    vfat_write "../../fuzz_targets/vfat_write.rs"
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[test]
fn every_target_is_replayed() {
    let entries = std::fs::read_dir(folder().join("fuzz_targets")).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    names.sort();
    assert_eq!(names, TARGETS.iter().map(|(name, _)| *name).collect::<Vec<_>>());
}

/// Seeds of `target`, and what is kept of its corpus, unpacked to `to`.
fn inputs(target: &str, to: &Path) -> Vec<PathBuf> {
    let archive = folder().join("kept").join(format!("{target}.tar.zst"));
    if archive.exists() {
        let mut tar = Command::new("tar");
        let status = tar.arg("--zstd").arg("-xf").arg(&archive).arg("-C").arg(to).status();
        assert!(
            status.is_ok_and(|status| status.success()),
            "tar and zstd: `cargo xtask test` installs them"
        );
    }
    let folders = [folder().join("seeds").join(target), to.to_owned()];
    let entries = folders.iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

#[test]
fn nothing_breaks_on_what_was_kept() {
    let broken = std::sync::Mutex::new(Vec::new());
    let next = std::sync::atomic::AtomicUsize::new(0);
    let work = || {
        let at = || TARGETS.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        while let Some((name, run)) = at() {
            let scratch = tempfile::tempdir().unwrap();
            for path in inputs(name, scratch.path()) {
                let bytes = std::fs::read(&path).unwrap();
                if std::panic::catch_unwind(|| run(&bytes)).is_err() {
                    let file = path.file_name().unwrap().to_owned();
                    broken.lock().unwrap().push((name, file, bytes));
                }
            }
        }
    };
    std::thread::scope(|scope| {
        (0..2).for_each(|_| drop(scope.spawn(work)));
    });
    let broken = broken.into_inner().unwrap();
    assert!(broken.is_empty(), "{:?}", broken.iter().map(|(name, file, _)| (name, file)).collect::<Vec<_>>());
}
