//! Cost of generators.

use super::{Channels, Cost, Form, Price, conv, linear, only_params, primitive};
use crate::Error;
use crate::space::cell::CellKind;
use crate::space::gan::{GeneratorArch, Lineage};
use crate::space::primitive::{NORMAL, UP};

/// Cost of the generator `arch` at width `width`.
///
/// # Errors
/// If the latent vector cannot be split as `form` says; AutoGAN's generator takes it whole.
pub fn generator(arch: &GeneratorArch, width: usize, form: &Form) -> Result<Cost, Error> {
    let GeneratorArch::Cells(genes) = arch else {
        return autogan_generator(width, form);
    };
    let edge = |cell: usize, g: usize, size: usize| {
        let op = CellKind::Up.gene(g).op(genes[cell][g] as i8);
        (op.name.to_string(), primitive(op, Channels::same(width), size))
    };
    network(width, form, edge)
}

/// Cost of the generator supernet: every candidate of every edge, and AdversarialNAS's logits.
///
/// # Errors
/// If the latent vector cannot be split as `form` says.
pub fn generator_supernet(lineage: Lineage, width: usize, form: &Form) -> Result<Cost, Error> {
    let edge = |_: usize, g: usize, size: usize| {
        let options = CellKind::Up.gene(g).options;
        let all: Price = options.iter().map(|op| primitive(op, Channels::same(width), size)).sum();
        (format!("all {}", options.len()), all)
    };
    let mut cost = network(width, form, edge)?;
    if lineage == Lineage::AdversarialNas {
        cost.add("logits", "normal", "3x5x7", 0, only_params(3 * 5 * NORMAL.len()));
        cost.add("logits", "up", "3x2x3", 0, only_params(3 * 2 * UP.len()));
    }
    Ok(cost)
}

/// The frame of every generator of the space around `edge(cell, gene, size)`.
fn network(
    width: usize,
    form: &Form,
    edge: impl Fn(usize, usize, usize) -> (String, Price),
) -> Result<Cost, Error> {
    let mut cost = Cost::default();
    let part = form.part()?;
    for index in 0..form.parts {
        let size = form.bottom << index;
        let price = linear(part, width * size * size, true);
        cost.add("latent", &format!("L{}", index + 1), "linear", size, price);
    }
    for cell in 0..3 {
        let name = format!("cell {}", cell + 1);
        let size = form.bottom << (cell + 1);
        for (g, gene) in CellKind::Up.genes().iter().enumerate() {
            let (op, price) = edge(cell, g, size);
            cost.add(&name, &gene.edge(), &op, size, price);
            if g == 3 {
                for from in 1..=cell {
                    let price = conv(Channels::same(width), 1, size);
                    cost.add(&name, &format!("s{from}->3"), "skip conv_1x1", size, price);
                }
            }
        }
    }
    head(&mut cost, width, form.image());
    Ok(cost)
}

fn head(cost: &mut Cost, width: usize, image: usize) {
    cost.add("head", "", "batch_norm", image, only_params(2 * width));
    let rgb = Channels { into: width, out: 3 };
    cost.add("head", "", "conv_3x3", image, conv(rgb, 3, image));
}

/// AutoGAN's published generator: one latent vector, two 3x3 convolutions per cell, all skips.
fn autogan_generator(width: usize, form: &Form) -> Result<Cost, Error> {
    if form.parts != 1 {
        let reason =
            format!("{} cannot be used: AutoGAN's generator takes the latent vector whole", form.parts);
        return Err(Error::config("latent-split", reason));
    }
    let mut cost = Cost::default();
    let bottom = form.bottom;
    let same = Channels::same(width);
    cost.add("latent", "L1", "linear", bottom, linear(form.latent, width * bottom * bottom, true));
    for cell in 0..3 {
        let name = format!("cell {}", cell + 1);
        let size = bottom << (cell + 1);
        cost.add(&name, "first", "conv_3x3", size, conv(same, 3, size));
        for from in 1..=cell {
            cost.add(&name, &format!("s{from}"), "skip conv_1x1", size, conv(same, 1, size));
        }
        cost.add(&name, "second", "conv_3x3", size, conv(same, 3, size));
        if cell < 2 {
            cost.add(&name, "shortcut", "conv_1x1", size, conv(same, 1, size));
        }
    }
    head(&mut cost, width, 8 * bottom);
    Ok(cost)
}
