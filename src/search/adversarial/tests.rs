//! Every switch changes what it says and only that; the schedule is the released program's.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::data::Shapes;
use crate::formats::NamedArrays;
use crate::nn::{self, Module, Role, SpectralInit};
use crate::space::build::{GumbelInput, Mixing, mixing_weights};
use crate::space::derive::DeriveAxis;

const IMAGES: usize = 22;

/// Six mini-batches a pass, of which the last has two pictures.
fn tiny() -> AdversarialConfig {
    AdversarialConfig {
        data: "shapes".to_owned(),
        bottom_width: 2,
        channels: 2,
        disc_channels: 3,
        latent: 6,
        batch: 4,
        gen_batch: 3,
        n_critic: 2,
        epochs: 2,
        ema: 0.9,
        metrics_every: 1,
        ..AdversarialConfig::default()
    }
}

fn with(change: impl Fn(&mut AdversarialConfig)) -> AdversarialConfig {
    let mut config = tiny();
    change(&mut config);
    config
}

fn over(images: usize, config: AdversarialConfig) -> Adversarial {
    Adversarial::new(&Device::cpu(), Box::new(Shapes::new(16, images, 1)), config, 7).unwrap()
}

fn begin(config: AdversarialConfig) -> Adversarial {
    over(IMAGES, config)
}

fn after(steps: u64, config: AdversarialConfig) -> Adversarial {
    let mut search = begin(config);
    go(&mut search, steps);
    search
}

fn go(search: &mut Adversarial, steps: u64) -> Vec<Report> {
    (0..steps).map(|_| search.step().unwrap()).collect()
}

type Values = BTreeMap<String, Vec<u32>>;

/// The bits of every tensor of one role.
fn bits(net: &mut (impl Module + ?Sized), role: Role) -> Values {
    let all = nn::collect(net, role).into_iter();
    all.map(|(name, tensor)| (name, tensor.to_vec().unwrap().iter().map(|v| v.to_bits()).collect()))
        .collect()
}

fn floats(net: &mut (impl Module + ?Sized), role: Role) -> Vec<f32> {
    nn::collect(net, role)
        .iter()
        .flat_map(|(_, tensor)| tensor.to_vec().unwrap())
        .collect()
}

/// The parts of a search's state that a switch can reach.
fn parts(search: &mut Adversarial) -> BTreeMap<&'static str, Values> {
    let Players { g, d, ema, .. } = &mut search.players;
    let mut all = BTreeMap::new();
    for (name, role) in [("g weights", Role::Weight), ("g logits", Role::Logit), ("g buffers", Role::Buffer)]
    {
        all.insert(name, bits(g, role));
    }
    for (name, role) in [("d weights", Role::Weight), ("d logits", Role::Logit), ("d buffers", Role::Buffer)]
    {
        all.insert(name, bits(d, role));
    }
    ema.swap(g);
    let mut average = bits(g, Role::Weight);
    average.append(&mut bits(g, Role::Logit));
    ema.swap(g);
    all.insert("average", average);
    all
}

/// The parts in which two searches differ.
fn differing(a: &mut Adversarial, b: &mut Adversarial) -> BTreeSet<&'static str> {
    let (a, b) = (parts(a), parts(b));
    a.into_iter()
        .filter(|(name, values)| *values != b[name])
        .map(|(name, _)| name)
        .collect()
}

fn buffer(net: &mut (impl Module + ?Sized), name: &str) -> Vec<f32> {
    let found = nn::collect(net, Role::Buffer).into_iter().find(|(n, _)| n == name);
    found.unwrap_or_else(|| panic!("no buffer {name}")).1.to_vec().unwrap()
}

#[test]
fn two_equal_searches_stay_equal() {
    let (mut a, mut b) = (after(5, tiny()), after(5, tiny()));
    assert_eq!(differing(&mut a, &mut b), BTreeSet::new());
    assert_eq!(a.front(), b.front());
}

