//! Disks for a platform: what the system lacks to run there, with the option that sets it, and the commands that bring
//! it there.

mod needs;
mod next;

pub use next::{NextStep, next_steps};

use crate::{Finding, ImagePlan, Mounting, Role, Severity};
use needs::Needs;
use pintle_model::{Arch, Contents, Kind, Platform, Size, System, Tree, TreePath};
use std::collections::BTreeSet;

/// Everything that `platform` wants and the planned system has not. Errors: it would not start there, or not be reached.
#[must_use]
pub fn check(platform: Platform, plan: &ImagePlan, system: &System, contents: &dyn Contents) -> Vec<Finding> {
    let needs = needs::of(platform);
    let mut checker = Checker { needs, plan, system, contents, findings: Vec::new() };
    if plan.report.kernel.is_none() {
        checker.error(
            "the system has no kernel (`base.kernel.package = \"linux-image-cloud-amd64\"`); the formats `directory`, \
             `tar` and `oci` need none",
        );
        return checker.findings;
    }
    checker.firmware();
    checker.size();
    checker.modules();
    checker.console();
    // What these look at is where Debian has it; a system of another kind sees to them by itself.
    if plan.mounting == Mounting::Planned {
        checker.network();
        checker.access();
        checker.agents();
    }
    checker.findings
}

/// Configuration files have some kilobytes; a larger one is not looked into.
const CONFIG_MAX: u64 = 64 << 10;
/// Debian's list of built-in modules has 20 kB.
const LIST_MAX: u64 = 4 << 20;

struct Checker<'a> {
    needs: &'static Needs,
    plan: &'a ImagePlan,
    system: &'a System,
    contents: &'a dyn Contents,
    findings: Vec<Finding>,
}

impl Checker<'_> {
    fn add(&mut self, severity: Severity, text: &str) {
        let text = format!("{}: {text}", self.needs.name);
        self.findings.push(Finding { severity, text });
    }

    fn error(&mut self, text: &str) {
        self.add(Severity::Error, text);
    }

    fn warning(&mut self, text: &str) {
        self.add(Severity::Warning, text);
    }

    fn root(&self) -> &Tree {
        &self.plan.content.root
    }

    fn firmware(&mut self) {
        if self.needs.bios_only && !has(self.plan, Role::BiosBoot) {
            self.error("machines there start by BIOS, and the image cannot (`image.bios = true`)");
        }
        if self.system.arch == Arch::Arm64 && !self.needs.arm64 {
            self.error("there are no arm64 machines (`arch = \"amd64\"`)");
        }
    }

    fn size(&mut self) {
        let size = Size(self.plan.report.disk_size);
        if let Some((max, why)) = self.needs.max.as_ref().filter(|(max, _)| size > *max) {
            self.error(&format!("the disk has {size}, over {max}: {why} (`image.size`)"));
        }
    }

    fn modules(&mut self) {
        let Some(release) = &self.plan.report.kernel else { return };
        let known = modules(self.root(), &self.plan.modules, release, self.contents);
        for module in self.needs.modules {
            if known.contains(module.name) {
                continue;
            }
            let text = format!("kernel {release} has no module {}: {}", module.name, module.why);
            if module.vital {
                let arch = self.system.arch.debian();
                self.error(&format!("{text} (`base.kernel.package = \"linux-image-cloud-{arch}\"` has it)"));
            } else {
                self.warning(&text);
            }
        }
    }

    fn console(&mut self) {
        let words = self.plan.report.cmdline.split(' ');
        let consoles: Vec<&str> = words.filter_map(|word| word.strip_prefix("console=")).collect();
        let wanted = self.needs.console.name();
        let there = consoles.iter().any(|console| console.split(',').next() == Some(wanted));
        // Without any, the kernel takes the screen.
        let by_default = consoles.is_empty() && wanted == "tty0";
        if !there && !by_default {
            let why = self.needs.console_why;
            self.warning(&format!("no console on {wanted}: {why} (add it to `base.kernel.consoles`)"));
        }
    }

    fn network(&mut self) {
        let own = ["usr/sbin/NetworkManager", "usr/sbin/dhclient", "usr/sbin/dhcpcd", "usr/bin/cloud-init"];
        if own.iter().any(|program| self.root().find(program).is_some()) {
            return;
        }
        let asks = ["etc/systemd/network", "usr/lib/systemd/network"].iter().any(|folder| {
            let folder = TreePath::literal(folder);
            self.root().children(&folder).any(|(name, id)| {
                let Kind::File(blob) = &self.root().inode(id).kind else { return false };
                // Examples of the package, and rules for containers on this machine.
                name.ends_with(b".network")
                    && !name.starts_with(b"80-")
                    && blob.read(self.contents, CONFIG_MAX).is_ok_and(|text| asks_dhcp(&text))
            })
        });
        if !asks {
            self.warning(
                "no interface asks DHCP, which gives machines there their address (`[network]` without `interfaces` does)",
            );
        }
    }

    fn access(&mut self) {
        if self.root().find("usr/sbin/sshd").is_none() {
            self.warning("there is no SSH server (`[ssh]`)");
            return;
        }
        let has_key = self.system.users.iter().any(|user| !user.ssh_keys.is_empty());
        if !has_key && self.root().find("usr/bin/cloud-init").is_none() {
            self.warning(
                "nobody can log in: no user has an SSH key (`users.root.ssh-keys = [\"ssh-ed25519 …\"]`), and nothing \
                 fetches one from the platform (`packages = [\"cloud-init\"]`)",
            );
        }
    }

    fn agents(&mut self) {
        for agent in self.needs.agents {
            let there = |package: &&&str| installed(self.root(), package);
            if agent.packages.iter().any(|package| there(&package)) {
                continue;
            }
            self.warning(&format!("{} (`packages = [\"{}\"]`)", agent.why, agent.packages[0]));
        }
    }
}

