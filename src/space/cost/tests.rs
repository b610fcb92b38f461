//! Published and confirmed counts.

use super::*;
use crate::space::gan::{Discriminator, Family, GeneratorArch, Lineage};
use crate::space::names::{ADVERSARIAL_NAS, AUTOGAN_AS_EAGAN, EAGAN, named};

fn discriminator_of(name: &str) -> Discriminator {
    named(name).unwrap().discriminator.unwrap()
}

#[test]
fn generators_of_the_papers() {
    let count = |arch: GeneratorArch, width, form| generator(&arch, width, &form).unwrap().params();
    assert_eq!(count(ADVERSARIAL_NAS.into(), 256, Form::cifar()), 8_846_851);
    assert_eq!(count(ADVERSARIAL_NAS.into(), 270, Form::stl(2)), 8_881_923);
    assert_eq!(count(EAGAN.into(), 256, Form::cifar()), 7_142_403);
    assert_eq!(count(EAGAN.into(), 256, Form::stl(3)), 11_550_723);
    assert_eq!(
        count(GeneratorArch::AutoGan, 256, Form::published(FormName::Cifar, Lineage::AutoGan)),
        4_405_251
    );
    assert_eq!(
        count(GeneratorArch::AutoGan, 256, Form::published(FormName::Stl, Lineage::AutoGan)),
        5_065_731
    );
}

#[test]
fn split_of_the_adversarialnas_generator() {
    let cost = generator(&ADVERSARIAL_NAS.into(), 256, &Form::cifar()).unwrap();
    let of = |cell: &str| cost.layers.iter().filter(|l| l.cell == cell).map(|l| l.params).sum::<u64>();
    let split = ["latent", "cell 1", "cell 2", "cell 3", "head"].map(of);
    assert_eq!(split, [3_526_656, 1_311_744, 1_967_616, 2_033_408, 7_427]);
}

#[test]
fn mmd_adversarialnas_of_its_table() {
    let genes = [[0, 1, 3, 4, 6, 4, 1], [1, 1, 4, 0, 5, 5, 3], [0, 1, 4, 5, 6, 4, 4]];
    let params = generator(&genes.into(), 256, &Form::cifar()).unwrap().params();
    assert_eq!(params / 10_000, 2_018);
}

#[test]
fn discriminators_of_the_papers() {
    let count = |name| discriminator(&discriminator_of(name), 128, 32).unwrap().params();
    assert_eq!(count("autogan-d"), 1_053_824);
    assert_eq!(count("eagan-d-cifar10"), 906_240);
    assert_eq!(count("eagan-d-stl10"), 1_578_112);
    assert_eq!(count("simple-d"), 921_920);
}

#[test]
fn autogan_d_costs_the_same_as_a_point_of_the_eagan_space() {
    let point = Discriminator {
        family: Family::Eagan,
        genes: AUTOGAN_AS_EAGAN.to_vec(),
    };
    for image in [32, 48] {
        let a = discriminator(&discriminator_of("autogan-d"), 128, image).unwrap();
        let b = discriminator(&point, 128, image).unwrap();
        assert_eq!((a.params(), a.macs()), (b.params(), b.macs()));
    }
}

#[test]
fn supernets_of_the_papers() {
    let g = |lineage, width| generator_supernet(lineage, width, &Form::cifar()).unwrap().params();
    let d = |family, width| discriminator_supernet(family, width, 32).unwrap().params();
    assert_eq!(g(Lineage::AdversarialNas, 160), 29_265_566);
    assert_eq!(d(Family::Adversarial, 80), 11_049_308);
    assert_eq!(g(Lineage::Eagan, 256), 72_776_963);
    assert_eq!(d(Family::Eagan, 128), 23_806_592);
}

#[test]
fn multiply_adds_by_hand() {
    let d = discriminator(&discriminator_of("autogan-d"), 8, 32).unwrap();
    let block1 = 1024 * (27 * 8 + 9 * 64) + 256 * 24;
    let block2 = 256 * (2 * 9 * 64 + 64);
    let rest = 64 * 4 * 9 * 64 + 8;
    assert_eq!(d.macs(), block1 + block2 + rest);
    let genes = [[2, 0, 1, 0, 2, 0, 0], [0, 0, 1, 0, 1, 0, 0], [0, 0, 1, 0, 1, 0, 0]];
    let g = generator(&genes.into(), 4, &Form::cifar()).unwrap();
    let linears = 40 * 4 * (16 + 64 + 256);
    // Cell 1: transposed and nearest, one 1x1 to the output; cells 2 and 3: two ups, one and two skips.
    let cell1 = 16 * 36 + 64 * 16 * 3;
    let others = 256 * 16 * 3 + 1024 * 16 * 4;
    assert_eq!(g.macs(), linears + cell1 + others + 1024 * 27 * 4);
}

#[test]
fn impossible_sizes_are_refused() {
    assert!(discriminator(&discriminator_of("simple-d"), 128, 16).is_err());
    let form = Form { parts: 4, ..Form::cifar() };
    assert!(
        generator(&EAGAN.into(), 8, &form)
            .unwrap_err()
            .to_string()
            .contains("cannot be split in 4 parts")
    );
}
