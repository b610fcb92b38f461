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

impl Link {
    fn new(option: usize, open: &[bool]) -> Link {
        Link {
            taken: option == 1,
            free: open.iter().all(|open| *open),
        }
    }
}

impl Taken {
    pub fn state(&self) -> State<'_> {
        State {
            sketch: &self.sketch,
            step: self.step,
            noise: &self.noise,
        }
    }

    fn count(&mut self, picked: &Picked) {
        self.log_prob += picked.log_prob;
        self.invalid += usize::from(!picked.allowed);
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
    /// Share of the uniform distribution in each choice.
    pub smoothing: f64,
    /// Whether what is not allowed is ruled out.
    pub masks: bool,
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
    let noises: Vec<Vec<f32>> = (0..n).map(|_| rng.normals(policy.noise_width())).collect();
    let mut genes: Vec<Vec<u8>> = vec![Vec::new(); n];
    let mut steps: Vec<Vec<Taken>> = noises.iter().map(|_| Vec::new()).collect();
    for (number, step) in space.steps().iter().enumerate() {
        let begun: Vec<Taken> = genes.iter().zip(&noises).map(|(g, z)| begin(space, g, number, z)).collect();
        let states: Vec<State> = begun.iter().map(Taken::state).collect();
        let heads = policy.heads(&states);
        drop(states);
        let mut pick = |logits: &[f32], prefix: &[u8]| pick(logits, &space.allowed(prefix), manner, rng);
        let taken = take(policy, step, &heads, begun, &mut genes, &mut pick)?;
        taken.into_iter().zip(&mut steps).for_each(|(taken, all)| all.push(taken));
    }
    Ok(genes
        .into_iter()
        .zip(steps)
        .map(|(genes, steps)| finish(space, genes, steps))
        .collect())
}

/// The episodes that make `given`, as the generator would have to draw them. How likely they are and what is expected of
/// them is not asked.
pub(super) fn follow(policy: &Policy, space: &dyn Space, given: &[&Genotype], rng: &mut Rng) -> Vec<Episode> {
    let mut episode = |g: &&Genotype| {
        let noise = rng.normals(policy.noise_width());
        let mut place = 0;
        let mut steps = Vec::new();
        for (number, step) in space.steps().iter().enumerate() {
            let mut taken = begin(space, &g.0[..place], number, &noise);
            if step.op.is_some() {
                let (option, open) = as_given(space, &g.0, place);
                taken.op = Some(Chosen { taken: option, open });
                place += 1;
            }
            for _ in step.links.clone() {
                let (option, open) = as_given(space, &g.0, place);
                taken.links.push(Link::new(option, &open));
                place += 1;
            }
            steps.push(taken);
        }
        finish(space, g.0.clone(), steps)
    };
    given.iter().map(&mut episode).collect()
}

/// Choice `place` of `genes`, and which options there were. What is given counts as it stands, whether or not the generator
/// would be allowed to draw it.
fn as_given(space: &dyn Space, genes: &[u8], place: usize) -> (usize, Vec<bool>) {
    let (option, allowed) = (usize::from(genes[place]), space.allowed(&genes[..place]));
    match allowed[option] {
        true => (option, allowed),
        false => (option, vec![true; allowed.len()]),
    }
}

fn finish(space: &dyn Space, genes: Vec<u8>, steps: Vec<Taken>) -> Episode {
    Episode {
        sketch: space.sketch(&genes),
        genotype: Genotype(genes),
        steps,
    }
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

/// One step of all episodes; the choices are added to `genes`. `pick` decides one by its log-odds and what came before.
fn take(
    policy: &Policy,
    step: &Step,
    heads: &Heads,
    mut taken: Vec<Taken>,
    genes: &mut [Vec<u8>],
    pick: &mut dyn FnMut(&[f32], &[u8]) -> Picked,
) -> Result<Vec<Taken>, Error> {
    let n = taken.len();
    let values = heads.values.to_vec()?;
    for (taken, value) in taken.iter_mut().zip(&values) {
        taken.value = f64::from(*value);
    }
    if step.op.is_some() {
        let logits = heads.ops.to_vec()?;
        for ((taken, genes), logits) in taken.iter_mut().zip(&mut *genes).zip(logits.chunks(logits.len() / n))
        {
            let picked = pick(logits, genes);
            taken.count(&picked);
            genes.push(picked.option as u8);
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
            let picked = pick(&[0.0, logit], &genes[i]);
            taken.count(&picked);
            genes[i].push(picked.option as u8);
            taken.links.push(Link::new(picked.option, &picked.open));
            before[i] = Some(picked.option == 1);
        }
        state = next;
    }
    Ok(taken)
}

/// An option that was drawn.
pub(super) struct Picked {
    pub option: usize,
    /// Which options there were.
    open: Vec<bool>,
    allowed: bool,
    /// At temperature 1 without smoothing, whatever the draw's.
    pub log_prob: f64,
}

/// Draws an option by the log-odds of all; there may be more of these than options.
pub(super) fn pick(logits: &[f32], allowed: &[bool], manner: Manner, rng: &mut Rng) -> Picked {
    let open = match manner.masks {
        true => allowed.to_vec(),
        false => vec![true; allowed.len()],
    };
    let logits = &logits[..open.len()];
    let even = manner.smoothing / open.iter().filter(|open| **open).count() as f64;
    let logs = log_softmax(logits, &open, manner.temperature);
    let mut left = f64::from(rng.uniform());
    let last = open.iter().rposition(|open| *open).expect("something is always allowed");
    let mut option = last;
    for (at, log) in logs.iter().enumerate().filter(|(at, _)| open[*at]) {
        left -= (1.0 - manner.smoothing) * log.exp() + even;
        if left < 0.0 {
            option = at;
            break;
        }
    }
    Picked {
        option,
        allowed: allowed[option],
        log_prob: log_softmax(logits, &open, 1.0)[option],
        open,
    }
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
