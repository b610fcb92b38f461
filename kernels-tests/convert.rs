//! `ganas convert`, the program itself: every form gives the same pictures again, and mistakes are told.

use std::path::Path;
use std::process::{Command, Stdio};

use ganas::formats::{NamedArrays, torch};
use serde_json::Value;

use crate::resume::{PROGRAM, failure, finish};

fn ganas(typed: &str) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(typed.split_whitespace());
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).stdin(Stdio::null());
    command
}

/// The pictures that `sample` makes of `model`.
fn pictures(dir: &Path, model: &str) -> Vec<f32> {
    let tensor = dir.join("images.safetensors");
    finish(ganas(&format!("sample {model} -n 3 --device cpu --json --tensor {}", tensor.display())));
    NamedArrays::read(&tensor)
        .unwrap()
        .expect("images", &[3, 3, 16, 16])
        .unwrap()
        .to_vec()
}

#[test]
fn a_training_goes_through_every_form_and_back_without_a_changed_bit() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).display().to_string();
    let run = at("run");
    finish(ganas(&format!(
        "train adversarialnas+eagan-d-cifar10 --device cpu --channels 4 --disc-channels 4 --steps 6 --json --run {run}"
    )));
    let want = pictures(dir.path(), &run);
    let (weights, checkpoint, module, bare) = (at("w.safetensors"), at("c.pth"), at("m.pth"), at("b.pt"));
    let (object, _) = finish(ganas(&format!("convert {run} {weights} --json")));
    assert_eq!(object["holds"].as_array().unwrap().len(), 3, "{object}");
    finish(ganas(&format!("convert {weights} {checkpoint} --json")));
    finish(ganas(&format!("convert {run} {module} --module --json")));
    finish(ganas(&format!("convert {run} {bare} --bare --json")));
    assert!(pictures(dir.path(), &weights) == want);
    for file in [&checkpoint, &module, &bare] {
        assert!(pictures(dir.path(), &format!("{file} --genotype adversarialnas")) == want, "{file}");
    }
    // Back to ours, with the discriminator, tensor by tensor.
    let again = at("again.safetensors");
    finish(ganas(&format!(
        "convert {module} {again} --genotype adversarialnas+eagan-d-cifar10 --json"
    )));
    let arrays = |path: &str| NamedArrays::read(Path::new(path)).unwrap();
    assert!(arrays(&again).iter().eq(arrays(&weights).iter()));
    let tensors = torch::read(Path::new(&module)).unwrap().tensors;
    for name in [
        "gen_state_dict.module.cell1.c2.ops.0.op.1.weight",
        "avg_gen_state_dict.module.to_rgb.0.num_batches_tracked",
        "dis_state_dict.module.block2.c4.ops.0.op.0.weight_u",
    ] {
        assert!(tensors.get(name).is_some(), "{name}");
    }
    let card: Value = serde_json::from_slice(&std::fs::read(at("w.json")).unwrap()).unwrap();
    assert_eq!(
        (&card["channels"], &card["image_size"], &card["latent_split"]),
        (&4.into(), &16.into(), &3.into())
    );
}

#[test]
fn genotypes_and_onnx_are_written_and_mistakes_told() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).display().to_string();
    let (npy, json) = (at("g.npy"), at("g.json"));
    finish(ganas(&format!("convert adversarialnas {npy} --json")));
    finish(ganas(&format!("convert {npy} {json} --json")));
    let genotype: Value = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
    assert_eq!(genotype["generator"][0][4], 3);
    let run = at("run");
    finish(ganas(&format!(
        "train autogan --device cpu --channels 4 --disc-channels 4 --steps 1 --json --run {run}"
    )));
    let onnx = at("g.onnx");
    finish(ganas(&format!("convert {run} {onnx} --json")));
    assert!(std::fs::metadata(&onnx).unwrap().len() > 1000);
    let told = failure(ganas(&format!("convert {run} {}", at("x.zip"))));
    assert!(told.contains("must end in .safetensors, .pth, .onnx, .json, .npy or .table"), "{told}");
    // What the published programs cannot do is no checkpoint of theirs, but a file of ours.
    let (other, own) = (at("other"), at("own.safetensors"));
    finish(ganas(&format!(
        "train eagan --device cpu --channels 4 --disc-channels 4 --steps 2 --json --run {other} --set skip_out_includes_skips=false"
    )));
    let told = failure(ganas(&format!("convert {other} {}", at("x.pth"))));
    assert!(told.contains("published programs do not know"), "{told}");
    finish(ganas(&format!("convert {other} {own} --json")));
    assert!(pictures(dir.path(), &own) == pictures(dir.path(), &other));
    let card: Value = serde_json::from_slice(&std::fs::read(at("own.json")).unwrap()).unwrap();
    assert_eq!(card["skip_out_includes_skips"], false);
    let (pth, out) = (at("c.pth"), at("o.safetensors"));
    finish(ganas(&format!("convert {run} {pth} --json")));
    let told = failure(ganas(&format!("convert {pth} {out}")));
    assert!(told.contains("give it with --genotype"), "{told}");
    let told = failure(ganas(&format!("convert {pth} {out} --genotype eagan")));
    assert!(told.contains("tensor `"), "{told}");
    assert!(!Path::new(&out).exists());
}
