//! A recipe, and the effects it names.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pintle_assemble::Recipes;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = str::from_utf8(data) else { return };
    let mut recipes = Recipes::default();
    if recipes.add("toy.toml", text).is_err() {
        return;
    }
    for package in recipes.packages() {
        let Some((_, recipe, _)) = recipes.find(package) else { continue };
        let _ = recipe.effects();
    }
});