fn has(plan: &ImagePlan, role: Role) -> bool {
    plan.report.partitions.iter().any(|partition| partition.role == role)
}

/// By dpkg's list of the package's files, which every package of a system has.
fn installed(root: &Tree, package: &str) -> bool {
    let list = format!("var/lib/dpkg/info/{package}.list");
    root.find(&list).is_some()
}

fn asks_dhcp(text: &[u8]) -> bool {
    let text = String::from_utf8_lossy(text);
    text.lines().any(|line| matches!(line.trim(), "DHCP=yes" | "DHCP=true" | "DHCP=ipv4"))
}

/// Names of the modules that kernel `release` has, as files or built in, with `_` for `-`.
fn modules(root: &Tree, modules: &TreePath, release: &str, contents: &dyn Contents) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let folder = format!("{modules}/{release}");
    let list = root.find(&format!("{folder}/modules.builtin")).map(|inode| &inode.kind);
    if let Some(Kind::File(blob)) = list {
        let text = blob.read(contents, LIST_MAX).unwrap_or_default();
        found.extend(String::from_utf8_lossy(&text).lines().filter_map(module_name));
    }
    let Ok(start) = TreePath::new(folder) else { return found };
    let mut todo = vec![start];
    while let Some(folder) = todo.pop() {
        for (name, id) in root.children(&folder) {
            match &root.inode(id).kind {
                Kind::Directory(_) => todo.extend(folder.join(name)),
                Kind::File(_) => found.extend(module_name(&String::from_utf8_lossy(name))),
                _ => {}
            }
        }
    }
    found
}

/// `virtio_net` of `kernel/drivers/net/virtio-net.ko.xz`.
fn module_name(path: &str) -> Option<String> {
    let name = path.rsplit('/').next()?;
    let (name, rest) = name.split_once(".ko")?;
    matches!(rest, "" | ".xz" | ".zst" | ".gz").then(|| name.replace('-', "_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_are_named_as_the_kernel_names_them() {
        assert_eq!(module_name("kernel/drivers/net/virtio-net.ko.xz").as_deref(), Some("virtio_net"));
        assert_eq!(module_name("ena.ko").as_deref(), Some("ena"));
        assert_eq!(module_name("modules.dep"), None);
    }

    #[test]
    fn dhcp_is_asked_for_in_plain_words() {
        assert!(asks_dhcp(b"[Network]\n DHCP=ipv4\n"));
        assert!(!asks_dhcp(b"[Network]\nDHCP=no\n#DHCP=yes\n"));
    }
}
