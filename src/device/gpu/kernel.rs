//! Naming a kernel, its constants and its parameters.

use super::text::StandIn;

/// One entry point of one shader file with its `override` constants: the typed key of a pipeline.
#[derive(Debug, Clone, PartialEq)]
pub struct Kernel {
    /// Stem of the file under `shaders/`.
    pub file: &'static str,
    /// Its text, before imports.
    pub source: &'static str,
    /// The entry point.
    pub entry: &'static str,
    /// Values of `override` constants by name.
    pub constants: Vec<(&'static str, f64)>,
    /// A file of the library that the source imports, and the one to take in its place.
    pub stand_in: Option<StandIn>,
}

impl Kernel {
    /// The same kernel with an `override` constant set.
    pub fn with(mut self, name: &'static str, value: impl Into<f64>) -> Kernel {
        self.constants.push((name, value.into()));
        self
    }

    /// The same kernel with another file of the library in the place of one that it imports.
    pub fn importing(mut self, stand_in: StandIn) -> Kernel {
        self.stand_in = Some(stand_in);
        self
    }
}

/// Scalars of one launch, laid out as the shader's `struct Params`. Made by `params!`.
pub trait Params: bytemuck::Pod {
    /// Field names with their offsets in bytes and their WGSL types, in order.
    const FIELDS: &'static [(&'static str, usize, &'static str)];
}

/// `kernel!("stem", "entry")`: the entry point of `shaders/stem.wgsl`, its text embedded.
macro_rules! kernel {
    ($file:literal, $entry:literal) => {
        $crate::device::gpu::Kernel {
            file: $file,
            source: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/", $file, ".wgsl")),
            entry: $entry,
            constants: Vec::new(),
            stand_in: None,
        }
    };
}

/// `params! { struct Params { len: u32, scale: f32 } }`: a uniform block whose field names, types and offsets
/// are compared with the shader's `struct Params` when the pipeline is built.
macro_rules! params {
    ($(#[$meta:meta])* struct $name:ident { $($field:ident: $ty:ident),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
        #[repr(C)]
        struct $name { $($field: $ty),* }

        impl $crate::device::gpu::Params for $name {
            const FIELDS: &'static [(&'static str, usize, &'static str)] =
                &[$((stringify!($field), std::mem::offset_of!($name, $field), stringify!($ty))),*];
        }
    };
}

pub(crate) use {kernel, params};
