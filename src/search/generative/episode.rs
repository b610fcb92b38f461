//! Episodes: architectures as the generator makes them, one step after another, all episodes of a batch at once.

use super::policy::{Heads, Policy, State};
use crate::space::{Genotype, Sketch, Space, Step};
use crate::{Error, Rng};

/// One step of an episode.
pub(super) struct Taken {
    sketch: Sketch,
    step: usize,
    noise: Vec<f32>,
    /// The choice of an operation, if the step has one.
    pub op: Option<Chosen>,
    /// The links, one per earlier node.
    pub links: Vec<Link>,
    /// Log-probability of what was taken, when it was.
    pub log_prob: f64,
    /// Reward that was expected.
    pub value: f64,
    /// Choices that were not allowed, where the allowed ones are not enforced.
    pub invalid: usize,
}

/// An operation that was chosen.
pub(super) struct Chosen {
    pub taken: usize,
    /// Which options there were.
    pub open: Vec<bool>,
}

/// A decision on a link.
#[derive(Clone, Copy)]
pub(super) struct Link {
    pub taken: bool,
    /// Whether there was a choice.
    pub free: bool,
}

impl Taken {
    pub fn state(&self) -> State<'_> {
        State {
            sketch: &self.sketch,
            step: self.step,
            noise: &self.noise,
        }
    }

    pub fn free_links(&self) -> usize {
        self.links.iter().filter(|link| link.free).count()
    }
}

/// A finished episode.
pub(super) struct Episode {
    pub genotype: Genotype,
    /// The whole architecture.
    pub sketch: Sketch,
    pub steps: Vec<Taken>,
}

/// How episodes are made.
#[derive(Clone, Copy)]
pub(super) struct Manner {
    pub temperature: f64,
    /// Whether what is not allowed is ruled out.
    pub masks: bool,
}

/// How a decision comes about: drawn, or as in an architecture that is given.
enum Source<'a> {
    Drawn(&'a mut Rng, Manner),
    Given(&'a [&'a Genotype]),
}

/// Draws `n` episodes.
///
/// # Errors
/// If the device failed.
pub(super) fn rollout(
    policy: &Policy,
    space: &dyn Space,
    n: usize,
    manner: Manner,
    rng: &mut Rng,
) -> Result<Vec<Episode>, Error> {
    let noise = noises(policy, n, rng);
    walk(policy, space, noise, &mut Source::Drawn(rng, manner))
}

/// The episodes that make `given`, as the generator would have to draw them.
///
/// # Errors
/// If the device failed.
pub(super) fn follow(
    policy: &Policy,
    space: &dyn Space,
    given: &[&Genotype],
    rng: &mut Rng,
) -> Result<Vec<Episode>, Error> {
    let noise = noises(policy, given.len(), rng);
    walk(policy, space, noise, &mut Source::Given(given))
}

fn noises(policy: &Policy, n: usize, rng: &mut Rng) -> Vec<Vec<f32>> {
    (0..n).map(|_| rng.normals(policy.noise_width())).collect()
}

fn walk(
    policy: &Policy,
    space: &dyn Space,
    noises: Vec<Vec<f32>>,
    source: &mut Source,
) -> Result<Vec<Episode>, Error> {
    let mut genes: Vec<Vec<u8>> = vec![Vec::new(); noises.len()];
    let mut steps: Vec<Vec<Taken>> = noises.iter().map(|_| Vec::new()).collect();
    for (number, step) in space.steps().iter().enumerate() {
        let begun: Vec<Taken> = genes.iter().zip(&noises).map(|(g, z)| begin(space, g, number, z)).collect();
        let states: Vec<State> = begun.iter().map(Taken::state).collect();
        let heads = policy.heads(&states);
        drop(states);
        for (taken, all) in take(policy, space, step, &heads, begun, &mut genes, source)?
            .into_iter()
            .zip(&mut steps)
        {
            all.push(taken);
        }
    }
    let finish = |(genes, steps): (Vec<u8>, Vec<Taken>)| Episode {
        sketch: space.sketch(&genes),
        genotype: Genotype(genes),
        steps,
    };
    Ok(genes.into_iter().zip(steps).map(finish).collect())
}

