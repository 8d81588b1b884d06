//! The newcomer's first command.

use crate::machine::{agent, call, need_qemu, target};
use crate::{Outcome, root, say};

/// `cargo xtask try [ARGUMENTS FOR pintle run]`.
pub(crate) fn run(rest: &[&str]) -> Outcome {
    let root = root();
    need_qemu()?;
    call(&["cargo", "build", "--release", "--package", "pintle"], &root)?;
    let target = target();
    let pintle = format!("{target}/release/pintle");
    let pintle = pintle.as_str();
    // Beside it, where it looks for one.
    let beside = root.join(pintle).with_file_name("pintle-agent");
    std::fs::copy(agent(&root)?, &beside)
        .map_err(|error| format!("cannot write {}: {error}", beside.display()))?;
    call(&[pintle, "build", "examples/web", "--output", "out"], &root)?;
    let mut words = vec![pintle, "run", "out/web.raw", "--until", "http://:80/"];
    words.extend(rest);
    call(&words, &root)?;
    say(&format!(
        "\nThe image is out/web.raw, its definition examples/web/system.toml. Next:\n  \
         {pintle} run out/web.raw --keep     boot it and stay (Ctrl-C ends it)\n  \
         {pintle} ssh                        log in while it runs\n  \
         {pintle} new my-server              start your own"
    ));
    Ok(())
}
