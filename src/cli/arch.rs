//! `ganas arch`: genotypes as text, as numbers and as pictures.

use super::output::print;
use crate::formats::atomic;
use crate::space::cost::{self, Cost, Form, FormName};
use crate::space::random::{random_discriminator, random_generator};
use crate::space::{Discriminator, Family, GanGenotype, Lineage, Part, draw};
use crate::{Error, Rng};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Map, Value, json};
use std::path::{Path, PathBuf};

/// What to do with an architecture.
#[derive(Debug, Subcommand)]
pub enum ArchCommand {
    /// Print a genotype with the cost of every layer.
    Show(ShowArgs),
    /// Count parameters and multiply-adds for one image.
    Count(CountArgs),
    /// Draw the cells as SVG or DOT.
    Draw(DrawArgs),
    /// Draw a random valid genotype.
    Random(RandomArgs),
    /// Say whether a genotype is valid, and why not.
    Check(CheckArgs),
}

/// Where a genotype comes from.
#[derive(Debug, Args)]
pub struct Source {
    /// A built-in name (adversarialnas, eagan, autogan-d, eagan-d-cifar10, eagan-d-stl10, simple-d), a .json or .npy
    /// file, a run folder, JSON text, or a generator and a discriminator joined by `+`
    #[arg(value_name = "GENOTYPE")]
    pub genotype: String,
}

/// Sizes that an architecture needs to be counted.
#[derive(Debug, Args)]
pub struct SizeArgs {
    /// Data set whose sizes apply: cifar (32x32) or stl (48x48)
    #[arg(long, default_value = "cifar", value_name = "cifar|stl")]
    pub form: FormName,
    /// Parts of the latent vector [default: 3; for --form stl 2, with EAGAN's architectures 3]
    #[arg(long, value_name = "2|3")]
    pub latent_split: Option<usize>,
}

/// Arguments of `arch show`.
#[derive(Debug, Args)]
pub struct ShowArgs {
    #[command(flatten)]
    source: Source,
    /// Width of the generator
    #[arg(long, default_value_t = 256)]
    width: usize,
    /// Width of the discriminator
    #[arg(long, default_value_t = 128)]
    disc_width: usize,
    #[command(flatten)]
    size: SizeArgs,
    /// Which half an .npy array holds
    #[arg(long, default_value = "generator", value_name = "generator|discriminator")]
    part: Part,
}

/// Arguments of `arch count`.
#[derive(Debug, Args)]
pub struct CountArgs {
    #[command(flatten)]
    source: Source,
    /// Channels [default: generator 256, discriminator 128, supernets 160 and 80]
    #[arg(long)]
    width: Option<usize>,
    #[command(flatten)]
    size: SizeArgs,
    /// What to count [default: the generator, if there is one]
    #[arg(long, value_enum)]
    part: Option<CountPart>,
}

/// Networks that can be counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CountPart {
    /// The generator.
    Generator,
    /// The discriminator.
    Discriminator,
    /// The generator supernet of the genotype's space, logits included.
    SupernetG,
    /// The discriminator supernet of the genotype's space, logits included.
    SupernetD,
}

/// Arguments of `arch draw`.
#[derive(Debug, Args)]
pub struct DrawArgs {
    #[command(flatten)]
    source: Source,
    /// File to write; its ending, .svg or .dot, says which
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Heading of the picture [default: the genotype as it was typed]
    #[arg(long)]
    title: Option<String>,
    /// Which half an .npy array holds
    #[arg(long, default_value = "generator", value_name = "generator|discriminator")]
    part: Part,
}

