//! Recording one launch: every check, then the buffers bound to the pipeline.

use std::collections::HashMap;
use std::sync::Arc;

use super::batch::SLOT;
use super::errors::out_of_memory;
use super::kernel::Kernel;
use super::loader::Access;
use super::pipeline::Pipeline;
use super::pool::bytes_of;
use super::{Gpu, GpuBuffer, Grid, Inner, State, textures};

/// Bind groups kept; a training step repeats its launches on the same pooled buffers.
const KEPT: usize = 8192;

/// Bind groups by the address of their pipeline, which lives as long as the device, and by what they bind.
#[derive(Default)]
pub(super) struct BindGroups(HashMap<(usize, Vec<Bound>), wgpu::BindGroup>);

/// Memory and how many bytes of it.
type Part = (wgpu::Buffer, u64);

/// What is bound.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Bound {
    Buffer(Part),
    Texture(wgpu::TextureView),
}

impl Bound {
    fn resource(&self) -> wgpu::BindingResource<'_> {
        match self {
            Bound::Buffer((buffer, bytes)) => wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                buffer,
                offset: 0,
                size: wgpu::BufferSize::new(*bytes),
            }),
            Bound::Texture(view) => wgpu::BindingResource::TextureView(view),
        }
    }
}

impl BindGroups {
    fn get(&mut self, device: &wgpu::Device, pipeline: &Arc<Pipeline>, bound: Vec<Bound>) -> wgpu::BindGroup {
        if self.0.len() >= KEPT {
            self.clear();
        }
        let key = (Arc::as_ptr(pipeline) as usize, bound);
        if let Some(group) = self.0.get(&key) {
            return group.clone();
        }
        let group = create(device, pipeline, &key.1);
        self.0.insert(key, group.clone());
        group
    }

    /// Lets go of all buffers.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

fn create(device: &wgpu::Device, pipeline: &Pipeline, bound: &[Bound]) -> wgpu::BindGroup {
    let entries: Vec<wgpu::BindGroupEntry> = pipeline
        .interface
        .bindings
        .iter()
        .zip(bound)
        .map(|(binding, bound)| wgpu::BindGroupEntry { binding: binding.index, resource: bound.resource() })
        .collect();
    device.create_bind_group(&wgpu::BindGroupDescriptor {
        label: None,
        layout: &pipeline.layout,
        entries: &entries,
    })
}

impl Gpu {
    #[track_caller]
    pub(super) fn record(
        &self,
        kernel: &Kernel,
        fields: &[(&str, usize, &str)],
        params: &[u8],
        buffers: &[(&str, &GpuBuffer)],
        grid: Grid,
    ) {
        let inner = &*self.0;
        if grid.is_empty() || inner.failure.happened() {
            return;
        }
        let mut state = self.lock();
        if let Err(reason) = self.make_textures(&mut state, kernel, buffers) {
            return inner
                .failure
                .set(format!("shaders/{}.wgsl `{}`: {reason}", kernel.file, kernel.entry));
        }
        if self.is_dry() {
            return;
        }
        let State { batch, pipelines, bind_groups, textures, .. } = &mut *state;
        let pipeline = pipelines.get(&inner.opened.device, &batch.uniform_layout, kernel);
        let place = pipeline.place();
        pipeline.check_params(fields);
        let size = params.len();
        assert!(size <= SLOT, "{place}: Params of {size} bytes exceed {SLOT}");
        let buffers = pipeline.arrange(buffers);
        let own = buffers.iter().all(|buffer| self.same(&buffer.gpu));
        assert!(own, "{place}: a buffer is of another device");
        match self.fit(&pipeline, &buffers, grid) {
            Err(reason) => inner.failure.set(format!("{place}: {reason}")),
            Ok((parts, groups)) => {
                let bound = pipeline.interface.bindings.iter().zip(parts);
                let bound = bound.map(|(binding, part)| match binding.access {
                    Access::Read | Access::Write => Bound::Buffer(part),
                    Access::Texture { place } => Bound::Texture(textures.copy(place, &part, batch)),
                });
                let bound = bind_groups.get(&inner.opened.device, &pipeline, bound.collect());
                batch.dispatch(pipeline, bound, params, groups);
            }
        }
        if state.batch.is_full() {
            self.submit(&mut state);
        }
    }

    /// Sees that there are textures for what a launch reads from some, or says why not.
    fn make_textures(
        &self,
        state: &mut State,
        kernel: &Kernel,
        buffers: &[(&str, &GpuBuffer)],
    ) -> Result<(), String> {
        let Inner { opened, pool, .. } = &*self.0;
        if !opened.textures {
            return Ok(());
        }
        let limit = textures::most_bytes(&opened.limits);
        for (name, buffer) in buffers {
            let Some(place) = state.pipelines.text(kernel).place_of_texture(name) else {
                continue;
            };
            let bytes = bytes_of(buffer.len);
            if bytes > limit {
                return Err(too_large(name, bytes, limit, "texture"));
            }
            let most_rows = opened.limits.max_texture_dimension_2d;
            if !state.textures.grow(place, bytes, most_rows, pool) || self.is_dry() {
                continue;
            }
            // They hold on to the smaller one.
            state.bind_groups.clear();
            if state.textures.make(place, &opened.device).is_ok() {
                continue;
            }
            pool.release();
            self.reclaim(state);
            let made = state.textures.make(place, &opened.device);
            made.map_err(|bytes| out_of_memory(&format!("a texture of {bytes} bytes")))?;
        }
        Ok(())
    }

    /// What to bind and how many workgroups to launch along each axis, or which limit is exceeded.
    fn fit(
        &self,
        pipeline: &Pipeline,
        buffers: &[&GpuBuffer],
        grid: Grid,
    ) -> Result<(Vec<Part>, [u32; 3]), String> {
        let limits = &self.0.opened.limits;
        pipeline.check_limits(limits)?;
        let axis = limits.max_compute_workgroups_per_dimension;
        let groups = grid.fold(pipeline.interface.workgroup, axis)?;
        let limit = limits.max_storage_buffer_binding_size;
        let mut bound = Vec::with_capacity(buffers.len());
        for (binding, buffer) in pipeline.interface.bindings.iter().zip(buffers) {
            let bytes = bytes_of(buffer.len);
            if bytes > limit {
                return Err(too_large(&binding.name, bytes, limit, "binding"));
            }
            // Memory is missing only if another thread saw the device fail, which is the reason that stays.
            let memory = buffer.memory.as_ref().ok_or("the device has failed")?;
            bound.push((memory.clone(), bytes));
        }
        Ok((bound, groups))
    }
}

fn too_large(name: &str, bytes: u64, limit: u64, what: &str) -> String {
    format!(
        "buffer `{name}` of {bytes} bytes exceeds the limit of {limit} bytes per {what}; use a smaller batch or fewer \
         channels"
    )
}
