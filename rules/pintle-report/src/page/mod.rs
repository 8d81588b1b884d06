//! `NAME.html`: one page about an image that needs nothing but a browser.

mod data;
mod view;

use crate::facts::Facts;
use crate::inventory::Inventory;
use crate::size::SizeReport;
use base64::Engine as _;
use minijinja::{Environment, UndefinedBehavior};
use sha2::{Digest as _, Sha256};

const TEMPLATE: &str = include_str!("page.html");
const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
#[error("cannot render the report page")]
pub struct PageError(#[source] minijinja::Error);

/// Renders the page.
///
/// # Errors
/// [`PageError`]: a mistake in the template.
pub fn page(facts: &Facts<'_>, inventory: &Inventory<'_>, size: &SizeReport) -> Result<Vec<u8>, PageError> {
    let mut origins = data::Origins::default();
    let root = data::nodes(facts.root, &mut origins);
    let initrd = facts.initrd.map(|tree| data::nodes(tree, &mut origins));
    let data = serde_json::json!({"root": root, "initrd": initrd, "origins": origins.names});
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.add_template("page.html", TEMPLATE).map_err(PageError)?;
    let template = environment.get_template("page.html").map_err(PageError)?;
    let view = view::View::new(facts, inventory, size);
    let shown = minijinja::context! {
        style => STYLE, script => SCRIPT, policy => policy(), data => in_script(&data.to_string()),
        ..minijinja::Value::from(minijinja::value::Serde(view))
    };
    template.render(shown).map(String::into_bytes).map_err(PageError)
}

/// JSON that stands inside a `script` element: nothing in it ends the element or begins a comment (HTML 4.12.1.3).
fn in_script(json: &str) -> String {
    json.replace('<', "\\u003c").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029")
}

/// Whatever a file name manages to become, the browser runs our script only, and loads nothing.
fn policy() -> String {
    let hash = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(SCRIPT));
    format!(
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'"
    )
}
