//! Metrics over steps as a picture.

use std::collections::BTreeMap;

use plotters::prelude::*;
use serde_json::Value;

use crate::Error;

/// Keys of a metrics line that say when it was written, or are settings, and are not drawn.
const NOT_DRAWN: [&str; 5] = ["step", "seconds", "steps_per_second", "pass", "tau"];

/// Width and height of the picture.
const SIZE: (u32, u32) = (960, 420);

/// Every number of the metrics `lines` over their `step`, as an SVG; `None` if there is nothing to draw.
///
/// # Errors
/// If the picture cannot be made.
pub fn svg(lines: &[Value], title: &str) -> Result<Option<String>, Error> {
    let curves = curves(lines);
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
    draw(&mut text, &curves, area, title)
        .map_err(|e| Error::config("curves.svg", format!("cannot be drawn: {e}")))?;
    Ok(Some(text))
}

type Curves = BTreeMap<String, Vec<(f64, f64)>>;

struct Area {
    steps: std::ops::Range<f64>,
    values: std::ops::Range<f64>,
}

fn curves(lines: &[Value]) -> Curves {
    let mut curves = Curves::new();
    for line in lines {
        let (Some(step), Some(all)) = (line["step"].as_f64(), line.as_object()) else {
            continue;
        };
        for (name, value) in all {
            if let (Some(value), false) = (value.as_f64(), NOT_DRAWN.contains(&name.as_str())) {
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

fn draw(to: &mut String, curves: &Curves, area: Area, title: &str) -> Result<(), Box<dyn std::error::Error>> {
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
        .y_desc("loss")
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
        let svg = svg(&lines, "losses").unwrap().expect("there are points");
        assert!(svg.contains("d_arch") && svg.contains("g_arch"));
        assert!(!svg.contains("seconds") && !svg.contains("tau"));
    }

    #[test]
    fn no_or_one_point_is_no_failure() {
        assert!(svg(&[], "losses").unwrap().is_none());
        assert!(svg(&[json!({"step": 5, "d_arch": 2.0})], "losses").unwrap().is_some());
    }
}
