//! Recorded work that waits to be submitted, and the one uniform buffer that its dispatches share.

use std::collections::VecDeque;
use std::sync::Arc;

use super::pace::Pace;
use super::pipeline::Pipeline;
use super::text::TEXTURE_WIDTH;
use super::textures;

/// Most dispatches of a submission.
pub(super) const BATCH: usize = 2048;

/// Bytes between the parameters of two dispatches: the alignment that every adapter grants.
pub(super) const SLOT: usize = 256;

/// Submissions that may be under way at once; the host waits for the oldest beyond.
const IN_FLIGHT: usize = 4;

/// Bytes of uploads that the queue may hold before they are submitted on their own.
const UPLOADS: u64 = 64 << 20;

enum Command {
    Dispatch {
        pipeline: Arc<Pipeline>,
        buffers: wgpu::BindGroup,
        slot: u32,
        groups: [u32; 3],
    },
    Copy {
        from: wgpu::Buffer,
        to: wgpu::Buffer,
        to_offset: u64,
        bytes: u64,
    },
    CopyToTexture {
        from: wgpu::Buffer,
        to: wgpu::Texture,
        texels: u64,
    },
}

pub(super) struct Batch {
    commands: Vec<Command>,
    params: Vec<u8>,
    uniform: wgpu::Buffer,
    uniform_group: wgpu::BindGroup,
    pub(super) uniform_layout: wgpu::BindGroupLayout,
    uploads: u64,
    pace: Pace,
    in_flight: VecDeque<wgpu::SubmissionIndex>,
    submissions: u64,
    dispatches: u64,
}

pub(super) fn layout_entry(
    binding: u32,
    ty: wgpu::BufferBindingType,
    dynamic: bool,
) -> wgpu::BindGroupLayoutEntry {
    wgpu::BindGroupLayoutEntry {
        binding,
        visibility: wgpu::ShaderStages::COMPUTE,
        ty: wgpu::BindingType::Buffer {
            ty,
            has_dynamic_offset: dynamic,
            min_binding_size: None,
        },
        count: None,
    }
}

impl Batch {
    /// Bytes of the uniform buffer.
    pub(super) const UNIFORM_BYTES: u64 = (BATCH * SLOT) as u64;

