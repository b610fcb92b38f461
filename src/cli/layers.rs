//! Settings in layers: a preset, a file over it, flags over both.

use std::fs;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use crate::Error;

/// Settings of a `T`, of which single ones can be replaced by name.
pub(super) struct Layers<T> {
    table: Table,
    value: T,
}

impl<T: Serialize + DeserializeOwned> Layers<T> {
    /// The lowest layer.
    ///
    /// # Errors
    /// If it has no TOML form.
    pub fn over(value: T) -> Result<Layers<T>, Error> {
        let table = Table::try_from(&value).map_err(|e| Error::config("config", e.to_string()))?;
        Ok(Layers { table, value })
    }

    /// Replaces the settings in `layer`; `origin` says where they come from.
    ///
    /// # Errors
    /// If one of them does not exist or has a value it cannot have.
    pub fn put(&mut self, layer: &Table, origin: &str) -> Result<(), Error> {
        for (key, value) in layer {
            let Some(slot) = slot(&mut self.table, key) else {
                let valid: Vec<&str> = innermost(&self.table, key).keys().map(String::as_str).collect();
                let reason = format!("no such setting ({origin}); settings are {}", valid.join(", "));
                return Err(Error::config(key, reason));
            };
            merge(slot, value);
            self.value = self.table.clone().try_into().map_err(|e: toml::de::Error| {
                Error::config(key, format!("{value} cannot be used ({origin}): {}", e.message()))
            })?;
            // With every setting that a nested table left out.
            self.table = Table::try_from(&self.value).map_err(|e| Error::config(key, e.to_string()))?;
        }
        Ok(())
    }

    /// The first setting in `layer` that these settings have another value for, with that value.
    pub fn differing<'a>(&'a self, below: &'a Layers<T>) -> Option<(&'a str, &'a Value, &'a Value)> {
        let differs = |(key, value)| Some((key, value, below.table.get(key)?));
        let all = self.table.iter().map(|(key, value)| (key.as_str(), value));
        all.filter_map(differs).find(|(_, here, there)| here != there)
    }

    /// The settings of all layers together.
    pub fn value(&self) -> &T {
        &self.value
    }
}

/// Replaces `slot`; of tables only what `value` has.
fn merge(slot: &mut Value, value: &Value) {
    match (slot, value) {
        (Value::Table(slot), Value::Table(value)) => {
            for (key, value) in value {
                match slot.get_mut(key) {
                    Some(inner) => merge(inner, value),
                    None => drop(slot.insert(key.clone(), value.clone())),
                }
            }
        }
        (slot, value) => *slot = value.clone(),
    }
}

/// The table in which the last part of a name would have to be.
fn innermost<'a>(table: &'a Table, key: &str) -> &'a Table {
    match key.split_once('.').map(|(first, rest)| (table.get(first), rest)) {
        Some((Some(Value::Table(inner)), rest)) => innermost(inner, rest),
        _ => table,
    }
}

/// The setting of a name; dots lead into tables of settings.
fn slot<'a>(table: &'a mut Table, key: &str) -> Option<&'a mut Value> {
    match key.split_once('.') {
        None => table.get_mut(key),
        Some((first, rest)) => match table.get_mut(first)? {
            Value::Table(inner) => slot(inner, rest),
            _ => None,
        },
    }
}

/// The settings in a TOML file; of the configuration that a run has stored, its table `settings` (`search` in runs
/// of the first version).
///
/// # Errors
/// If the file cannot be read or is not TOML.
pub(super) fn read(path: &Path) -> Result<Table, Error> {
    let text = fs::read_to_string(path).map_err(|e| Error::io(path, "read", &e))?;
    let table: Table = toml::from_str(&text).map_err(|e| {
        let at = e.span().map_or(0, |span| span.start as u64);
        Error::format_at(path, at, format!("not TOML: {}", e.message().replace('\n', ", ")))
    })?;
    match table.get("settings").or_else(|| table.get("search")) {
        Some(Value::Table(settings)) => Ok(settings.clone()),
        _ => Ok(table),
    }
}

/// `KEY=VALUE`; a value that is not TOML is text.
pub(super) fn assignment(typed: &str) -> Result<(String, Value), String> {
    let Some((key, value)) = typed.split_once('=') else {
        return Err("expected KEY=VALUE".to_owned());
    };
    let parsed = toml::from_str::<Table>(&format!("value = {value}"));
    let value = match parsed {
        Ok(mut table) if table.len() == 1 => table.remove("value"),
        _ => None,
    }
    .unwrap_or_else(|| Value::String(value.to_owned()));
    Ok((key.trim().to_owned(), value))
}
