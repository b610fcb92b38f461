//! The GPU device through wgpu. The only room that names `wgpu` or `naga`.

mod adapters;
mod batch;
mod errors;
mod grid;
mod kernel;
mod loader;
mod pipeline;
mod pool;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};

use super::{DeviceInfo, MemoryStats};
use crate::Error;
use batch::{Batch, SLOT};
use errors::Failure;
pub use grid::Grid;
pub use kernel::{Kernel, Params};
pub(crate) use kernel::{kernel, params};
#[doc(hidden)]
pub use loader::resolve;
use pipeline::{Pipeline, Pipelines};
use pool::{Pool, Purpose, bytes_of};

/// How to open an adapter.
#[derive(Debug, Clone, Copy, Default)]
pub struct GpuOptions {
    /// Ask for WebGPU's minimum limits, even where the adapter has more.
    pub minimum_limits: bool,
    /// Lower the number of workgroups per axis to this, so that large launches fold (default: 65,535).
    pub max_workgroups_per_axis: Option<u32>,
    /// Lower the bytes per storage binding to this.
    pub max_binding_bytes: Option<u64>,
}

/// Handle of an opened adapter. Cloning is cheap; clones are the same device.
#[derive(Clone)]
pub struct Gpu(Arc<Inner>);

struct Inner {
    info: DeviceInfo,
    limits: wgpu::Limits,
    device: wgpu::Device,
    queue: wgpu::Queue,
    failure: Failure,
    pool: Pool,
    poison: AtomicBool,
    state: Mutex<State>,
}

/// What a launch changes.
struct State {
    batch: Batch,
    pipelines: Pipelines,
    /// NaN to copy into new buffers, made when first needed.
    nan: Option<wgpu::Buffer>,
}

/// Memory of a GPU; goes back to the pool when dropped.
pub struct GpuBuffer {
    /// None if the device had failed: nothing runs on it any more.
    memory: Option<wgpu::Buffer>,
    len: usize,
    gpu: Gpu,
}

/// What a GPU has done since it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counters {
    /// Pipelines built.
    pub pipelines: u64,
    /// Kernel launches recorded.
    pub dispatches: u64,
    /// Batches handed to the driver.
    pub submissions: u64,
}

/// Bytes of the buffer that poisoning copies from.
const NAN_BYTES: u64 = 1 << 20;

impl Gpu {
    /// The Vulkan, Metal and DX12 adapters of this machine, in the same order throughout the process.
    pub fn adapters() -> Vec<DeviceInfo> {
        adapters::list()
    }

    /// Opens adapter `index` of [`Gpu::adapters`].
    ///
    /// # Errors
    /// If there is no such adapter or it lacks WebGPU's default limits.
    pub fn open(index: usize, options: GpuOptions) -> Result<Gpu, Error> {
        let opened = adapters::open(index, options)?;
        let failure = Failure::new(format!("{} ({})", opened.info.id, opened.info.name));
        failure.listen(&opened.device);
        let pool = Pool::new(opened.limits.max_buffer_size);
        let batch = Batch::new(&opened.device);
        pool.count(Batch::UNIFORM_BYTES);
        Ok(Gpu(Arc::new(Inner {
            info: opened.info,
            limits: opened.limits,
            device: opened.device,
            queue: opened.queue,
            failure,
            pool,
            poison: AtomicBool::new(false),
            state: Mutex::new(State {
                batch,
                pipelines: Pipelines::default(),
                nan: None,
            }),
        })))
    }

    /// Room for `len` floats with arbitrary content. Too large a buffer fails the device, see [`Gpu::read`].
    pub fn alloc(&self, len: usize) -> GpuBuffer {
        let buffer = self.take(len);
        if let Some(memory) = &buffer.memory
            && self.0.poison.load(Ordering::Relaxed)
        {
            self.fill_nan(memory);
        }
        buffer
    }

    /// Copies `data` to the device.
    pub fn upload(&self, data: &[f32]) -> GpuBuffer {
        let buffer = self.take(data.len());
        let Some(memory) = &buffer.memory else {
            return buffer;
        };
        if data.is_empty() {
            return buffer;
        }
        let mut state = self.lock();
        // A queue write overtakes recorded work, which may still have to read what this memory held before.
        if !state.batch.is_empty() {
            self.submit(&mut state);
        }
        self.0
            .queue
            .write_buffer(memory, 0, bytemuck::cast_slice(data));
        if state.batch.uploaded(memory.size()) {
            self.submit(&mut state);
        }
        drop(state);
        buffer
    }

