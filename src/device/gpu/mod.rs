//! The GPU device through wgpu. The only room that names `wgpu` or `naga`.

mod adapters;
mod batch;
mod errors;
mod grid;
mod kernel;
mod launch;
mod loader;
mod pace;
mod pipeline;
mod pool;
mod size_class;
mod text;
mod textures;
mod transfer;
mod tuning;

use std::ops::Sub;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{DeviceInfo, MemoryStats};
use crate::Error;
use adapters::Opened;
use batch::Batch;
use errors::Failure;
pub use grid::Grid;
pub use kernel::{Kernel, Params};
pub(crate) use kernel::{kernel, params};
use launch::BindGroups;
use pipeline::Pipelines;
use pool::{Pool, Purpose, bytes_of};
#[doc(hidden)]
pub use text::{StandIn, Text};
use textures::Textures;
use tuning::Tuning;
pub use tuning::{Choices, Way};

/// How to open an adapter.
#[derive(Debug, Clone, Copy, Default)]
pub struct GpuOptions {
    /// Ask for WebGPU's minimum limits and no features, even where the adapter has more, and read buffers as they are.
    pub minimum_limits: bool,
    /// Lower the number of workgroups per axis to this, so that large launches fold (default: 65,535).
    pub max_workgroups_per_axis: Option<u32>,
    /// Lower the bytes per storage binding to this.
    pub max_binding_bytes: Option<u64>,
    /// Treat the adapter as one of this kind, see [`DeviceInfo::kind`].
    pub kind: Option<&'static str>,
    /// Let convolutions read their weights, and images that they copy anyway, as halves (f16): half of what their kernels
    /// read, and 11 bits of a number in the place of 24. Sums, results and gradients are floats as ever.
    pub half: bool,
}

/// Handle of an opened adapter. Cloning is cheap; clones are the same device.
#[derive(Clone)]
pub struct Gpu(Arc<Inner>);

struct Inner {
    opened: Opened,
    failure: Failure,
    pool: Pool,
    poison: AtomicBool,
    operations: AtomicU64,
    state: Mutex<State>,
    tuning: Mutex<Tuning>,
}

/// What a launch changes.
struct State {
    batch: Batch,
    pipelines: Pipelines,
    bind_groups: BindGroups,
    textures: Textures,
    /// NaN to copy into new buffers, made when first needed.
    nan: Option<wgpu::Buffer>,
}

/// Memory of a GPU; goes back to the pool when dropped.
pub struct GpuBuffer {
    /// None if the device had failed: nothing runs on it any more.
    memory: Option<wgpu::Buffer>,
    /// The class that a dry device counts in the place of memory.
    counted: Option<u64>,
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

impl Sub for Counters {
    type Output = Counters;

