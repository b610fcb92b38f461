//! What the rounds found, as numbers and as pictures.

use plotters::prelude::*;
use serde::{Deserialize, Serialize};

use super::schedule::Stage;
use crate::Error;
use crate::search::pareto;

/// A round, as it is remembered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Round {
    pub stage: Stage,
    pub round: u64,
    /// What is minimised of the candidates that could be compared.
    pub points: Vec<Vec<f64>>,
    /// Share of the box between 0 and the reference point that the candidates dominate.
    pub hypervolume: f64,
}

/// The rounds so far.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct History {
    rounds: Vec<Round>,
    /// Corner of the box that hypervolumes are measured in, one for each stage: a tenth beyond the worst of the first round
    /// in every objective, so that rounds can be compared.
    corners: Vec<(Stage, Vec<f64>)>,
}

impl History {
    /// Adds a round; gives its hypervolume.
    pub fn add(&mut self, stage: Stage, round: u64, points: &[Vec<f64>]) -> f64 {
        if let (None, Some(first)) = (self.corner(stage), points.first()) {
            let worst = |i: usize| points.iter().map(|p| p[i]).fold(f64::NEG_INFINITY, f64::max);
            let corner = (0..first.len()).map(|i| 1.1 * worst(i)).collect();
            self.corners.push((stage, corner));
        }
        let hypervolume = match self.corner(stage) {
            // An objective that is 0 for all leaves no box, and no share of it.
            Some(corner) if !points.is_empty() && corner.iter().all(|c| *c != 0.0) => {
                pareto::hypervolume(points, corner) / corner.iter().product::<f64>()
            }
            _ => 0.0,
        };
        self.rounds.push(Round { stage, round, points: points.to_vec(), hypervolume });
        hypervolume
    }

    fn corner(&self, stage: Stage) -> Option<&Vec<f64>> {
        self.corners.iter().find(|(of, _)| *of == stage).map(|(_, corner)| corner)
    }

    fn of(&self, stage: Stage) -> Vec<&Round> {
        self.rounds.iter().filter(|round| round.stage == stage).collect()
    }

    /// Every round's candidates and their front in the first two objectives, as an SVG; `None` with a single objective or
    /// no candidates.
    ///
    /// # Errors
    /// If it cannot be drawn.
    pub fn fronts_svg(&self, stage: Stage, names: &[String]) -> Result<Option<String>, Error> {
        let rounds = self.of(stage);
        let xy = |p: &Vec<f64>| (p[0], p[1]);
        let all: Vec<(f64, f64)> =
            rounds.iter().flat_map(|r| &r.points).filter(|p| p.len() > 1).map(xy).collect();
        if all.is_empty() {
            return Ok(None);
        }
        let mut text = String::new();
        draw_fronts(&mut text, &rounds, &all, stage, names).map_err(|e| undrawn("the fronts", e.as_ref()))?;
        Ok(Some(text))
    }

    /// The hypervolume of every round of both stages, as an SVG.
    ///
    /// # Errors
    /// If it cannot be drawn.
    pub fn hypervolume_svg(&self) -> Result<String, Error> {
        let mut text = String::new();
        self.draw_hypervolume(&mut text)
            .map_err(|e| undrawn("the hypervolume", e.as_ref()))?;
        Ok(text)
    }

    fn draw_hypervolume(&self, to: &mut String) -> Result<(), Box<dyn std::error::Error>> {
        let last = self.rounds.iter().map(|r| r.round).max().unwrap_or(1);
        let (low, high) = range(self.rounds.iter().map(|r| r.hypervolume));
        let root = SVGBackend::with_string(to, (720, 420)).into_drawing_area();
        root.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&root)
            .caption("hypervolume of the candidates", ("sans-serif", 18))
            .margin(12)
            .x_label_area_size(36)
            .y_label_area_size(56)
            .build_cartesian_2d(1.0..(last as f64).max(2.0), low..high)?;
        chart
            .configure_mesh()
            .light_line_style(WHITE)
            .x_desc("round")
            .y_desc("share of the box to the reference point")
            .x_labels(last as usize)
            .x_label_formatter(&|round| format!("{round:.0}"))
            .draw()?;
        for (i, stage) in [Stage::Generators, Stage::Discriminators].into_iter().enumerate() {
            let points: Vec<(f64, f64)> =
                self.of(stage).iter().map(|r| (r.round as f64, r.hypervolume)).collect();
            if points.is_empty() {
                continue;
            }
            let colour = Palette99::pick(i).to_rgba();
            chart.draw_series(points.iter().map(|p| Circle::new(*p, 3, colour.filled())))?;
            chart
                .draw_series(LineSeries::new(points, colour.stroke_width(2)))?
                .label(format!("stage {}", stage.number()))
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
        }
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::LowerRight)
            .background_style(WHITE.mix(0.8))
            .border_style(BLACK.mix(0.2))
            .label_font(("sans-serif", 13))
            .draw()?;
        root.present()?;
        Ok(())
    }
}

