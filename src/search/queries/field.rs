//! Where a search takes place: a space, and which of its architectures may be asked for.

use std::collections::{BTreeMap, HashSet};

use super::{Evaluator, History};
use crate::space::{Genotype, Key, Space};
use crate::{Error, Rng};

/// Draws in vain after which a space counts as exhausted.
const MOST_DRAWS: usize = 100_000;

/// Hard constraints. What breaks one is never evaluated, and costs nothing.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Constraints {
    /// Largest allowed value of a cost by name: `params`, `macs`, or what the evaluator knows without evaluating.
    pub most: BTreeMap<String, f64>,
    /// Names of options that must not be used.
    pub without: Vec<String>,
}

impl Constraints {
    /// Whether nothing is constrained.
    pub fn is_empty(&self) -> bool {
        self.most.is_empty() && self.without.is_empty()
    }
}

/// A space with constraints.
pub struct Field<'a> {
    space: &'a dyn Space,
    evaluator: &'a dyn Evaluator,
    constraints: &'a Constraints,
}

impl<'a> Field<'a> {
    /// The architectures of `space` that keep `constraints`, with costs as `evaluator` knows them.
    pub fn new(
        space: &'a dyn Space,
        evaluator: &'a dyn Evaluator,
        constraints: &'a Constraints,
    ) -> Field<'a> {
        Field { space, evaluator, constraints }
    }

    /// The space.
    pub fn space(&self) -> &'a dyn Space {
        self.space
    }

    /// What `g` costs, by name, as far as that takes no evaluation.
    ///
    /// # Errors
    /// If the evaluator cannot tell.
    pub fn costs(&self, g: &Genotype) -> Result<BTreeMap<String, f64>, Error> {
        let mut costs = self.evaluator.costs(g)?;
        if let Some(size) = self.space.complexity(g) {
            costs.entry("params".into()).or_insert(size.params as f64);
            costs.entry("macs".into()).or_insert(size.macs as f64);
        }
        Ok(costs)
    }

    /// An error unless every constraint names something that exists.
    ///
    /// # Errors
    /// If one does not.
    pub fn check(&self) -> Result<(), Error> {
        let costs = match self.constraints.most.is_empty() {
            true => BTreeMap::new(),
            // Those of any architecture that is known.
            false => {
                let free = Constraints::default();
                let anywhere = Field { constraints: &free, ..*self };
                self.costs(&anywhere.random(&mut Rng::seed(0))?)?
            }
        };
        if let Some(unknown) = self.constraints.most.keys().find(|name| !costs.contains_key(*name)) {
            let known: Vec<&str> = costs.keys().map(String::as_str).collect();
            let reason = match known.is_empty() {
                true => "nothing is known here without an evaluation".to_owned(),
                false => format!("known without an evaluation are {}", known.join(", ")),
            };
            return Err(Error::config(format!("most.{unknown}"), reason));
        }
        let options: Vec<&str> = self
            .space
            .choices()
            .iter()
            .flat_map(|c| c.options.iter().map(|o| o.name))
            .collect();
        match self.constraints.without.iter().find(|name| !options.contains(&name.as_str())) {
            None => Ok(()),
            Some(unknown) => {
                let mut known: Vec<&str> = Vec::new();
                options.into_iter().for_each(|o| {
                    if !known.contains(&o) {
                        known.push(o);
                    }
                });
                let reason = format!("`{unknown}` is no option of this space; it has {}", known.join(", "));
                Err(Error::config("without", reason))
            }
        }
    }

    /// Whether `g` is in the space and keeps all constraints.
    ///
    /// # Errors
    /// If a cost cannot be told.
    pub fn feasible(&self, g: &Genotype) -> Result<bool, Error> {
        if self.space.check(g).is_err() || !self.evaluator.knows(g) {
            return Ok(false);
        }
        if self.constraints.is_empty() {
            return Ok(true);
        }
        let used = |(choice, option): (&crate::space::Choice, &u8)| choice.options[usize::from(*option)].name;
        // What does not matter is not used.
        let normal = self.space.normal(g);
        let mut names = self.space.choices().iter().zip(&normal.0).map(used);
        if names.any(|name| self.constraints.without.iter().any(|without| without == name)) {
            return Ok(false);
        }
        if self.constraints.most.is_empty() {
            return Ok(true);
        }
        let costs = self.costs(g)?;
        // A cost that is not known is not known to be small enough.
        let keeps = |(name, most): (&String, &f64)| costs.get(name).is_some_and(|cost| cost <= most);
        Ok(self.constraints.most.iter().all(keeps))
    }

    /// A random feasible architecture that is neither in `seen` nor among `taken`.
    ///
    /// # Errors
    /// If none is found in very many draws: the constraints are too tight, or everything was evaluated.
    pub fn unseen(&self, seen: &History, taken: &HashSet<Key>, rng: &mut Rng) -> Result<Genotype, Error> {
        self.draw(rng, |key| seen.get(key).is_none() && !taken.contains(key))
    }

    /// A random feasible architecture.
    ///
    /// # Errors
    /// If none is found in very many draws.
    pub fn random(&self, rng: &mut Rng) -> Result<Genotype, Error> {
        self.draw(rng, |_| true)
    }

    fn draw(&self, rng: &mut Rng, wanted: impl Fn(&Key) -> bool) -> Result<Genotype, Error> {
        for _ in 0..MOST_DRAWS {
            let g = self.space.random(rng);
            if self.feasible(&g)? && wanted(&self.space.canonical(&g)) {
                return Ok(g);
            }
        }
        let reason = format!(
            "no architecture of {} that is new and keeps the constraints was found in {MOST_DRAWS} draws; \
             loosen the constraints or ask for fewer queries",
            self.space.name()
        );
        Err(Error::config("budget", reason))
    }
}
