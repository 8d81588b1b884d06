//! How definitions meet: imports, priorities, modules of the author's own. And properties that always hold.

use pintle_definition::{Evaluation, MemoryFiles, Paint, evaluate};
use pintle_model::{FileContent, System};
use proptest::prelude::*;

fn evaluation(files: MemoryFiles) -> Evaluation {
    evaluate(&files, "system.toml").unwrap_or_else(|problems| panic!("{problems}"))
}

fn one(text: &str) -> Evaluation {
    evaluation(MemoryFiles::new().with("system.toml", format!("name = \"t\"\n{text}")))
}

fn content(system: &System, path: &str) -> String {
    let file = system.files.iter().find(|file| file.path == path);
    match &file.unwrap_or_else(|| panic!("no {path}")).content {
        FileContent::Text(text) => text.clone(),
        other => format!("{other:?}"),
    }
}

#[test]
fn the_stronger_wins_wherever_it_stands() {
    let value = |text: &str| one(text).explain("base.timezone").unwrap().value;
    assert_eq!(value(""), "UTC");
    assert_eq!(value("[default.base]\ntimezone = \"A\"\n"), "A");
    assert_eq!(value("[default.base]\ntimezone = \"A\"\n[base]\ntimezone = \"B\"\n"), "B");
    assert_eq!(value("[force.base]\ntimezone = \"C\"\n[base]\ntimezone = \"B\"\n"), "C");
    assert_eq!(value("[force.base]\ntimezone = \"C\"\n[replace.base]\ntimezone = \"D\"\n"), "D");
}

#[test]
fn lists_append_and_replacing_takes_them_whole() {
    let packages = |head: &str, common: &str| {
        let files = MemoryFiles::new()
            .with("system.toml", format!("name = \"t\"\nimport = [\"common.toml\"]\n{head}"))
            .with("common.toml", common);
        evaluation(files).explain("packages").unwrap().value.to_string()
    };
    assert_eq!(packages("packages = [\"aa\"]", "packages = [\"bb\"]"), "[\"bb\",\"aa\"]");
    assert_eq!(packages("[force]\npackages = [\"aa\"]", "packages = [\"bb\"]"), "[\"aa\"]");
    assert_eq!(packages("[replace]\npackages = [\"aa\"]", "packages = [\"bb\"]"), "[\"aa\"]");
    assert_eq!(packages("[default]\npackages = [\"aa\"]", "packages = [\"bb\"]"), "[\"bb\"]");
    assert_eq!(packages("[default]\npackages = [\"aa\"]", ""), "[\"aa\"]");
}

#[test]
fn maps_merge_and_replacing_drops_the_others_entries() {
    let common =
        "[nginx.sites.old]\nhosts = [\"old.test\"]\nroot = \"/old\"\n[nginx.sites.main]\nlisten = [8080]\n";
    let sites = |text: &str| {
        let files = MemoryFiles::new()
            .with("system.toml", format!("name = \"t\"\nimport = [\"common.toml\"]\n{text}"))
            .with("common.toml", common);
        let explanation = evaluation(files).explain("nginx.sites").unwrap();
        explanation
            .parts
            .iter()
            .map(|part| format!("{} {}", part.path, part.value["listen"]))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        sites("[nginx.sites.main]\nroot = \"/srv\"\n"),
        ["nginx.sites.main [8080]", "nginx.sites.old [80]"]
    );
    assert_eq!(sites("[replace.nginx.sites.main]\nroot = \"/srv\"\n"), ["nginx.sites.main [80]"]);
}

#[test]
fn a_fragment_that_two_others_import_counts_once() {
    let files = MemoryFiles::new()
        .with("system.toml", "name = \"t\"\nimport = [\"a/a.toml\", \"b.toml\"]\n")
        .with("a/a.toml", "import = [\"../b.toml\"]\npackages = [\"aa\"]\n")
        .with("b.toml", "packages = [\"bb\"]\n");
    assert_eq!(evaluation(files).explain("packages").unwrap().value.to_string(), "[\"bb\",\"aa\"]");
}

