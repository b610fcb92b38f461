//! What a search does beside its networks against numbers of the reference programs, and the test that no stored case
//! is forgotten.

use std::collections::BTreeSet;

use ganas::search::adversarial::temperature;
use ganas::space::{DeriveAxis, derive_discriminator, derive_generator};

use crate::fixtures::{Arrays, Cases, run, settings};
use crate::{fixtures_conv, fixtures_ops_a, fixtures_ops_b};

pub const SEARCH: &Cases = &[("temperature", temperatures), ("derive", derivations)];

fn temperatures(all: &Arrays, case: &str) {
    let settings = settings().expect("the arrays were there");
    let number = |key: &str| settings[case][key].as_f64().expect("a number");
    for epochs in [25, 10] {
        let want = &all[&format!("{case}.E{epochs}")].data;
        for (epoch, want) in want.iter().enumerate() {
            let got = temperature(epoch as u64, epochs, number("tau_max"), number("tau_min"));
            assert!((got - want).abs() < 1e-14, "epoch {epoch} of {epochs}: got {got}, want {want}");
        }
    }
}

/// 48 sets of logits of which most need the repairs.
fn derivations(all: &Arrays, case: &str) {
    /// The part of set `i`.
    fn part(all: &Arrays, name: &str, i: usize) -> Vec<f32> {
        let array = &all[name];
        let len = array.data.len() / array.shape[0];
        array.f32()[i * len..(i + 1) * len].to_vec()
    }
    let get = |name: &str, i: usize| part(all, &format!("{case}.{name}"), i);
    for i in 0..all[&format!("{case}.g_normal")].shape[0] {
        let g = derive_generator(&get("g_normal", i), &get("g_up", i));
        let got: Vec<f32> = g.concat().iter().map(|&gene| f32::from(gene)).collect();
        assert_eq!(got, get("g_genotype", i), "set {i}");
        for (axis, want) in
            [(DeriveAxis::Ops, "d_genotype_op_axis"), (DeriveAxis::Edges, "d_genotype_official")]
        {
            let d = derive_discriminator(&get("d_normal", i), &get("d_down", i), axis);
            let genes = d.genes.concat();
            let got: Vec<f32> = genes.iter().map(|&gene| f32::from(gene)).collect();
            assert_eq!(got, get(want, i), "set {i}, {axis:?}");
        }
    }
}

#[test]
fn shared_fixtures_of_searches() {
    run(SEARCH);
}

/// Every table that some test runs.
const ALL: &[&Cases] = &[
    fixtures_conv::CONVOLUTIONS,
    fixtures_conv::SPECTRAL,
    fixtures_ops_a::ELEMENTARY,
    fixtures_ops_a::LOSSES,
    fixtures_ops_a::MIXED,
    fixtures_ops_a::GUMBEL,
    fixtures_ops_b::RESIZING,
    fixtures_ops_b::POOLING,
    fixtures_ops_b::TRANSPOSED,
    fixtures_ops_b::BATCH_NORM,
    fixtures_ops_b::OPTIMISERS,
    SEARCH,
];

#[test]
fn every_shared_case_is_checked() {
    let Some(cases) = settings() else {
        return;
    };
    let stored: BTreeSet<&str> = cases.keys().map(String::as_str).collect();
    let checked: BTreeSet<&str> = ALL.iter().copied().flatten().map(|c| c.0).collect();
    let unchecked: Vec<&&str> = stored.difference(&checked).collect();
    assert!(unchecked.is_empty(), "no test checks {unchecked:?}");
    let unknown: Vec<&&str> = checked.difference(&stored).collect();
    assert!(unknown.is_empty(), "not stored: {unknown:?}");
    assert_eq!(stored.len(), 51);
}
