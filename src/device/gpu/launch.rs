//! Recording one launch: every check, then the buffers bound to the pipeline.

use std::collections::HashMap;
use std::sync::Arc;

use super::batch::SLOT;
use super::kernel::Kernel;
use super::pipeline::Pipeline;
use super::pool::bytes_of;
use super::{Gpu, GpuBuffer, Grid, State};

/// Bind groups kept; a training step repeats its launches on the same pooled buffers.
const KEPT: usize = 8192;

/// Bind groups by the address of their pipeline, which lives as long as the device, and by what they bind.
#[derive(Default)]
pub(super) struct BindGroups(HashMap<(usize, Vec<Binding>), wgpu::BindGroup>);

/// Memory and the bytes of it that are bound.
type Binding = (wgpu::Buffer, u64);

impl BindGroups {
    fn get(
        &mut self,
        device: &wgpu::Device,
        pipeline: &Arc<Pipeline>,
        bound: Vec<Binding>,
    ) -> wgpu::BindGroup {
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

fn create(device: &wgpu::Device, pipeline: &Pipeline, bound: &[Binding]) -> wgpu::BindGroup {
    let entries: Vec<wgpu::BindGroupEntry> = pipeline
        .interface
        .bindings
        .iter()
        .zip(bound)
        .map(|(binding, (buffer, bytes))| wgpu::BindGroupEntry {
            binding: binding.index,
            resource: wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                buffer,
                offset: 0,
                size: wgpu::BufferSize::new(*bytes),
            }),
        })
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
        if grid.is_empty() || inner.failure.happened() || self.is_dry() {
            return;
        }
        let mut state = self.lock();
        let State { batch, pipelines, bind_groups, .. } = &mut *state;
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
            Ok((bound, groups)) => {
                let bound = bind_groups.get(&inner.opened.device, &pipeline, bound);
                batch.dispatch(pipeline, bound, params, groups);
            }
        }
        if state.batch.is_full() {
            self.submit(&mut state);
        }
    }

    /// What to bind and how many workgroups to launch along each axis, or which limit is exceeded.
    fn fit(
        &self,
        pipeline: &Pipeline,
        buffers: &[&GpuBuffer],
        grid: Grid,
    ) -> Result<(Vec<Binding>, [u32; 3]), String> {
        let limits = &self.0.opened.limits;
        pipeline.check_limits(limits)?;
        let axis = limits.max_compute_workgroups_per_dimension;
        let groups = grid.fold(pipeline.interface.workgroup, axis)?;
        let limit = limits.max_storage_buffer_binding_size;
        let mut bound = Vec::with_capacity(buffers.len());
        for (binding, buffer) in pipeline.interface.bindings.iter().zip(buffers) {
            let bytes = bytes_of(buffer.len);
            if bytes > limit {
                return Err(format!(
                    "buffer `{}` of {bytes} bytes exceeds the limit of {limit} bytes per binding; use a smaller \
                     batch or fewer channels",
                    binding.name
                ));
            }
            // Memory is missing only if another thread saw the device fail, which is the reason that stays.
            let memory = buffer.memory.as_ref().ok_or("the device has failed")?;
            bound.push((memory.clone(), bytes));
        }
        Ok((bound, groups))
    }
}