#[test]
fn sources_are_relative_to_the_file_that_names_them() {
    let files = MemoryFiles::new()
        .with("system.toml", "name = \"t\"\nimport = [\"common/motd.toml\"]\n")
        .with("common/motd.toml", "[files]\n\"/etc/motd\" = { copy = \"data/motd\" }\n")
        .with("common/data/motd", "hello");
    assert_eq!(content(evaluation(files).system(), "/etc/motd"), "Copy(\"common/data/motd\")");
}

#[test]
fn a_forced_file_stands_in_for_a_module_s() {
    let evaluation = one("[force.files]\n\"/etc/hosts\" = { text = \"127.0.0.1 localhost\\n\" }\n");
    assert_eq!(content(evaluation.system(), "/etc/hosts"), "127.0.0.1 localhost\n");
}

/// A module with most of what a module can have.
fn database() -> MemoryFiles {
    MemoryFiles::new()
        .with(
            "modules/database/module.toml",
            r#"
doc = "A database."

[options.data-directory]
type = "path"
doc = "Where it keeps its data."
default = "/var/lib/database"

[options.limits]
type = "record"
doc = "Limits."

[options.limits.options.memory]
type = "size"
doc = "Memory it may use."
default = "64M"

[options.replicas]
type = "list of record"
doc = "Replicas."

[options.replicas.options.host]
type = "hostname"
doc = "Host of a replica."

[options.replicas.options.sync]
type = "bool"
doc = "Waits for it."
default = false

[[packages]]
names = ["database-server"]

[[files]]
path = "/etc/database.conf"
template = "database.conf.j2"
mode = "0640"
group = "database"

[[files]]
path = "/etc/database/readme"
file = "readme.txt"

[[files]]
path = "/etc/database/logo"
file = "logo.bin"

[[files]]
for-each = "replicas"
when = "value.sync"
path = "/etc/database/replicas/{{ key }}"
text = "{{ value.host }}"

[[users]]
name = "database"
system = true
home = "{{ data_directory }}"

[[groups]]
name = "dbadmin"
system = true

[[kernel]]
parameters = ["transparent_hugepage=never"]

[[set]]
option = "base.sysctl"
value = { "vm.overcommit_memory" = 2 }

[[set]]
option = "base.timezone"
value = "Europe/Berlin"
priority = "default"

[[checks]]
command = ["/usr/bin/database", "--ping"]

[[checks]]
unit = "database.service"

[[accept]]
package = "database-server"
reason = "this module does what its scripts do"
"#,
        )
        .with(
            "modules/database/database.conf.j2",
            "data = {{ data_directory | quoted }}\nmemory = {{ limits.memory }}\nhost = {{ modules.base.hostname }}\nsystem = {{ system.name }}\n",
        )
        .with("modules/database/readme.txt", "{{ as it is }}\n")
        .with("modules/database/logo.bin", [0xff_u8, 0x00])
}

