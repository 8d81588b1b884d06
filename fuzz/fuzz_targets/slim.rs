//! Patterns of paths against a path.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pintle_model::{SlimRule, left_out, may_hold_kept};

fuzz_target!(|input: (Vec<String>, Vec<String>, Vec<u8>)| {
    let (remove, keep, path) = input;
    let rule = SlimRule { name: "toy".into(), remove, keep: keep.clone(), origin: String::new() };
    let nothing_kept = SlimRule { keep: Vec::new(), ..rule.clone() };
    if left_out(std::slice::from_ref(&rule), &path).is_some() {
        assert!(left_out(&[nothing_kept], &path).is_some());
    }
    let _may = may_hold_kept(&[rule], &path);
});
