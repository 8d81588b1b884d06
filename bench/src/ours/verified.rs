//! What a verified `/usr` is made with: EROFS, and the hashes of its blocks.

use super::Ours;
use crate::case::{Case, Goal, Row};

impl Ours {
    /// The cases of this module.
    pub(super) fn verified(&self) -> [Case; 3] {
        let plain = self.erofs("erofs", "An EROFS from a folder", &[], "");
        let lz4 =
            self.erofs("erofs-lz4", "The same, compressed by LZ4", &["--compress", "lz4"], "-zlz4 -C131072");
        [plain, lz4, self.verity()]
    }

    fn erofs(&self, name: &'static str, title: &'static str, more: &[&str], theirs: &str) -> Case {
        let tree = self.tree.to_string_lossy().into_owned();
        let ours = self.pintle(&[&["mkfs", "erofs", &tree, "../ours.erofs"], more].concat());
        Case {
            name,
            title,
            about: "The unpacked files of the web server's packages, read from the same folder by both.",
            rows: vec![
                Row {
                    who: "pintle mkfs erofs".to_owned(),
                    before: vec![self.shell("rm -f ours.erofs")],
                    call: ours,
                },
                Row {
                    who: "mkfs.erofs".to_owned(),
                    before: vec![self.shell("rm -f theirs.erofs")],
                    call: self.shell(&format!("exec mkfs.erofs --quiet -T0 {theirs} theirs.erofs tree")),
                },
            ],
            above: "",
            goals: vec![Goal::Faster(1.0, "mkfs.erofs")],
            runs_at_most: usize::MAX,
        }
    }

    fn verity(&self) -> Case {
        // Random, so that nothing of it is a hole.
        let data =
            "test -e verity.data || { head -c 1G /dev/urandom > verity.new && mv verity.new verity.data; }";
        Case {
            name: "verity",
            title: "The hash tree of 1 GiB",
            about: "Both read the file from the cache of the kernel, with the same salt, and write the same bytes.",
            rows: vec![
                Row {
                    who: "pintle verity format".to_owned(),
                    before: vec![self.shell(data), self.shell("rm -f ours.verity")],
                    call: self.pintle(&[
                        "verity",
                        "format",
                        "../verity.data",
                        "../ours.verity",
                        "--salt",
                        "00",
                    ]),
                },
                Row {
                    who: "veritysetup format".to_owned(),
                    before: vec![self.shell("rm -f theirs.verity")],
                    call: self.shell("exec veritysetup format --salt 00 verity.data theirs.verity"),
                },
            ],
            above: "",
            goals: vec![Goal::Faster(1.0, "veritysetup")],
            runs_at_most: usize::MAX,
        }
    }
}