    /// Copies the first `len` floats to the host, after all recorded work.
    ///
    /// # Errors
    /// If the device failed since it was opened.
    ///
    /// # Panics
    /// If the buffer is shorter or of another device.
    #[track_caller]
    pub fn read(&self, buffer: &GpuBuffer, len: usize) -> Result<Vec<f32>, Error> {
        assert!(
            len <= buffer.len,
            "read of {len} floats from a buffer of {}",
            buffer.len
        );
        assert!(self.same(&buffer.gpu), "read of a buffer of another device");
        self.check()?;
        let inner = &*self.0;
        if len == 0 {
            return Ok(Vec::new());
        }
        let staging = inner.pool.take(
            &inner.device,
            &inner.failure,
            Purpose::Readback,
            bytes_of(len),
        );
        let (Some(memory), Some(staging)) = (&buffer.memory, staging) else {
            self.check()?;
            unreachable!("memory is missing only after a failure");
        };
        let bytes = len as u64 * 4;
        let index = {
            let mut state = self.lock();
            state.batch.copy(memory, &staging, 0, bytes);
            self.submit(&mut state)
        };
        let (done, result) = mpsc::channel();
        staging.map_async(wgpu::MapMode::Read, 0..bytes, move |mapped| {
            // The receiver is gone only if the wait failed, which is reported there.
            let _ = done.send(mapped);
        });
        self.wait(index)?;
        let values = match result.recv() {
            Ok(Ok(())) => match staging.get_mapped_range(0..bytes) {
                Ok(view) => bytemuck::pod_collect_to_vec(&view),
                Err(error) => {
                    inner
                        .failure
                        .set(format!("a finished copy cannot be read: {error}"));
                    Vec::new()
                }
            },
            Ok(Err(_)) | Err(_) => {
                inner
                    .failure
                    .set("a copy to the host was not finished; restart the program");
                Vec::new()
            }
        };
        self.check()?;
        staging.unmap();
        inner.pool.give_back(Purpose::Readback, staging);
        Ok(values)
    }

    /// Records one dispatch; of zero elements or groups, nothing. A launch beyond a limit of the device fails it.
    ///
    /// # Panics
    /// If the shader is refused, or its bindings and `Params` are not what is given.
    #[track_caller]
    pub fn launch<P: Params>(
        &self,
        kernel: &Kernel,
        params: &P,
        buffers: &[(&str, &GpuBuffer)],
        grid: Grid,
    ) {
        self.record(kernel, P::FIELDS, bytemuck::bytes_of(params), buffers, grid);
    }

    /// Hands recorded work to the driver without waiting for it.
    pub fn flush(&self) {
        let mut state = self.lock();
        if !state.batch.is_empty() {
            self.submit(&mut state);
        }
    }

    /// What was done so far.
    pub fn counters(&self) -> Counters {
        let state = self.lock();
        Counters {
            pipelines: state.pipelines.len() as u64,
            dispatches: state.batch.dispatches(),
            submissions: state.batch.submissions(),
        }
    }

    /// Takes the device away as a crashing driver would. For tests.
    #[doc(hidden)]
    pub fn lose(&self) {
        self.0.device.destroy();
        // The driver's callback only runs inside a wait, whose result here is the loss itself.
        let _ = self.wait(None);
    }

    pub(super) fn sync(&self) -> Result<(), Error> {
        self.check()?;
        self.flush();
        self.wait(None)?;
        self.check()
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        self.0.failure.check()
    }

    pub(super) fn memory(&self) -> MemoryStats {
        self.0.pool.stats()
    }

    pub(super) fn poison(&self) {
        self.0.poison.store(true, Ordering::Relaxed);
    }

    pub(super) fn info(&self) -> &DeviceInfo {
        &self.0.info
    }

    pub(super) fn same(&self, other: &Gpu) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    fn take(&self, len: usize) -> GpuBuffer {
        let inner = &*self.0;
        GpuBuffer {
            memory: inner.pool.take(
                &inner.device,
                &inner.failure,
                Purpose::Storage,
                bytes_of(len),
            ),
            len,
            gpu: self.clone(),
        }
    }

