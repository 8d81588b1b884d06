//! Jinja for module files, and its expressions for `when` and `{{ … }}`.

use crate::schema::Module;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Error, UndefinedBehavior, Value};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// Instructions one template may take: far beyond any real one, and still only moments of a machine's time.
const FUEL: u64 = 20_000_000;

/// Variables of a template.
pub(crate) type Variables = BTreeMap<String, Value>;

/// The templates of all modules.
pub(crate) struct Templates<'m> {
    environment: Environment<'m>,
}

/// A template or an expression failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TemplateError {
    pub(crate) message: String,
    /// Line in the template, from 1.
    pub(crate) line: Option<usize>,
    /// Name of the template, for files.
    pub(crate) name: Option<String>,
}

impl From<Error> for TemplateError {
    fn from(error: Error) -> Self {
        let mut message = error.kind().to_string();
        if let Some(detail) = error.detail() {
            message = format!("{message}: {detail}");
        }
        Self { message, line: error.line(), name: error.name().map(str::to_owned) }
    }
}

impl<'m> Templates<'m> {
    /// All text files of all modules, so that one can include another. The second part is what does not parse.
    pub(crate) fn new(modules: &'m [Module]) -> (Self, Vec<TemplateError>) {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        environment.set_syntax(syntax());
        environment.set_fuel(Some(FUEL));
        environment.add_filter("quoted", quoted);
        environment.add_filter("prefixed", prefixed);
        environment.add_filter("strings", strings);
        environment.add_filter("flatten", flatten);
        let mut errors = Vec::new();
        for module in modules {
            for file in module.files.iter().filter(|file| is_template(&file.name)) {
                let Some(text) = &file.text else { continue };
                if let Err(error) =
                    environment.add_template_owned(format!("{}/{}", module.folder, file.name), text)
                {
                    errors.push(error.into());
                }
            }
        }
        (Self { environment }, errors)
    }

    /// A module's template file.
    pub(crate) fn file(
        &self,
        module: &Module,
        name: &str,
        variables: &Variables,
    ) -> Result<String, TemplateError> {
        let template = self.environment.get_template(&format!("{}/{name}", module.folder))?;
        Ok(template.render(Value::from(variables.clone()))?)
    }

    /// A string with templates in it. One that is a single `{{ … }}` keeps the type of its expression.
    pub(crate) fn value(&self, text: &str, variables: &Variables) -> Result<Json, TemplateError> {
        if let Some(expression) = sole_expression(text) {
            let value = self.expression(expression, variables)?;
            return serde_json::to_value(&value).map_err(|error| TemplateError {
                message: error.to_string(),
                line: None,
                name: None,
            });
        }
        self.text(text, variables).map(Json::String)
    }

    /// A string with templates in it, as text.
    pub(crate) fn text(&self, text: &str, variables: &Variables) -> Result<String, TemplateError> {
        if !text.contains("{{") && !text.contains("{%") {
            return Ok(text.to_owned());
        }
        Ok(self.environment.render_str(text, Value::from(variables.clone()))?)
    }

    /// Whether an expression holds.
    pub(crate) fn holds(&self, expression: &str, variables: &Variables) -> Result<bool, TemplateError> {
        Ok(self.expression(expression, variables)?.is_true())
    }

    fn expression(&self, expression: &str, variables: &Variables) -> Result<Value, TemplateError> {
        let compiled = self.environment.compile_expression(expression)?;
        let value = compiled.eval(Value::from(variables.clone()))?;
        if value.is_undefined() {
            let message = format!("undefined value: `{}`", expression.trim());
            return Err(TemplateError { message, line: None, name: None });
        }
        Ok(value)
    }
}

/// A line that holds only a tag leaves no line behind: what is written is what comes out.
fn syntax() -> SyntaxConfig {
    let mut builder = SyntaxConfig::builder();
    builder.trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true);
    builder.build().unwrap_or_default()
}

/// Files that are rendered; others are only copied.
pub(crate) fn is_template(name: &str) -> bool {
    name.ends_with(".j2")
}

fn sole_expression(text: &str) -> Option<&str> {
    let inner = text.strip_prefix("{{")?.strip_suffix("}}")?;
    (!inner.contains("{{") && !inner.contains("}}") && !inner.contains("{%")).then_some(inner)
}

/// `{{ root | quoted }}`: in double quotes, with `"` and `\` escaped, as nginx and most other programs read it.
fn quoted(text: String) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// `{{ list | prefixed('console=') }}`: each element with a word in front.
fn prefixed(list: Vec<String>, prefix: String) -> Vec<String> {
    list.into_iter().map(|element| format!("{prefix}{element}")).collect()
}

/// `{{ map | strings }}`: every value as text.
fn strings(map: Serde<BTreeMap<String, Json>>) -> Value {
    let text = |value: Json| match value {
        Json::String(text) => text,
        other => other.to_string(),
    };
    Value::from_pairs(map.0.into_iter().map(|(key, value)| (key, text(value))))
}

/// `{{ lists | flatten }}`: the elements of all lists of a list.
fn flatten(lists: Vec<Vec<Value>>) -> Vec<Value> {
    lists.concat()
}

/// Filters beside those of Jinja.
#[cfg(test)]
pub(crate) const FILTERS: [&str; 4] = ["quoted", "prefixed", "strings", "flatten"];
