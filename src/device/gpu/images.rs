//! Images that stand for buffers. Where a processor plays an adapter, its driver reads a buffer number by number and lane by
//! lane, but a texel of an image at once, ten times as fast; so kernels that read much read a copy in an image, made
//! beside each launch. `#image` in a shader says of which buffers (`text.rs`).

use super::batch::Batch;
use super::errors::out_of_memory;
use super::pool::{Pool, UNIT};
use super::size_class::size_class;
use super::text::IMAGE_WIDTH;

/// Bytes of a row.
pub(super) const ROW: u64 = IMAGE_WIDTH as u64 * UNIT;

/// An image for each place in a `#image`, of the most rows that a launch wanted there: commands run in order, so the next
/// launch copies over what the one before has read.
pub(super) struct Images {
    images: Vec<Image>,
    most_rows: u32,
}

#[derive(Default)]
struct Image {
    rows: u32,
    /// Made by the first copy, none on a dry device.
    memory: Option<(wgpu::Texture, wgpu::TextureView)>,
}

impl Images {
    pub(super) fn new(limits: &wgpu::Limits) -> Images {
        Images {
            images: Vec::new(),
            most_rows: limits.max_texture_dimension_2d,
        }
    }

    /// Makes room for `bytes` at a place; whether there was less. If an image cannot hold so many, the limit in bytes.
    pub(super) fn make_room(&mut self, place: usize, bytes: u64, pool: &Pool) -> Result<bool, u64> {
        let rows = bytes.div_ceil(ROW);
        if rows > self.most_rows.into() {
            return Err(ROW * u64::from(self.most_rows));
        }
        if self.images.len() <= place {
            self.images.resize_with(place + 1, Image::default);
        }
        let image = &mut self.images[place];
        if rows <= image.rows.into() {
            return Ok(false);
        }
        let class = rows_of(rows as u32).min(self.most_rows);
        pool.count(u64::from(class - image.rows) * ROW);
        *image = Image { rows: class, memory: None };
        Ok(true)
    }

    /// Records a copy of the first `bytes` of a buffer, for which there is room at that place.
    pub(super) fn copy(
        &mut self,
        place: usize,
        (from, bytes): (&wgpu::Buffer, u64),
        device: &wgpu::Device,
        batch: &mut Batch,
    ) -> Result<wgpu::TextureView, String> {
        let image = &mut self.images[place];
        let (texture, view) = match image.memory.take() {
            Some(memory) => memory,
            None => create(device, image.rows).ok_or_else(|| {
                out_of_memory(&format!("an image of {} bytes", u64::from(image.rows) * ROW))
            })?,
        };
        batch.copy_to_image(from, &texture, bytes / UNIT);
        image.memory = Some((texture, view.clone()));
        Ok(view)
    }
}

/// Rows of an image that has room for so many. They are never a power of two: drivers compile a kernel anew for images whose sides
/// are, and for others.
fn rows_of(least: u32) -> u32 {
    (size_class(least as usize) as u32).max(2) | 1
}

/// A new image, if the system has one.
fn create(device: &wgpu::Device, rows: u32) -> Option<(wgpu::Texture, wgpu::TextureView)> {
    let scope = device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
    let texture = device.create_texture(&wgpu::TextureDescriptor {
        label: Some("image of a buffer"),
        size: wgpu::Extent3d {
            width: IMAGE_WIDTH,
            height: rows,
            depth_or_array_layers: 1,
        },
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format: wgpu::TextureFormat::Rgba32Float,
        usage: wgpu::TextureUsages::TEXTURE_BINDING | wgpu::TextureUsages::COPY_DST,
        view_formats: &[],
    });
    let view = texture.create_view(&wgpu::TextureViewDescriptor::default());
    pollster::block_on(scope.pop()).is_none().then_some((texture, view))
}

/// The binding of an image.
pub(super) fn layout_entry(binding: u32) -> wgpu::BindGroupLayoutEntry {
    wgpu::BindGroupLayoutEntry {
        binding,
        visibility: wgpu::ShaderStages::COMPUTE,
        ty: wgpu::BindingType::Texture {
            sample_type: wgpu::TextureSampleType::Float { filterable: false },
            view_dimension: wgpu::TextureViewDimension::D2,
            multisampled: false,
        },
        count: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_enough_and_no_power_of_two() {
        for least in 1..5000 {
            let rows = rows_of(least);
            assert!(
                rows >= least && !rows.is_power_of_two() && rows <= least * 5 / 4 + 2,
                "{least} -> {rows}"
            );
        }
    }
}
