//! A generator as an ONNX model: `latents` `[n, z]` in, `images` `[n, 3, h, w]` in -1..1 out.
//!
//! The graph is written from the genes and the weights in the layout of files, which is ONNX's own. It is a second
//! description of the network; what keeps the two equal is a test that runs both.

use crate::Error;
use crate::formats::NamedArrays;
use crate::formats::onnx::{Attribute, Dim, Model};
use crate::nn;
use crate::space::build::Generator;
use crate::space::cell::CellKind;
use crate::space::gan::{GeneratorArch, GeneratorGenes};
use crate::space::primitive::{ConvKind, OpKind};

/// Epsilon of batch normalisation.
const EPS: f32 = 1e-5;

/// How an image is enlarged.
#[derive(Clone, Copy)]
enum Enlarge {
    Nearest,
    Bilinear,
}

/// The model of `generator`, whose architecture is `arch`.
///
/// # Errors
/// If it is a supernet, or the device fails.
///
/// # Panics
/// If the generator has another architecture.
pub fn onnx(generator: &mut Generator, arch: &GeneratorArch) -> Result<Model, Error> {
    if generator.logits().is_some() {
        return Err(Error::genotype(
            "a supernet is a mixture and no single network; derive and train one of its architectures, then export that",
        ));
    }
    let size = generator.size();
    let accumulates = generator.accumulates_skips();
    let mut weights = NamedArrays::new();
    nn::export(generator, "", &mut weights)?;
    let mut net = Writer { model: Model::new(), weights, made: 0 };
    net.model.input("latents", &[Dim::Named("n"), Dim::Fixed(size.latent)]);
    let side = size.image();
    net.model
        .output("images", &[Dim::Named("n"), Dim::Fixed(3), Dim::Fixed(side), Dim::Fixed(side)]);
    let inputs = net.latents(size.parts, size.latent / size.parts, size.channels, size.bottom);
    let mut h = inputs[0].clone();
    let mut skips: Vec<String> = Vec::new();
    for cell in 0..3 {
        if let (true, Some(input)) = (cell > 0, inputs.get(cell)) {
            h = net.add(&h, input);
        }
        let (own, middle, y) = match arch {
            GeneratorArch::Cells(genes) => net.searched_cell(cell, genes, &h, &skips),
            GeneratorArch::AutoGan => net.autogan_cell(cell, &h, &skips),
        };
        skips.push(if accumulates { middle } else { own });
        h = y;
    }
    let normed = net.batch_norm("to_rgb.0", &h);
    let active = net.relu(&normed);
    let rgb = net.conv("to_rgb.2", &active, ConvKind { kernel: 3, dilation: 1, pad: 1 });
    net.model.node("Tanh", &[&rgb], &["images"], &[]);
    Ok(net.model)
}

struct Writer {
    model: Model,
    weights: NamedArrays,
    made: usize,
}

impl Writer {
    /// A fresh name of a value.
    fn name(&mut self, what: &str) -> String {
        self.made += 1;
        format!("{what}_{}", self.made)
    }

    fn unary(&mut self, op: &str, x: &str, attributes: &[(&str, Attribute)]) -> String {
        let y = self.name(&op.to_lowercase());
        self.model.node(op, &[x], &[&y], attributes);
        y
    }

    fn relu(&mut self, x: &str) -> String {
        self.unary("Relu", x, &[])
    }

    fn add(&mut self, a: &str, b: &str) -> String {
        let y = self.name("sum");
        self.model.node("Add", &[a, b], &[&y], &[]);
        y
    }

    /// The weight `name` as a constant of the model.
    #[track_caller]
    fn weight(&mut self, name: &str) -> String {
        let array = self.weights.remove(name);
        let array =
            array.unwrap_or_else(|| panic!("the generator has no `{name}`: it is of another architecture"));
        self.model.weight(name, &array);
        name.to_owned()
    }