#[test]
fn one_iteration_is_the_four_updates_in_their_order_with_draws_in_theirs() {
    let config = tiny();
    let mut search = after(1, config.clone());

    let (device, images) = (Device::cpu(), Shapes::new(16, IMAGES, 1));
    let mut players = Players::new(&device, &config, &mut Rng::stream(7, "weights")).unwrap();
    let mut batches = Batches::new(IMAGES, config.batch, 7);
    let pixels = batches.next(&images).unwrap().pixels.to_vec();
    let (w, a) = pixels.split_at(pixels.len() / 2);
    let x = |values: &[f32]| Some(Tensor::from_slice(&device, [2, 16, 16, 3], values));
    let mut latents = Rng::stream(7, "latents");
    let mut z = |n: usize| Tensor::normal(&device, [n, 6], &mut latents);
    let (zw, za, zg, z_prime) = (z(2), z(2), z(3), z(3));
    // Pass 0 is skipped: the first step belongs to pass 1 of 4.
    let tau = temperature(1, 4, 5.0, 0.1);
    let mix = Relaxation::Gumbel { tau, input: GumbelInput::Probabilities };
    let (weights, architecture) = (Half { x: x(w), z: zw }, Half { x: x(a), z: za });
    let mut noise = Rng::stream(7, "gumbel");
    players.discriminator_architecture(&architecture, &weights, mix, 0.0, &mut noise);
    players.discriminator_weights(&weights, mix, &mut noise);
    let (weights, architecture) = (Half { x: None, z: zg }, Half { x: None, z: z_prime });
    players.generator_architecture(&architecture, &weights, mix, 0.0, &mut noise);
    players.generator_weights(&weights, mix, &mut noise);
    players.average();

    assert_eq!((&search.latents, &search.noise), (&latents, &noise));
    let mut other = begin(config);
    other.players = players;
    assert_eq!(differing(&mut search, &mut other), BTreeSet::new());
}

#[test]
fn each_update_moves_what_it_says() {
    let mut search = begin(tiny());
    let before = parts(&mut search);
    let changed = |search: &mut Adversarial, before: &BTreeMap<&'static str, Values>| -> Vec<&'static str> {
        let now = parts(search);
        before
            .iter()
            .filter(|(name, values)| now[*name] != **values)
            .map(|(name, _)| *name)
            .collect()
    };
    go(&mut search, 1);
    let all = ["average", "d buffers", "d logits", "d weights", "g buffers", "g logits", "g weights"];
    assert_eq!(changed(&mut search, &before), all);
    // n_critic is 2: the second step is the discriminator's alone.
    let before = parts(&mut search);
    go(&mut search, 1);
    assert_eq!(changed(&mut search, &before), ["d buffers", "d logits", "d weights", "g buffers"]);
}

#[test]
fn the_generator_steps_once_in_n_critic_steps() {
    for n_critic in [1, 3] {
        let mut search = begin(with(|c| (c.n_critic, c.epochs) = (n_critic, 6)));
        for step in 0..7 {
            go(&mut search, 1);
            // A network this small may give no gradient at all, so steps are counted, not seen.
            let Players { g_weights, g_logits, d_weights, .. } = &search.players;
            let counted = [&g_weights.moments()["l1.weight"], &g_logits.moments()["alphas_up"]].map(|m| m.t);
            assert_eq!(counted, [step / n_critic + 1; 2], "n_critic {n_critic}, step {step}");
            assert!(d_weights.moments().values().all(|m| m.t == step + 1));
        }
    }
}

#[test]
fn batch_statistics_are_updated_by_every_forward_pass_of_the_generator() {
    let mut search = begin(tiny());
    let mut counts = Vec::new();
    for _ in 0..4 {
        go(&mut search, 1);
        counts.push(buffer(&mut search.players.g, "to_rgb.0.num_batches_tracked")[0]);
    }
    // Two of the discriminator's steps, two more where the generator steps too.
    assert_eq!(counts, [4.0, 6.0, 10.0, 12.0]);
}

