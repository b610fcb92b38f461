//! A network as a row of panels, with what lies between them.

use super::cell_panel::{MIDDLE, RADIUS, SIZE, draw, node};
use super::style::{DEAD, FLOW, FRAME, INK, KINDS, PANEL, PAPER, QUIET, SKIP};
use super::svg::{Anchor, Canvas, Pen, Point};
use super::{AUTOGAN, CellPicture, fixed_blocks};
use crate::space::cell::CellKind;
use crate::space::gan::{Discriminator, Family};

const MARGIN: f64 = 24.0;
const GAP: f64 = 66.0;
const HEADING: f64 = 34.0;
const BOX_HEIGHT: f64 = 108.0;

const FLOW_PEN: Pen = Pen { colour: FLOW, width: 2.0, dashed: false };

/// Draws the generator with its top at `y`; gives the size it took.
pub fn generator(canvas: &mut Canvas, y: f64, cells: &[CellPicture]) -> Point {
    heading(
        canvas,
        y,
        "Generator",
        "dashed violet: 1x1 convolutions that carry node 3 into later cells",
    );
    let top = y + HEADING;
    let mut x = block(canvas, MARGIN, top, 78.0, "latent", &["z1", "linear"]);
    let mut corners = Vec::new();
    for index in 0..cells.len() {
        flow(
            canvas,
            x,
            top,
            if index == 0 {
                None
            } else {
                Some(format!("+ L{0} z{0}", index + 1))
            },
        );
        x += GAP;
        corners.push(x);
        x += SIZE.0;
    }
    skips(canvas, top, &corners, cells);
    for (x, cell) in corners.iter().zip(cells) {
        draw(canvas, (*x, top), cell);
    }
    skip_stubs(canvas, top, &corners, cells);
    for x in &corners {
        into_and_out(canvas, *x, top);
    }
    flow(canvas, x, top, None);
    x = block(canvas, x + GAP, top, 112.0, "image", &["BN, ReLU", "conv 3x3", "tanh"]);
    (x + MARGIN, HEADING + SIZE.1 + 74.0)
}

/// Draws AutoGAN's generator with its top at `y`; gives the size it took.
pub fn autogan(canvas: &mut Canvas, y: f64) -> Point {
    heading(
        canvas,
        y,
        "Generator",
        "AutoGAN, fixed; a skip is a cell's first sum, enlarged and through a 1x1 convolution",
    );
    let top = y + HEADING - MIDDLE + BOX_HEIGHT / 2.0;
    let mut x = block(canvas, MARGIN, top, 78.0, "latent", &["z", "linear"]);
    for (title, lines) in AUTOGAN {
        flow(canvas, x, top, None);
        x = block(canvas, x + GAP, top, box_width(lines), title, lines);
    }
    flow(canvas, x, top, None);
    x = block(canvas, x + GAP, top, 112.0, "image", &["BN, ReLU", "conv 3x3", "tanh"]);
    (x + MARGIN, HEADING + BOX_HEIGHT + 30.0)
}

/// Wide enough for the longest line.
fn box_width(lines: &[&str]) -> f64 {
    let widest = lines.iter().map(|l| l.len()).max().unwrap_or(0) as f64;
    (widest * 6.4 + 24.0).max(96.0)
}

/// Draws the discriminator with its top at `y`; gives the size it took.
pub fn discriminator(canvas: &mut Canvas, y: f64, d: &Discriminator, cells: &[CellPicture]) -> Point {
    let family = match d.family {
        Family::Adversarial => "AdversarialNAS",
        Family::Eagan => "EAGAN",
        Family::Autogan => "AutoGAN-D, fixed",
        Family::Simple => "simple, fixed",
    };
    heading(canvas, y, "Discriminator", family);
    // Without panels the row is only as high as its boxes.
    let (top, height) = if cells.is_empty() {
        (y + HEADING - MIDDLE + BOX_HEIGHT / 2.0, BOX_HEIGHT)
    } else {
        (y + HEADING, SIZE.1)
    };
    let mut x = block(canvas, MARGIN, top, 78.0, "image", &["32x32"]);
    for (title, lines) in fixed_blocks(d.family) {
        flow(canvas, x, top, None);
        x = block(canvas, x + GAP, top, box_width(lines), title, lines);
    }
    for cell in cells {
        flow(canvas, x, top, None);
        x += GAP;
        draw(canvas, (x, top), cell);
        into_and_out(canvas, x, top);
        x += SIZE.0;
    }
    flow(canvas, x, top, None);
    let score: &[&str] = match d.family {
        // Its last layer ends in an activation already.
        Family::Simple => &["sum of pixels", "linear"],
        Family::Adversarial | Family::Eagan | Family::Autogan => &["ReLU", "sum of pixels", "linear"],
    };
    x = block(canvas, x + GAP, top, 104.0, "score", score);
    (x + MARGIN, HEADING + height + 30.0)
}

/// What the colours mean.
pub fn legend(canvas: &mut Canvas, y: f64) {
    let mut x = MARGIN;
    for (colour, words) in KINDS.into_iter().chain([(DEAD, "does not reach the output")]) {
        let pen = Pen { colour, width: 3.0, dashed: colour == DEAD };
        canvas.line(&format!("M{x:.1} {y:.1}h24"), pen);
        canvas.text((x + 31.0, y + 4.0), words, 11.5, QUIET, Anchor::Start, false);
        x += 31.0 + words.len() as f64 * 6.6 + 22.0;
    }
    let note = "sizes for 32x32 images; edges that are none are left out";
    canvas.text((MARGIN, y + 24.0), note, 11.5, QUIET, Anchor::Start, false);
}

