//! An apt of its own: nothing installed, and only the packages that a set could lead to. That is most of the work spared:
//! apt looks at every package it knows, which for a whole archive takes two seconds of processor time.

use crate::Index;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

pub(crate) struct Apt {
    root: tempfile::TempDir,
}

impl Apt {
    /// `sources`: the lines of its `sources.list`.
    pub(crate) fn new(sources: &str) -> Self {
        let root = tempfile::tempdir().unwrap();
        let at = |path: &str| root.path().join(path);
        for folder in
            ["etc/apt/preferences.d", "lib/apt/lists/partial", "cache/apt/archives/partial", "lib/dpkg"]
        {
            fs::create_dir_all(at(folder)).unwrap();
        }
        fs::write(at("lib/dpkg/status"), "").unwrap();
        fs::write(at("etc/apt/sources.list"), sources).unwrap();
        let config = format!(
            "Dir \"{root}\"; Dir::State \"{root}/lib/apt\"; Dir::State::status \"{root}/lib/dpkg/status\";\n\
             Dir::Cache \"{root}/cache/apt\"; APT::Architecture \"amd64\"; APT::Architectures \"amd64\";\n\
             APT::Install-Recommends \"false\"; APT::Sandbox::User \"root\"; Acquire::Languages \"none\";\n\
             Acquire::GzipIndexes \"false\"; Debug::NoLocking \"true\";\n",
            root = root.path().display()
        );
        fs::write(at("apt.conf"), config).unwrap();
        Self { root }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.root.path()
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> (String, bool) {
        let output = Command::new("apt-get")
            .args(arguments)
            .env("APT_CONFIG", self.root.path().join("apt.conf"))
            .env("LC_ALL", "C")
            .output()
            .expect("apt-get is needed: run `cargo xtask test`, which installs the judges");
        let text = [output.stdout, output.stderr].concat();
        (String::from_utf8_lossy(&text).into_owned(), output.status.success())
    }

    /// What apt would install of `index`, name to version; `None` when it cannot.
    pub(crate) fn install<'n>(
        &self,
        index: &Path,
        names: impl Iterator<Item = &'n str>,
    ) -> Option<BTreeMap<String, String>> {
        let source = index.display().to_string();
        let mut arguments = vec!["-s", "install", "--with-source", &source];
        let names: Vec<&str> = names.collect();
        arguments.extend(&names);
        let (text, done) = self.run(&arguments);
        let word = |line: &str, n: usize| line.split(' ').nth(n).unwrap().trim_start_matches('(').to_owned();
        let lines = text.lines().filter(|line| line.starts_with("Inst "));
        done.then(|| lines.map(|line| (word(line, 1), word(line, 2))).collect())
    }

    /// Writes the part of `index` that `names` could lead to, by whatever alternative.
    pub(crate) fn part<'i>(
        &self,
        index: &Index<'i>,
        number: usize,
        names: impl Iterator<Item = &'i str>,
    ) -> std::path::PathBuf {
        let mut seen: BTreeSet<&str> = names.collect();
        let mut open: Vec<&str> = seen.iter().copied().collect();
        let mut stanzas = BTreeSet::new();
        while let Some(name) = open.pop() {
            for &at in index
                .by_name
                .get(name)
                .into_iter()
                .flatten()
                .filter(|at| stanzas.insert(**at))
                .collect::<Vec<_>>()
            {
                let record = &index.records[at];
                // A package that only provides the name brings versions of its own name along.
                let needs =
                    record.pre_depends.flat().chain(record.depends.flat()).map(|relation| relation.name);
                open.extend(needs.chain([record.name]).filter(|name| seen.insert(name)));
            }
        }
        let mut text = String::new();
        for at in stanzas {
            let record = &index.records[at];
            let stanza = index.stanzas[at];
            writeln!(text, "{stanza}\n").unwrap();
            assert!(stanza.contains(record.name));
        }
        let path = self.root.path().join(format!("{number}_Packages"));
        fs::write(&path, text).unwrap();
        path
    }
}
