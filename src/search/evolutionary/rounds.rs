//! The end of a round: who survives, who comes new, what is shown of it.

use std::collections::{BTreeMap, HashSet};

use serde_json::{Map, Value, json};

use super::discriminators::Discriminators;
use super::objectives::Objective;
use super::schedule::Stage;
use super::selection::Field;
use super::variation::{Breeder, Operators};
use super::{Evolution, Member, Pool, Stages, generators, judge, state};
use crate::nn::Mode;
use crate::search::{Artifact, Candidate, Report, pictures};
use crate::space::build::Generator;
use crate::space::{GanGenotype, Genotype};
use crate::{Error, Rng, Tensor};

impl Evolution {
    /// The candidates of a round, before the first is judged: the population, and its children where the pool holds them.
    pub(super) fn gather(&mut self) {
        self.judged.clear();
        if self.stage == Stage::Generators && self.config.pool == Pool::WithChildren {
            let parents: Vec<Genotype> = self.population.iter().map(|m| m.genotype.clone()).collect();
            let children = self.children(&parents, self.config.population, &self.taken(&parents));
            self.population.extend(children.into_iter().map(Member::new));
        }
    }

    /// What children must differ from.
    fn taken(&self, parents: &[Genotype]) -> HashSet<Genotype> {
        let mut taken: HashSet<Genotype> = parents.iter().cloned().collect();
        if self.config.operators == Operators::Code {
            taken.extend(self.known.iter().cloned());
        }
        taken
    }

    pub(super) fn children(
        &mut self,
        parents: &[Genotype],
        n: usize,
        taken: &HashSet<Genotype>,
    ) -> Vec<Genotype> {
        let limits = self.config.limits(self.stage);
        let fits = |g: &Genotype| self.statics(g).is_ok_and(|values| limits.excess(&values) == 0.0);
        let breeder = Breeder {
            space: self.nets.space(),
            operators: self.config.operators,
            crossover: self.config.crossover,
            mutation: self.config.mutation,
        };
        let mut rng = self.draws.clone();
        let children = breeder.children(parents, n, taken, &fits, &mut rng);
        self.draws = rng;
        children
    }

    /// Selects, refills, and shows what was found; after the last round of a stage goes on to the next one.
    pub(super) fn select(&mut self, round: u64, last: bool, report: &mut Report) -> Result<(), Error> {
        let (objectives, limits) = (self.config.objectives.clone(), self.config.limits(self.stage));
        let field = Field::new(&self.judged, &objectives, &limits);
        let size = self.config.population;
        let keep = if self.population.len() > size {
            size
        } else {
            size.div_ceil(2)
        };
        let mut draws = self.draws.clone();
        let survivors = field.survivors(self.config.selection, keep, &mut draws);
        self.draws = draws;
        let field_best = field.best();
        let best = field_best.unwrap_or(survivors[0]);
        let mut front = field.front();
        // The best one comes first.
        front.retain(|i| *i != best);
        front.splice(0..0, field_best);
        let points = field.points().to_vec();
        let hypervolume = self.history.add(self.stage, round, &points);
        let line = self.line(round, hypervolume, &points);
        report.metrics.push(line);
        // What an earlier round found is not given up for candidates that cannot be compared.
        if field_best.is_some() {
            self.found = front.iter().map(|i| self.candidate(*i)).collect::<Result<_, _>>()?;
            let chosen = self.whole(&self.population[best].genotype)?;
            self.show(round, best, &chosen, hypervolume, &points, report)?;
        } else {
            let number = self.stage.number();
            report
                .notes
                .push(format!("stage {number} round {round}: every candidate failed or is beyond a limit"));
        }

        let parents: Vec<Genotype> = survivors.iter().map(|i| self.population[*i].genotype.clone()).collect();
        let wanted = if last { 0 } else { size - parents.len() };
        let children = self.children(&parents, wanted, &self.taken(&parents));
        report.journal.push(json!({
            "event": "selected", "stage": self.stage.number(), "round": round, "survivors": survivors,
            "best": field_best, "front": front, "hypervolume": hypervolume,
            "children": children.iter().map(|g| self.half(g)).collect::<Vec<_>>(),
        }));
        self.nets.survive(&survivors, best, size);
        self.population = parents.into_iter().chain(children).map(Member::new).collect();
        self.drawn = None;
        if last && self.stage == Stage::Generators && self.config.stage == Stages::Both {
            let Some(best) = self.found.first() else {
                let what = "no generator of stage 1 could be judged or kept the limits, so stage 2 has none to begin with";
                return Err(Error::Diverged { step: self.step, what: what.to_owned() });
            };
            self.second(GanGenotype::from_json(&best.genotype)?)?;
        }
        Ok(())
    }

