//! The JSON form of a GAN genotype, checked key by key so that a mistake is named.

use super::cell::{CellKind, GENES};
use super::check::check_range;
use super::gan::{Discriminator, Family, GanGenotype, GeneratorArch};
use crate::Error;
use serde_json::{Map, Value, json};

/// Value of the key `space`.
pub const SPACE: &str = "gan-cells";

impl GanGenotype {
    /// The JSON form: `{"space":"gan-cells","generator":[[7],[7],[7]],"discriminator":{"family":...,"genes":[[7]...]}}`.
    pub fn to_json(&self) -> Value {
        let mut object = Map::new();
        object.insert("space".into(), json!(SPACE));
        match &self.generator {
            None => {}
            Some(GeneratorArch::Cells(genes)) => drop(object.insert("generator".into(), json!(genes))),
            Some(GeneratorArch::AutoGan) => {
                object.insert("generator".into(), json!(GeneratorArch::AUTOGAN));
            }
        }
        if let Some(d) = &self.discriminator {
            object.insert("discriminator".into(), json!({"family": d.family.name(), "genes": d.genes}));
        }
        Value::Object(object)
    }

    /// Reads the JSON form; ranges and lengths are checked, the rules of [`GanGenotype::check`] are not.
    ///
    /// # Errors
    /// If a key is unknown or missing, or a row or value is wrong; the reason names it and what is valid.
    pub fn from_json(value: &Value) -> Result<GanGenotype, Error> {
        let object = value
            .as_object()
            .ok_or_else(|| Error::genotype("expected an object {\"space\":\"gan-cells\",...}"))?;
        allow(object, "the genotype", &["space", "generator", "discriminator"])?;
        match object.get("space").and_then(Value::as_str) {
            Some(SPACE) => {}
            Some(other) => {
                return Err(Error::genotype(format!(
                    "`space` is `{other}`, this is the reader of `{SPACE}`"
                )));
            }
            None => {
                return Err(Error::genotype(format!("the key `space` must be \"{SPACE}\"")));
            }
        }
        let generator = match present(object, "generator") {
            None => None,
            Some(value) if value.is_string() => Some(fixed_generator(value)?),
            Some(rows) => Some(generator(rows)?.into()),
        };
        let discriminator = match present(object, "discriminator") {
            None => None,
            Some(value) => Some(discriminator(value)?),
        };
        if generator.is_none() && discriminator.is_none() {
            return Err(Error::genotype("neither `generator` nor `discriminator` is given"));
        }
        Ok(GanGenotype { generator, discriminator })
    }
}

fn present<'a>(object: &'a Map<String, Value>, key: &str) -> Option<&'a Value> {
    object.get(key).filter(|value| !value.is_null())
}

fn allow(object: &Map<String, Value>, place: &str, keys: &[&str]) -> Result<(), Error> {
    match object.keys().find(|key| !keys.contains(&key.as_str())) {
        None => Ok(()),
        Some(key) => Err(Error::genotype(format!(
            "{place} has an unknown key `{key}`, valid are {}",
            keys.join(", ")
        ))),
    }
}

fn fixed_generator(value: &Value) -> Result<GeneratorArch, Error> {
    match value.as_str() {
        Some(GeneratorArch::AUTOGAN) => Ok(GeneratorArch::AutoGan),
        other => Err(Error::genotype(format!(
            "`generator` is {}, valid are three rows of genes and \"{}\"",
            other.map_or("no text".to_owned(), |name| format!("`{name}`")),
            GeneratorArch::AUTOGAN
        ))),
    }
}

fn generator(value: &Value) -> Result<[[u8; GENES]; 3], Error> {
    let rows = integers(value, "`generator`")?;
    let rows = rows_of("generator", &rows, 3, |cell| (format!("cell {}", cell + 1), CellKind::Up))?;
    Ok(std::array::from_fn(|cell| rows[cell].map(|g| g as u8)))
}

fn discriminator(value: &Value) -> Result<Discriminator, Error> {
    let object = value.as_object().ok_or_else(|| {
        Error::genotype("`discriminator` must be an object {\"family\":...,\"genes\":[...]}")
    })?;
    allow(object, "`discriminator`", &["family", "genes"])?;
    let family: Family = object
        .get("family")
        .and_then(Value::as_str)
        .ok_or_else(|| {
            Error::genotype("`discriminator` needs a `family`: adversarial, eagan, autogan or simple")
        })?
        .parse()?;
    let rows = match present(object, "genes") {
        None => Vec::new(),
        Some(value) => integers(value, "`discriminator.genes`")?,
    };
    discriminator_from_rows(family, &rows)
}

