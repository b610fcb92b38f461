//! Pipelines, built on first use and kept for the life of the device.

use std::collections::HashMap;
use std::sync::Arc;

use super::kernel::Kernel;
use super::loader::{Access, Interface, Shader};
use super::text::{StandIn, Text};
use super::{GpuBuffer, batch, textures};

/// A file, and what stands in for one of its imports.
type File = (&'static str, Option<StandIn>);

/// The file, entry point and constants, the latter by their bits.
type Key = (File, &'static str, Vec<(&'static str, u64)>);

pub(super) struct Pipelines {
    /// Whether shaders read textures where they can.
    textures: bool,
    texts: HashMap<File, Text>,
    shaders: HashMap<File, (Shader, wgpu::ShaderModule)>,
    built: HashMap<Key, Arc<Pipeline>>,
}

/// A compiled entry point and what it wants of a launch.
pub(super) struct Pipeline {
    pub(super) compute: wgpu::ComputePipeline,
    pub(super) layout: wgpu::BindGroupLayout,
    pub(super) interface: Interface,
    place: String,
}

impl Pipelines {
    pub(super) fn new(textures: bool) -> Pipelines {
        Pipelines {
            textures,
            texts: HashMap::new(),
            shaders: HashMap::new(),
            built: HashMap::new(),
        }
    }

    /// The text of a kernel's file.
    pub(super) fn text(&mut self, kernel: &Kernel) -> &Text {
        let resolve = || Text::resolve(kernel.file, kernel.source, kernel.stand_in, self.textures);
        self.texts.entry((kernel.file, kernel.stand_in)).or_insert_with(resolve)
    }

    /// How many were built.
    pub(super) fn len(&self) -> usize {
        self.built.len()
    }

    #[track_caller]
    pub(super) fn get(
        &mut self,
        device: &wgpu::Device,
        uniform: &wgpu::BindGroupLayout,
        kernel: &Kernel,
    ) -> Arc<Pipeline> {
        let constants = kernel.constants.iter().map(|(name, value)| (*name, value.to_bits())).collect();
        let file = (kernel.file, kernel.stand_in);
        let key = (file, kernel.entry, constants);
        if let Some(pipeline) = self.built.get(&key) {
            return pipeline.clone();
        }
        self.text(kernel);
        let text = &self.texts[&file];
        let (shader, module) = self.shaders.entry(file).or_insert_with(|| {
            let shader = Shader::parse(kernel.file, text);
            let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
                label: Some(kernel.file),
                source: wgpu::ShaderSource::Naga(std::borrow::Cow::Owned(shader.module.clone())),
            });
            (shader, module)
        });
        let interface = shader.interface(kernel.file, kernel.entry, &kernel.constants);
        let pipeline = Arc::new(Pipeline::build(device, uniform, kernel, module, interface));
        self.built.insert(key, pipeline.clone());
        pipeline
    }
}

impl Pipeline {
    fn build(
        device: &wgpu::Device,
        uniform: &wgpu::BindGroupLayout,
        kernel: &Kernel,
        module: &wgpu::ShaderModule,
        interface: Interface,
    ) -> Pipeline {
        let place = format!("shaders/{}.wgsl `{}`", kernel.file, kernel.entry);
        let entries: Vec<wgpu::BindGroupLayoutEntry> = interface
            .bindings
            .iter()
            .map(|binding| {
                let storage = |read_only| {
                    let ty = wgpu::BufferBindingType::Storage { read_only };
                    batch::layout_entry(binding.index, ty, false)
                };
                match binding.access {
                    Access::Read => storage(true),
                    Access::Write => storage(false),
                    Access::Texture { .. } => textures::layout_entry(binding.index),
                }
            })
            .collect();
        let layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: Some(&place),
            entries: &entries,
        });
        let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some(&place),
            bind_group_layouts: &[Some(&layout), Some(uniform)],
            immediate_size: 0,
        });
        let compute = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(&place),
            layout: Some(&pipeline_layout),
            module,
            entry_point: Some(kernel.entry),
            compilation_options: wgpu::PipelineCompilationOptions {
                constants: &kernel.constants,
                ..Default::default()
            },
            cache: None,
        });
        Pipeline { compute, layout, interface, place }
    }

    /// # Panics
    /// If the scalars of the launch are not those of the shader.
    #[track_caller]
    pub(super) fn check_params(&self, given: &[(&str, usize, &str)]) {
        let wanted = &self.interface.fields;
        let same = wanted.len() == given.len()
            && wanted.iter().zip(given).all(|(w, g)| (w.0.as_str(), w.1, w.2.as_str()) == *g);
        assert!(same, "{}: the shader's Params are {wanted:?}, the launch gives {given:?}", self.place);
    }

    /// The given buffers in the order of the shader's bindings.
    ///
    /// # Panics
    /// If the names are not those that the entry point uses, or a written buffer is given twice.
    #[track_caller]
    pub(super) fn arrange<'a>(&self, given: &[(&str, &'a GpuBuffer)]) -> Vec<&'a GpuBuffer> {
        let bindings = &self.interface.bindings;
        let find = |name: &str| given.iter().find(|(given, _)| *given == name).map(|(_, buffer)| *buffer);
        let found: Vec<&GpuBuffer> = bindings.iter().filter_map(|binding| find(&binding.name)).collect();
        if found.len() != bindings.len() || given.len() != bindings.len() {
            let wanted: Vec<&str> = bindings.iter().map(|binding| binding.name.as_str()).collect();
            let given: Vec<&str> = given.iter().map(|(name, _)| *name).collect();
            panic!("{}: the entry point binds {wanted:?}, the launch gives {given:?}", self.place);
        }
        for (i, binding) in bindings
            .iter()
            .enumerate()
            .filter(|(_, binding)| binding.access == Access::Write)
        {
            let twin = (0..found.len()).find(|j| *j != i && std::ptr::eq(found[*j], found[i]));
            if let Some(twin) = twin {
                let twin = &bindings[twin].name;
                panic!("{}: `{}` is written but also given as `{twin}`", self.place, binding.name);
            }
        }
        found
    }

    /// What wgpu does not see where the sizes come from `override` constants.
    pub(super) fn check_limits(&self, limits: &wgpu::Limits) -> Result<(), String> {
        let (size, limit) = (self.interface.workgroup, limits.max_compute_invocations_per_workgroup);
        if size > limit {
            return Err(format!("a workgroup of {size} invocations exceeds the limit of {limit}"));
        }
        let (size, limit) = (self.interface.workgroup_bytes, limits.max_compute_workgroup_storage_size);
        if size > limit {
            return Err(format!("workgroup memory of {size} bytes exceeds the limit of {limit}"));
        }
        Ok(())
    }

    /// File and entry point, for messages.
    pub(super) fn place(&self) -> &str {
        &self.place
    }
}
