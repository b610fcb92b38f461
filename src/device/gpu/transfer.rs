//! Between the host and the device: uploads, readbacks, and filling with NaN.

use std::sync::mpsc;
use std::time::Duration;

use super::pool::{Purpose, bytes_of};
use super::{Gpu, GpuBuffer, State};
use crate::Error;

/// Bytes of the buffer that poisoning copies from.
const NAN_BYTES: u64 = 1 << 20;

/// How long another thread may take to hand over a copy that the device has finished.
const PATIENCE: Duration = Duration::from_secs(10);

impl Gpu {
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
        self.0.opened.queue.write_buffer(memory, 0, bytemuck::cast_slice(data));
        if state.batch.uploaded(memory.size()) {
            self.submit(&mut state);
        }
        drop(state);
        buffer
    }

    /// Copies the first `len` floats to the host, after all recorded work. Zeros from a dry device.
    ///
    /// # Errors
    /// If the device failed since it was opened.
    ///
    /// # Panics
    /// If the buffer is shorter or of another device.
    #[track_caller]
    pub fn read(&self, buffer: &GpuBuffer, len: usize) -> Result<Vec<f32>, Error> {
        assert!(len <= buffer.len, "read of {len} floats from a buffer of {}", buffer.len);
        assert!(self.same(&buffer.gpu), "read of a buffer of another device");
        self.check()?;
        let inner = &*self.0;
        if len == 0 {
            return Ok(Vec::new());
        }
        if self.is_dry() {
            if let Some(class) = inner.pool.take_counted(Purpose::Readback, bytes_of(len)) {
                inner.pool.give_back_counted(Purpose::Readback, class);
            }
            return Ok(vec![0.0; len]);
        }
        let staging = self.memory_for(Purpose::Readback, bytes_of(len));
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
        let values = match result.recv_timeout(PATIENCE) {
            Ok(Ok(())) => match staging.get_mapped_range(0..bytes) {
                Ok(view) => bytemuck::pod_collect_to_vec(&view),
                Err(error) => {
                    inner.failure.set(format!("a finished copy cannot be read: {error}"));
                    Vec::new()
                }
            },
            Ok(Err(_)) | Err(_) => {
                inner.failure.set("a copy to the host was not finished; restart the program");
                Vec::new()
            }
        };
        self.check()?;
        staging.unmap();
        inner.pool.give_back(Purpose::Readback, staging);
        Ok(values)
    }

    pub(super) fn fill_nan(&self, memory: &wgpu::Buffer) {
        let inner = &*self.0;
        let mut state = self.lock();
        let State { batch, nan, .. } = &mut *state;
        let nan = nan.get_or_insert_with(|| {
            inner.pool.count(NAN_BYTES);
            let buffer = inner.opened.device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("nan"),
                size: NAN_BYTES,
                usage: wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            });
            inner.opened.queue.write_buffer(
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
}