fn begin(space: &dyn Space, prefix: &[u8], step: usize, noise: &[f32]) -> Taken {
    Taken {
        sketch: space.sketch(prefix),
        step,
        noise: if step == 0 { noise.to_vec() } else { Vec::new() },
        op: None,
        links: Vec::new(),
        log_prob: 0.0,
        value: 0.0,
        invalid: 0,
    }
}

/// One step of all episodes; the choices are added to `genes`.
fn take(
    policy: &Policy,
    space: &dyn Space,
    step: &Step,
    heads: &Heads,
    mut taken: Vec<Taken>,
    genes: &mut [Vec<u8>],
    source: &mut Source,
) -> Result<Vec<Taken>, Error> {
    let n = taken.len();
    let values = heads.values.to_vec()?;
    for (taken, value) in taken.iter_mut().zip(&values) {
        taken.value = f64::from(*value);
    }
    if step.op.is_some() {
        let logits = heads.ops.to_vec()?;
        let width = logits.len() / n;
        for (i, taken) in taken.iter_mut().enumerate() {
            let allowed = space.allowed(&genes[i]);
            let picked = pick(&logits[i * width..][..allowed.len()], &allowed, i, genes[i].len(), source);
            taken.log_prob += picked.log_prob;
            taken.invalid += usize::from(!allowed[picked.option]);
            genes[i].push(picked.option as u8);
            taken.op = Some(Chosen { taken: picked.option, open: picked.open });
        }
    }
    if step.links.is_empty() {
        return Ok(taken);
    }
    let ops: Vec<Option<usize>> = taken.iter().map(|t| Some(t.op.as_ref()?.taken)).collect();
    let nodes = vec![step.links.len(); n];
    let mut state = policy.link_start(heads, &ops);
    let mut before = vec![None; n];
    for j in 0..step.links.len() {
        let [next, logits] = policy.link(heads, j, &state, &before, &nodes);
        for (i, (taken, logit)) in taken.iter_mut().zip(logits.to_vec()?).enumerate() {
            let allowed = space.allowed(&genes[i]);
            let picked = pick(&[0.0, logit], &allowed, i, genes[i].len(), source);
            taken.log_prob += picked.log_prob;
            taken.invalid += usize::from(!allowed[picked.option]);
            genes[i].push(picked.option as u8);
            let free = picked.open.iter().all(|open| *open);
            taken.links.push(Link { taken: picked.option == 1, free });
            before[i] = Some(picked.option == 1);
        }
        state = next;
    }
    Ok(taken)
}

struct Picked {
    option: usize,
    /// Which options there were.
    open: Vec<bool>,
    /// At temperature 1, whatever the draw's.
    log_prob: f64,
}

/// Decides choice `place` of episode `i`.
fn pick(logits: &[f32], allowed: &[bool], i: usize, place: usize, source: &mut Source) -> Picked {
    let (option, open) = match source {
        // What is given counts as it stands, whether or not the generator would be allowed to draw it.
        Source::Given(given) => {
            let option = usize::from(given[i].0[place]);
            let open = if allowed[option] {
                allowed.to_vec()
            } else {
                vec![true; allowed.len()]
            };
            (option, open)
        }
        Source::Drawn(rng, manner) => {
            let open = if manner.masks {
                allowed.to_vec()
            } else {
                vec![true; allowed.len()]
            };
            let logs = log_softmax(logits, &open, manner.temperature);
            let mut left = f64::from(rng.uniform());
            let last = open.iter().rposition(|open| *open).expect("something is always allowed");
            let mut option = last;
            for (at, log) in logs.iter().enumerate() {
                left -= log.exp();
                if left < 0.0 {
                    option = at;
                    break;
                }
            }
            (option, open)
        }
    };
    let log_prob = log_softmax(logits, &open, 1.0)[option];
    Picked { option, open, log_prob }
}

/// Log-probabilities of the open options; the others have none at all.
fn log_softmax(logits: &[f32], open: &[bool], temperature: f64) -> Vec<f64> {
    let scaled = logits.iter().zip(open).map(|(x, open)| match open {
        true => f64::from(*x) / temperature,
        false => f64::NEG_INFINITY,
    });
    let scaled: Vec<f64> = scaled.collect();
    let most = scaled.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = scaled.iter().map(|x| (x - most).exp()).sum();
    scaled.iter().map(|x| x - most - sum.ln()).collect()
}