/// Arguments of `arch random`.
#[derive(Debug, Args)]
pub struct RandomArgs {
    /// Family of the discriminator: adversarial, eagan, autogan, simple, or none
    #[arg(long, default_value = "adversarial", value_parser = ["adversarial", "eagan", "autogan", "simple", "none"], hide_possible_values = true, value_name = "FAMILY")]
    family: String,
    /// Draw only one half
    #[arg(long, value_name = "generator|discriminator")]
    part: Option<Part>,
    /// Write the genotype to this file: .json, or .npy for one half
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Arguments of `arch check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    #[command(flatten)]
    source: Source,
    /// Which half an .npy array holds
    #[arg(long, default_value = "generator", value_name = "generator|discriminator")]
    part: Part,
}

/// Runs `ganas arch`; prints one JSON object with `json`, else text for people.
///
/// # Errors
/// If the genotype or a file cannot be used. An invalid genotype is no error of `check`.
pub fn run(command: &ArchCommand, json: bool, seed: u64) -> Result<(), Error> {
    match command {
        ArchCommand::Show(args) => show(args, json),
        ArchCommand::Count(args) => count(args, json),
        ArchCommand::Draw(args) => draw(args, json),
        ArchCommand::Random(args) => random(args, json, seed),
        ArchCommand::Check(args) => check(args, json),
    }
}

fn show(args: &ShowArgs, json: bool) -> Result<(), Error> {
    let gan = load(&args.source, args.part)?;
    let form = form(&args.size, &gan)?;
    let mut halves: Vec<(&str, usize, Cost)> = Vec::new();
    if let Some(arch) = &gan.generator {
        let width = positive("width", args.width)?;
        halves.push(("generator", width, cost::generator(arch, width, &form)?));
    }
    if let Some(d) = &gan.discriminator {
        let width = positive("disc-width", args.disc_width)?;
        halves.push(("discriminator", width, cost::discriminator(d, width, form.image())?));
    }
    if json {
        let mut object = Map::new();
        object.insert("genotype".into(), gan.to_json());
        for (name, width, cost) in &halves {
            let value =
                json!({"width": width, "params": cost.params(), "macs": cost.macs(), "layers": cost.layers});
            object.insert((*name).into(), value);
        }
        return print(&Value::Object(object).to_string());
    }
    let mut text = gan.describe();
    for (name, width, cost) in &halves {
        text += &format!("\n{name}, width {width}, images {0}x{0}\n{1}", form.image(), table(cost));
    }
    print(text.trim_end())
}

fn count(args: &CountArgs, json: bool) -> Result<(), Error> {
    let npy = match args.part {
        Some(CountPart::Discriminator | CountPart::SupernetD) => Part::Discriminator,
        Some(CountPart::Generator | CountPart::SupernetG) | None => Part::Generator,
    };
    let gan = load(&args.source, npy)?;
    let form = form(&args.size, &gan)?;
    let part = args.part.unwrap_or(if gan.generator.is_some() {
        CountPart::Generator
    } else {
        CountPart::Discriminator
    });
    let (name, default) = match part {
        CountPart::Generator => ("generator", 256),
        CountPart::Discriminator => ("discriminator", 128),
        CountPart::SupernetG => ("generator supernet", 160),
        CountPart::SupernetD => ("discriminator supernet", 80),
    };
    let width = positive("width", args.width.unwrap_or(default))?;
    let cost = match part {
        CountPart::Generator => cost::generator(gan.require_generator()?, width, &form)?,
        CountPart::Discriminator => cost::discriminator(gan.require_discriminator()?, width, form.image())?,
        CountPart::SupernetG => {
            // AutoGAN's generator has no supernet here; asked for one, that of the genes is meant.
            gan.require_cells()?;
            cost::generator_supernet(gan.lineage(), width, &form)?
        }
        CountPart::SupernetD => {
            let family = match gan.lineage() {
                Lineage::AdversarialNas => Family::Adversarial,
                Lineage::Eagan | Lineage::AutoGan => Family::Eagan,
            };
            cost::discriminator_supernet(family, width, form.image())?
        }
    };
    print_count(&cost, name, width, form.image(), json)
}

fn print_count(cost: &Cost, name: &str, width: usize, image: usize, json: bool) -> Result<(), Error> {
    let (params, macs) = (cost.params(), cost.macs());
    if json {
        return print(&json!({"params": params, "macs": macs}).to_string());
    }
    let lines = [
        format!("{name}, width {width}, images {image}x{image}"),
        format!("parameters     {:>16}", grouped(params)),
        format!("multiply-adds  {:>16}  for one image", grouped(macs)),
    ];
    print(&lines.join("\n"))
}

fn draw(args: &DrawArgs, json: bool) -> Result<(), Error> {
    let gan = load(&args.source, args.part)?;
    let title = args.title.clone().unwrap_or_else(|| heading(&args.source.genotype));
    let text = match args.out.extension().and_then(|e| e.to_str()) {
        Some("svg") => draw::svg(&gan, &title),
        Some("dot" | "gv") => draw::dot(&gan, &title),
        _ => {
            let reason = format!("`{}` must end in .svg or .dot", args.out.display());
            return Err(Error::config("out", reason));
        }
    };
    atomic::write(&args.out, text.as_bytes())?;
    match json {
        true => print(&json!({"out": args.out}).to_string()),
        false => print(&format!("wrote {}", args.out.display())),
    }
}

/// What was typed, shortened where it is a path or the JSON itself.
fn heading(typed: &str) -> String {
    if typed.trim_start().starts_with('{') {
        return "genotype".to_string();
    }
    let name = Path::new(typed).file_name().and_then(|n| n.to_str());
    name.unwrap_or(typed).to_string()
}

fn random(args: &RandomArgs, json: bool, seed: u64) -> Result<(), Error> {
    let family: Option<Family> = match args.family.as_str() {
        "none" => None,
        name => Some(name.parse()?),
    };
    let mut rng = Rng::stream(seed, "architecture");
    let generator = random_generator(&mut rng);
    let discriminator: Option<Discriminator> = family.map(|family| random_discriminator(family, &mut rng));
    let gan = GanGenotype {
        generator: (args.part != Some(Part::Discriminator)).then_some(generator.into()),
        discriminator: discriminator.filter(|_| args.part != Some(Part::Generator)),
    };
    if gan == GanGenotype::default() {
        let reason = "`none` leaves no discriminator to draw with --part discriminator";
        return Err(Error::config("family", reason));
    }
    if let Some(out) = &args.out {
        save(&gan, out)?;
    }
    if json {
        return print(&gan.to_json().to_string());
    }
    let end = match &args.out {
        Some(out) => format!("wrote {}", out.display()),
        None => gan.to_json().to_string(),
    };
    print(&format!("{}{end}", gan.describe()))
}

/// Writes the form that the ending of `out` asks for.
fn save(gan: &GanGenotype, out: &Path) -> Result<(), Error> {
    match out.extension().and_then(|e| e.to_str()) {
        Some("json") => gan.save(out),
        Some("npy") => {
            let part = match (&gan.generator, &gan.discriminator) {
                (Some(_), None) => Part::Generator,
                (None, Some(_)) => Part::Discriminator,
                _ => {
                    let reason = "an .npy array holds one half; choose it with --part, or write .json";
                    return Err(Error::config("out", reason));
                }
            };
            gan.save_npy(out, part)
        }
        _ => {
            let reason = format!("`{}` must end in .json or .npy", out.display());
            Err(Error::config("out", reason))
        }
    }
}

fn check(args: &CheckArgs, json: bool) -> Result<(), Error> {
    let checked = GanGenotype::read(&args.source.genotype, args.part).and_then(|gan| gan.check());
    let reason = match checked {
        Ok(()) => None,
        Err(Error::Genotype { reason }) => Some(reason),
        Err(other) => return Err(other),
    };
    match (json, reason) {
        (true, reason) => print(&json!({"valid": reason.is_none(), "reason": reason}).to_string()),
        (false, None) => print("valid"),
        (false, Some(reason)) => print(&format!("invalid: {reason}")),
    }
}

fn load(source: &Source, part: Part) -> Result<GanGenotype, Error> {
    let gan = GanGenotype::read(&source.genotype, part)?;
    gan.check()?;
    Ok(gan)
}

fn form(size: &SizeArgs, gan: &GanGenotype) -> Result<Form, Error> {
    let published = Form::published(size.form, gan.lineage());
    let form = Form {
        parts: size.latent_split.unwrap_or(published.parts),
        ..published
    };
    form.part()?;
    Ok(form)
}

fn positive(key: &str, width: usize) -> Result<usize, Error> {
    if (1..=65_536).contains(&width) {
        return Ok(width);
    }
    Err(Error::config(key, format!("{width} channels, valid are 1 to 65536")))
}

/// One line per layer and the sum, in columns.
fn table(cost: &Cost) -> String {
    let mut text = format!(
        "{:<8} {:<9} {:<18} {:>7} {:>14} {:>18}\n",
        "cell", "edge", "op", "size", "parameters", "multiply-adds"
    );
    for layer in &cost.layers {
        let size = format!("{0}x{0}", layer.size);
        let (params, macs) = (grouped(layer.params), grouped(layer.macs));
        text += &format!(
            "{:<8} {:<9} {:<18} {size:>7} {params:>14} {macs:>18}\n",
            layer.cell, layer.edge, layer.op
        );
    }
    let (params, macs) = (grouped(cost.params()), grouped(cost.macs()));
    text + &format!("{:<8} {:<9} {:<18} {:>7} {params:>14} {macs:>18}\n", "total", "", "", "")
}

/// A number with commas between groups of three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!([0, 999, 1000, 8_846_851].map(grouped), ["0", "999", "1,000", "8,846,851"]);
    }

    #[test]
    fn stl_splits_the_latent_vector_as_the_program_of_the_genotype_does() {
        let size = SizeArgs { form: FormName::Stl, latent_split: None };
        let parts = |name| form(&size, &GanGenotype::load(name).unwrap()).unwrap().parts;
        assert_eq!([parts("adversarialnas"), parts("eagan"), parts("autogan-d")], [2, 3, 2]);
        let size = SizeArgs { form: FormName::Stl, latent_split: Some(3) };
        assert_eq!(form(&size, &GanGenotype::load("adversarialnas").unwrap()).unwrap().parts, 3);
        let size = SizeArgs { form: FormName::Stl, latent_split: Some(7) };
        assert!(form(&size, &GanGenotype::load("adversarialnas").unwrap()).is_err());
    }

    #[test]
    fn an_invalid_genotype_is_an_answer_of_check_and_an_error_elsewhere() {
        let row = "[0,0,0,0,1,1,1]";
        let genotype = format!("{{\"space\":\"gan-cells\",\"generator\":[{row},{row},{row}]}}");
        let args = CheckArgs {
            source: Source { genotype: genotype.clone() },
            part: Part::Generator,
        };
        check(&args, true).unwrap();
        assert!(load(&Source { genotype }, Part::Generator).is_err());
        let missing = CheckArgs {
            source: Source { genotype: "nothing.json".into() },
            part: Part::Generator,
        };
        assert!(check(&missing, true).is_err());
    }
}