fn undrawn(what: &str, error: &dyn std::error::Error) -> Error {
    Error::config("front", format!("{what} cannot be drawn: {error}"))
}

/// An axis that holds all `values`, whether or not they differ.
fn range(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let low = values.clone().fold(f64::INFINITY, f64::min);
    let high = values.fold(f64::NEG_INFINITY, f64::max);
    let pad = ((high - low) * 0.05).max(1e-6 + high.abs() * 1e-3);
    (low - pad, high + pad)
}

fn draw_fronts(
    to: &mut String,
    rounds: &[&Round],
    all: &[(f64, f64)],
    stage: Stage,
    names: &[String],
) -> Result<(), Box<dyn std::error::Error>> {
    let (left, right) = range(all.iter().map(|p| p.0));
    let (low, high) = range(all.iter().map(|p| p.1));
    let root = SVGBackend::with_string(to, (720, 540)).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .caption(
            format!("stage {}: candidates and fronts of every round", stage.number()),
            ("sans-serif", 18),
        )
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(64)
        .build_cartesian_2d(left..right, low..high)?;
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .x_desc(names[0].as_str())
        .y_desc(names[1].as_str())
        .draw()?;
    let last = rounds.len().saturating_sub(1).max(1);
    for (i, round) in rounds.iter().enumerate() {
        // From blue in the first round to red in the last.
        let colour = HSLColor(0.62 * (1.0 - i as f64 / last as f64), 0.85, 0.45).to_rgba();
        let pairs: Vec<Vec<f64>> = round.points.iter().map(|p| p[..2].to_vec()).collect();
        chart.draw_series(pairs.iter().map(|p| Circle::new((p[0], p[1]), 2, colour.filled())))?;
        let front = pareto::fronts(&pairs).into_iter().next().unwrap_or_default();
        let mut front: Vec<(f64, f64)> = front.into_iter().map(|i| (pairs[i][0], pairs[i][1])).collect();
        front.sort_by(|a, b| a.0.total_cmp(&b.0));
        chart
            .draw_series(LineSeries::new(front, colour.stroke_width(2)))?
            .label(format!("round {}", round.round))
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.2))
        .label_font(("sans-serif", 12))
        .draw()?;
    root.present()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hypervolumes_of_all_rounds_share_the_box_of_the_first() {
        let mut history = History::default();
        let first = history.add(Stage::Generators, 1, &[vec![1.0, 2.0], vec![2.0, 1.0]]);
        // The corner is (2.2, 2.2).
        approx::assert_relative_eq!(first, (1.2 * 0.2 + 0.2 * 1.2 - 0.2 * 0.2) / 4.84, max_relative = 1e-9);
        let better = history.add(Stage::Generators, 2, &[vec![0.5, 0.5]]);
        approx::assert_relative_eq!(better, 1.7 * 1.7 / 4.84, max_relative = 1e-9);
        assert_eq!(history.add(Stage::Generators, 3, &[]), 0.0);
        assert_eq!(History::default().add(Stage::Generators, 1, &[vec![0.0, 1.0]]), 0.0);
        let other = history.add(Stage::Discriminators, 1, &[vec![7.0, 7.0]]);
        approx::assert_relative_eq!(other, 0.7 * 0.7 / (7.7 * 7.7), max_relative = 1e-9);
    }

    #[test]
    fn pictures_name_rounds_stages_and_objectives() {
        let names = ["frechet".to_owned(), "inverse_score".to_owned()];
        let mut history = History::default();
        assert!(history.fronts_svg(Stage::Generators, &names).unwrap().is_none());
        history.add(Stage::Generators, 1, &[vec![1.0, 2.0], vec![2.0, 1.0]]);
        history.add(Stage::Generators, 2, &[vec![0.5, 0.5]]);
        let svg = history.fronts_svg(Stage::Generators, &names).unwrap().unwrap();
        assert!(svg.contains("round 2") && svg.contains("inverse_score"));
        assert!(history.hypervolume_svg().unwrap().contains("stage 1"));
        history.add(Stage::Discriminators, 1, &[vec![3.0]]);
        assert!(history.fronts_svg(Stage::Discriminators, &names).unwrap().is_none());
    }
}
