//! Every shader passes naga with no capabilities but subgroups, with and without textures, and with what may stand in for its
//! operands, is written for each platform, and has its own test.

use std::fs;
use std::path::{Path, PathBuf};

use ganas::device::gpu::{StandIn, Text};
use naga::back::{hlsl, msl, pipeline_constants::process_overrides, spv};
use naga::valid::{Capabilities, ValidationFlags, Validator};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files directly under `shaders/`, in order.
fn shaders() -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join("shaders")).expect("there is a folder of shaders");
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("the folder can be read").path())
        .filter(|path| path.extension().is_some_and(|e| e == "wgsl"))
        .collect();
    files.sort();
    files
}

fn stem(path: &Path) -> &str {
    path.file_stem().and_then(|s| s.to_str()).expect("shaders have plain names")
}

#[test]
fn every_shader_is_valid_and_can_be_written_for_each_platform() {
    assert!(!shaders().is_empty());
    for path in shaders() {
        let source = fs::read_to_string(&path).expect("a shader can be read");
        check(stem(&path), &source, None, Capabilities::SUBGROUP);
    }
}

/// What few adapters have is apart from all else, since one without it refuses whole files.
#[test]
fn every_shader_is_valid_with_what_may_stand_in_for_its_operands() {
    let mut readers = 0;
    for path in shaders() {
        let source = fs::read_to_string(&path).expect("a shader can be read");
        if !Text::resolve(stem(&path), &source, None, false).wgsl.contains("fn load_x(") {
            continue;
        }
        let capabilities = Capabilities::SUBGROUP | Capabilities::SHADER_FLOAT16_IN_FLOAT32;
        check(stem(&path), &source, Some(("operands", "operands_half")), capabilities);
        readers += 1;
    }
    // Three of the convolution and two of the product.
    assert_eq!(readers, 5);
}

/// # Panics
/// With the diagnostics of naga if any step refuses the shader.
fn check(file: &str, source: &str, stand_in: Option<StandIn>, capabilities: Capabilities) {
    let [buffers, textures] = [false, true].map(|textures| Text::resolve(file, source, stand_in, textures));
    check_text(file, &buffers.wgsl, capabilities);
    if !textures.textures.is_empty() {
        check_text(file, &textures.wgsl, capabilities);
    }
}

fn check_text(file: &str, text: &str, capabilities: Capabilities) {
    let module = naga::front::wgsl::parse_str(text)
        .unwrap_or_else(|error| panic!("{}", error.emit_to_string_with_path(text, file)));
    let info = Validator::new(ValidationFlags::all(), capabilities)
        .validate(&module)
        .unwrap_or_else(|error| panic!("{}", error.emit_to_string_with_path(text, file)));
    assert!(!module.entry_points.is_empty(), "{file}: no entry point");

    for point in &module.entry_points {
        let place = format!("{file} `{}`", point.name);
        let stage = (naga::ShaderStage::Compute, point.name.clone());
        assert!(point.stage == stage.0, "{place}: not a compute shader");
        // No constants: every override must have a default.
        let (module, info) =
            process_overrides(&module, &info, Some((stage.0, &stage.1)), &Default::default())
                .unwrap_or_else(|error| panic!("{place}: {error}"));
        let size: u32 = module.entry_points[0].workgroup_size.iter().product();
        assert!(size <= 256, "{place}: workgroups of {size} invocations exceed WebGPU's 256");

        let options = spv::PipelineOptions {
            shader_stage: stage.0,
            entry_point: stage.1.clone(),
        };
        spv::write_vec(&module, &info, &spv::Options::default(), Some(&options))
            .unwrap_or_else(|error| panic!("{place} as SPIR-V: {error}"));

        let options = msl::PipelineOptions {
            entry_point: Some(stage.clone()),
            ..Default::default()
        };
        let (_, names) = msl::write_string(&module, &info, &metal(), &options)
            .unwrap_or_else(|error| panic!("{place} as MSL: {error}"));
        assert!(
            names.entry_point_names.iter().all(Result::is_ok),
            "{place} as MSL: {:?}",
            names.entry_point_names
        );

        let options = hlsl::PipelineOptions { entry_point: Some(stage) };
        let mut out = String::new();
        let dx12 = hlsl::Options::default();
        let names = hlsl::Writer::new(&mut out, &dx12, &options)
            .write(&module, &info, None)
            .unwrap_or_else(|error| panic!("{place} as HLSL: {error}"));
        assert!(
            names.entry_point_names.iter().all(Result::is_ok),
            "{place} as HLSL: {:?}",
            names.entry_point_names
        );
    }
}

fn metal() -> msl::Options {
    msl::Options { lang_version: (2, 0), ..Default::default() }
}

#[test]
fn every_shader_has_a_test_of_the_same_stem() {
    let main = fs::read_to_string(root().join("kernels-tests/main.rs")).expect("the tests have a root");
    for path in shaders() {
        let stem = stem(&path);
        let test = format!("kernels-tests/{stem}.rs");
        assert!(
            root().join(&test).exists() || root().join(format!("kernels-tests/{stem}/mod.rs")).exists(),
            "shaders/{stem}.wgsl has no test: write {test}"
        );
        let line = format!("mod {stem};");
        assert!(main.lines().any(|l| l.trim() == line), "kernels-tests/main.rs lacks `{line}`");
    }
}

#[test]
fn every_library_file_can_be_imported() {
    for entry in fs::read_dir(root().join("shaders/lib")).expect("there is a library") {
        let path = entry.expect("the folder can be read").path();
        let text = Text::resolve("test", &format!("#import {}\n", stem(&path)), None, false);
        assert!(!text.wgsl.is_empty(), "{}", path.display());
    }
}

#[test]
#[should_panic(expected = "Missing")]
fn an_override_without_a_default_is_refused() {
    check(
        "test",
        "override KIND: u32;
         @group(0) @binding(0) var<storage, read_write> y: array<u32>;
         @compute @workgroup_size(1) fn forward() { y[0] = KIND; }",
        None,
        Capabilities::empty(),
    );
}
