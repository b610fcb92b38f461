//! Choosing among ways to the same bits by measurement.

use std::fs;
use std::time::Duration;

use ganas::device::{Choices, Gpu};
use ganas::ops::Conv2d;
use ganas::{Device, Rng, Tensor, runs};

use crate::conv2d_ways::AS_A_CARD;

/// All, as cards, so that each has more than one way.
fn adapters() -> Vec<Gpu> {
    let open = |i| Gpu::open(i, AS_A_CARD).unwrap();
    (0..Gpu::adapters().len()).map(open).collect()
}

fn convolve(gpu: &Gpu) -> Vec<f32> {
    let device = Device::Gpu(gpu.clone());
    let mut rng = Rng::seed(1);
    let x = Tensor::normal(&device, [1, 9, 8, 24], &mut rng);
    let w = Tensor::normal(&device, [9, 24, 40], &mut rng);
    x.conv2d(&w, Conv2d::same(3)).to_vec().unwrap()
}

#[test]
fn the_first_use_measures_and_later_ones_remember() {
    for gpu in adapters() {
        let untuned = convolve(&gpu);
        assert!(gpu.choices().is_empty());
        let (send, told) = std::sync::mpsc::channel();
        gpu.tune(Duration::from_secs(60), Choices::new(), move |choices| {
            send.send(choices.clone()).unwrap()
        });
        assert_eq!(convolve(&gpu), untuned);
        let before = gpu.counters();
        assert_eq!(convolve(&gpu), untuned);
        let later = gpu.counters() - before;
        // The copy of the image, the parts of the sum, and their sum.
        assert_eq!((later.pipelines, later.dispatches), (0, 3), "{later:?}");
        let told: Vec<Choices> = told.try_iter().collect();
        assert_eq!(told, [gpu.choices()]);
        let (work, way) = told[0].iter().next().unwrap();
        assert_eq!(work, "conv2d forward 128 32 64 1 16");
        assert!(["invocation", "subgroup", "workgroup"].contains(&way.as_str()), "{way}");
    }
}

#[test]
fn what_is_known_is_taken_and_no_time_means_the_fixed_rule() {
    for gpu in adapters() {
        let pipelines = |known: Choices| {
            let fresh = adapters().into_iter().find(|other| named(other) == named(&gpu)).unwrap();
            fresh.tune(Duration::ZERO, known.clone(), |_| panic!("nothing is to be measured"));
            let y = convolve(&fresh);
            assert_eq!(fresh.choices(), known);
            (y, fresh.counters().pipelines)
        };
        let work = "conv2d forward 128 32 64 1 16".to_owned();
        let fixed = pipelines(Choices::new());
        assert_eq!(pipelines([(work.clone(), "workgroup".to_owned())].into()), fixed);
        assert_eq!(pipelines([(work, "a way of another version".to_owned())].into()), fixed);
    }
}

fn named(gpu: &Gpu) -> String {
    Device::Gpu(gpu.clone()).info().id
}

#[test]
fn choices_are_kept_in_a_file_and_a_damaged_one_counts_as_none() {
    let folder = tempfile::tempdir().unwrap();
    for gpu in adapters() {
        let tune = |gpu: &Gpu| {
            runs::tune(&Device::Gpu(gpu.clone()), folder.path(), Duration::from_secs(60)).unwrap();
            convolve(gpu)
        };
        let found = tune(&gpu);
        let measured = gpu.choices();
        assert_eq!(measured.len(), 1);
        let again = || adapters().into_iter().find(|other| named(other) == named(&gpu)).unwrap();
        let second = again();
        runs::tune(&Device::Gpu(second.clone()), folder.path(), Duration::ZERO).unwrap();
        assert_eq!(second.choices(), measured);
        assert_eq!(convolve(&second), found);

        let newest = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
        let file = newest
            .max_by_key(|path| fs::metadata(path).unwrap().modified().unwrap())
            .unwrap();
        for damaged in ["", "{", "{\"adapter\":1}", "\u{0}\u{1}"] {
            fs::write(&file, damaged).unwrap();
            let third = again();
            runs::tune(&Device::Gpu(third.clone()), folder.path(), Duration::ZERO).unwrap();
            assert_eq!(third.choices(), Choices::new(), "{damaged:?}");
        }
        // And is written anew.
        assert_eq!(tune(&again()), found);
        let last = again();
        runs::tune(&Device::Gpu(last.clone()), folder.path(), Duration::ZERO).unwrap();
        assert_eq!(last.choices().len(), 1);
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), adapters().len());
}

#[test]
fn the_cpu_has_nothing_to_choose() {
    let folder = tempfile::tempdir().unwrap();
    runs::tune(&Device::cpu(), folder.path(), Duration::from_secs(2)).unwrap();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
