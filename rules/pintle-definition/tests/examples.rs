//! What users copy from evaluates, and to what it says.

use pintle_definition::{FileKind, Files, FilesError, MemoryFiles, evaluate, evaluate_document, starter};
use pintle_model::{Check, FileContent, Layout};
use std::path::PathBuf;

/// The real file system below a folder.
struct Folder(PathBuf);

impl Files for Folder {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, FilesError> {
        Ok(std::fs::read(self.0.join(path)).ok())
    }
    fn list(&self, folder: &str) -> Result<Vec<String>, FilesError> {
        let Ok(entries) = std::fs::read_dir(self.0.join(folder)) else { return Ok(Vec::new()) };
        let mut names: Vec<String> =
            entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        Ok(names)
    }
    fn kind(&self, path: &str) -> Result<Option<FileKind>, FilesError> {
        let kind = |meta: std::fs::Metadata| if meta.is_dir() { FileKind::Folder } else { FileKind::File };
        Ok(std::fs::metadata(self.0.join(path)).ok().map(kind))
    }
}

fn example(name: &str) -> Folder {
    Folder(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../examples").join(name))
}

#[test]
fn the_web_example_is_a_web_server() {
    let evaluation = evaluate(&example("web"), "system.toml").unwrap_or_else(|problems| panic!("{problems}"));
    let system = evaluation.system();
    for package in
        ["nginx", "openssh-server", "linux-image-cloud-amd64", "systemd-resolved", "systemd-timesyncd"]
    {
        assert!(system.packages.contains(&package.to_owned()), "{package} is missing");
    }
    assert_eq!(system.kernel.package.as_deref(), Some("linux-image-cloud-amd64"));
    assert_eq!(system.checks, [Check::Http { url: "http://127.0.0.1:80/".into() }, Check::Tcp { port: 22 }]);
    let content = |path: &str| &system.files.iter().find(|file| file.path == path).unwrap().content;
    assert_eq!(content("/srv/www"), &FileContent::Copy("site".into()));
    assert_eq!(content("/etc/hostname"), &FileContent::Text("web\n".into()));
    assert_eq!(evaluation.notices().0, []);
}

#[test]
fn the_starter_evaluates_without_a_change_and_with_everything_uncommented() {
    let files = MemoryFiles::new().with("system.toml", starter("demo", Layout::Verified));
    let evaluation = evaluate(&files, "system.toml").unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(evaluation.system().name, "demo");
    let key = format!("ssh-ed25519 AAAA{} you@laptop", "C3Nz".repeat(16));
    let everything: String = starter("demo", Layout::Verified)
        .lines()
        .skip(3)
        .map(|line| match line.trim_start().strip_prefix("# ") {
            Some(code) if code.contains('=') || code.starts_with('[') || code.starts_with('"') => {
                format!("{code}\n")
            }
            _ => format!("{line}\n"),
        })
        .collect::<String>()
        .replace("ssh-ed25519 AAAA… you@laptop", &key)
        .replace("ssh-ed25519 AAAA… alice@laptop", &key);
    let files = MemoryFiles::new()
        .with("web/system.toml", everything)
        .with("common.toml", "packages = [\"vim-tiny\"]\n")
        .with("web/site/index.html", "");
    let evaluation = evaluate(&files, "web/system.toml").unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(evaluation.system().services.len(), 1);
    assert!(evaluation.system().packages.contains(&"vim-tiny".to_owned()));
}

#[test]
fn an_evaluated_system_is_accepted_as_json() {
    let evaluation = evaluate(&example("web"), "system.toml").unwrap();
    let json = serde_json::to_vec_pretty(evaluation.system()).unwrap();
    assert_eq!(&evaluate_document("web.json", &json).unwrap(), evaluation.system());
}

#[test]
fn evaluation_is_deterministic() {
    let json = || serde_json::to_string(evaluate(&example("web"), "system.toml").unwrap().system()).unwrap();
    assert_eq!(json(), json());
}