fn heading(canvas: &mut Canvas, y: f64, title: &str, note: &str) {
    canvas.text((MARGIN, y + 18.0), title, 16.0, INK, Anchor::Start, true);
    let after = MARGIN + title.len() as f64 * 9.6 + 16.0;
    canvas.text((after, y + 18.0), note, 12.0, QUIET, Anchor::Start, false);
}

/// A box with a title and lines, centred on the flow; gives its right side.
fn block(canvas: &mut Canvas, x: f64, top: f64, width: f64, title: &str, lines: &[&str]) -> f64 {
    let corner = (x, top + MIDDLE - BOX_HEIGHT / 2.0);
    canvas.rect(corner, (width, BOX_HEIGHT), PANEL, FRAME);
    let first = top + MIDDLE - lines.len() as f64 * 8.0 + 4.0;
    canvas.text((x + width / 2.0, first - 3.0), title, 13.0, INK, Anchor::Middle, true);
    for (index, line) in lines.iter().enumerate() {
        let y = first + 15.0 * (index + 1) as f64;
        canvas.text(
            (x + width / 2.0, y),
            &line.replace("->", "\u{2192}"),
            11.0,
            QUIET,
            Anchor::Middle,
            false,
        );
    }
    x + width
}

/// The arrow in the gap that begins at `x`, with a label above it.
fn flow(canvas: &mut Canvas, x: f64, top: f64, label: Option<String>) {
    let y = top + MIDDLE;
    let end = (x + GAP - 2.0, y);
    canvas.arrow(&format!("M{:.1} {y:.1}H{:.1}", x + 1.0, end.0 - 4.0), end, (1.0, 0.0), FLOW_PEN);
    if let Some(label) = label {
        canvas.text((x + GAP / 2.0 - 2.0, y - 9.0), &label, 11.0, FLOW, Anchor::Middle, false);
    }
}

/// The short lines that join a panel's sides with its input and output nodes.
fn into_and_out(canvas: &mut Canvas, x: f64, top: f64) {
    let y = top + MIDDLE;
    let first = x + node(CellKind::Up, 0).0 - RADIUS;
    let last = x + node(CellKind::Up, 4).0 + RADIUS;
    canvas.line(&format!("M{x:.1} {y:.1}H{:.1}M{last:.1} {y:.1}H{:.1}", first, x + SIZE.0), FLOW_PEN);
}

/// A skip from cell `from` to cell `to`: where it leaves, where it arrives, its lane below the panels.
struct Lane {
    from: usize,
    to: usize,
    leave: f64,
    arrive: f64,
    depth: f64,
}

/// Lanes are ordered so that no two of them cross.
const LANES: [Lane; 3] = [
    Lane {
        from: 0,
        to: 1,
        leave: 0.0,
        arrive: -7.0,
        depth: 44.0,
    },
    Lane {
        from: 0,
        to: 2,
        leave: 0.0,
        arrive: 7.0,
        depth: 44.0,
    },
    Lane {
        from: 1,
        to: 2,
        leave: 7.0,
        arrive: -7.0,
        depth: 20.0,
    },
];

fn skip_pen(lane: &Lane, cells: &[CellPicture]) -> Pen<'static> {
    Pen {
        colour: if cells[lane.to].live[3] { SKIP } else { DEAD },
        width: 1.7,
        dashed: true,
    }
}

/// The parts of the skips that lie below the panels.
fn skips(canvas: &mut Canvas, top: f64, corners: &[f64], cells: &[CellPicture]) {
    let middle = node(CellKind::Up, 3).0;
    let bottom = top + SIZE.1;
    // A dead skip is drawn first, so that a live one that shares its lane stays whole.
    let mut lanes: Vec<&Lane> = LANES.iter().collect();
    lanes.sort_by_key(|lane| cells[lane.to].live[3]);
    for lane in lanes {
        let (a, b) = (corners[lane.from] + middle + lane.leave, corners[lane.to] + middle + lane.arrive);
        let y = bottom + lane.depth;
        let pen = skip_pen(lane, cells);
        canvas.line(&format!("M{a:.1} {bottom:.1}V{y:.1}H{b:.1}V{bottom:.1}"), pen);
    }
    for lane in &LANES {
        let b = corners[lane.to] + middle + lane.arrive;
        let mode = if lane.to == 1 { "bilinear" } else { "nearest" };
        let label = format!("s{}: {mode}, conv_1x1", lane.from + 1);
        canvas.tag((b - 150.0, bottom + lane.depth), &label, skip_pen(lane, cells).colour, PAPER);
    }
}

/// The parts of the skips that lie inside the panels, up to node 3.
fn skip_stubs(canvas: &mut Canvas, top: f64, corners: &[f64], cells: &[CellPicture]) {
    let (middle, height) = node(CellKind::Up, 3);
    let bottom = top + SIZE.1;
    for lane in &LANES {
        let pen = skip_pen(lane, cells);
        let edge = |offset: f64| top + height + (RADIUS * RADIUS - offset * offset).sqrt() + 2.0;
        let a = corners[lane.from] + middle + lane.leave;
        if lane.to == lane.from + 1 {
            let pen = skip_pen(
                LANES
                    .iter()
                    .filter(|l| l.from == lane.from)
                    .find(|l| cells[l.to].live[3])
                    .unwrap_or(lane),
                cells,
            );
            canvas.line(&format!("M{a:.1} {:.1}V{bottom:.1}", edge(lane.leave)), pen);
        }
        let end = (corners[lane.to] + middle + lane.arrive, edge(lane.arrive));
        canvas.arrow(&format!("M{:.1} {bottom:.1}V{:.1}", end.0, end.1 + 5.0), end, (0.0, -1.0), pen);
    }
}
