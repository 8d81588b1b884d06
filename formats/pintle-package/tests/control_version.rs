//! The order of versions against dpkg itself.
#![allow(clippy::unwrap_used, reason = "helpers of tests may panic like tests")]

use pintle_package::control::version::{Version, compare};
use std::cmp::Ordering;
use std::process::Command;

/// Small xorshift: the pairs are the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % n as u64).unwrap()
    }

    fn version(&mut self) -> String {
        const PIECES: [&str; 24] = [
            "0",
            "1",
            "2",
            "9",
            "10",
            "00",
            "01",
            "a",
            "b",
            "z",
            "A",
            "Z",
            "~",
            "~~",
            "+",
            ".",
            ".0",
            "rc",
            "~rc1",
            "+b1",
            "+deb13u1",
            "dfsg",
            "2024",
            "99999999999999999999",
        ];
        let mut text = String::new();
        if self.below(4) == 0 {
            text += ["0:", "1:", "01:", "2:", "10:"][self.below(5)];
        }
        text += ["0", "1", "2", "10", "007"][self.below(5)];
        for _ in 0..self.below(5) {
            text += PIECES[self.below(PIECES.len())];
            if self.below(8) == 0 {
                text += "-";
                text += PIECES[self.below(PIECES.len())];
            }
        }
        if self.below(2) == 0 {
            text += "-";
            text += PIECES[self.below(PIECES.len())];
        }
        text
    }
}

/// One dpkg process per question is slow, so a shell asks many.
fn dpkg(pairs: &[(String, String)]) -> Vec<Ordering> {
    let script = r#"while [ $# -gt 0 ]; do
        if dpkg --compare-versions "$1" lt "$2"; then echo lt
        elif dpkg --compare-versions "$1" gt "$2"; then echo gt
        else echo eq; fi; shift 2; done"#;
    let words = pairs.iter().flat_map(|(a, b)| [a, b]);
    let output = Command::new("sh")
        .args(["-c", script, "sh"])
        .args(words)
        .output()
        .expect("sh and dpkg are needed: run `cargo xtask test`, which installs the judges");
    assert!(
        !String::from_utf8_lossy(&output.stderr).contains("not found"),
        "dpkg is needed: run `cargo xtask test`, which installs the judges"
    );
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(|word| match word {
            "lt" => Ordering::Less,
            "gt" => Ordering::Greater,
            _ => Ordering::Equal,
        })
        .collect()
}

#[test]
fn orders_thousands_of_pairs_as_dpkg_does() {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let mut pairs: Vec<(String, String)> = Vec::new();
    while pairs.len() < 3000 {
        let (a, b) = (dice.version(), dice.version());
        if Version::new(&a).is_ok() && Version::new(&b).is_ok() {
            pairs.push((a, b));
        }
    }
    for (a, b) in [
        ("1.0", "1.00"),
        ("0:1", "1"),
        ("1.0~rc1-1", "1.0-1"),
        ("1.0-1", "1.0-1+b1"),
        ("1.0-0", "1.0"),
        ("1.2.3-1~deb13u1", "1.2.3-1"),
        ("9:1", "10:0"),
        ("1a", "1+"),
        ("1.0-1.0", "1.0-1"),
        ("2-1-1", "2-1-01"),
    ] {
        pairs.push((a.to_owned(), b.to_owned()));
    }
    let (left, right) = pairs.split_at(pairs.len() / 2);
    let judged: Vec<Ordering> = std::thread::scope(|scope| {
        let right = scope.spawn(|| dpkg(right));
        let mut all = dpkg(left);
        all.extend(right.join().unwrap());
        all
    });
    assert_eq!(judged.len(), pairs.len());
    for ((a, b), expected) in pairs.iter().zip(judged) {
        assert_eq!(compare(a, b), expected, "{a} against {b}");
        assert_eq!(compare(b, a), expected.reverse(), "{b} against {a}");
    }
}

#[test]
fn accepts_what_dpkg_accepts() {
    let mut dice = Dice(42);
    let mut texts: Vec<String> = (0..150).map(|_| dice.version()).collect();
    for text in [
        "",
        ":1",
        "1:",
        "a1",
        "-1",
        "1-",
        "x:1",
        "1:2:3",
        "1-1:1",
        "1 2",
        "1_2",
        "-",
        "1:-1",
        "2147483648:1",
        "é",
    ] {
        texts.push(text.to_owned());
    }
    for text in texts {
        // dpkg judges single versions only where it reads a package: here, a control file.
        let status = Command::new("dpkg")
            .args(["--validate-version", &text])
            .output()
            .expect("dpkg is needed: run `cargo xtask test`, which installs the judges")
            .status;
        assert_eq!(Version::new(&text).is_ok(), status.success(), "{text:?}");
    }
}

#[test]
fn says_what_is_wrong() {
    let said = |text: &str| Version::new(text).unwrap_err().to_string();
    insta::assert_snapshot!(said("latest"), @"`latest` is not a version: it does not start with a digit");
    insta::assert_snapshot!(said("x:1"), @"`x:1` is not a version: the epoch before the colon is not a number");
    insta::assert_snapshot!(said("1-"), @"`1-` is not a version: nothing follows the last hyphen");
    insta::assert_snapshot!(said("1 2"), @"`1 2` is not a version: only letters, digits and `.` `+` `-` `~` `:` may be in it");
    insta::assert_snapshot!(said("1:"), @"`1:` is not a version: it is empty");
}
