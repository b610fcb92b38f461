//! Cost of discriminators.

use super::{Channels, Cost, Price, conv, linear, only_params, primitive};
use crate::Error;
use crate::space::cell::CellKind;
use crate::space::gan::{Discriminator, Family};
use crate::space::primitive::{DOWN, NORMAL, OpKind};

/// Cost of discriminator `d` at width `width` for images of side `image`.
///
/// # Errors
/// If the image is too small for the number of halvings, or a cell would add halves of an odd side that differ.
pub fn discriminator(d: &Discriminator, width: usize, image: usize) -> Result<Cost, Error> {
    let mut cost = Cost::default();
    let mut size = image;
    match d.family {
        Family::Adversarial => {}
        Family::Eagan | Family::Autogan => {
            size = halved(size, image)?;
            first_block(&mut cost, width, image);
        }
        Family::Simple => simple(&mut cost, width, image)?,
    }
    if d.family == Family::Autogan {
        size = autogan_blocks(&mut cost, width, size, image)?;
    }
    for (cell, row) in d.genes.iter().enumerate() {
        let kind = d.family.cell_kind(cell);
        let halves = kind.gene(5).op(row[5]).kind != OpKind::NoDown;
        let out = if halves { halved(size, image)? } else { size };
        let name = d.family.cell_name(cell);
        let convolves = |g: usize| matches!(kind.gene(g).op(row[g]).kind, OpKind::DownConv(_));
        if halves && size % 2 == 1 && convolves(5) != convolves(6) {
            let reason = format!(
                "discriminator {name}: an odd side of {size} (images of {image}x{image}) is halved by a pooling and a \
                 convolution, which round differently; use images whose side is a multiple of 16"
            );
            return Err(Error::genotype(reason));
        }
        for (g, gene) in kind.genes().iter().enumerate() {
            let op = gene.op(row[g]);
            let at = if g < 5 { size } else { out };
            cost.add(&name, &gene.edge(), op.name, at, primitive(op, channels(kind, gene.from, width), at));
        }
        size = out;
    }
    cost.add("head", "", "linear", 1, linear(width, 1, false));
    Ok(cost)
}

/// Cost of the discriminator supernet of `family`: every candidate of every edge, and AdversarialNAS's logits.
///
/// EAGAN's cells choose whether they halve the image; its cells are counted at the sizes of AutoGAN-D.
///
/// # Errors
/// If the family is fixed or the image too small.
pub fn discriminator_supernet(family: Family, width: usize, image: usize) -> Result<Cost, Error> {
    let mut cost = Cost::default();
    let mut size = image;
    match family {
        Family::Adversarial => {}
        Family::Eagan => {
            first_block(&mut cost, width, image);
            size = halved(size, image)?;
        }
        Family::Autogan | Family::Simple => {
            let reason = format!(
                "family `{}` is fixed, only `adversarial` and `eagan` have a supernet",
                family.name()
            );
            return Err(Error::genotype(reason));
        }
    }
    for cell in 0..family.cells() {
        let kind = family.cell_kind(cell);
        let keeps = family == Family::Eagan && cell > 0;
        let out = if keeps { size } else { halved(size, image)? };
        let name = family.cell_name(cell);
        for (g, gene) in kind.genes().iter().enumerate() {
            let at = if g < 5 { size } else { out };
            let channels = channels(kind, gene.from, width);
            let all: Price = gene.options.iter().map(|op| primitive(op, channels, at)).sum();
            cost.add(&name, &gene.edge(), &format!("all {}", gene.options.len()), at, all);
        }
        size = out;
    }
    cost.add("head", "", "linear", 1, linear(width, 1, false));
    if family == Family::Adversarial {
        cost.add("logits", "normal", "4x5x7", 0, only_params(4 * 5 * NORMAL.len()));
        cost.add("logits", "down", "4x2x6", 0, only_params(4 * 2 * DOWN.len()));
    }
    Ok(cost)
}

fn channels(kind: CellKind, from: usize, width: usize) -> Channels {
    match (kind, from) {
        (CellKind::First, 0) => Channels { into: 3, out: width },
        (CellKind::Up | CellKind::First | CellKind::Down | CellKind::Eagan, _) => Channels::same(width),
    }
}

fn halved(size: usize, image: usize) -> Result<usize, Error> {
    if size < 2 {
        let reason =
            format!("images of {image}x{image} are too small for a discriminator that halves them so often");
        return Err(Error::genotype(reason));
    }
    Ok(size / 2)
}

/// AutoGAN-D's first block, which reads the image; its shortcut pools first.
fn first_block(cost: &mut Cost, width: usize, image: usize) {
    let rgb = Channels { into: 3, out: width };
    cost.add("block 1", "residual", "conv_3x3", image, conv(rgb, 3, image));
    cost.add("block 1", "residual", "conv_3x3", image, conv(Channels::same(width), 3, image));
    cost.add("block 1", "shortcut", "conv_1x1", image / 2, conv(rgb, 1, image / 2));
}

/// AutoGAN-D's blocks 2 to 4; the shortcut of block 2 pools last.
fn autogan_blocks(cost: &mut Cost, width: usize, size: usize, image: usize) -> Result<usize, Error> {
    let same = Channels::same(width);
    let inner = halved(size, image)?;
    for (block, size) in [("block 2", size), ("block 3", inner), ("block 4", inner)] {
        for _ in 0..2 {
            cost.add(block, "residual", "conv_3x3", size, conv(same, 3, size));
        }
        if block == "block 2" {
            cost.add(block, "shortcut", "conv_1x1", size, conv(same, 1, size));
        }
    }
    Ok(inner)
}

/// The five 4x4 convolutions of stride 2, three of them followed by batch norm.
fn simple(cost: &mut Cost, width: usize, image: usize) -> Result<(), Error> {
    let half = width / 2;
    let mut size = image;
    for (index, (into, out)) in [(3, half), (half, width), (width, width), (width, width), (width, width)]
        .into_iter()
        .enumerate()
    {
        size = halved(size, image)?;
        let name = format!("layer {}", index + 1);
        cost.add(&name, "", "conv_4x4 stride 2", size, conv(Channels { into, out }, 4, size));
        if index % 2 == 0 {
            cost.add(&name, "", "batch_norm", size, only_params(2 * out));
        }
    }
    Ok(())
}
