//! Kernels of a definition: Debian's, those of a suite, and the user's own.

use pintle_definition::{MemoryFiles, evaluate};
use pintle_model::{FileContent, System};

fn evaluated(text: &str) -> Result<System, String> {
    let files = MemoryFiles::new()
        .with("system.toml", format!("name = \"t\"\n[base.kernel]\n{text}"))
        .with("kernel/bzImage", "kernel")
        .with("kernel/lib/modules/6.18.3-mine/modules.order", "");
    let evaluation = evaluate(&files, "system.toml").map_err(|problems| problems.to_string())?;
    Ok(evaluation.system().clone())
}

fn system(text: &str) -> System {
    evaluated(text).unwrap_or_else(|problems| panic!("{problems}"))
}

const OWN: &str = "[base.kernel.own.\"6.18.3-mine\"]\nimage = \"kernel/bzImage\"\n";

#[test]
fn several_kernels_are_taken_together() {
    let plain = system("").kernel;
    assert_eq!((plain.package.as_deref(), plain.packages.len()), (Some("linux-image-cloud-amd64"), 0));
    let system = system(&format!(
        "package = \"linux-image-cloud-amd64/trixie-backports\"\n\
         packages = [\"linux-image-amd64\"]\ndefault = \"6.12.*\"\nmenu-timeout = 5\n\
         {OWN}modules = \"kernel/lib/modules/6.18.3-mine\"\n"
    ));
    let kernel = &system.kernel;
    assert_eq!(kernel.package.as_deref(), Some("linux-image-cloud-amd64/trixie-backports"));
    assert_eq!(kernel.packages, ["linux-image-amd64"]);
    assert_eq!(kernel.own, ["6.18.3-mine"]);
    assert_eq!((kernel.default.as_deref(), kernel.menu_timeout), (Some("6.12.*"), Some(5)));
    for package in ["linux-image-cloud-amd64/trixie-backports", "linux-image-amd64"] {
        assert!(system.packages.contains(&package.to_owned()), "{package}");
    }
    let copied: Vec<_> = system
        .files
        .iter()
        .filter_map(|file| match &file.content {
            FileContent::Copy(from) => Some((file.path.as_str(), from.as_str())),
            _ => None,
        })
        .collect();
    assert_eq!(
        copied,
        [
            ("/boot/vmlinuz-6.18.3-mine", "kernel/bzImage"),
            ("/usr/lib/modules/6.18.3-mine", "kernel/lib/modules/6.18.3-mine"),
        ]
    );
}

#[test]
fn ones_own_kernel_is_enough() {
    let kernel = system(OWN).kernel;
    assert_eq!((kernel.package.as_deref(), kernel.own.len()), (None, 1), "Debian's is not added to it");
    assert!(kernel.is_wanted());
}

#[test]
fn mistakes_are_explained() {
    let said = |text: &str| {
        let said = evaluated(text).unwrap_err();
        said.lines().find(|line| line.starts_with("error")).unwrap_or_default().to_owned()
    };
    insta::assert_snapshot!(said("package = \"linux-image-amd64/\"\n"), @"error: `base.kernel.package` must be a package (`nginx`; with a version `nginx=1.26.3-3`; from a suite `nginx/trixie-backports`)");
    insta::assert_snapshot!(said("default = \"6 or 7\"\n"), @"error: `base.kernel.default` must be a kernel release, with `*` for any text (`6.12.*`, `*-cloud-amd64`)");
    insta::assert_snapshot!(said(&OWN.replace("6.18.3-mine", "../x")), @"error: `../x` can not be a key of `base.kernel.own`");
    insta::assert_snapshot!(said(&format!("{OWN}modules = \"kernel/lib/modules\"\n")), @"error: `base.kernel.own.6.18.3-mine.modules` is the folder of all kernels");
}
