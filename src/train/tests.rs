//! Trainings on the CPU at tiny sizes.

use super::*;
use crate::data::{OpenOptions, open};
use crate::runs::{Report, Snapshot, Work};
use crate::space::{GanGenotype, Lineage};
use crate::{Device, Error};

fn config() -> TrainConfig {
    let genotype = GanGenotype::load("adversarialnas+autogan-d").unwrap();
    TrainConfig {
        genotype: genotype.to_json().to_string(),
        data: "shapes?size=16&limit=60".into(),
        channels: 4,
        disc_channels: 4,
        latent: 6,
        batch: 6,
        gen_batch: 8,
        n_critic: 2,
        epochs: 3,
        metrics_every: 5,
        samples_every: 0,
        snapshot_every: 4,
        ..Preset::Smoke.config(Lineage::AdversarialNas)
    }
}

fn trainer(config: TrainConfig) -> Trainer {
    let options = OpenOptions { size: Some(16), ..OpenOptions::default() };
    let images = open(&config.data, &options).unwrap();
    Trainer::new(&Device::cpu(), images, None, config, 5).unwrap()
}

fn run(trainer: &mut Trainer, steps: u64) -> Vec<Report> {
    (0..steps).map(|_| trainer.step().unwrap()).collect()
}

fn state(trainer: &mut Trainer) -> Snapshot {
    let mut snapshot = Snapshot::new(trainer.steps_done());
    trainer.save(&mut snapshot).unwrap();
    snapshot
}

#[test]
fn every_loss_discriminator_and_switch_trains_and_resumes_to_the_same_bits() {
    let change = |change: &dyn Fn(&mut TrainConfig)| {
        let mut config = config();
        change(&mut config);
        config
    };
    let with = |text: &'static str| {
        move |c: &mut TrainConfig| c.genotype = GanGenotype::load(text).unwrap().to_json().to_string()
    };
    let cases = [
        change(&|_| {}),
        change(&|c| c.loss = Loss::Mmd),
        change(&|c| (c.accumulate, c.clip, c.lr_decay) = (3, 0.5, true)),
        change(&|c| c.augment = Augmentation { color: true, translation: true, cutout: true }),
        change(&|c| (c.flip, c.on_divergence) = (true, OnDivergence::Restore)),
        change(&with("eagan+eagan-d-stl10")),
        change(&|c| {
            with("autogan+autogan-d")(c);
            c.latent_split = 1;
        }),
        change(&|c| {
            c.genotype = GanGenotype::load("adversarialnas+simple-d").unwrap().to_json().to_string();
            // Its five halvings want 32x32.
            (c.bottom_width, c.data) = (4, "shapes?size=32&limit=60".into());
        }),
    ];
    for config in cases {
        let what = format!("{config:?}");
        let mut whole = trainer(config.clone());
        assert_eq!(whole.total_steps(), Some(30));
        let before = state(&mut whole);
        run(&mut whole, 17);
        let middle = state(&mut whole);
        assert_ne!(before.arrays(), middle.arrays(), "{what}");
        run(&mut whole, 13);
        assert!(whole.done());
        let mut second = trainer(config);
        second.load(&middle).unwrap();
        run(&mut second, 13);
        assert_eq!(state(&mut whole), state(&mut second), "{what}");
    }
}

#[test]
fn the_generator_steps_first_and_every_few_steps_and_lines_come_when_due() {
    let mut trainer = trainer(config());
    let reports = run(&mut trainer, 10);
    let pending: Vec<bool> = reports.iter().map(|r| !r.metrics.is_empty()).collect();
    // At 4 and 8 because a snapshot is due there.
    assert_eq!(
        pending,
        [4, 5, 8, 10].iter().fold(vec![false; 10], |mut all, i| {
            all[i - 1] = true;
            all
        })
    );
    let line = &reports[4].metrics[0];
    for key in ["d", "g", "diversity", "images_per_second", "device_idle_share"] {
        assert!(line[key].is_number(), "{key}: {line}");
    }
    assert_eq!(trainer.players.g_adam.moments()["l1.weight"].t, 5);
    assert_eq!(trainer.players.d_adam.moments()["l5.weight_orig"].t, 10);
}

#[test]
fn the_published_step_sizes_fall_to_nothing_where_asked() {
    let mut trainer = trainer(TrainConfig { lr_decay: true, ..config() });
    run(&mut trainer, 29);
    let before = state(&mut trainer);
    run(&mut trainer, 1);
    let after = state(&mut trainer);
    let most = |name: &str| {
        let values = |s: &Snapshot| s.arrays().get(name).unwrap().values.to_vec();
        let moved = values(&before).into_iter().zip(values(&after)).map(|(a, b)| (a - b).abs());
        moved.fold(0.0_f32, f32::max)
    };
    // Adam moves by the rate over the root of its own decay at most.
    let rate = 2e-4 / 30.0;
    let moved = most("d.l5.weight_orig");
    assert!(moved > 0.0 && moved < 4.0 * rate, "{moved}");
}