/// `u` of every spectrally normalised tensor after `n` power iterations of the given weights, at double precision.
fn iterated(state: &NamedArrays, n: usize) -> BTreeMap<String, Vec<f64>> {
    let unit = |v: Vec<f64>| {
        let length = v.iter().map(|v| v * v).sum::<f64>().sqrt().max(1e-12);
        v.into_iter().map(|v| v / length).collect::<Vec<f64>>()
    };
    let mut all = BTreeMap::new();
    for (name, w) in state
        .iter()
        .filter_map(|(name, w)| Some((name.strip_suffix("weight_orig")?, w)))
    {
        let rows: Vec<&[f32]> = w.values.chunks_exact(w.values.len() / w.shape[0]).collect();
        let key = format!("{name}weight_u");
        let mut u: Vec<f64> = state.get(&key).unwrap().values.iter().map(|v| f64::from(*v)).collect();
        for _ in 0..n {
            let columns = 0..rows[0].len();
            let v = unit(
                columns
                    .map(|c| rows.iter().zip(&u).map(|(row, u)| f64::from(row[c]) * u).sum())
                    .collect(),
            );
            u = unit(
                rows.iter()
                    .map(|row| row.iter().zip(&v).map(|(w, v)| f64::from(*w) * v).sum())
                    .collect(),
            );
        }
        all.insert(key, u);
    }
    all
}

#[test]
fn every_forward_pass_of_the_discriminator_is_a_power_iteration() {
    let mut search = begin(tiny());
    go(&mut search, 1);
    // The second step is the discriminator's alone. Its weights move after its last forward pass.
    let mut before = NamedArrays::new();
    nn::export(&mut search.players.d, "", &mut before).unwrap();
    go(&mut search, 1);
    let mut now = NamedArrays::new();
    nn::export(&mut search.players.d, "", &mut now).unwrap();
    let worst = |n: usize| {
        let differences = iterated(&before, n).into_iter().flat_map(|(name, u)| {
            let got = now.get(&name).unwrap().values.to_vec();
            u.into_iter().zip(got).map(|(u, got)| (u - f64::from(got)).abs())
        });
        differences.fold(0.0, f64::max)
    };
    assert!(worst(4) < 1e-3, "{}", worst(4));
    for n in [2, 3, 5, 6] {
        assert!(worst(n) > 1e-2, "{n} iterations explain it as well: {}", worst(n));
    }
}

#[test]
fn a_last_mini_batch_of_one_picture_trains_no_half_of_it() {
    let mut search = over(9, tiny());
    assert_eq!(search.per_pass(), 3);
    go(&mut search, 1);
    let mut reports = go(&mut search, 1);
    let before = parts(&mut search);
    let z = search.latents.clone();
    // Step 2 is one of the generator, too, which alone has something to learn from.
    reports.append(&mut go(&mut search, 1));
    let now = parts(&mut search);
    assert_eq!((&now["d weights"], &now["d logits"]), (&before["d weights"], &before["d logits"]));
    assert_ne!(now["g weights"], before["g weights"]);
    let mut expected = z;
    expected.normals(2 * 3 * 6);
    assert_eq!(search.latents, expected);
    assert!(
        reports
            .iter()
            .flat_map(|r| &r.metrics)
            .all(|line| line["d_weight"].as_f64().unwrap().is_finite())
    );
}

#[test]
fn an_odd_mini_batch_gives_its_larger_half_to_the_architecture() {
    let mut search = over(7, tiny());
    go(&mut search, 1);
    let z = search.latents.clone();
    go(&mut search, 1);
    // One picture for the weights, two for the architecture, one latent vector for either, three for the generator.
    let mut expected = z;
    expected.normals((1 + 1 + 3) * 6);
    assert_eq!(search.latents, expected);
}

#[test]
fn the_average_follows_every_trained_tensor_of_the_generator() {
    let mut search = begin(tiny());
    let mut want = [floats(&mut search.players.g, Role::Weight), floats(&mut search.players.g, Role::Logit)];
    for step in 0..4 {
        go(&mut search, 1);
        let Players { g, ema, .. } = &mut search.players;
        for (want, role) in want.iter_mut().zip([Role::Weight, Role::Logit]) {
            let live = floats(g, role);
            if step % 2 == 0 {
                want.iter_mut().zip(&live).for_each(|(w, l)| *w = 0.9 * *w + 0.1 * l);
            }
            ema.swap(g);
            let got = floats(g, role);
            ema.swap(g);
            assert!(got.iter().zip(&*want).all(|(g, w)| (g - w).abs() < 1e-6), "{role:?} after step {step}");
            assert_ne!(got, live);
        }
    }
}

