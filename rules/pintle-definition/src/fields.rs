//! Evaluated fields of a contribution, on their way to the model's types.

use crate::raw::{Data, Entry, Raw, RawTable};
use crate::source::Place;
use crate::template::TemplateError;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;

/// Name to value; null where an optional option is unset.
pub(crate) struct Fields(pub(crate) BTreeMap<String, Json>);

impl Fields {
    /// A string; numbers are taken as their text.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        match self.0.get(name)? {
            Json::String(text) => Some(text.clone()),
            Json::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    pub(crate) fn is_true(&self, name: &str) -> bool {
        self.0.get(name) == Some(&Json::Bool(true))
    }

    /// Strings of a list, or one alone.
    pub(crate) fn texts(&self, name: &str) -> Vec<String> {
        match self.0.get(name) {
            Some(Json::Array(items)) => items.iter().filter_map(Json::as_str).map(str::to_owned).collect(),
            Some(Json::String(text)) => vec![text.clone()],
            _ => Vec::new(),
        }
    }

    /// As one of the model's structs, whose fields have `_` where ours have `-`. What is unset is left out.
    pub(crate) fn read<T: DeserializeOwned>(self, origin: String) -> Result<T, String> {
        let mut object: Map<String, Json> = self
            .0
            .into_iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(name, value)| (name.replace('-', "_"), value))
            .collect();
        object.insert("origin".to_owned(), Json::String(origin));
        serde_path_to_error::deserialize(Json::Object(object)).map_err(|error| error.to_string())
    }
}

/// A written value as JSON, each string passed through `render`.
pub(crate) fn to_json(
    raw: &Raw,
    render: &dyn Fn(&str) -> Result<Json, TemplateError>,
) -> Result<Json, (TemplateError, Place)> {
    Ok(match &raw.data {
        Data::String(text) => render(text).map_err(|error| (error, raw.place))?,
        Data::Integer(number) => Json::from(*number),
        Data::Float(text) | Data::Datetime(text) => Json::String(text.clone()),
        Data::Bool(value) => Json::Bool(*value),
        Data::List(items) => {
            Json::Array(items.iter().map(|item| to_json(item, render)).collect::<Result<_, _>>()?)
        }
        Data::Table(table) => {
            let pair = |(key, entry): (&String, &Entry)| Ok((key.clone(), to_json(&entry.value, render)?));
            Json::Object(table.iter().map(pair).collect::<Result<_, _>>()?)
        }
    })
}

/// JSON as a value written at `place`; null where there is none.
pub(crate) fn to_raw(json: &Json, place: Place) -> Option<Raw> {
    let data = match json {
        Json::Null => return None,
        Json::Bool(value) => Data::Bool(*value),
        Json::Number(number) => {
            number.as_i64().map_or_else(|| Data::Float(number.to_string()), Data::Integer)
        }
        Json::String(text) => Data::String(text.clone()),
        Json::Array(items) => Data::List(items.iter().filter_map(|item| to_raw(item, place)).collect()),
        Json::Object(object) => Data::Table(
            object
                .iter()
                .filter_map(|(key, value)| {
                    Some((key.clone(), Entry { key: place, value: to_raw(value, place)? }))
                })
                .collect(),
        ),
    };
    Some(Raw { data, place })
}

/// `value` under `path`, as nested tables.
pub(crate) fn nested(path: &[String], value: Raw) -> Raw {
    path.iter().rev().fold(value, |value, key| {
        let place = value.place;
        let table = RawTable::from([(key.clone(), Entry { key: place, value })]);
        Raw { data: Data::Table(table), place }
    })
}
