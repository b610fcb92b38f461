//! Adapters of this machine, and opening one with just the limits that are wanted.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use super::{DeviceInfo, GpuOptions};
use crate::Error;

/// The adapters of this process, found once; better kinds first, so that the numbering does not depend on the order
/// in which drivers are loaded.
fn all() -> &'static [wgpu::Adapter] {
    static ADAPTERS: OnceLock<Vec<wgpu::Adapter>> = OnceLock::new();
    ADAPTERS.get_or_init(|| {
        let backends = wgpu::Backends::PRIMARY;
        let instance = wgpu::Instance::new(wgpu::InstanceDescriptor {
            backends,
            // Software drivers built from source often lack the stamp of conformance; the kernel tests judge them.
            flags: wgpu::InstanceFlags::ALLOW_UNDERLYING_NONCOMPLIANT_ADAPTER.with_env(),
            ..wgpu::InstanceDescriptor::new_without_display_handle()
        });
        let mut adapters = pollster::block_on(instance.enumerate_adapters(backends));
        adapters.sort_by_key(|adapter| {
            let info = adapter.get_info();
            (rank(info.device_type), info.backend as u8, info.name)
        });
        adapters
    })
}

fn rank(kind: wgpu::DeviceType) -> u8 {
    match kind {
        wgpu::DeviceType::DiscreteGpu => 0,
        wgpu::DeviceType::IntegratedGpu => 1,
        wgpu::DeviceType::VirtualGpu => 2,
        // An adapter of unknown kind is hardware that a driver describes badly.
        wgpu::DeviceType::Other => 3,
        wgpu::DeviceType::Cpu => 4,
    }
}

fn kind(kind: wgpu::DeviceType) -> &'static str {
    match kind {
        wgpu::DeviceType::DiscreteGpu => "discrete",
        wgpu::DeviceType::IntegratedGpu => "integrated",
        wgpu::DeviceType::VirtualGpu | wgpu::DeviceType::Other => "virtual",
        wgpu::DeviceType::Cpu => "software",
    }
}

/// What matters to compute kernels; none is needed. Halves that are stored in words need no `shader-f16`.
const FEATURES: &[(&str, wgpu::Features)] = &[
    ("shader-f16", wgpu::Features::SHADER_F16),
    ("subgroup", wgpu::Features::SUBGROUP),
    ("timestamp-query", wgpu::Features::TIMESTAMP_QUERY),
];

/// What is known of every adapter, with the limits it offers.
pub(super) fn list() -> Vec<DeviceInfo> {
    let adapters = all().iter().enumerate();
    adapters.map(|(i, adapter)| info(i, adapter, &adapter.limits())).collect()
}

fn info(index: usize, adapter: &wgpu::Adapter, limits: &wgpu::Limits) -> DeviceInfo {
    let info = adapter.get_info();
    DeviceInfo {
        id: format!("gpu:{index}"),
        name: info.name.clone(),
        backend: info.backend.to_str().to_owned(),
        driver: format!("{} {}", info.driver, info.driver_info).trim().to_owned(),
        kind: kind(info.device_type),
        auto: false,
        limits: BTreeMap::from([
            ("storage_buffers_per_stage", limits.max_storage_buffers_per_shader_stage.into()),
            ("workgroup_memory_bytes", limits.max_compute_workgroup_storage_size.into()),
            ("invocations_per_workgroup", limits.max_compute_invocations_per_workgroup.into()),
            ("workgroups_per_axis", limits.max_compute_workgroups_per_dimension.into()),
            ("storage_binding_bytes", limits.max_storage_buffer_binding_size),
            ("buffer_bytes", limits.max_buffer_size),
            ("subgroup_min", info.subgroup_min_size.into()),
            ("subgroup_max", info.subgroup_max_size.into()),
        ]),
        features: FEATURES
            .iter()
            .filter(|(_, feature)| adapter.features().contains(*feature))
            .map(|(name, _)| (*name).to_owned())
            .collect(),
    }
}

/// An opened adapter and what was asked of it. Clones are the same one.
#[derive(Clone)]
pub(super) struct Opened {
    pub(super) device: wgpu::Device,
    pub(super) queue: wgpu::Queue,
    pub(super) limits: wgpu::Limits,
    pub(super) info: DeviceInfo,
    /// Invocations of every subgroup, where kernels may use them and there is one size.
    pub(super) subgroup: Option<u32>,
    /// Whether kernels read textures in the place of buffers where a shader says so.
    pub(super) textures: bool,
    /// See [`GpuOptions::half`].
    pub(super) half: bool,
}