    /// The parts of the latent vector, each through its linear layer, as images.
    fn latents(&mut self, parts: usize, part: usize, channels: usize, bottom: usize) -> Vec<String> {
        let names: Vec<String> = (1..=parts).map(|i| format!("z{i}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        if parts == 1 {
            self.model.node("Identity", &["latents"], &names, &[]);
        } else {
            self.model.integers("parts", &vec![part as i64; parts]);
            self.model
                .node("Split", &["latents", "parts"], &names, &[("axis", Attribute::Int(1))]);
        }
        let mut images = Vec::new();
        for (i, z) in names.iter().enumerate() {
            let (w, b) =
                (self.weight(&format!("l{}.weight", i + 1)), self.weight(&format!("l{}.bias", i + 1)));
            let flat = self.name("linear");
            self.model
                .node("Gemm", &[z, &w, &b], &[&flat], &[("transB", Attribute::Int(1))]);
            let side = (bottom << i) as i64;
            let shape = self.name("shape");
            self.model.integers(&shape, &[-1, channels as i64, side, side]);
            let image = self.name("image");
            self.model.node("Reshape", &[&flat, &shape], &[&image], &[]);
            images.push(image);
        }
        images
    }

    /// A convolution of stride 1 whose tensors are `prefix.weight` and, if it is there, `prefix.bias`.
    fn conv(&mut self, prefix: &str, x: &str, kind: ConvKind) -> String {
        let w = self.weight(&format!("{prefix}.weight"));
        let bias = format!("{prefix}.bias");
        let bias = self.weights.get(&bias).is_some().then(|| self.weight(&bias));
        let inputs: Vec<&str> = [x, &w].into_iter().chain(bias.as_deref()).collect();
        let y = self.name("conv");
        let twice = |v: usize| Attribute::Ints(vec![v as i64; 2]);
        self.model.node(
            "Conv",
            &inputs,
            &[&y],
            &[
                ("kernel_shape", twice(kind.kernel)),
                ("dilations", twice(kind.dilation)),
                ("pads", Attribute::Ints(vec![kind.pad as i64; 4])),
            ],
        );
        y
    }

    fn conv_1x1(&mut self, prefix: &str, x: &str) -> String {
        self.conv(prefix, x, ConvKind { kernel: 1, dilation: 1, pad: 0 })
    }

    fn conv_3x3(&mut self, prefix: &str, x: &str) -> String {
        self.conv(prefix, x, ConvKind { kernel: 3, dilation: 1, pad: 1 })
    }

    fn enlarge(&mut self, x: &str, how: Enlarge, factor: usize) -> String {
        let (scales, y) = (self.name("scales"), self.name("resize"));
        let factor = factor as f32;
        let values = vec![1.0, 1.0, factor, factor];
        self.model
            .weight(&scales, &crate::formats::Array { shape: vec![4], values: values.into() });
        let text = |v| Attribute::Text(v);
        let attributes = match how {
            Enlarge::Nearest => vec![
                ("mode", text("nearest")),
                ("coordinate_transformation_mode", text("asymmetric")),
                ("nearest_mode", text("floor")),
            ],
            Enlarge::Bilinear => {
                vec![("mode", text("linear")), ("coordinate_transformation_mode", text("half_pixel"))]
            }
        };
        self.model.node("Resize", &[x, "", &scales], &[&y], &attributes);
        y
    }

    fn batch_norm(&mut self, prefix: &str, x: &str) -> String {
        let names = ["weight", "bias", "running_mean", "running_var"];
        let names = names.map(|name| self.weight(&format!("{prefix}.{name}")));
        let y = self.name("norm");
        let [gamma, beta, mean, var] = &names;
        let attributes = [("epsilon", Attribute::Float(EPS))];
        self.model
            .node("BatchNormalization", &[x, gamma, beta, mean, var], &[&y], &attributes);
        y
    }

    /// One edge of a searched cell; `None` if it is absent.
    fn edge(&mut self, cell: usize, genes: &GeneratorGenes, g: usize, x: &str) -> Option<String> {
        let edge = format!(
            "cell{}.{}",
            cell + 1,
            if g < 2 {
                format!("up{g}.ups.0")
            } else {
                format!("c{}.ops.0", g - 2)
            }
        );
        let kind = CellKind::Up.gene(g).op(genes[cell][g] as i8).kind;
        Some(match kind {
            OpKind::None => return None,
            OpKind::Skip => x.to_owned(),
            OpKind::Conv(kind) => {
                let active = self.relu(x);
                let name = if kind.dilation > 1 { "dilconv" } else { "conv" };
                self.conv(&format!("{edge}.{name}"), &active, kind)
            }
            OpKind::UpNearest | OpKind::UpBilinear => {
                let how = if kind == OpKind::UpNearest {
                    Enlarge::Nearest
                } else {
                    Enlarge::Bilinear
                };
                let large = self.enlarge(x, how, 2);
                let active = self.relu(&large);
                self.conv_1x1(&format!("{edge}.c.1"), &active)
            }
            OpKind::UpTransposed => {
                let active = self.relu(x);
                let name = format!("{edge}.convT.1.weight");
                let channels = self.weights.get(&name).map_or(0, |w| w.shape[0]);
                let w = self.weight(&name);
                let large = self.name("transposed");
                let twice = |v| Attribute::Ints(vec![v; 2]);
                self.model.node(
                    "ConvTranspose",
                    &[&active, &w],
                    &[&large],
                    &[
                        ("group", Attribute::Int(channels as i64)),
                        ("kernel_shape", twice(3)),
                        ("strides", twice(2)),
                        ("pads", Attribute::Ints(vec![1; 4])),
                        ("output_padding", twice(1)),
                    ],
                );
                self.conv_1x1(&format!("{edge}.convT.2"), &large)
            }
            OpKind::DownConv(_) | OpKind::AvgPool | OpKind::MaxPool | OpKind::NoDown | OpKind::Named => {
                panic!("no edge of a generator is `{kind:?}`")
            }
        })
    }

    fn total(&mut self, terms: Vec<Option<String>>) -> Option<String> {
        let mut sum: Option<String> = None;
        for term in terms.into_iter().flatten() {
            sum = Some(match sum {
                Some(sum) => self.add(&sum, &term),
                None => term,
            });
        }
        sum
    }

    /// Node 3 without and with the skips, and the output.
    fn searched_cell(
        &mut self,
        cell: usize,
        genes: &GeneratorGenes,
        x: &str,
        skips: &[String],
    ) -> (String, String, String) {
        let up = "no up-sampling operation is absent";
        let a = self.edge(cell, genes, 0, x).expect(up);
        let b = self.edge(cell, genes, 1, x).expect(up);
        let terms = vec![self.edge(cell, genes, 2, &a), self.edge(cell, genes, 3, &b)];
        let own = self.total(terms).expect("a valid cell has an edge into node 3");
        let how = if cell == 2 { Enlarge::Nearest } else { Enlarge::Bilinear };
        let middle = self.with_skips(cell, how, &own, skips);
        let terms = vec![
            self.edge(cell, genes, 4, &a),
            self.edge(cell, genes, 5, &b),
            self.edge(cell, genes, 6, &middle),
        ];
        let y = self.total(terms).expect("a valid cell has an edge into its output");
        (own, middle, y)
    }

    fn with_skips(&mut self, cell: usize, how: Enlarge, own: &str, skips: &[String]) -> String {
        let mut middle = own.to_owned();
        for (k, skip) in skips.iter().enumerate() {
            let large = self.enlarge(skip, how, 1 << (cell - k));
            let term = self.conv_1x1(&format!("cell{}.skip_in_ops.{k}", cell + 1), &large);
            middle = self.add(&middle, &term);
        }
        middle
    }

    fn autogan_cell(&mut self, cell: usize, x: &str, skips: &[String]) -> (String, String, String) {
        let name = format!("cell{}", cell + 1);
        let how = if cell == 1 { Enlarge::Bilinear } else { Enlarge::Nearest };
        let active = self.relu(x);
        let large = self.enlarge(&active, how, 2);
        let own = self.conv_3x3(&format!("{name}.c1"), &large);
        let middle = self.with_skips(cell, how, &own, skips);
        let active = self.relu(&middle);
        let mut y = self.conv_3x3(&format!("{name}.c2"), &active);
        if cell < 2 {
            let large = self.enlarge(x, how, 2);
            let shortcut = self.conv_1x1(&format!("{name}.c_sc"), &large);
            y = self.add(&y, &shortcut);
        }
        (own, middle, y)
    }
}
