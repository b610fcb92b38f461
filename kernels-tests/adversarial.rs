//! The adversarial search computes alike on every device.

use ganas::Device;
use ganas::data::Shapes;
use ganas::search::Search;
use ganas::search::adversarial::{Adversarial, AdversarialConfig, Preset};

use crate::check::devices;

const NAMES: [&str; 4] = ["d_arch", "d_weight", "g_arch", "g_weight"];

/// The losses of the first steps at the sizes of the smoke preset, of which the first moves all four players.
fn losses(device: &Device, steps: usize) -> Vec<f64> {
    let config = AdversarialConfig {
        metrics_every: 1,
        samples_every: 0,
        ..Preset::Smoke.config()
    };
    let images = Box::new(Shapes::new(16, 320, 0));
    let mut search = Adversarial::new(device, images, config, 0).unwrap();
    let reports = (0..steps).map(|_| search.step().unwrap());
    let lines: Vec<_> = reports.flat_map(|report| report.metrics).collect();
    assert_eq!(lines.len(), steps);
    lines
        .iter()
        .flat_map(|line| NAMES.map(|name| line[name].as_f64().expect("a loss")))
        .collect()
}

#[test]
fn first_steps_of_a_search_have_the_same_losses_on_every_device() {
    let want = losses(&Device::cpu(), 3);
    for (name, device) in devices() {
        // One of the software drivers takes many seconds for a step.
        let steps = if name.contains("SwiftShader") { 1 } else { 3 };
        let got = losses(device, steps);
        for (i, (got, want)) in got.iter().zip(&want).enumerate() {
            let loss = NAMES[i % 4];
            assert!(
                (got - want).abs() < 1e-3,
                "{name}: {loss} of step {} is {got}, on the CPU {want}",
                i / 4 + 1
            );
        }
    }
}