#[test]
fn rates_reach_only_their_own_player() {
    let (mut plain, mut other) = (after(1, tiny()), after(1, with(|c| c.gen_lr = 1e-3)));
    assert_eq!(differing(&mut plain, &mut other), BTreeSet::from(["average", "g weights"]));
    let mut other = after(1, with(|c| c.ema = 0.5));
    assert_eq!(differing(&mut plain, &mut other), BTreeSet::from(["average"]));
    let mut other = after(1, with(|c| c.disc_lr = 1e-3));
    let differ = differing(&mut plain, &mut other);
    assert!(differ.contains("d weights") && !differ.contains("d logits"), "{differ:?}");
    // The logits of the discriminator are the first to move; everything after them sees the difference.
    let changes: [fn(&mut AdversarialConfig); 2] = [|c| c.arch_lr = 1e-2, |c| c.amended_gradient = 0.5];
    for change in changes {
        let mut other = after(1, with(change));
        assert!(differing(&mut plain, &mut other).contains("d logits"));
        assert_eq!((&plain.latents, &plain.noise), (&other.latents, &other.noise));
    }
}

#[test]
fn an_amended_search_leaves_the_counts_of_the_plain_one() {
    let mut search = after(4, with(|c| c.amended_gradient = 0.1));
    assert_eq!(buffer(&mut search.players.g, "to_rgb.0.num_batches_tracked"), [12.0]);
    assert!(search.losses.read().unwrap().iter().all(|(_, loss)| loss.is_finite()));
}

#[test]
fn without_gumbel_the_weights_are_the_softmax_and_the_draws_are_the_same() {
    let (plain, gumbel) = (after(3, with(|c| c.gumbel = false)), after(3, tiny()));
    assert_eq!((&plain.latents, &plain.noise), (&gumbel.latents, &gumbel.noise));
    assert_eq!(plain.relaxation(), Relaxation::Softmax);
    let logits = plain.players.discriminator_logits();
    let mix = logits.mix(plain.relaxation(), &logits.noise(&mut Rng::seed(1)));
    for (weights, logits) in [mix.normal, mix.resize].iter().zip(logits.tensors()) {
        assert_eq!(weights.to_vec().unwrap(), logits.softmax().to_vec().unwrap());
    }
    let mix = logits.mix(gumbel.relaxation(), &logits.noise(&mut Rng::seed(1)));
    assert_ne!(mix.normal.to_vec().unwrap(), logits.tensors()[0].softmax().to_vec().unwrap());
}

#[test]
fn mixing_weights_follow_their_formulas() {
    let (a, g) = ([0.5_f64, -1.0, 2.0], [0.3_f64, 1.2, -0.4]);
    let device = Device::cpu();
    let of =
        |v: &[f64]| Tensor::from_slice(&device, [1, 1, 3], &v.iter().map(|v| *v as f32).collect::<Vec<_>>());
    let softmax = |v: [f64; 3]| {
        let sum: f64 = v.iter().map(|v| v.exp()).sum();
        v.map(|v| v.exp() / sum)
    };
    for (input, tau) in [(GumbelInput::Probabilities, 0.7), (GumbelInput::LogProbabilities, 2.5)] {
        let pi = softmax(a).map(|p| if input == GumbelInput::Probabilities { p } else { p.ln() });
        let want = softmax(std::array::from_fn(|i| (pi[i] + g[i]) / tau));
        let got = mixing_weights(&of(&a), Relaxation::Gumbel { tau, input }, &of(&g))
            .to_vec()
            .unwrap();
        let sum: f32 = got.iter().sum();
        assert!((sum - 1.0).abs() < 1e-6);
        for (got, want) in got.iter().zip(want) {
            assert!((f64::from(*got) - want).abs() < 1e-6, "{input:?}: {got} {want}");
        }
    }
    let log = after(1, with(|c| c.gumbel_input = GumbelInput::LogProbabilities));
    assert!(matches!(
        log.relaxation(),
        Relaxation::Gumbel { input: GumbelInput::LogProbabilities, .. }
    ));
}

