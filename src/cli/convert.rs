//! `ganas convert IN OUT`.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::args::Global;
use super::model::{self, Found, Model};
use super::output;
use super::run::named;
use crate::formats::torch::{self, Item};
use crate::formats::{NamedArrays, atomic};
use crate::space::build::{GENOTYPE, Generator, Networks, describe};
use crate::space::export;
use crate::space::{GanGenotype, GeneratorArch, Part};
use crate::tables::{self, Kind};
use crate::{Device, Error, train};

/// Flags of `convert`.
#[derive(Debug, Clone, Args)]
pub struct ConvertArgs {
    /// A run folder, a snapshot, weights (.safetensors, .pth, .pt) of ours or of a reference program; or a genotype; or a
    /// benchmark of measured architectures (with --table)
    #[arg(value_name = "IN")]
    pub from: PathBuf,
    /// What to write: .safetensors (with a .json beside it), .pth, .onnx; .json or .npy for a genotype; .table for a
    /// benchmark, which is then opened without being read
    #[arg(value_name = "OUT")]
    pub to: PathBuf,
    /// The architecture of a weights file that does not say it: a JSON or .npy file, or a built-in name
    #[arg(long, value_name = "G")]
    pub genotype: Option<String>,
    /// Which benchmark the input is: nasbench101, nasbench201, macro
    #[arg(long, value_name = "BENCHMARK", value_parser = ["nasbench101", "nasbench201", "macro"])]
    pub table: Option<String>,
    /// Into .onnx: the weights as they are trained instead of their moving average
    #[arg(long)]
    pub live: bool,
    /// Into .pth: `module.` before every name, as programs write that train on several devices
    #[arg(long)]
    pub module: bool,
    /// Into .pth: the generator's state dictionary alone, not a checkpoint that holds it
    #[arg(long)]
    pub bare: bool,
    /// What a genotype's .npy array holds or shall hold: generator or discriminator
    #[arg(long, default_value = "generator", value_name = "HALF")]
    pub part: Part,
}

/// Reads the one form and writes the other.
///
/// # Errors
/// If the input cannot be read, does not fit its architecture, or the output cannot be written or has an unknown ending.
pub fn run(args: &ConvertArgs, global: &Global) -> Result<(), Error> {
    let written = match ending(&args.to) {
        "json" | "npy" => genotype(args)?,
        "table" => table(args)?,
        "safetensors" => safetensors(args)?,
        "pth" | "pt" => pth(args)?,
        "onnx" => onnx(args)?,
        _ => {
            let reason = format!(
                "`{}` must end in .safetensors, .pth, .onnx, .json, .npy or .table",
                args.to.display()
            );
            return Err(Error::config("OUT", reason));
        }
    };
    match global.json {
        true => output::print(&json!({"from": args.from, "to": args.to, "holds": written}).to_string()),
        false => output::print(&format!("wrote {}: {}", args.to.display(), written.join(", "))),
    }
}

/// A benchmark as one file that is mapped into memory.
fn table(args: &ConvertArgs) -> Result<Vec<&'static str>, Error> {
    let kinds = [
        ("nasbench101", Kind::NasBench101),
        ("nasbench201", Kind::NasBench201),
        ("macro", Kind::Macro),
    ];
    let absent = || Error::config("table", "say which benchmark it is: nasbench101, nasbench201 or macro");
    let kind = named(&kinds, "table", args.table.as_deref().ok_or_else(absent)?)?;
    tables::open(&args.from, kind)?.write(&args.to)?;
    Ok(vec!["table"])
}

fn ending(path: &Path) -> &str {
    path.extension().and_then(|e| e.to_str()).unwrap_or_default()
}

fn genotype(args: &ConvertArgs) -> Result<Vec<&'static str>, Error> {
    let text = args.from.to_string_lossy();
    let genotype = match ending(&args.from) {
        "safetensors" | "pth" | "pt" => source(args)?.require_genotype()?.clone(),
        _ => GanGenotype::read(&text, args.part)?,
    };
    genotype.check()?;
    match ending(&args.to) {
        "npy" => genotype.save_npy(&args.to, args.part)?,
        _ => genotype.save(&args.to)?,
    }
    Ok(vec!["genotype"])
}

/// The networks of the input, their architecture where it is known, and then a generator that they fit.
struct Source {
    networks: Networks,
    genotype: Option<GanGenotype>,
    generator: Option<Generator>,
}

impl Source {
    fn require_genotype(&self) -> Result<&GanGenotype, Error> {
        let reason = "the file does not say its architecture; give it with --genotype";
        self.genotype.as_ref().ok_or_else(|| Error::genotype(reason))
    }