    #[track_caller]
    fn record(
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
        let State {
            batch, pipelines, ..
        } = &mut *state;
        let pipeline = pipelines.get(&inner.device, &batch.uniform_layout, kernel);
        pipeline.check_params(fields);
        assert!(
            params.len() <= SLOT,
            "{}: Params of {} bytes exceed {SLOT}",
            pipeline.place(),
            params.len()
        );
        let buffers = pipeline.arrange(buffers);
        assert!(
            buffers.iter().all(|b| self.same(&b.gpu)),
            "{}: a buffer is of another device",
            pipeline.place()
        );
        let recorded = pipeline
            .check_limits(&inner.limits)
            .and_then(|()| {
                grid.fold(
                    pipeline.interface.workgroup,
                    inner.limits.max_compute_workgroups_per_dimension,
                )
            })
            .and_then(|groups| Ok((groups, self.bind(&pipeline, &buffers)?)));
        match recorded {
            Err(reason) => inner.failure.set(format!("{}: {reason}", pipeline.place())),
            Ok((groups, group)) => {
                if !inner.failure.happened() {
                    batch.dispatch(pipeline, group, params, groups);
                }
            }
        }
        if state.batch.is_full() {
            self.submit(&mut state);
        }
    }

    fn bind(&self, pipeline: &Pipeline, buffers: &[&GpuBuffer]) -> Result<wgpu::BindGroup, String> {
        let limit = self.0.limits.max_storage_buffer_binding_size;
        let mut entries = Vec::with_capacity(buffers.len());
        for (binding, buffer) in pipeline.interface.bindings.iter().zip(buffers) {
            let bytes = bytes_of(buffer.len);
            if bytes > limit {
                return Err(format!(
                    "buffer `{}` of {bytes} bytes exceeds the limit of {limit} bytes per binding; use a smaller \
                     batch or fewer channels",
                    binding.name
                ));
            }
            let memory = buffer.memory.as_ref().ok_or("a buffer was never made")?;
            entries.push(wgpu::BindGroupEntry {
                binding: binding.index,
                resource: wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                    buffer: memory,
                    offset: 0,
                    size: wgpu::BufferSize::new(bytes),
                }),
            });
        }
        Ok(self.0.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: &pipeline.layout,
            entries: &entries,
        }))
    }

    fn fill_nan(&self, memory: &wgpu::Buffer) {
        let inner = &*self.0;
        let mut state = self.lock();
        let State { batch, nan, .. } = &mut *state;
        let nan = nan.get_or_insert_with(|| {
            inner.pool.count(NAN_BYTES);
            let buffer = inner.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("nan"),
                size: NAN_BYTES,
                usage: wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            });
            inner.queue.write_buffer(
                &buffer,
                0,
                bytemuck::cast_slice(&vec![f32::NAN; NAN_BYTES as usize / 4]),
            );
            buffer
        });
        let mut offset = 0;
        while offset < memory.size() {
            let bytes = NAN_BYTES.min(memory.size() - offset);
            batch.copy(nan, memory, offset, bytes);
            offset += bytes;
        }
    }

    /// Submits all recorded work, and waits for older work if too much is under way.
    fn submit(&self, state: &mut State) -> Option<wgpu::SubmissionIndex> {
        let inner = &*self.0;
        if inner.failure.happened() {
            state.batch.clear();
            return None;
        }
        let (index, oldest) = state.batch.submit(&inner.device, &inner.queue);
        if oldest.is_some() {
            // A failure sticks and is reported at the next read.
            let _ = self.wait(oldest);
        }
        Some(index)
    }

    /// Waits for a submission, or for all of them.
    fn wait(&self, submission_index: Option<wgpu::SubmissionIndex>) -> Result<(), Error> {
        let failure = &self.0.failure;
        failure.check()?;
        // wgpu panics here when the device is lost while it waits.
        let waited = catch_unwind(AssertUnwindSafe(|| {
            self.0.device.poll(wgpu::PollType::Wait {
                submission_index,
                timeout: None,
            })
        }));
        match waited {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => failure.set(format!(
                "waiting for the device failed: {error}; restart the program"
            )),
            Err(_) => failure.set("the device was lost during a wait; restart the program"),
        }
        failure.check()
    }

    /// A launch that panics on a caller's bug has recorded nothing yet, so a poisoned lock is still good.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl GpuBuffer {
    pub(crate) fn device(&self) -> Gpu {
        self.gpu.clone()
    }
}

impl Drop for GpuBuffer {
    fn drop(&mut self) {
        if let Some(memory) = self.memory.take() {
            self.gpu.0.pool.give_back(Purpose::Storage, memory);
        }
    }
}