#[test]
fn the_temperature_falls_with_the_passes_and_the_first_may_be_skipped() {
    let mut search = begin(tiny());
    assert_eq!(search.total_steps(), Some(3 * 6));
    let taus: Vec<f64> = go(&mut search, 18)
        .iter()
        .map(|r| r.metrics[0]["tau"].as_f64().unwrap())
        .collect();
    assert!(search.done());
    // A line shows the temperature of the next step.
    assert_eq!((taus[0], taus[5]), (temperature(1, 4, 5.0, 0.1), temperature(2, 4, 5.0, 0.1)));
    let search = begin(with(|c| c.skip_first_epoch = false));
    assert_eq!((search.total_steps(), search.tau()), (Some(4 * 6), 5.0));
    let search = begin(with(|c| c.iterations = 4));
    assert_eq!((search.per_pass(), search.total_steps()), (4, Some(3 * 4)));
    let search = begin(with(|c| c.max_steps = 5));
    assert_eq!(search.total_steps(), Some(5));
}

fn journalled(reports: &[Report]) -> Vec<u64> {
    reports
        .iter()
        .flat_map(|r| &r.journal)
        .map(|line| line["step"].as_u64().unwrap())
        .collect()
}

#[test]
fn what_is_recorded_follows_its_settings() {
    let names = |reports: &[Report]| -> Vec<String> {
        let all = reports.iter().flat_map(|r| &r.artifacts).map(|a| a.name.clone());
        all.filter(|name| name.starts_with("samples")).collect()
    };
    let reports = go(&mut begin(with(|c| (c.derivations, c.samples_every) = (0, 0))), 18);
    assert_eq!(journalled(&reports), [0, 6, 12, 18]);
    assert_eq!(names(&reports), ["samples/000018.png"]);
    let reports = go(&mut begin(with(|c| (c.derivations, c.samples_every, c.metrics_every) = (3, 5, 4))), 18);
    assert_eq!(journalled(&reports), [0, 2, 4, 6, 8, 10, 12, 14, 16, 18]);
    assert_eq!(names(&reports).len(), 4);
    let metrics: usize = reports.iter().map(|r| r.metrics.len()).sum();
    assert_eq!(metrics, 5);
}

/// Steps after which generator and average are the same.
fn overwritten(config: AdversarialConfig, steps: u64) -> Vec<u64> {
    let mut search = begin(config);
    let mut found = Vec::new();
    for step in 1..=steps {
        go(&mut search, 1);
        let Players { g, ema, .. } = &mut search.players;
        let (weights, logits) = (bits(g, Role::Weight), bits(g, Role::Logit));
        ema.swap(g);
        let same = [weights == bits(g, Role::Weight), logits == bits(g, Role::Logit)];
        ema.swap(g);
        assert_eq!(same[0], same[1], "step {step}");
        if same[0] {
            found.push(step);
        }
    }
    found
}

#[test]
fn a_validation_overwrites_the_generator_only_if_told_so() {
    // Twelve passes of one step: passes 0, 10 and the last, 11, end with a validation.
    let passes = |restore: bool| {
        with(|c| {
            (c.epochs, c.n_critic, c.iterations, c.skip_first_epoch) = (12, 1, 1, false);
            c.restore_after_validation = restore;
        })
    };
    assert_eq!(overwritten(passes(false), 12), [1, 11, 12]);
    assert_eq!(overwritten(passes(true), 12), Vec::<u64>::new());
}

#[test]
fn a_limit_of_steps_at_the_end_of_a_pass_is_no_validation() {
    let config = |max_steps| {
        with(|c| {
            (c.epochs, c.n_critic, c.iterations, c.skip_first_epoch) = (8, 1, 1, false);
            (c.restore_after_validation, c.max_steps) = (false, max_steps);
        })
    };
    let (mut whole, mut stopped) = (after(5, config(0)), after(5, config(5)));
    assert!(stopped.done() && !whole.done());
    assert_eq!(differing(&mut whole, &mut stopped), BTreeSet::new());
}

