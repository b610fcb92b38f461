//! Textures that stand for buffers. Where a processor plays an adapter, its driver reads a buffer number by number and lane
//! by lane, but a texel at once, several times as fast; so kernels that read much read a copy in a texture, made before each
//! launch. `#texture` in a shader says of which buffers (`text.rs`).

use super::batch::Batch;
use super::pool::{Pool, UNIT};
use super::size_class::size_class;
use super::text::TEXTURE_WIDTH;

/// Bytes of a row.
pub(super) const ROW: u64 = TEXTURE_WIDTH as u64 * UNIT;

/// A texture for each place in a `#texture`, of the most rows that a launch wanted there: commands run in order, so the
/// next launch copies over what the one before has read.
#[derive(Default)]
pub(super) struct Textures(Vec<Texture>);

#[derive(Default)]
struct Texture {
    rows: u32,
    /// None on a dry device.
    memory: Option<(wgpu::Texture, wgpu::TextureView)>,
}

/// Bytes of the largest buffer that a texture can stand for.
pub(super) fn most_bytes(limits: &wgpu::Limits) -> u64 {
    ROW * u64::from(limits.max_texture_dimension_2d)
}

impl Textures {
    /// Notes that a launch wants room for `bytes`, at most [`most_bytes`], at a place; whether a larger texture has to be made.
    pub(super) fn grow(&mut self, place: usize, bytes: u64, most_rows: u32, pool: &Pool) -> bool {
        if self.0.len() <= place {
            self.0.resize_with(place + 1, Texture::default);
        }
        let texture = &mut self.0[place];
        let rows = bytes.div_ceil(ROW) as u32;
        if rows <= texture.rows {
            return false;
        }
        let class = rows_of(rows).min(most_rows);
        pool.count(u64::from(class - texture.rows) * ROW);
        *texture = Texture { rows: class, memory: None };
        true
    }

    /// Makes the texture of a place. If the system has no memory for it, its bytes.
    pub(super) fn make(&mut self, place: usize, device: &wgpu::Device) -> Result<(), u64> {
        let texture = &mut self.0[place];
        texture.memory = create(device, texture.rows);
        match texture.memory {
            Some(_) => Ok(()),
            None => Err(u64::from(texture.rows) * ROW),
        }
    }

    /// Records a copy of the first `bytes` of a buffer into the texture of a place, which has room for them.
    ///
    /// # Panics
    /// If it was not made.
    pub(super) fn copy(
        &self,
        place: usize,
        (from, bytes): &(wgpu::Buffer, u64),
        batch: &mut Batch,
    ) -> wgpu::TextureView {
        let (texture, view) = self.0[place].memory.as_ref().expect("a launch makes its textures first");
        batch.copy_to_texture(from, texture, bytes / UNIT);
        view.clone()
    }
}

/// Rows of a texture that has room for so many. They are no power of two, but for the most that there can be: drivers compile
/// a kernel once for textures whose sides are, and once more for others.
fn rows_of(least: u32) -> u32 {
    (size_class(least as usize) as u32).max(2) | 1
}

/// A new texture, if the system has one.
fn create(device: &wgpu::Device, rows: u32) -> Option<(wgpu::Texture, wgpu::TextureView)> {
    let scope = device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
    let texture = device.create_texture(&wgpu::TextureDescriptor {
        label: Some("texture of a buffer"),
        size: wgpu::Extent3d {
            width: TEXTURE_WIDTH,
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

/// The binding of a texture.
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