/// A discriminator from rows of integers.
pub(super) fn discriminator_from_rows(family: Family, rows: &[Vec<i64>]) -> Result<Discriminator, Error> {
    let part = format!("discriminator ({})", family.name());
    let kind = |cell| (family.cell_name(cell), family.cell_kind(cell));
    let genes = rows_of(&part, rows, family.cells(), kind)?;
    Ok(Discriminator { family, genes })
}

/// Checks number and length of `rows` and every value.
pub(super) fn rows_of(
    part: &str,
    rows: &[Vec<i64>],
    cells: usize,
    cell: impl Fn(usize) -> (String, CellKind),
) -> Result<Vec<[i8; GENES]>, Error> {
    if rows.len() != cells {
        let reason = format!("{part}: {} rows of genes, there must be {cells}", rows.len());
        return Err(Error::genotype(reason));
    }
    let mut out = Vec::with_capacity(cells);
    for (index, row) in rows.iter().enumerate() {
        let (name, kind) = cell(index);
        let place = format!("{part} {name}");
        if row.len() != GENES {
            let reason = format!("{place}: {} genes, there must be {GENES}", row.len());
            return Err(Error::genotype(reason));
        }
        for (g, &value) in row.iter().enumerate() {
            check_range(&place, kind, g, value)?;
        }
        out.push(std::array::from_fn(|g| row[g] as i8));
    }
    Ok(out)
}

fn integers(value: &Value, place: &str) -> Result<Vec<Vec<i64>>, Error> {
    let rows = value
        .as_array()
        .ok_or_else(|| Error::genotype(format!("{place} must be a list of rows of {GENES} integers")))?;
    let row = |(index, row): (usize, &Value)| {
        let row = row.as_array().ok_or_else(|| {
            Error::genotype(format!("{place}, row {index}: must be a list of {GENES} integers"))
        })?;
        let gene = |(g, gene): (usize, &Value)| {
            gene.as_i64().ok_or_else(|| {
                Error::genotype(format!("{place}, row {index}, gene {g} is {gene}, not an integer"))
            })
        };
        row.iter().enumerate().map(gene).collect()
    };
    rows.iter().enumerate().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::space::names::{NAMES, named};

    #[test]
    fn every_published_genotype_survives_and_keys_keep_their_order() {
        for name in NAMES {
            let genotype = named(name).unwrap();
            assert_eq!(GanGenotype::from_json(&genotype.to_json()).unwrap(), genotype);
        }
        let text = named("eagan-d-cifar10").unwrap().to_json().to_string();
        let want = r#"{"space":"gan-cells","discriminator":{"family":"eagan","genes":[[3,0,3,0,2,0,0],[1,0,3,0,1,-1,-1],[3,0,3,0,1,-1,-1]]}}"#;
        assert_eq!(text, want);
    }

    #[test]
    fn mistakes_are_named() {
        let reason = |text: &str| {
            let value = serde_json::from_str(text).unwrap();
            GanGenotype::from_json(&value).unwrap_err().to_string()
        };
        let g = "[0,0,0,0,0,0,0]";
        assert!(reason(r#"{"space":"x"}"#).contains("`space` is `x`"));
        assert!(reason(r#"{"generator":[]}"#).contains("key `space`"));
        assert!(reason(r#"{"space":"gan-cells"}"#).contains("neither"));
        assert!(reason(r#"{"space":"gan-cells","genrator":[]}"#).contains("unknown key `genrator`"));
        assert!(
            reason(r#"{"space":"gan-cells","generator":[]}"#).contains("0 rows of genes, there must be 3")
        );
        assert!(
            reason(&format!(r#"{{"space":"gan-cells","generator":[{g},[1],{g}]}}"#))
                .contains("cell 2: 1 genes")
        );
        assert!(
            reason(&format!(r#"{{"space":"gan-cells","generator":[{g},{g},[0,0,0,7,0,0,0]]}}"#))
                .contains("generator cell 3: gene 3 (edge 2->3) is 7, valid are 0 none")
        );
        assert!(
            reason(&format!(r#"{{"space":"gan-cells","generator":[{g},{g},[0,0,0,1.5,0,0,0]]}}"#))
                .contains("gene 3 is 1.5, not an integer")
        );
        assert!(
            reason(r#"{"space":"gan-cells","discriminator":{"family":"dc"}}"#)
                .contains("no discriminator family `dc`")
        );
        assert!(
            reason(r#"{"space":"gan-cells","discriminator":{"family":"eagan"}}"#)
                .contains("0 rows of genes, there must be 3")
        );
        assert!(
            reason(r#"{"space":"gan-cells","discriminator":{"family":"autogan","genes":[[1]]}}"#)
                .contains("1 rows of genes, there must be 0")
        );
    }
}