pub(super) fn open(index: usize, options: GpuOptions) -> Result<Opened, Error> {
    let no_device = |reason: String| Error::NoDevice { wanted: format!("gpu:{index}"), reason };
    let adapter = all().get(index).ok_or_else(|| {
        no_device(format!(
            "this machine has {} Vulkan, Metal or DX12 adapters; `ganas devices` lists them, and \
             `scripts/install-vulkan` installs software ones",
            all().len()
        ))
    })?;
    let flags = adapter.get_downlevel_capabilities().flags;
    if options.half && !flags.contains(wgpu::DownlevelFlags::SHADER_F16_IN_F32) {
        let name = adapter.get_info().name;
        return Err(no_device(format!("{name} cannot read halves; leave them out, or use another device")));
    }
    let wanted = wanted_limits(&adapter.limits(), options);
    let used = match options.minimum_limits {
        true => wgpu::Features::empty(),
        false => adapter.features() & wgpu::Features::SUBGROUP,
    };
    let (device, queue) = pollster::block_on(adapter.request_device(&wgpu::DeviceDescriptor {
        label: Some("ganas"),
        required_features: used,
        required_limits: wanted.clone(),
        memory_hints: wgpu::MemoryHints::Performance,
        ..Default::default()
    }))
    .map_err(|error| {
        no_device(format!(
            "{} does not give what kernels need: {error}; use another device (`ganas devices`)",
            adapter.get_info().name
        ))
    })?;
    let subgroup = adapter.get_info();
    let fixed = subgroup.subgroup_min_size == subgroup.subgroup_max_size;
    let mut shown = info(index, adapter, &wanted);
    shown.kind = options.kind.unwrap_or(shown.kind);
    Ok(Opened {
        device,
        queue,
        textures: shown.kind == "software" && !options.minimum_limits,
        info: shown,
        limits: wanted,
        subgroup: (fixed && used.contains(wgpu::Features::SUBGROUP)).then_some(subgroup.subgroup_min_size),
        half: options.half,
    })
}

/// WebGPU's default limits where kernels depend on them, larger buffers where the adapter has them, and whatever the
/// adapter has for all that kernels never use.
fn wanted_limits(offered: &wgpu::Limits, options: GpuOptions) -> wgpu::Limits {
    let least = wgpu::Limits::defaults();
    let mut wanted = wgpu::Limits {
        max_storage_buffers_per_shader_stage: least.max_storage_buffers_per_shader_stage,
        max_compute_workgroup_storage_size: least.max_compute_workgroup_storage_size,
        max_compute_invocations_per_workgroup: least.max_compute_invocations_per_workgroup,
        max_compute_workgroup_size_x: least.max_compute_workgroup_size_x,
        max_compute_workgroup_size_y: least.max_compute_workgroup_size_y,
        max_compute_workgroup_size_z: least.max_compute_workgroup_size_z,
        max_compute_workgroups_per_dimension: least.max_compute_workgroups_per_dimension,
        max_storage_buffer_binding_size: least.max_storage_buffer_binding_size,
        max_buffer_size: least.max_buffer_size,
        ..least.clone().or_worse_values_from(offered)
    };
    if !options.minimum_limits {
        wanted.max_storage_buffer_binding_size = wanted
            .max_storage_buffer_binding_size
            .max(offered.max_storage_buffer_binding_size);
        wanted.max_buffer_size = wanted.max_buffer_size.max(offered.max_buffer_size);
    }
    if let Some(groups) = options.max_workgroups_per_axis {
        wanted.max_compute_workgroups_per_dimension =
            wanted.max_compute_workgroups_per_dimension.min(groups.max(1));
    }
    if let Some(bytes) = options.max_binding_bytes {
        wanted.max_storage_buffer_binding_size = wanted.max_storage_buffer_binding_size.min(bytes);
    }
    wanted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_buffer_sizes_grow_beyond_the_defaults_and_options_lower_them() {
        let least = wgpu::Limits::defaults();
        let offered = wgpu::Limits {
            max_storage_buffer_binding_size: 1 << 30,
            max_buffer_size: 1 << 31,
            max_storage_buffers_per_shader_stage: 64,
            ..least.clone()
        };
        let open = wanted_limits(&offered, GpuOptions::default());
        assert_eq!(open.max_storage_buffer_binding_size, 1 << 30);
        assert_eq!(open.max_buffer_size, 1 << 31);
        assert_eq!(open.max_storage_buffers_per_shader_stage, 8);

        let options = GpuOptions {
            minimum_limits: true,
            max_workgroups_per_axis: Some(64),
            max_binding_bytes: Some(1 << 20),
            kind: None,
            half: false,
        };
        let low = wanted_limits(&offered, options);
        assert_eq!(low.max_storage_buffer_binding_size, 1 << 20);
        assert_eq!(low.max_buffer_size, least.max_buffer_size);
        assert_eq!(low.max_compute_workgroups_per_dimension, 64);
    }
}