    /// Goes on with the discriminators of `best`'s generator, which keeps its weights.
    fn second(&mut self, best: GanGenotype) -> Result<(), Error> {
        let g = self.nets.generator(0, &best);
        let g = generators::alone(g, &best, &self.config, &self.device)?;
        self.enter_second(GanGenotype { discriminator: None, ..best }, g);
        self.judged.clear();
        self.populate()
    }

    /// Puts discriminators against `g`, the generator `fixed`, in the place of the networks at hand.
    pub(super) fn enter_second(&mut self, fixed: GanGenotype, g: Generator) {
        let mut rng = Rng::stream(self.seed, "weights of stage 2");
        self.nets = Box::new(Discriminators::new(&self.device, &self.config, g, &mut rng));
        self.stage = Stage::Discriminators;
        self.fixed = fixed;
    }

    fn candidate(&self, i: usize) -> Result<Candidate, Error> {
        let values = self.judged[i].values.iter();
        let objectives: BTreeMap<String, f64> =
            values.map(|(o, value)| (self.minimised_key(*o), o.minimised(*value))).collect();
        let genotype = self.whole(&self.population[i].genotype)?.to_json();
        Ok(Candidate { genotype, objectives })
    }

    /// What the minimised form of an objective is called.
    fn minimised_key(&self, objective: Objective) -> String {
        judge::minimised_key(&self.evaluator, objective)
    }

    fn show(
        &mut self,
        round: u64,
        best: usize,
        chosen: &GanGenotype,
        hypervolume: f64,
        points: &[Vec<f64>],
        report: &mut Report,
    ) -> Result<(), Error> {
        let first = self.minimised_key(self.config.objectives[0]);
        let value = points.iter().map(|p| p[0]).fold(f64::INFINITY, f64::min);
        report.message = Some(format!(
            "stage {} round {round}  best {first} {value:.4}  hypervolume {hypervolume:.4}",
            self.stage.number()
        ));
        let title = format!("stage {}, round {round}", self.stage.number());
        report.artifacts.extend(pictures::architecture(chosen, &title));
        let names: Vec<String> = self.config.objectives.iter().map(|o| self.minimised_key(*o)).collect();
        if let Some(svg) = self.history.fronts_svg(self.stage, &names)? {
            report
                .artifacts
                .push(text_file(&format!("fronts-stage{}.svg", self.stage.number()), svg));
        }
        report
            .artifacts
            .push(text_file("hypervolume.svg", self.history.hypervolume_svg()?));
        // As its evaluation saw it.
        let net = self.nets.generator(best, chosen);
        let mut g = generators::alone(net, chosen, &self.config, &self.device)?;
        judge::recalibrate(&mut g, &self.config, &self.device, self.seed);
        report.artifacts.push(Artifact {
            name: format!("samples/{:06}.png", self.step),
            bytes: pictures::grid(&self.samples(&mut g))?,
        });
        report.artifacts.push(state::weights_file(self, &mut g, chosen)?);
        Ok(())
    }

    /// A line of metrics for the round: what was reached, and where the time went.
    fn line(&mut self, round: u64, hypervolume: f64, points: &[Vec<f64>]) -> Value {
        let mut line = Map::new();
        line.insert("stage".to_owned(), json!(self.stage.number()));
        line.insert("round".to_owned(), json!(round));
        for (i, objective) in self.config.objectives.iter().enumerate() {
            let mut values: Vec<f64> = points.iter().map(|p| p[i]).collect();
            values.sort_by(f64::total_cmp);
            let key = self.minimised_key(*objective);
            if let Some(best) = values.first() {
                line.insert(format!("{key}_best"), json!(best));
                line.insert(format!("{key}_median"), json!(values[values.len() / 2]));
            }
        }
        line.insert("hypervolume".to_owned(), json!(hypervolume));
        let spent = std::mem::take(&mut self.spent);
        let evaluation = spent.evaluation;
        for (part, seconds) in [
            ("training", spent.training),
            ("recalibration", spent.recalibration),
            ("sampling", evaluation.sampling),
            ("features", evaluation.features),
            ("algebra", evaluation.algebra),
        ] {
            line.insert(format!("seconds_{part}"), json!(seconds));
        }
        line.insert("evaluations".to_owned(), json!(spent.evaluations));
        Value::Object(line)
    }

    /// Pictures of `g`, of the same latents every time.
    fn samples(&self, g: &mut Generator) -> Tensor {
        let mut rng = Rng::stream(self.seed, "sample latents");
        let z = Tensor::normal(&self.device, [pictures::SAMPLES, self.config.latent], &mut rng);
        g.forward(&z, Mode::Eval, None)
    }
}

fn text_file(name: &str, text: String) -> Artifact {
    Artifact { name: name.to_owned(), bytes: text.into_bytes() }
}
