//! Metrics over steps as a picture.

use std::collections::BTreeMap;

use plotters::prelude::*;
use serde_json::Value;

use crate::Error;

/// Keys of a metrics line that say when it was written or how fast, or are settings, and are not drawn.
const NOT_DRAWN: [&str; 10] = [
    "step",
    "seconds",
    "steps_per_second",
    "images_per_second",
    "device_idle_share",
    "pass",
    "stage",
    "round",
    "evaluations",
    "tau",
];
/// What the keys of a distance between pictures begin with: they have an axis of their own.
const DISTANCES: [&str; 2] = ["fid_", "frechet_"];
/// What the keys of a score begin with, which is neither.
const SCORES: [&str; 4] = ["is_", "score_", "inverse_is_", "inverse_score_"];
/// What the keys of times, sizes and volumes begin with, which are no losses either.
const OTHERS: [&str; 6] = ["seconds_", "hypervolume", "params_", "macs_", "memory_", "latency_"];

/// Width and height of the picture.
const SIZE: (u32, u32) = (960, 420);

/// Every loss of the metrics `lines` over their `step`, as an SVG; `None` if there is nothing to draw.
///
/// # Errors
/// If the picture cannot be made.
pub fn losses(lines: &[Value]) -> Result<Option<String>, Error> {
    let begins = |name: &str, all: &[&str]| all.iter().any(|start| name.starts_with(start));
    let is_loss = |name: &str| {
        let other = begins(name, &DISTANCES) || begins(name, &SCORES) || begins(name, &OTHERS);
        !NOT_DRAWN.contains(&name) && !other
    };
    svg(&curves(lines, is_loss), "losses", "loss")
}

/// Every distance between generated and real pictures over the steps, likewise.
///
/// # Errors
/// If the picture cannot be made.
pub fn distances(lines: &[Value]) -> Result<Option<String>, Error> {
    let is_distance = |name: &str| DISTANCES.iter().any(|start| name.starts_with(start));
    svg(&curves(lines, is_distance), "distances", "distance")
}

fn svg(curves: &Curves, title: &str, axis: &str) -> Result<Option<String>, Error> {
    let points = || curves.values().flatten();
    let (Some(first), Some(last)) = (least(points().map(|p| p.0)), most(points().map(|p| p.0))) else {
        return Ok(None);
    };
    let (Some(low), Some(high)) = (least(points().map(|p| p.1)), most(points().map(|p| p.1))) else {
        return Ok(None);
    };
    // A single point or a constant still needs an axis of some length.
    let pad = ((high - low) * 0.05).max(1e-3);
    let area = Area {
        steps: first..last.max(first + 1.0),
        values: low - pad..high + pad,
    };
    let mut text = String::new();
    draw(&mut text, curves, area, [title, axis])
        .map_err(|e| Error::config("curves.svg", format!("cannot be drawn: {e}")))?;
    Ok(Some(text))
}

type Curves = BTreeMap<String, Vec<(f64, f64)>>;

struct Area {
    steps: std::ops::Range<f64>,
    values: std::ops::Range<f64>,
}

fn curves(lines: &[Value], wanted: impl Fn(&str) -> bool) -> Curves {
    let mut curves = Curves::new();
    for line in lines {
        let (Some(step), Some(all)) = (line["step"].as_f64(), line.as_object()) else {
            continue;
        };
        for (name, value) in all {
            if let (Some(value), false) = (value.as_f64(), !wanted(name)) {
                curves.entry(name.clone()).or_default().push((step, value));
            }
        }
    }
    curves
}

fn least(values: impl Iterator<Item = f64>) -> Option<f64> {
    values.reduce(f64::min)
}

fn most(values: impl Iterator<Item = f64>) -> Option<f64> {
    values.reduce(f64::max)
}

fn draw(
    to: &mut String,
    curves: &Curves,
    area: Area,
    [title, axis]: [&str; 2],
) -> Result<(), Box<dyn std::error::Error>> {
    let root = SVGBackend::with_string(to, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .caption(title, ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(56)
        .build_cartesian_2d(area.steps, area.values)?;
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .x_desc("step")
        .y_desc(axis)
        .x_label_formatter(&|step| format!("{step:.0}"))
        .draw()?;
    for (i, (name, points)) in curves.iter().enumerate() {
        let colour = Palette99::pick(i).to_rgba();
        chart
            .draw_series(LineSeries::new(points.iter().copied(), colour.stroke_width(1)))?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.2))
        .label_font(("sans-serif", 13))
        .draw()?;
    root.present()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_loss_has_a_curve_and_no_clock_has() {
        let lines = [
            json!({"step": 10, "seconds": 1.5, "tau": 4.0, "d_arch": 2.0, "g_arch": -0.1}),
            json!({"step": 20, "seconds": 3.0, "tau": 4.0, "d_arch": 1.5, "g_arch": 0.3}),
        ];
        let svg = losses(&lines).unwrap().expect("there are points");
        assert!(svg.contains("d_arch") && svg.contains("g_arch"));
        assert!(!svg.contains("seconds") && !svg.contains("tau"));
        assert!(distances(&lines).unwrap().is_none());
    }

    #[test]
    fn distances_and_rates_do_not_press_the_losses_flat() {
        let lines = [
            json!({"step": 10, "d": 2.0, "images_per_second": 180.0}),
            json!({"step": 10, "frechet_ema": 40.0, "frechet_live": 30.0, "score_mean_ema": 5.0}),
        ];
        let (losses, distances) = (losses(&lines).unwrap().unwrap(), distances(&lines).unwrap().unwrap());
        assert!(!losses.contains("images_per") && !losses.contains("frechet") && !losses.contains("score"));
        assert!(distances.contains("frechet_ema") && distances.contains("frechet_live"));
        assert!(!distances.contains("score"));
    }

    #[test]
    fn no_or_one_point_is_no_failure() {
        assert!(losses(&[]).unwrap().is_none());
        assert!(losses(&[json!({"step": 5, "d_arch": 2.0})]).unwrap().is_some());
    }
}