    pub(super) fn new(device: &wgpu::Device) -> Batch {
        let uniform = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("params"),
            size: Batch::UNIFORM_BYTES,
            usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let uniform_layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: Some("params"),
            entries: &[layout_entry(0, wgpu::BufferBindingType::Uniform, true)],
        });
        let uniform_group = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("params"),
            layout: &uniform_layout,
            entries: &[wgpu::BindGroupEntry {
                binding: 0,
                resource: wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                    buffer: &uniform,
                    offset: 0,
                    size: wgpu::BufferSize::new(SLOT as u64),
                }),
            }],
        });
        Batch {
            commands: Vec::new(),
            params: Vec::new(),
            uniform,
            uniform_group,
            uniform_layout,
            uploads: 0,
            pace: Pace::default(),
            in_flight: VecDeque::new(),
            submissions: 0,
            dispatches: 0,
        }
    }

    /// Whether the next dispatch needs a new submission.
    pub(super) fn is_full(&self) -> bool {
        self.params.len() >= self.pace.most() * SLOT
    }

    pub(super) fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }

    pub(super) fn submissions(&self) -> u64 {
        self.submissions
    }

    pub(super) fn dispatches(&self) -> u64 {
        self.dispatches
    }

    pub(super) fn dispatch(
        &mut self,
        pipeline: Arc<Pipeline>,
        buffers: wgpu::BindGroup,
        params: &[u8],
        groups: [u32; 3],
    ) {
        let slot = self.params.len();
        self.params.extend_from_slice(params);
        self.params.resize(slot + SLOT, 0);
        self.dispatches += 1;
        self.commands
            .push(Command::Dispatch { pipeline, buffers, slot: slot as u32, groups });
    }

    pub(super) fn copy(&mut self, from: &wgpu::Buffer, to: &wgpu::Buffer, to_offset: u64, bytes: u64) {
        self.commands.push(Command::Copy {
            from: from.clone(),
            to: to.clone(),
            to_offset,
            bytes,
        });
    }

    /// Copies vectors of four to the first texels of a texture of [`TEXTURE_WIDTH`].
    pub(super) fn copy_to_texture(&mut self, from: &wgpu::Buffer, to: &wgpu::Texture, texels: u64) {
        self.commands
            .push(Command::CopyToTexture { from: from.clone(), to: to.clone(), texels });
    }

    /// Notes bytes handed to the queue; true once they should be submitted.
    pub(super) fn uploaded(&mut self, bytes: u64) -> bool {
        self.uploads += bytes;
        self.uploads >= UPLOADS
    }

    /// Forgets all recorded work, once the device has failed.
    pub(super) fn clear(&mut self) {
        self.commands.clear();
        self.params.clear();
    }

    /// Submits all recorded work. Also returns an older submission to wait for if too many are under way.
    pub(super) fn submit(
        &mut self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
    ) -> (wgpu::SubmissionIndex, Option<wgpu::SubmissionIndex>) {
        // Queue writes run in order with submissions, so the same uniform buffer serves batch after batch.
        if !self.params.is_empty() {
            queue.write_buffer(&self.uniform, 0, &self.params);
        }
        let mut encoder =
            device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("batch") });
        let mut pass = None;
        for command in &self.commands {
            match command {
                Command::Dispatch { pipeline, buffers, slot, groups: [x, y, z] } => {
                    let pass = pass.get_or_insert_with(|| {
                        let begin = wgpu::ComputePassDescriptor::default();
                        encoder.begin_compute_pass(&begin).forget_lifetime()
                    });
                    pass.set_pipeline(&pipeline.compute);
                    pass.set_bind_group(0, buffers, &[]);
                    pass.set_bind_group(1, &self.uniform_group, &[*slot]);
                    pass.dispatch_workgroups(*x, *y, *z);
                }
                Command::Copy { from, to, to_offset, bytes } => {
                    pass = None;
                    encoder.copy_buffer_to_buffer(from, 0, to, *to_offset, *bytes);
                }
                Command::CopyToTexture { from, to, texels } => {
                    pass = None;
                    encode_copy_to_texture(&mut encoder, from, to, *texels);
                }
            }
        }
        drop(pass);
        let index = queue.submit([encoder.finish()]);
        self.pace.measure(queue, self.params.len() / SLOT);
        self.clear();
        self.uploads = 0;
        self.submissions += 1;
        self.in_flight.push_back(index.clone());
        let oldest = if self.in_flight.len() > IN_FLIGHT {
            self.in_flight.pop_front()
        } else {
            None
        };
        (index, oldest)
    }
}

/// Whole rows, and what is left over.
fn encode_copy_to_texture(
    encoder: &mut wgpu::CommandEncoder,
    from: &wgpu::Buffer,
    to: &wgpu::Texture,
    texels: u64,
) {
    let width = u64::from(TEXTURE_WIDTH);
    let (rows, rest) = ((texels / width) as u32, (texels % width) as u32);
    for (row, width, height) in [(0, TEXTURE_WIDTH, rows), (rows, rest, 1)] {
        if width == 0 || height == 0 {
            continue;
        }
        let layout = wgpu::TexelCopyBufferLayout {
            offset: u64::from(row) * textures::ROW,
            bytes_per_row: Some(textures::ROW as u32),
            rows_per_image: None,
        };
        let source = wgpu::TexelCopyBufferInfo { buffer: from, layout };
        let target = wgpu::TexelCopyTextureInfo {
            origin: wgpu::Origin3d { x: 0, y: row, z: 0 },
            ..to.as_image_copy()
        };
        let size = wgpu::Extent3d { width, height, depth_or_array_layers: 1 };
        encoder.copy_buffer_to_texture(source, target, size);
    }
}