    fn sub(self, before: Counters) -> Counters {
        Counters {
            pipelines: self.pipelines - before.pipelines,
            dispatches: self.dispatches - before.dispatches,
            submissions: self.submissions - before.submissions,
        }
    }
}

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
        let most_bytes = opened.limits.max_buffer_size;
        Ok(Gpu::new(opened, most_bytes, false))
    }

    /// The same adapter for a dry run, see [`crate::Device::dry`]. Larger buffers than its kernels take fail it at once.
    pub fn dry(&self) -> Gpu {
        Gpu::new(self.0.opened.clone(), self.most_elements() as u64 * 4, true)
    }

    /// A device whose pool is empty; a buffer of more than `most_bytes` fails it.
    fn new(opened: Opened, most_bytes: u64, dry: bool) -> Gpu {
        let failure = Failure::new(format!("{} ({})", opened.info.id, opened.info.name));
        // A dry twin must not take the adapter's failures from the real one.
        if !dry {
            failure.listen(&opened.device);
        }
        let pool = Pool::new(opened.device.clone(), failure.clone(), most_bytes, dry);
        pool.count(Batch::UNIFORM_BYTES);
        let state = State {
            batch: Batch::new(&opened.device),
            pipelines: Pipelines::new(opened.textures),
            bind_groups: BindGroups::default(),
            textures: Textures::default(),
            nan: None,
        };
        Gpu(Arc::new(Inner {
            opened,
            failure,
            pool,
            poison: AtomicBool::new(false),
            operations: AtomicU64::new(0),
            state: Mutex::new(state),
            tuning: Mutex::default(),
        }))
    }

    /// How many of `wanted` bytes the adapter gives for tensors now; they are given back.
    pub(super) fn try_to_take(&self, wanted: u64) -> u64 {
        let given = self.0.pool.try_to_take(wanted);
        // Destroyed buffers are let go of in a wait; its failure sticks and is reported at the next read.
        let _ = self.wait(None);
        given
    }

    /// Whether this is a device for dry runs.
    pub fn is_dry(&self) -> bool {
        self.0.pool.is_dry()
    }

    /// Elements of the largest buffer that a kernel can be given.
    pub fn most_elements(&self) -> usize {
        let limits = &self.0.opened.limits;
        let mut bytes = limits.max_storage_buffer_binding_size.min(limits.max_buffer_size);
        if self.reads_textures() {
            bytes = bytes.min(textures::most_bytes(limits));
        }
        (bytes / 4) as usize
    }

    /// Invocations that keep an adapter of this kind busy: a launch of fewer is worth cutting further. A processor that
    /// plays an adapter is busy with any.
    pub fn invocations_wanted(&self) -> Option<usize> {
        match self.0.opened.info.kind {
            "software" => None,
            "discrete" => Some(1 << 17),
            _ => Some(1 << 15),
        }
    }

    /// Invocations of a subgroup where that is a small fixed number, 4 or 8: then a tile of a product that a subgroup owns
    /// together is small enough for small images too. Processors that play an adapter are like that.
    pub fn small_subgroup(&self) -> Option<u32> {
        self.0.opened.subgroup.filter(|size| matches!(size, 4 | 8))
    }

    /// Whether kernels read textures in the place of buffers where a shader says so, as they do where a processor plays the adapter.
    pub fn reads_textures(&self) -> bool {
        self.0.opened.textures
    }

    /// Whether convolutions read halves, see [`GpuOptions::half`].
    pub fn half(&self) -> bool {
        self.0.opened.half
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

    /// Records one dispatch; of zero elements or groups, nothing. A launch beyond a limit of the device fails it.
    ///
    /// # Panics
    /// If the shader is refused, or its bindings and `Params` are not what is given.
    #[track_caller]
    pub fn launch<P: Params>(&self, kernel: &Kernel, params: &P, buffers: &[(&str, &GpuBuffer)], grid: Grid) {
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
        self.0.opened.device.destroy();
        // The driver's callback only runs inside a wait, whose result here is the loss itself.
        let _ = self.wait(None);
    }

    pub(super) fn sync(&self) -> Result<(), Error> {
        self.check()?;
        if self.is_dry() {
            return Ok(());
        }
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

    pub(super) fn operations(&self) -> &AtomicU64 {
        &self.0.operations
    }

    pub(super) fn poison(&self) {
        self.0.poison.store(true, Ordering::Relaxed);
    }

    pub(super) fn info(&self) -> &DeviceInfo {
        &self.0.opened.info
    }

    pub(super) fn same(&self, other: &Gpu) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    fn take(&self, len: usize) -> GpuBuffer {
        let (pool, bytes) = (&self.0.pool, bytes_of(len));
        let counted = pool.take_counted(Purpose::Storage, bytes);
        let memory = match pool.is_dry() {
            true => None,
            false => self.memory_for(Purpose::Storage, bytes),
        };
        GpuBuffer { memory, counted, len, gpu: self.clone() }
    }

    /// Pooled or new memory; none once the device has failed. Must not be called while the state is locked.
    fn memory_for(&self, purpose: Purpose, bytes: u64) -> Option<wgpu::Buffer> {
        self.0.pool.take(purpose, bytes, || self.reclaim(&mut self.lock()))
    }

    /// Waits until nothing holds on to memory that is otherwise unused, as recorded work and bind groups do.
    fn reclaim(&self, state: &mut State) {
        state.bind_groups.clear();
        let index = self.submit(state);
        // A failure sticks and is reported at the next read.
        let _ = self.wait(index);
    }

    /// Submits all recorded work, and waits for older work if too much is under way.
    fn submit(&self, state: &mut State) -> Option<wgpu::SubmissionIndex> {
        let inner = &*self.0;
        if inner.failure.happened() {
            state.batch.clear();
            return None;
        }
        let (index, oldest) = state.batch.submit(&inner.opened.device, &inner.opened.queue);
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
            self.0
                .opened
                .device
                .poll(wgpu::PollType::Wait { submission_index, timeout: None })
        }));
        match waited {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => {
                failure.set(format!("waiting for the device failed: {error}; restart the program"))
            }
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
        if let Some(class) = self.counted {
            self.gpu.0.pool.give_back_counted(Purpose::Storage, class);
        }
    }
}
