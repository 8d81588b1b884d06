use pintle_model::Layout;

/// Folder of the keys that sign the system, beside its definition.
pub const STARTER_KEYS: &str = "keys";

const VERIFIED: &str = r#"# /usr is read-only, and the kernel checks every byte of it; what the machine keeps is in /var (docs/verified.md). The
# layout `plain` is one writable disk.
layout = "verified"
# What firmware starts is signed with these keys (pintle keys new). Keep *.key where nobody else can read them.
secure-boot.keys = "@KEYS@"
"#;

/// A commented definition to start from, for a system called `name`. The name is taken as it is: [`crate::evaluate`]
/// says what is wrong with it. In layout `verified` it is signed with the keys in [`STARTER_KEYS`].
#[must_use]
pub fn starter(name: &str, layout: Layout) -> String {
    let layout = match layout {
        Layout::Plain => String::new(),
        Layout::Verified => VERIFIED.replace("@KEYS@", STARTER_KEYS),
    };
    include_str!("starter.toml").replace("@NAME@", &crate::raw::quoted(name)).replace("@LAYOUT@\n", &layout)
}