#[test]
fn deriving_reads_the_discriminator_along_the_chosen_axis() {
    let mut search = begin(tiny());
    let mut rng = Rng::seed(3);
    nn::visit(&mut search.players.d, |slot| {
        if slot.role == Role::Logit {
            *slot.tensor = Tensor::normal(&Device::cpu(), slot.tensor.shape(), &mut rng);
        }
    });
    let ops = derived(&search.players, &tiny()).unwrap();
    let edges = derived(&search.players, &with(|c| c.derive_axis = DeriveAxis::Edges)).unwrap();
    assert_eq!(ops.generator, edges.generator);
    assert_ne!(ops.discriminator, edges.discriminator);
}

#[test]
fn the_form_of_skips_changes_the_images_and_no_weight() {
    let (mut plain, mut other) = (begin(tiny()), begin(with(|c| c.skip_out_includes_skips = false)));
    assert_eq!(differing(&mut plain, &mut other), BTreeSet::new());
    let images = |search: &mut Adversarial| {
        let z = Tensor::normal(&Device::cpu(), [2, 6], &mut Rng::seed(1));
        search
            .players
            .g
            .images(&z, Relaxation::Softmax, &mut Rng::seed(2))
            .to_vec()
            .unwrap()
    };
    assert_ne!(images(&mut plain), images(&mut other));
}

#[test]
fn the_initial_rule_reaches_only_normalised_convolutions() {
    let (mut effective, mut xavier) =
        (begin(tiny()), begin(with(|c| c.initialisation = SpectralInit::Xavier)));
    assert_eq!(differing(&mut effective, &mut xavier), BTreeSet::from(["d weights"]));
    let (a, b) = (bits(&mut effective.players.d, Role::Weight), bits(&mut xavier.players.d, Role::Weight));
    let differ: Vec<&String> = a
        .iter()
        .filter(|(name, values)| b[*name] != **values)
        .map(|(name, _)| name)
        .collect();
    assert!(differ.iter().all(|name| name.ends_with("conv.weight_orig")), "{differ:?}");
    assert_eq!(differ.len(), a.keys().filter(|name| name.ends_with("conv.weight_orig")).count());
}

#[test]
fn merged_and_plain_edges_train_alike() {
    let losses = |mixed: Mixing| -> Vec<f64> {
        let reports = go(&mut begin(with(|c| c.mixed = mixed)), 6);
        let lines = reports.iter().flat_map(|r| &r.metrics);
        lines
            .flat_map(|line| {
                ["d_arch", "d_weight", "g_arch", "g_weight"].map(|name| line[name].as_f64().unwrap())
            })
            .collect()
    };
    let (merged, plain) = (losses(Mixing::Merged), losses(Mixing::Plain));
    assert_eq!(merged.len(), 24);
    for (i, (m, p)) in merged.iter().zip(&plain).enumerate() {
        assert!((m - p).abs() < 1e-4 * p.abs().max(1.0), "loss {i}: {m} {p}");
    }
}

#[test]
fn two_parts_of_the_latent_vector_leave_the_third_cell_without() {
    let names = |parts: usize| {
        let mut search = begin(with(|c| c.latent_split = parts));
        let weights = nn::collect(&mut search.players.g, Role::Weight);
        weights
            .into_iter()
            .map(|(name, _)| name)
            .filter(|name| name.starts_with('l'))
            .count()
    };
    assert_eq!((names(3), names(2)), (6, 4));
}

#[test]
fn mixing_weights_of_an_edge_sum_to_one_and_the_first_edges_lose_two_sevenths() {
    let search = begin(tiny());
    let logits = search.players.discriminator_logits();
    let mix = logits.mix(search.relaxation(), &logits.noise(&mut Rng::seed(4)));
    for (i, row) in mix.normal.to_vec().unwrap().chunks_exact(7).enumerate() {
        assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        // Edges 0 to 2 of the first cell have five candidates.
        if i < 3 {
            assert!(row[..5].iter().sum::<f32>() < 1.0);
        }
    }
}

#[test]
fn pictures_that_do_not_fit_are_refused_with_the_cure() {
    let fails = |images: Shapes| {
        let made = Adversarial::new(&Device::cpu(), Box::new(images), tiny(), 7);
        made.err().expect("it must be refused").to_string()
    };
    assert!(
        fails(Shapes::new(32, 8, 1)).contains("32x32x3 pictures, the generator makes 16x16x3; add ?size=16")
    );
    assert!(fails(Shapes::new(16, 1, 1)).contains("fewer than two"));
}
