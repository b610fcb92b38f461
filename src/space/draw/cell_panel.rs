//! The picture of one cell: five nodes, their edges, and the operation written on each edge.

use super::CellPicture;
use super::style::{DEAD, FRAME, INK, PANEL, QUIET, colour};
use super::svg::{Anchor, Canvas, Pen, Point};
use crate::space::cell::CellKind;
use crate::space::primitive::OpKind;

/// Size of a panel.
pub const SIZE: Point = (470.0, 262.0);
/// Height of the line on which input and output lie, from the panel's top.
pub const MIDDLE: f64 = 140.0;
/// Radius of a node.
pub const RADIUS: f64 = 15.0;

const LEFT: f64 = 34.0;
const TOP: f64 = 66.0;
const BOTTOM: f64 = 214.0;

/// Where node `node` of a cell of kind `kind` lies in its panel.
pub fn node(kind: CellKind, node: usize) -> Point {
    let right = SIZE.0 - LEFT;
    match (kind, node) {
        (_, 0) => (LEFT, MIDDLE),
        (_, 4) => (right, MIDDLE),
        (CellKind::Up, 1) => (150.0, TOP),
        (CellKind::Up, 2) => (150.0, BOTTOM),
        (CellKind::Up, _) => (right - 156.0, MIDDLE),
        (_, 1) => (LEFT + 156.0, MIDDLE),
        (_, 2) => (SIZE.0 - 150.0, TOP),
        (_, _) => (SIZE.0 - 150.0, BOTTOM),
    }
}

/// Draws `cell` with its panel's upper left corner at `at`.
pub fn draw(canvas: &mut Canvas, at: Point, cell: &CellPicture) {
    canvas.rect(at, SIZE, PANEL, FRAME);
    canvas.text((at.0 + 14.0, at.1 + 24.0), &cell.name, 14.0, INK, Anchor::Start, true);
    let (before, after) = cell.sizes;
    let sizes = format!("{before}x{before} \u{2192} {after}x{after}");
    canvas.text((at.0 + SIZE.0 - 14.0, at.1 + 24.0), &sizes, 11.5, QUIET, Anchor::End, false);
    // Lines first, then labels, then nodes: no line may cross a label.
    for labels in [false, true] {
        for g in 0..cell.row.len() {
            edge(canvas, at, cell, g, labels);
        }
    }
    for (index, live) in cell.live.iter().enumerate() {
        let (x, y) = node(cell.kind, index);
        let stroke = if *live { INK } else { DEAD };
        canvas.node((at.0 + x, at.1 + y), RADIUS, &index.to_string(), "#ffffff", stroke);
    }
}

/// Draws the line of gene `g`, or its label.
fn edge(canvas: &mut Canvas, at: Point, cell: &CellPicture, g: usize, label: bool) {
    let gene = cell.kind.gene(g);
    let op = gene.op(cell.row[g]);
    if op.kind == OpKind::None {
        return;
    }
    let shift = |(x, y): Point| (at.0 + x, at.1 + y);
    let from = shift(node(cell.kind, gene.from));
    let to = shift(node(cell.kind, gene.to));
    let control = shift(control(cell.kind, gene.from, gene.to));
    let dead = cell.dead_edge(g);
    let paint = if dead { DEAD } else { colour(op.kind) };
    if label {
        let t = share(cell.kind, gene.from, gene.to);
        let along = |a: f64, b: f64, c: f64| (1.0 - t).powi(2) * a + 2.0 * t * (1.0 - t) * b + t * t * c;
        let middle = (along(from.0, control.0, to.0), along(from.1, control.1, to.1));
        let bare = !gene.relu && cell.kind == CellKind::Eagan && matches!(op.kind, OpKind::Conv(_));
        let text = if bare {
            format!("{}, no ReLU", op.name)
        } else {
            op.name.to_string()
        };
        canvas.tag(middle, &text, paint, PANEL);
        return;
    }
    let start = towards(from, control, RADIUS + 1.0);
    let end = towards(to, control, RADIUS + 2.0);
    let path = format!(
        "M{:.1} {:.1}Q{:.1} {:.1} {:.1} {:.1}",
        start.0, start.1, control.0, control.1, end.0, end.1
    );
    let pen = Pen { colour: paint, width: 1.7, dashed: dead };
    canvas.arrow(&path, end, (end.0 - control.0, end.1 - control.1), pen);
}

/// Control point of the curve between two nodes; the long edges go around the node between.
fn control(kind: CellKind, from: usize, to: usize) -> Point {
    let (a, b) = (node(kind, from), node(kind, to));
    let around = match (kind, from, to) {
        (CellKind::Up, 1, 4) => Some((b.0 - 62.0, 40.0)),
        (CellKind::Up, 2, 4) => Some((b.0 - 62.0, 240.0)),
        (CellKind::First | CellKind::Down | CellKind::Eagan, 0, 2) => Some((a.0 + 62.0, 40.0)),
        (CellKind::First | CellKind::Down | CellKind::Eagan, 0, 3) => Some((a.0 + 62.0, 240.0)),
        _ => None,
    };
    around.unwrap_or(((a.0 + b.0) / 2.0, (a.1 + b.1) / 2.0))
}

/// How far along its line a label stands.
fn share(kind: CellKind, from: usize, to: usize) -> f64 {
    match (kind, from, to) {
        (CellKind::Up, 1 | 2, 4) => 0.56,
        (CellKind::First | CellKind::Down | CellKind::Eagan, 0, 2 | 3) => 0.44,
        _ => 0.5,
    }
}

/// The point `distance` away from `from` in the direction of `to`.
fn towards(from: Point, to: Point, distance: f64) -> Point {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let length = dx.hypot(dy).max(1e-9);
    (from.0 + dx / length * distance, from.1 + dy / length * distance)
}
