//! The newcomer's first command.

use crate::machine::{call, need_qemu};
use crate::{Outcome, root, say};

/// `cargo xtask try [ARGUMENTS FOR pintle run]`.
pub(crate) fn run(rest: &[&str]) -> Outcome {
    let root = root();
    need_qemu()?;
    call(&["cargo", "build", "--release", "--package", "pintle"], &root)?;
    let pintle = "target/release/pintle";
    call(&[pintle, "build", "examples/web", "--output", "out"], &root)?;
    let mut words = vec![pintle, "run", "out/web.raw", "--until", "http://:80/"];
    words.extend(rest);
    call(&words, &root)?;
    say("\nThe image is out/web.raw, its definition examples/web/system.toml. Next:\n  \
         target/release/pintle run out/web.raw          boot it and stay (Ctrl-C ends it)\n  \
         target/release/pintle ssh                      log in while it runs\n  \
         target/release/pintle new my-server            start your own");
    Ok(())
}