    fn named(&self) -> Vec<(&'static str, &'static str, &'static str, &NamedArrays)> {
        let Networks { live, averaged, discriminator } = &self.networks;
        [
            ("g.", "gen_state_dict", "generator", live),
            ("ema.", "avg_gen_state_dict", "averaged generator", averaged),
            ("d.", "dis_state_dict", "discriminator", discriminator),
        ]
        .into_iter()
        .filter_map(|(ours, theirs, what, arrays)| Some((ours, theirs, what, arrays.as_ref()?)))
        .collect()
    }
}

fn source(args: &ConvertArgs) -> Result<Source, Error> {
    let arrays = match model::find(&args.from)? {
        Found::Weights(arrays) => arrays,
        Found::Snapshot(snapshot) if train::is_in(&snapshot) => train::weights_of(&snapshot)?,
        Found::Snapshot(_) => {
            let reason = "holds a supernet, not one architecture's weights; train what it found (ganas train RUN) and \
                          convert that";
            return Err(Error::run(&args.from, reason));
        }
    };
    let own = model::said(&arrays).map(GanGenotype::load).transpose()?;
    let given = args.genotype.as_deref().map(GanGenotype::load).transpose()?;
    if let (Some(given), Some(own)) = (&given, &own)
        && given.generator != own.generator
    {
        return Err(Error::config("genotype", "the model knows its own architecture, which is another"));
    }
    let (networks, genotype) = (Networks::of(&arrays)?, own.or(given));
    let mut generator = None;
    // A file that does not fit its architecture is refused here and not by whoever reads the result.
    if let Some(genotype) = &genotype {
        for network in [&networks.live, &networks.averaged].into_iter().flatten() {
            let arch = genotype.require_generator()?;
            generator = Some(Generator::from_arrays(network, Some(arch), false, &Device::cpu())?);
        }
    }
    Ok(Source { networks, genotype, generator })
}

/// Weights of ours with their architecture, and what else rebuilding them takes in a JSON file.
fn safetensors(args: &ConvertArgs) -> Result<Vec<&'static str>, Error> {
    let source = source(args)?;
    let genotype = source.require_genotype()?;
    let mut all = NamedArrays::new();
    let mut holds = Vec::new();
    for (prefix, _, what, arrays) in source.named() {
        for (name, array) in arrays.iter() {
            all.insert(format!("{prefix}{name}"), &array.shape, array.values.clone());
        }
        holds.push(what);
    }
    let generator = source
        .generator
        .as_ref()
        .expect("a source with a genotype has a generator that fits it");
    let (size, skips) = (generator.size(), generator.accumulates_skips());
    describe(genotype, skips, &mut all);
    let card = json!({
        "weights": args.to.file_name().map(|name| name.to_string_lossy()),
        "genotype": genotype.to_json(),
        "channels": size.channels,
        "bottom_width": size.bottom,
        "latent": size.latent,
        "latent_split": size.parts,
        "image_size": size.image(),
        "skip_out_includes_skips": skips,
        "networks": holds,
    });
    all.write(&args.to)?;
    atomic::write(&args.to.with_extension("json"), format!("{card:#}\n").as_bytes())?;
    Ok(holds)
}

/// A checkpoint under the names of the reference programs.
fn pth(args: &ConvertArgs) -> Result<Vec<&'static str>, Error> {
    let source = source(args)?;
    if source
        .generator
        .as_ref()
        .is_some_and(|generator| !generator.accumulates_skips())
    {
        let reason =
            "was trained with skip_out_includes_skips=false, which the published programs do not know";
        return Err(Error::run(&args.from, reason));
    }
    if args.bare {
        let Networks { live, averaged, .. } = &source.networks;
        let (first, second) = if args.live { (live, averaged) } else { (averaged, live) };
        let network = first.as_ref().or(second.as_ref()).expect("a source has a generator");
        torch::write(&args.to, &export::state_dict(network, args.module))?;
        return Ok(vec!["generator"]);
    }
    let named = source.named();
    let dicts = named
        .iter()
        .map(|(_, key, _, arrays)| ((*key).to_owned(), export::state_dict(arrays, args.module)));
    torch::write(&args.to, &Item::Dict(dicts.collect()))?;
    Ok(named.into_iter().map(|(_, _, what, _)| what).collect())
}

fn onnx(args: &ConvertArgs) -> Result<Vec<&'static str>, Error> {
    let device = Device::cpu();
    let Model { mut generator, genotype, .. } =
        model::load(&args.from, args.genotype.as_deref(), args.live, &device)?;
    // A supernet has none, and is refused with a remedy there.
    let arch = match &genotype {
        Some(genotype) => *genotype.require_generator()?,
        None => GeneratorArch::AutoGan,
    };
    let mut net = export::onnx(&mut generator, &arch)?;
    if let Some(genotype) = &genotype {
        net.describe(GENOTYPE, &genotype.to_json().to_string());
    }
    net.write(&args.to)?;
    Ok(vec![if args.live { "generator" } else { "averaged generator" }])
}
