//! A machine that is a folder, whose systemctl is a script.

use super::*;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

struct Fake {
    folder: tempfile::TempDir,
}

impl Fake {
    /// Its checks, how long it has run, and what systemctl says of every unit.
    fn new(checks: &str, uptime: &str, units: &str) -> Self {
        let fake = Self { folder: tempfile::tempdir().unwrap() };
        let rest = r#""deadline": 60, "timeout": 1, "on_failure": "reboot", "tries": 3"#;
        fake.write(
            "usr/lib/pintle/health.json",
            &format!(r#"{{"schema": 1, {rest}, "checks": [{checks}]}}"#),
        );
        fake.write("proc/uptime", uptime);
        let log = fake.path("log");
        let script = format!(
            "#!/bin/sh\necho \"$@\" >>{}\n[ \"$1\" = show ] && cat <<'END'\n{units}\nEND\nexit 0\n",
            log.display()
        );
        fake.write("systemctl", &script);
        fs::set_permissions(fake.path("systemctl"), fs::Permissions::from_mode(0o755)).unwrap();
        fake
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).unwrap();
        fs::write(path, text).unwrap();
    }

    fn machine(&self) -> Machine {
        Machine::new(self.folder.path().to_owned(), self.path("systemctl"))
    }

    fn stand(&self) -> Report {
        let mut told = 0;
        let report = stand(&self.machine(), &mut |_| told += 1).unwrap();
        assert_eq!(told, 1);
        let kept = fs::read(self.path("run/pintle/health.json")).unwrap();
        assert_eq!(serde_json::from_slice::<Verdict>(&kept).unwrap(), report.verdict);
        report
    }

    fn was_started_again(&self) -> bool {
        fs::read_to_string(self.path("log")).unwrap().lines().any(|line| line.ends_with(" reboot"))
    }
}

const SHOP: &str = r#"{"kind": "unit", "unit": "shop.service"}"#;
const RUNS: &str = "LoadState=loaded\nActiveState=active\nSubState=running\nResult=success\nNRestarts=0";
const DEAD: &str = "LoadState=loaded\nActiveState=failed\nSubState=failed\nResult=exit-code\nNRestarts=5";

#[test]
fn a_good_boot_is_called_good() {
    let fake = Fake::new(
        &format!("{SHOP}, {}", r#"{"kind": "command", "command": ["/bin/true"]}"#),
        "21.50 3.2",
        RUNS,
    );
    insta::assert_snapshot!(fake.stand().text(), @"this boot is good: all 2 checks hold, 21 s after its start");
    assert!(!fake.was_started_again());
}

#[test]
fn a_dead_application_ends_a_boot_that_is_counted() {
    let fake = Fake::new(SHOP, "61.00 3.2", DEAD);
    fake.write("proc/cmdline", "quiet pintle.slot=a pintle.left=2\n");
    insta::assert_snapshot!(fake.stand().text(), @"
    this boot is not good: 1 of 1 checks do not hold, and the deadline of 60 s has passed
      shop.service: it is failed, because of `exit-code`, started again 5 times
    the machine starts again: the boot loader has 2 more tries for this release
    ");
    assert!(fake.was_started_again());
}

#[test]
fn and_leaves_one_alone_that_is_not() {
    let fake = Fake::new(SHOP, "61.00 3.2", DEAD);
    insta::assert_snapshot!(fake.stand().text(), @"
    this boot is not good: 1 of 1 checks do not hold, and the deadline of 60 s has passed
      shop.service: it is failed, because of `exit-code`, started again 5 times
    the machine stays up, degraded
    ");
    assert!(!fake.was_started_again());
    // Somebody who asks later starts nothing again, whoever counts.
    fake.write("proc/cmdline", "quiet pintle.slot=a pintle.left=2\n");
    insta::assert_snapshot!(ask(&fake.machine()).unwrap().text(), @"
    1 of 1 checks do not hold
      shop.service: it is failed, because of `exit-code`, started again 5 times
    ");
    assert!(!fake.was_started_again());
}

#[test]
fn every_kind_of_check_says_why() {
    let checks = r#"{"kind": "tcp", "port": 1}, {"kind": "http", "url": "http://127.0.0.1:1/"}, {"kind": "network"},
        {"kind": "command", "command": ["/bin/sh", "-c", "echo no stock >&2; exit 3"]},
        {"kind": "command", "command": ["/bin/sleep", "60"]},
        {"kind": "command", "command": ["/nonexistent"]}"#;
    let fake = Fake::new(checks, "99.00 3.2", "");
    insta::assert_snapshot!(ask(&fake.machine()).unwrap().text(), @"
    6 of 6 checks do not hold
      port 1: no connection: Connection refused (os error 111)
      http://127.0.0.1:1/: no answer: Connection refused (os error 111)
      network: systemd-networkd does not run, which alone knows
      /bin/sh -c echo no stock >&2; exit 3: it ended with exit status: 3; it said: no stock
      /bin/sleep 60: it did not end within 1 s and was stopped
      /nonexistent: it cannot be started: No such file or directory (os error 2)
    ");
    fake.write("run/systemd/netif/state", "OPER_STATE=degraded\nONLINE_STATE=offline\n");
    let said = ask(&fake.machine()).unwrap().text();
    assert!(said.contains("network: it is offline"), "{said}");
    assert_eq!(network(Some("OPER_STATE=routable\nONLINE_STATE=online\n")), Ok(()));
}

#[test]
fn a_machine_without_a_gate_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let machine = Machine::new(folder.path().to_owned(), "/bin/false".into());
    insta::assert_snapshot!(ask(&machine).unwrap_err(), @"this system does not say what a good boot is: there is no /usr/lib/pintle/health.json");
}
