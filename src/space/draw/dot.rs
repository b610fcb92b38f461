//! A genotype as a Graphviz graph.

use super::style::{DEAD, INK, SKIP, colour};
use super::{AUTOGAN, CellPicture, discriminator_cells, fixed_blocks, generator_cells};
use crate::space::gan::{GanGenotype, GeneratorArch};
use crate::space::primitive::OpKind;
use std::fmt::Write;

/// A valid genotype in the DOT language: a cluster per cell, an edge per operation that is not none.
pub fn dot(gan: &GanGenotype, title: &str) -> String {
    let mut out = String::new();
    let title = title.replace('\\', "\\\\").replace('"', "\\\"");
    line(&mut out, "digraph genotype {");
    line(&mut out, &format!("  label=\"{title}\"; labelloc=t; rankdir=LR; fontname=\"Helvetica\";"));
    line(
        &mut out,
        "  node [shape=circle, fontname=\"Helvetica\"]; edge [fontname=\"Helvetica\", fontsize=10];",
    );
    if gan.generator == Some(GeneratorArch::AutoGan) {
        line(&mut out, "  z [shape=box, label=\"z\"]; image [shape=box, label=\"image\"];");
        let mut last = "z".to_string();
        for (index, (name, lines)) in AUTOGAN.iter().enumerate() {
            line(&mut out, &format!("  G{index} [shape=box, label=\"{name}\\n{}\"];", lines.join("\\n")));
            let looks = if index == 0 { " [label=\"linear\"]" } else { "" };
            line(&mut out, &format!("  {last} -> G{index}{looks};"));
            for from in 0..index {
                line(&mut out, &format!("  G{from} -> G{index} [label=\"skip\", style=dashed];"));
            }
            last = format!("G{index}");
        }
        line(&mut out, &format!("  {last} -> image [label=\"BN, ReLU, conv_3x3, tanh\"];"));
    } else if gan.generator.is_some() {
        let cells = generator_cells(gan);
        line(&mut out, "  z [shape=box, label=\"z\"]; image [shape=box, label=\"image\"];");
        clusters(&mut out, "G", &cells);
        line(&mut out, "  z -> G0_0 [label=\"linear\"];");
        for (index, cell) in cells.iter().enumerate().skip(1) {
            line(&mut out, &format!("  G{}_4 -> G{index}_0;", index - 1));
            let paint = if cell.live[3] { SKIP } else { DEAD };
            let looks =
                format!("label=\"skip conv_1x1\", style=dashed, color=\"{paint}\", fontcolor=\"{paint}\"");
            for from in 0..index {
                line(&mut out, &format!("  G{from}_3 -> G{index}_3 [{looks}];"));
            }
        }
        line(&mut out, "  G2_4 -> image [label=\"BN, ReLU, conv_3x3, tanh\"];");
    }
    if let Some(d) = &gan.discriminator {
        let cells = discriminator_cells(d);
        line(&mut out, "  x [shape=box, label=\"x\"]; score [shape=box, label=\"score\"];");
        let mut last = "x".to_string();
        for (index, (name, lines)) in fixed_blocks(d.family).iter().enumerate() {
            line(&mut out, &format!("  B{index} [shape=box, label=\"{name}\\n{}\"];", lines.join("\\n")));
            line(&mut out, &format!("  {last} -> B{index};"));
            last = format!("B{index}");
        }
        clusters(&mut out, "D", &cells);
        for cell in 0..cells.len() {
            line(&mut out, &format!("  {last} -> D{cell}_0;"));
            last = format!("D{cell}_4");
        }
        line(&mut out, &format!("  {last} -> score [label=\"ReLU, sum, linear\"];"));
    }
    line(&mut out, "}");
    out
}

fn clusters(out: &mut String, prefix: &str, cells: &[CellPicture]) {
    for (index, cell) in cells.iter().enumerate() {
        let (before, after) = cell.sizes;
        line(out, &format!("  subgraph cluster_{prefix}{index} {{"));
        line(out, &format!("    label=\"{} ({before} to {after})\"; color=\"#d5dbe3\";", cell.name));
        for (node, live) in cell.live.iter().enumerate() {
            let paint = if *live { INK } else { DEAD };
            line(
                out,
                &format!(
                    "    {prefix}{index}_{node} [label=\"{node}\", color=\"{paint}\", fontcolor=\"{paint}\"];"
                ),
            );
        }
        for (g, gene) in cell.kind.genes().iter().enumerate() {
            let op = gene.op(cell.row[g]);
            if op.kind == OpKind::None {
                continue;
            }
            let paint = if cell.dead_edge(g) { DEAD } else { colour(op.kind) };
            line(
                out,
                &format!(
                    "    {prefix}{index}_{} -> {prefix}{index}_{} [label=\"{}\", color=\"{paint}\", fontcolor=\"{paint}\"];",
                    gene.from, gene.to, op.name
                ),
            );
        }
        line(out, "  }");
    }
}

fn line(out: &mut String, text: &str) {
    writeln!(out, "{text}").expect("a String takes whatever is written");
}