#[test]
fn a_module_of_the_author_s_own() {
    let files = database().with(
        "system.toml",
        "name = \"t\"\n[database]\nlimits.memory = \"1G\"\nreplicas = [{ host = \"a.test\", sync = true }, { host = \"b.test\" }]\n",
    );
    let evaluation = evaluation(files);
    let system = evaluation.system();
    insta::assert_snapshot!(content(system, "/etc/database.conf"), @r#"
    data = "/var/lib/database"
    memory = 1073741824
    host = t
    system = t
    "#);
    assert_eq!(content(system, "/etc/database/readme"), "{{ as it is }}\n");
    assert_eq!(content(system, "/etc/database/logo"), "Copy(\"modules/database/logo.bin\")");
    assert_eq!(content(system, "/etc/database/replicas/0"), "a.test");
    assert!(!system.files.iter().any(|file| file.path == "/etc/database/replicas/1"));
    assert_eq!(content(system, "/etc/sysctl.d/90-pintle.conf"), "vm.overcommit_memory = 2\n");
    assert_eq!(system.users[0].home.as_deref(), Some("/var/lib/database"));
    assert_eq!((system.groups.len(), system.checks.len(), system.accept.len()), (1, 2, 1));
    assert!(system.kernel.parameters.contains(&"transparent_hugepage=never".to_owned()));
    insta::assert_snapshot!(evaluation.explain("base.timezone").unwrap(), @r#"
    base.timezone = "Europe/Berlin"

      Time zone, as a name of the time zone database. Anything but `UTC` adds the package `tzdata`.

      type       word
      default    "UTC"
      example    "Europe/Berlin"
      set by     modules/database/module.toml:70:1 (default)
    "#);
    insta::assert_snapshot!(evaluation.explain("database.replicas[1].host").unwrap(), @r#"
    database.replicas[1].host = "b.test"

      Host of a replica.

      type       hostname
      set by     system.toml:4:49
    "#);
}

#[test]
fn a_module_takes_part_only_when_it_is_mentioned() {
    let with = |text: &str| evaluation(database().with("system.toml", format!("name = \"t\"\n{text}")));
    let installed = |text: &str| with(text).system().packages.contains(&"database-server".to_owned());
    assert!(!installed(""));
    assert!(installed("[database]\n"));
    assert!(installed("database.enable = true\n"));
    assert!(!installed("[database]\nenable = false\n"));
    assert!(!installed("[database]\nlimits.memory = 1\n[force.database]\nenable = false\n"));
}

#[test]
fn a_module_of_a_shipped_name_stands_in_for_it_and_is_named() {
    let files = MemoryFiles::new()
        .with("modules/nginx/module.toml", "doc = \"Mine.\"\n[[packages]]\nnames = [\"nginx-light\"]\n")
        .with("system.toml", "name = \"t\"\n[nginx]\n");
    let evaluation = evaluation(files);
    assert!(evaluation.system().packages.contains(&"nginx-light".to_owned()));
    assert!(!evaluation.system().packages.contains(&"nginx".to_owned()));
    insta::assert_snapshot!(evaluation.notices().render_as_notices(Paint::Plain), @r#"
    note: your module `nginx` stands in for the shipped module of that name
     --> modules/nginx/module.toml:1:1
      |
    1 | doc = "Mine."
      | ^ this one is used
    "#);
}

#[test]
fn templates_can_not_run_away() {
    let files = MemoryFiles::new()
        .with("modules/mine/module.toml", "doc = \"Mine.\"\n[[files]]\npath = \"/x\"\ntemplate = \"x.j2\"\n")
        .with(
            "modules/mine/x.j2",
            "{% for a in range(10000) %}{% for b in range(10000) %}{% for c in range(10000) %}{{ a }}{% endfor %}{% endfor %}{% endfor %}",
        )
        .with("system.toml", "name = \"t\"\n[mine]\n");
    let error = evaluate(&files, "system.toml").unwrap_err().to_string();
    assert!(error.contains("fuel"), "{error}");
}

/// Work grows with the definition, not with its square.
#[test]
fn a_large_definition_is_evaluated_in_moments() {
    let mut text = String::from("name = \"t\"\npackages = [");
    (0..5000).for_each(|n| text.push_str(&format!("\"package-{n}\", ")));
    text.push_str("]\n[files]\n");
    (0..2000).for_each(|n| text.push_str(&format!("\"/etc/{n}\" = {{ text = \"{n}\" }}\n")));
    let evaluation = evaluation(MemoryFiles::new().with("system.toml", text));
    assert!(evaluation.system().packages.len() > 5000 && evaluation.system().files.len() > 2000);
}

/// A setting of one scalar: its path, its table, its line.
const SETTINGS: [(&str, &str, &str); 6] = [
    ("base.timezone", "base", "timezone = \"Europe/Berlin\""),
    ("base.locale", "base", "locale = \"de_DE.UTF-8\""),
    ("ssh.port", "ssh", "port = 2222"),
    ("ssh.root-login", "ssh", "root-login = \"no\""),
    ("nginx.sites.main.root", "nginx.sites.main", "root = \"/srv\""),
    ("network.wait", "network", "wait = 5"),
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Fragments with scalars and maps may be imported in any order.
    #[test]
    fn the_order_of_imports_does_not_matter(order in Just((0..SETTINGS.len()).collect::<Vec<_>>()).prop_shuffle()) {
        let system = |order: &[usize]| {
            let imports: Vec<String> = order.iter().map(|index| format!("\"{index}.toml\"")).collect();
            let mut files = MemoryFiles::new()
                .with("system.toml", format!("name = \"t\"\nimport = [{}]\n", imports.join(", ")));
            for (index, (_, table, line)) in SETTINGS.iter().enumerate() {
                files = files.with(&format!("{index}.toml"), format!("[{table}]\n{line}\n"));
            }
            evaluation(files).system().clone()
        };
        let sorted: Vec<usize> = (0..SETTINGS.len()).collect();
        let (mut a, mut b) = (system(&order), system(&sorted));
        for file in a.files.iter_mut().chain(&mut b.files) {
            file.origin.clear();
        }
        prop_assert_eq!(a, b);
    }

    /// The line and column that `explain` names hold the key that was set.
    #[test]
    fn provenance_points_at_real_lines(
        chosen in proptest::sample::subsequence(SETTINGS.to_vec(), 1..SETTINGS.len()),
        blank in 0usize..4,
    ) {
        let mut text = String::from("name = \"t\"\n");
        if !chosen.iter().any(|(path, _, _)| path.starts_with("nginx")) {
            text.push_str("# ünïcödé\n");
        }
        let mut tables: Vec<&str> = chosen.iter().map(|(_, table, _)| *table).collect();
        tables.dedup();
        for table in tables {
            text.push_str(&"\n".repeat(blank));
            text.push_str(&format!("[{table}]\n"));
            for (_, _, line) in chosen.iter().filter(|(_, other, _)| *other == table) {
                text.push_str(&format!("{}{line}\n", " ".repeat(blank)));
            }
        }
        let evaluation = evaluation(MemoryFiles::new().with("system.toml", text.clone()));
        for (path, _, line) in chosen {
            let by = evaluation.explain(path).unwrap().set_by;
            let mut place = by[0].place.rsplit(':');
            let column: usize = place.next().unwrap().parse().unwrap();
            let number: usize = place.next().unwrap().parse().unwrap();
            let found: String = text.lines().nth(number - 1).unwrap().chars().skip(column - 1).collect();
            prop_assert_eq!(found.as_str(), line);
        }
    }

    /// No input makes the reader panic, and each is either evaluated or explained.
    #[test]
    fn any_text_is_evaluated_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let files = MemoryFiles::new().with("system.toml", bytes);
        if let Err(problems) = evaluate(&files, "system.toml") {
            prop_assert!(!problems.0.is_empty());
            let _ = problems.render(Paint::Ansi);
        }
    }

    /// The same for text that is nearly right.
    #[test]
    fn mutated_definitions_are_evaluated_or_refused(cut in 0usize..600, insert in "[\\[\\]{}=\"'.#\n a-z0-9ä]{0,6}") {
        let mut text = include_str!("../src/starter.toml").replace("@NAME@", "\"t\"").replace("# ", "");
        let at = (0..=cut.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.insert_str(at, &insert);
        if let Err(problems) = evaluate(&MemoryFiles::new().with("system.toml", text), "system.toml") {
            prop_assert!(!problems.to_string().is_empty());
        }
    }

    /// Documents from other languages, likewise.
    #[test]
    fn any_document_is_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = pintle_definition::evaluate_document("x.json", &bytes);
    }
}
