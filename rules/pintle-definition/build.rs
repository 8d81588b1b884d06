//! The shipped modules are part of this crate: a changed or new file there rebuilds it.
fn main() {
    println!("cargo::rerun-if-changed=../../modules");
}