#[test]
fn a_restored_training_goes_on_from_its_last_good_state_with_other_numbers() {
    let mut trainer = trainer(TrainConfig { on_divergence: OnDivergence::Restore, ..config() });
    run(&mut trainer, 5);
    // A weight that is no number makes every loss after it none either.
    crate::nn::visit(&mut trainer.players.g, |slot| {
        *slot.tensor = crate::Tensor::full(&slot.tensor.device(), slot.tensor.shape(), f32::NAN);
    });
    let reports = run(&mut trainer, 3);
    let line = reports[2].journal.last().unwrap();
    assert_eq!((&line["event"], &line["restored"]), (&"diverged".into(), &4.into()), "{line}");
    assert_eq!(trainer.steps_done(), 4);
    assert!(reports[2].failure.is_none() && reports[2].notes[0].contains("back to step 4"));
    let reports = run(&mut trainer, 10);
    assert!(reports.iter().all(|r| r.failure.is_none()));
    let healthy = state(&mut trainer);
    assert!(
        healthy
            .arrays()
            .iter()
            .all(|(_, array)| array.values.iter().all(|v| v.is_finite()))
    );
}

#[test]
fn trouble_stops_a_training_with_the_step_and_the_remedy() {
    let mut trainer = trainer(TrainConfig { gen_lr: 1e30, ..config() });
    let failed = run(&mut trainer, 20).into_iter().find_map(|r| r.failure).unwrap();
    let Error::Diverged { step, what } = &failed else {
        panic!("{failed}")
    };
    assert!(*step < 10 && what.contains("learning rate"), "{failed}");
}

#[test]
fn settings_that_do_not_fit_the_pictures_or_the_architecture_are_named() {
    let fails = |config: TrainConfig| {
        let images = open(&config.data, &OpenOptions::default()).unwrap();
        Trainer::new(&Device::cpu(), images, None, config, 5).err().unwrap().to_string()
    };
    let told = fails(TrainConfig { data: "shapes?size=8".into(), ..config() });
    assert!(told.contains("the generator makes 16x16x3"), "{told}");
    let told = fails(TrainConfig { data: "shapes?size=16&limit=3".into(), ..config() });
    assert!(told.contains("fewer than a batch"), "{told}");
    let against = |d: &str, side: usize| {
        let genotype = GanGenotype::load(&format!("adversarialnas+{d}")).unwrap().to_json().to_string();
        let data = format!("shapes?size={side}&limit=60");
        fails(TrainConfig { genotype, data, bottom_width: side / 8, ..config() })
    };
    assert!(against("simple-d", 16).contains("images of 16x16 are too small"));
    let genes = [[0, 0, 0, 1, 1, 0, 0], [1, 1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 1, 0, 2]];
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("d.json");
    let json =
        serde_json::json!({"space": "gan-cells", "discriminator": {"family": "adversarial", "genes": genes}});
    std::fs::write(&file, json.to_string()).unwrap();
    let told = against(file.to_str().unwrap(), 24);
    assert!(told.contains("cell 3: an odd side of 3") && told.contains("multiple of 16"), "{told}");
    let genotype = GanGenotype::load("autogan+autogan-d").unwrap().to_json().to_string();
    let told = fails(TrainConfig { genotype, ..config() });
    assert!(told.contains("takes the latent vector whole"), "{told}");
}

#[test]
fn weights_files_say_how_skips_are_handed_on() {
    for skips in [true, false] {
        let mut trainer = trainer(TrainConfig { skip_out_includes_skips: skips, ..config() });
        run(&mut trainer, 2);
        let weights = weights_of(&state(&mut trainer)).unwrap();
        assert!(weights.iter().all(|(name, _)| !name.contains("_w.")));
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("w.safetensors");
        weights.write(&path).unwrap();
        let mut read = crate::space::build::Generator::load(&path, false, &Device::cpu()).unwrap();
        assert_eq!(read.accumulates_skips(), skips);
        let mut own = trainer.into_generator();
        let z = crate::Tensor::normal(&Device::cpu(), [2, 6], &mut crate::Rng::seed(1));
        let relaxation = crate::space::build::Relaxation::Softmax;
        let pictures = |g: &mut crate::space::build::Generator| {
            g.images(&z, relaxation, &mut crate::Rng::seed(0)).to_vec().unwrap()
        };
        assert_eq!(pictures(&mut read), pictures(&mut own));
    }
}
