//! What is printed: each number under a name that it may bear, and the protocol that it was made by.

use serde_json::{Map, Value, json};

use super::{EvaluateArgs, Measured};
use crate::Error;
use crate::metrics::{
    FeatureProtocol, FeatureSet, Frechet, Kid, KidProtocol, Neighbours, NetworkKind, Prdc, Score, too_few,
};

/// Images of the published protocol.
const PUBLISHED: usize = 50_000;

/// Numbers and lines, gathered one metric after the other.
pub(super) struct Report {
    numbers: Map<String, Value>,
    protocol: Map<String, Value>,
    results: Vec<String>,
    about: Vec<String>,
    warnings: Vec<String>,
    /// How the features were made, where that is known.
    features: Option<FeatureProtocol>,
    /// Whether the generated side was described by what FID and the Inception Score are defined by.
    published: bool,
    generated: Option<usize>,
}

impl Report {
    /// # Errors
    /// If the two sides say that their features were made in different ways.
    pub fn new(a: Option<&Measured>, b: Option<&Measured>, seed: u64) -> Result<Report, Error> {
        let protocol_of = |side: Option<&Measured>| side.and_then(|side| side.protocol.clone());
        let (of_a, of_b) = (protocol_of(a), protocol_of(b));
        if let (Some(x), Some(y)) = (&of_a, &of_b) {
            x.require_same(y)?;
        }
        let published = of_a.as_ref().is_some_and(is_published);
        let features = of_a.or(of_b);
        let mut protocol = Map::new();
        let mut about = Vec::new();
        for (role, side) in [("generated", a), ("reference", b)] {
            let Some(side) = side else {
                continue;
            };
            protocol.insert(
                role.into(),
                json!({"source": side.source, "kind": side.kind, "images": side.n, "skipped": side.skipped}),
            );
            let count = side.n.map_or("number not stored".to_owned(), |n| format!("{n} images"));
            let skipped = match side.skipped {
                0 => String::new(),
                n => format!(", {n} more could not be decoded"),
            };
            about.push(format!("{role:<21} {} ({}), {count}{skipped}", side.source, side.kind));
        }
        if let Some(features) = &features {
            protocol.insert(
                "features".into(),
                json!({
                    "name": features.network.name,
                    "file": features.network.file,
                    "sha256": features.network.sha256,
                    "dims": features.dims,
                    "input": features.network.input,
                    "logits": features.network.logits,
                }),
            );
            about.push(format!("{:<21} {features}", "features"));
            about.push(format!("{:<21} {}", "input", features.network.input));
        }
        protocol.insert("seed".into(), json!(seed));
        let generated = a.and_then(|a| a.n);
        Ok(Report {
            numbers: Map::new(),
            protocol,
            results: Vec::new(),
            about,
            warnings: Vec::new(),
            features,
            published,
            generated,
        })
    }

    fn of_classifier(&self) -> bool {
        self.features
            .as_ref()
            .is_some_and(|f| f.network.kind == NetworkKind::Classifier)
    }

    fn named(&self) -> String {
        self.features
            .as_ref()
            .map_or("features of the files".to_owned(), |f| format!("features {}", f.network.name))
    }

    pub fn frechet(&mut self, found: Frechet, a: &Measured, b: &Measured) {
        let d = a.moments().map_or(0, |m| m.d());
        let name = match (self.published, self.generated) {
            (true, Some(PUBLISHED)) => "FID".to_owned(),
            _ => format!("Fréchet distance ({})", self.named()),
        };
        let key = if self.of_classifier() {
            "frechet_distance"
        } else {
            "fid"
        };
        self.numbers.insert(key.into(), json!(found.distance));
        self.protocol.insert(
            "distance".into(),
            json!({
                "name": name, "dims": d, "mean_term": found.mean_term, "trace_sqrt": found.trace_sqrt,
            }),
        );
        self.line(
            &name,
            format!("{:.4}", found.distance),
            format!("{:.4} of it from the means", found.mean_term),
        );
        self.warnings.extend(too_few("generated", a.n, d));
        self.warnings.extend(too_few("reference", b.n, d));
    }

    pub fn kid(&mut self, found: Kid, used: KidProtocol, asked: usize) {
        self.numbers.insert("kid_mean".into(), json!(found.mean));
        self.numbers.insert("kid_std".into(), json!(found.std));
        self.protocol
            .insert("kid".into(), json!({"subsets": used.subsets, "subset_size": used.size}));
        let name = format!("kernel distance ({})", self.named());
        let name = if self.published { "KID".to_owned() } else { name };
        let spread = format!("+- {:.6} over {} subsets of {}", found.std, used.subsets, used.size);
        self.line(&name, format!("{:.6}", found.mean), spread);
        if used.size < asked {
            self.warnings.push(format!(
                "the kernel distance used subsets of {} images instead of {asked}, as many as the smaller side has",
                used.size
            ));
        }
    }

    pub fn prdc(&mut self, found: Prdc, used: Neighbours) {
        let Prdc { precision, recall, density, coverage } = found;
        for (key, value) in
            [("precision", precision), ("recall", recall), ("density", density), ("coverage", coverage)]
        {
            self.numbers.insert(key.into(), json!(value));
        }
        self.protocol
            .insert("neighbours".into(), json!({"precision": used.precision, "density": used.density}));
        let nearest = |k: usize| format!("neighbour {k}");
        self.line("precision, recall", format!("{precision:.4}  {recall:.4}"), nearest(used.precision));
        self.line("density, coverage", format!("{density:.4}  {coverage:.4}"), nearest(used.density));
    }

    /// The score of logits from a file bears the name of no network.
    pub fn score(&mut self, found: Score, args: &EvaluateArgs, logits: &FeatureSet) {
        let own = args.logits.is_none();
        let of_classifier = own && self.of_classifier();
        let key = if of_classifier { "classifier_score" } else { "is" };
        self.numbers.insert(format!("{key}_mean"), json!(found.mean));
        self.numbers.insert(format!("{key}_std"), json!(found.std));
        self.protocol.insert(
            "score".into(),
            json!({
                "splits": args.splits, "shuffled": args.shuffle, "images": logits.n(), "classes": logits.d(),
            }),
        );
        let name = match (of_classifier, own && self.published, logits.n()) {
            (true, ..) => format!("classifier score ({})", self.named()),
            (false, true, PUBLISHED) => "Inception Score".to_owned(),
            _ => "score of the logits".to_owned(),
        };
        let order = if args.shuffle { "shuffled" } else { "in their order" };
        let spread =
            format!("+- {:.4} over {} splits of {} images {order}", found.std, args.splits, logits.n());
        self.line(&name, format!("{:.4}", found.mean), spread);
    }

    fn line(&mut self, name: &str, value: String, detail: String) {
        self.results.push(format!("{name:<21} {value}   {detail}"));
    }

    /// The numbers under the keys that scripts rely on, and the protocol.
    pub fn json(mut self) -> Value {
        self.protocol.insert("warnings".into(), json!(self.warnings));
        self.numbers.insert("protocol".into(), Value::Object(self.protocol));
        Value::Object(self.numbers)
    }

    /// The same for people.
    pub fn text(self) -> String {
        let warnings = self.warnings.iter().map(|warning| format!("warning: {warning}"));
        let lines: Vec<String> = self.results.iter().chain(&self.about).cloned().chain(warnings).collect();
        lines.join("\n")
    }
}

fn is_published(protocol: &FeatureProtocol) -> bool {
    protocol.network.kind == NetworkKind::Published && protocol.dims == 2048
}
