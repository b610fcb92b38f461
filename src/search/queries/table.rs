//! Queries that are answered by a table of measured architectures.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use serde_json::{Value, json};

use super::{Evaluator, Judgement, Measured};
use crate::Error;
use crate::space::{Genotype, Space};
use crate::tables::nasbench101::parse_hash;
use crate::tables::{ColumnId, Keying, Quantity, Table, Unit, Wanted};

/// What a search on a table sees, and what is reported of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The accuracy that is searched for.
    pub searched: Wanted,
    /// The accuracy that is reported.
    pub reported: Wanted,
}

/// A table with a space and a reading of it. Cheap to clone; any number of threads may read it.
#[derive(Clone)]
pub struct TableQueries {
    table: Arc<Table>,
    space: Arc<dyn Space>,
    reading: Reading,
    searched: ColumnId,
    reported: ColumnId,
    /// Times that are known beside the searched accuracy, by name.
    costs: Vec<(String, ColumnId)>,
    /// Reported values of the different architectures, the largest first.
    ranking: Arc<Vec<f64>>,
}

impl TableQueries {
    /// Queries of `table`, whose architectures are those of `space`.
    ///
    /// # Errors
    /// If the table has no such columns, or is of another space.
    pub fn new(table: Arc<Table>, space: Arc<dyn Space>, reading: Reading) -> Result<TableQueries, Error> {
        if table.space() != space.name() {
            let reason = format!("the table is of `{}`, the space is `{}`", table.space(), space.name());
            return Err(Error::config("on", reason));
        }
        let searched = table.find(&reading.searched)?;
        let reported = table.find(&reading.reported)?;
        let mut costs = Vec::new();
        for id in table.ids() {
            let column = table.column(id);
            let beside = Wanted {
                quantity: column.quantity,
                split: column.split,
                ..reading.searched.clone()
            };
            let name = match column.quantity {
                Quantity::Time => "time",
                Quantity::Latency => "latency",
                _ => continue,
            };
            // The first that belongs to the searched training: tables list training times before others.
            if table.find(&beside).is_ok_and(|found| found == id)
                && !costs.iter().any(|(known, _)| known == name)
            {
                costs.push((name.to_owned(), id));
            }
        }
        let mut queries = TableQueries {
            table,
            space,
            reading,
            searched,
            reported,
            costs,
            ranking: Arc::default(),
        };
        queries.ranking = Arc::new(queries.ranked());
        Ok(queries)
    }

    /// Reported values of different architectures in falling order: genotypes of one canonical form count once.
    fn ranked(&self) -> Vec<f64> {
        let mut seen = HashSet::new();
        // Where a row has no genes its key is a canonical form already.
        let mut new = |row: usize| {
            let genes = self.table.keying().genes(row);
            genes.is_none_or(|genes| seen.insert(self.space.canonical(&Genotype(genes))))
        };
        let values = self.table.column_values(self.reported).iter().enumerate();
        let known = values.filter(|(row, value)| !value.is_nan() && new(*row));
        let mut all: Vec<f64> = known.map(|(_, value)| self.percent(self.reported, *value)).collect();
        all.sort_by(|a, b| b.total_cmp(a));
        all
    }

    fn row(&self, g: &Genotype) -> Result<usize, Error> {
        let row = match self.table.keying() {
            Keying::Dense { .. } => self.table.row_of_genes(&g.0),
            Keying::Hashed => {
                parse_hash(&self.space.canonical(g).0).and_then(|key| self.table.row_of_key(&key))
            }
        };
        row.ok_or_else(|| Error::genotype(format!("the table has no row of {}", self.space.text(g))))
    }

    fn value(&self, column: ColumnId, g: &Genotype) -> Result<f64, Error> {
        let row = self.row(g)?;
        let unknown = || Error::genotype(format!("the table has no value for {}", self.space.text(g)));
        Ok(self.percent(column, self.table.value(column, row).ok_or_else(unknown)?))
    }

    fn percent(&self, column: ColumnId, value: f64) -> f64 {
        match self.table.column(column).unit {
            Unit::Fraction => 100.0 * value,
            _ => value,
        }
    }

    /// Number of different architectures with a reported value.
    pub fn architectures(&self) -> usize {
        self.ranking.len()
    }

    /// Name of the column that is searched, in words.
    fn in_words(of: &Wanted) -> Value {
        json!({
            "dataset": of.dataset, "split": of.split, "epochs": of.epochs, "statistic": of.statistic.to_string(),
            "release": of.release,
        })
    }
}

impl Evaluator for TableQueries {
    fn evaluate(&mut self, g: &Genotype) -> Result<Measured, Error> {
        let score = self.value(self.searched, g)?;
        Ok(Measured {
            score,
            objectives: BTreeMap::from([("error".to_owned(), 100.0 - score)]),
        })
    }

    fn costs(&self, g: &Genotype) -> Result<BTreeMap<String, f64>, Error> {
        let row = self.row(g)?;
        let known = self
            .costs
            .iter()
            .filter_map(|(name, id)| Some((name.clone(), self.table.value(*id, row)?)));
        Ok(known.collect())
    }

    fn knows(&self, g: &Genotype) -> bool {
        let has = |row, column| self.table.value(column, row).is_some();
        self.row(g).is_ok_and(|row| has(row, self.searched) && has(row, self.reported))
    }

    fn protocol(&self) -> Value {
        let source = self.table.source();
        json!({
            "table": source.file, "sha256": source.sha256,
            "searched": TableQueries::in_words(&self.reading.searched),
            "reported": TableQueries::in_words(&self.reading.reported),
            "optimum": self.ranking.first(), "architectures": self.ranking.len(),
        })
    }
}

impl Judgement for TableQueries {
    fn judge(&self, g: &Genotype) -> Result<(f64, u64), Error> {
        let value = self.value(self.reported, g)?;
        let better = self.ranking.partition_point(|known| *known > value);
        Ok((value, better as u64 + 1))
    }
}
