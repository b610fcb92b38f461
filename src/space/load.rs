//! Finding a genotype by what the user typed: a name, a file, a run folder or the JSON itself.

use super::gan::{GanGenotype, Part};
use super::names::{NAMES, named};
use crate::Error;
use serde_json::Value;
use std::path::Path;

impl GanGenotype {
    /// The valid genotype that `text` stands for: a built-in name, JSON text, a `.json` or `.npy` file, a run folder
    /// (its `best.json`), or two of these joined by `+`, the second adding the half that the first lacks.
    ///
    /// # Errors
    /// If nothing is found, a file is broken, or the genotype is invalid.
    pub fn load(text: &str) -> Result<GanGenotype, Error> {
        let genotype = GanGenotype::read(text, Part::Generator)?;
        genotype.check()?;
        Ok(genotype)
    }

    /// As [`GanGenotype::load`], without checking the rules of the space; an `.npy` array is taken for `part`.
    ///
    /// # Errors
    /// If nothing is found, a file is broken, or a row or value is wrong.
    pub fn read(text: &str, part: Part) -> Result<GanGenotype, Error> {
        let trimmed = text.trim();
        if trimmed.starts_with('{') {
            let value: Value = serde_json::from_str(trimmed)
                .map_err(|error| Error::config("GENOTYPE", format!("not valid JSON: {error}")))?;
            return from_value(&value);
        }
        if let Some(genotype) = named(trimmed) {
            return Ok(genotype);
        }
        let path = Path::new(text);
        if path.is_dir() {
            return read_file(&path.join("best.json"), part);
        }
        if path.exists() {
            return read_file(path, part);
        }
        if let Some((first, second)) = text.split_once('+') {
            return join(GanGenotype::read(first, part)?, GanGenotype::read(second, Part::Discriminator)?);
        }
        let reason = format!(
            "`{text}` is no built-in name ({}), no file, no run folder and no JSON",
            NAMES.join(", ")
        );
        Err(Error::config("GENOTYPE", reason))
    }
}

fn read_file(path: &Path, part: Part) -> Result<GanGenotype, Error> {
    let bytes = std::fs::read(path).map_err(|error| Error::io(path, "read", &error))?;
    let read = if bytes.starts_with(b"\x93NUMPY") || path.extension().is_some_and(|e| e == "npy") {
        GanGenotype::from_npy(path, &bytes, part)
    } else {
        serde_json::from_slice(&bytes)
            .map_err(|error| Error::format(path, format!("not valid JSON: {error}")))
            .and_then(|value| from_value(&value))
    };
    read.map_err(|error| match error {
        Error::Genotype { reason } => Error::genotype(format!("{}: {reason}", path.display())),
        other => other,
    })
}

/// A genotype, or an object such as a line of a Pareto front that holds one under `genotype`.
fn from_value(value: &Value) -> Result<GanGenotype, Error> {
    GanGenotype::from_json(value.get("genotype").unwrap_or(value))
}

fn join(first: GanGenotype, second: GanGenotype) -> Result<GanGenotype, Error> {
    let twice = |half: &str| Err(Error::genotype(format!("both sides of `+` have a {half}")));
    if first.generator.is_some() && second.generator.is_some() {
        return twice("generator");
    }
    if first.discriminator.is_some() && second.discriminator.is_some() {
        return twice("discriminator");
    }
    Ok(GanGenotype {
        generator: first.generator.or(second.generator),
        discriminator: first.discriminator.or(second.discriminator),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_files_folders_text_and_pairs() {
        let folder = tempfile::tempdir().unwrap();
        let genotype = named("eagan").unwrap();
        genotype.save(folder.path().join("best.json")).unwrap();
        let file = folder.path().join("best.json");
        for text in [
            "eagan",
            &genotype.to_json().to_string(),
            file.to_str().unwrap(),
            folder.path().to_str().unwrap(),
        ] {
            assert_eq!(GanGenotype::load(text).unwrap(), genotype);
        }
        let wrapped = format!("{{\"genotype\":{},\"objectives\":{{}}}}", genotype.to_json());
        assert_eq!(GanGenotype::load(&wrapped).unwrap(), genotype);
        let both = GanGenotype::load("adversarialnas+eagan-d-stl10").unwrap();
        assert!(both.generator.is_some() && both.discriminator.is_some());
    }

    #[test]
    fn what_is_missing_or_broken_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let reason = |text: &str| GanGenotype::load(text).unwrap_err().to_string();
        assert!(reason("nonsense").contains("no built-in name (adversarialnas, eagan"));
        assert!(reason("{").contains("not valid JSON"));
        assert!(reason("eagan+adversarialnas").contains("both sides of `+` have a generator"));
        assert!(reason(folder.path().to_str().unwrap()).contains("best.json: cannot read"));
        let file = folder.path().join("x.json");
        std::fs::write(&file, "{\"space\":\"gan-cells\",\"x\":1}").unwrap();
        assert!(reason(file.to_str().unwrap()).contains("x.json: the genotype has an unknown key `x`"));
    }
}
