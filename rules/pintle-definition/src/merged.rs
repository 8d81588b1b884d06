//! Values after merging, each with what set it.

use crate::source::Place;
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// How strongly a value was set. The strongest wins; see [`crate`] for how each is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Priority {
    /// The option's own default.
    Declared,
    Default,
    Normal,
    Force,
    /// As `Force`, and nothing below it stays.
    Replace,
}

impl Priority {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Declared => "the option's default",
            Self::Default => "default",
            Self::Normal => "normal",
            Self::Force => "force",
            Self::Replace => "replace",
        }
    }
}

/// One place that set (or tried to set) a value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Setting {
    pub(crate) place: Place,
    pub(crate) priority: Priority,
    /// The value as written there.
    pub(crate) text: String,
}

/// A value and its origin.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Merged {
    pub(crate) value: Value,
    /// What it was made from.
    pub(crate) set: Vec<Setting>,
    /// What lost against it.
    pub(crate) overridden: Vec<Setting>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    None,
    Bool(bool),
    Integer(i64),
    String(String),
    List(Vec<Merged>),
    Map(BTreeMap<String, Merged>),
    Record(BTreeMap<String, Merged>),
}

impl Merged {
    pub(crate) fn none() -> Self {
        Self { value: Value::None, set: Vec::new(), overridden: Vec::new() }
    }

    /// The place to name as the one that wrote it: of a value set by several, the first.
    pub(crate) fn place(&self) -> Option<Place> {
        if let Some(setting) = self.set.first() {
            return Some(setting.place);
        }
        match &self.value {
            Value::Map(entries) | Value::Record(entries) => entries.values().find_map(Self::place),
            Value::List(items) => items.iter().find_map(Self::place),
            _ => None,
        }
    }

    /// A part of it: a field, an entry or an element.
    pub(crate) fn child(&self, key: &str) -> Option<&Self> {
        match &self.value {
            Value::Map(entries) | Value::Record(entries) => entries.get(key),
            Value::List(items) => items.get(key.parse::<usize>().ok()?),
            _ => None,
        }
    }

    /// A part, deeper.
    pub(crate) fn at(&self, path: &[String]) -> Option<&Self> {
        path.iter().try_fold(self, |merged, key| merged.child(key))
    }

    /// As JSON, keys as written.
    pub(crate) fn json(&self) -> Json {
        self.to_json(&|name| name.to_owned())
    }

    /// As JSON for expressions and templates, where a name can not hold `-`: options are written with `_`.
    /// Keys of maps stay as they are.
    pub(crate) fn template_json(&self) -> Json {
        self.to_json(&|name| name.replace('-', "_"))
    }

    fn to_json(&self, name: &dyn Fn(&str) -> String) -> Json {
        match &self.value {
            Value::None => Json::Null,
            Value::Bool(value) => Json::Bool(*value),
            Value::Integer(number) => Json::from(*number),
            Value::String(text) => Json::String(text.clone()),
            Value::List(items) => Json::Array(items.iter().map(|item| item.to_json(name)).collect()),
            Value::Map(entries) => {
                Json::Object(entries.iter().map(|(key, value)| (key.clone(), value.to_json(name))).collect())
            }
            Value::Record(fields) => {
                Json::Object(fields.iter().map(|(key, value)| (name(key), value.to_json(name))).collect())
            }
        }
    }
}
