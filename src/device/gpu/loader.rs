//! From the text of a shader to what its entry points bind: naga and reflection.

use naga::back::pipeline_constants::process_overrides;
use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};

use super::text::Text;

/// What shaders may use. Those that use it are only launched on adapters that have it.
const CAPABILITIES: Capabilities = Capabilities::SUBGROUP.union(Capabilities::SHADER_FLOAT16_IN_FLOAT32);

/// A parsed and validated shader file.
pub(super) struct Shader {
    pub(super) module: naga::Module,
    info: ModuleInfo,
    /// As in [`Text`].
    textures: Vec<String>,
}

/// How an entry point uses a buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Write,
    /// It reads a texture of it, by its place in the [`Text`].
    Texture {
        place: usize,
    },
}

/// A buffer that an entry point uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Binding {
    pub(super) name: String,
    pub(super) index: u32,
    pub(super) access: Access,
}

/// Name, offset in bytes and WGSL type.
pub(super) type Field = (String, usize, String);

/// What one entry point wants of a launch.
#[derive(Debug)]
pub(super) struct Interface {
    pub(super) bindings: Vec<Binding>,
    pub(super) fields: Vec<Field>,
    /// Invocations per workgroup.
    pub(super) workgroup: u32,
    /// Bytes of `var<workgroup>` memory.
    pub(super) workgroup_bytes: u32,
}

impl Shader {
    /// # Panics
    /// If naga refuses the text, with its diagnostics.
    pub(super) fn parse(file: &str, text: &Text) -> Shader {
        let path = format!("shaders/{file}.wgsl");
        let module = naga::front::wgsl::parse_str(&text.wgsl)
            .unwrap_or_else(|error| panic!("{path}: {}", error.emit_to_string_with_path(&text.wgsl, &path)));
        let info = Validator::new(ValidationFlags::all(), CAPABILITIES)
            .validate(&module)
            .unwrap_or_else(|error| panic!("{path}: {}", error.emit_to_string_with_path(&text.wgsl, &path)));
        Shader { module, info, textures: text.textures.clone() }
    }

    /// # Panics
    /// If there is no such entry point or constant.
    pub(super) fn interface(&self, file: &str, entry: &str, constants: &[(&str, f64)]) -> Interface {
        let place = format!("shaders/{file}.wgsl `{entry}`");
        let points = &self.module.entry_points;
        let Some(number) = points.iter().position(|point| point.name == entry) else {
            let names: Vec<&str> = points.iter().map(|point| point.name.as_str()).collect();
            panic!("{place}: there is no such entry point, only {}", names.join(", "));
        };
        let (workgroup, workgroup_bytes) = self.workgroup(entry, constants, &place);
        Interface {
            bindings: self.bindings(number, &place),
            fields: self.fields(&place),
            workgroup,
            workgroup_bytes,
        }
    }

    /// The buffers and textures of group 0 that the entry point uses, itself or through the functions it calls.
    fn bindings(&self, number: usize, place: &str) -> Vec<Binding> {
        let uses = self.info.get_entry_point(number);
        let mut bindings = Vec::new();
        for (handle, variable) in self.module.global_variables.iter() {
            let bound =
                matches!(variable.space, naga::AddressSpace::Storage { .. } | naga::AddressSpace::Handle);
            if !bound || uses[handle].is_empty() {
                continue;
            }
            let (Some(name), Some(slot)) = (&variable.name, &variable.binding) else {
                panic!("{place}: a buffer has no name or no binding");
            };
            assert!(slot.group == 0, "{place}: buffer `{name}` lies in group {}, not 0", slot.group);
            let access = self.access(variable, name, place);
            bindings.push(Binding { name: name.clone(), index: slot.binding, access });
        }
        bindings.sort_by_key(|binding| binding.index);
        bindings
    }

    fn access(&self, variable: &naga::GlobalVariable, name: &str, place: &str) -> Access {
        match variable.space {
            naga::AddressSpace::Storage { access } if access.contains(naga::StorageAccess::STORE) => {
                Access::Write
            }
            naga::AddressSpace::Storage { .. } => Access::Read,
            _ => match self.textures.iter().position(|texture| texture == name) {
                Some(place) => Access::Texture { place },
                None => panic!("{place}: `{name}` is a texture that no `#texture` names"),
            },
        }
    }

    /// The members of the uniform `p` at group 1, binding 0; none if the file has no such uniform.
    fn fields(&self, place: &str) -> Vec<Field> {
        let uniform = self
            .module
            .global_variables
            .iter()
            .find(|(_, v)| v.space == naga::AddressSpace::Uniform);
        let Some((_, variable)) = uniform else {
            return Vec::new();
        };
        let slot = variable.binding.as_ref().map(|slot| (slot.group, slot.binding));
        assert!(slot == Some((1, 0)), "{place}: the uniform must be at group 1, binding 0");
        let naga::TypeInner::Struct { members, .. } = &self.module.types[variable.ty].inner else {
            panic!("{place}: the uniform is not a struct");
        };
        members
            .iter()
            .map(|member| {
                let kind = self.wgsl_type(member.ty);
                (member.name.clone().unwrap_or_default(), member.offset as usize, kind)
            })
            .collect()
    }

    /// The type of a uniform's member as WGSL writes it; scalars, and the arrays of vec4 that may pack many of them.
    fn wgsl_type(&self, ty: naga::Handle<naga::Type>) -> String {
        match &self.module.types[ty].inner {
            naga::TypeInner::Scalar(scalar) => scalar_name(*scalar).to_owned(),
            naga::TypeInner::Vector { size, scalar } => {
                format!("vec{}<{}>", *size as u8, scalar_name(*scalar))
            }
            naga::TypeInner::Array { base, size: naga::ArraySize::Constant(count), .. } => {
                format!("array<{}, {count}>", self.wgsl_type(*base))
            }
            _ => "not a scalar".to_owned(),
        }
    }

    /// Invocations and bytes of a workgroup under these constants.
    fn workgroup(&self, entry: &str, constants: &[(&str, f64)], place: &str) -> (u32, u32) {
        let constants = constants.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
        let stage = Some((naga::ShaderStage::Compute, entry));
        let (module, info) = process_overrides(&self.module, &self.info, stage, &constants)
            .unwrap_or_else(|error| panic!("{place} with constants {constants:?}: {error}"));
        let number = module.entry_points.iter().position(|point| point.name == entry);
        let number = number.expect("the entry point was found before");
        let uses = info.get_entry_point(number);
        let bytes = module
            .global_variables
            .iter()
            .filter(|(handle, v)| v.space == naga::AddressSpace::WorkGroup && !uses[*handle].is_empty())
            .map(|(_, variable)| module.types[variable.ty].inner.size(module.to_ctx()))
            .sum();
        (module.entry_points[number].workgroup_size.iter().product(), bytes)
    }
}

fn scalar_name(scalar: naga::Scalar) -> &'static str {
    match scalar {
        naga::Scalar::U32 => "u32",
        naga::Scalar::I32 => "i32",
        naga::Scalar::F32 => "f32",
        _ => "not a scalar",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "
        #import grid
        #texture x
        struct Params { len: u32, scale: f32 }
        @group(0) @binding(2) var<storage, read_write> y: array<f32>;
        @group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
        @group(0) @binding(1) var<storage, read> other: array<f32>;
        @group(1) @binding(0) var<uniform> p: Params;
        var<workgroup> shared_values: array<f32, WG>;
        fn store(o: u32, v: f32) { y[o] = v * p.scale; }
        @compute @workgroup_size(WG) fn first(at: Grid) {
            shared_values[at.local] = x[0].x;
            workgroupBarrier();
            store(linear(at), shared_values[0]);
        }
        @compute @workgroup_size(8, 4) fn second(at: Grid) { store(linear_group(at), other[0]); }
    ";

    fn shader(textures: bool) -> Shader {
        // The directive is only known at the start of a line.
        let source: Vec<&str> = SOURCE.lines().map(str::trim).collect();
        Shader::parse("test", &Text::resolve("test", &source.join("\n"), None, textures))
    }

    fn uses(interface: &Interface) -> Vec<(&str, u32, Access)> {
        interface
            .bindings
            .iter()
            .map(|b| (b.name.as_str(), b.index, b.access))
            .collect()
    }

    #[test]
    fn a_texture_is_a_binding_of_its_buffers_name() {
        let first = shader(true).interface("test", "first", &[]);
        assert_eq!(uses(&first), [("x", 0, Access::Texture { place: 0 }), ("y", 2, Access::Write)]);
    }

    #[test]
    fn an_entry_point_binds_what_it_uses_through_calls() {
        let shader = shader(false);
        let first = shader.interface("test", "first", &[]);
        assert_eq!(uses(&first), [("x", 0, Access::Read), ("y", 2, Access::Write)]);
        assert_eq!(first.fields, [("len".into(), 0, "u32".into()), ("scale".into(), 4, "f32".into())]);
        assert_eq!((first.workgroup, first.workgroup_bytes), (256, 1024));
        let small = shader.interface("test", "first", &[("WG", 64.0)]);
        assert_eq!((small.workgroup, small.workgroup_bytes), (64, 256));
        let second = shader.interface("test", "second", &[]);
        assert_eq!(second.bindings[0].name, "other");
        assert_eq!((second.workgroup, second.workgroup_bytes), (32, 0));
    }

    #[test]
    #[should_panic(expected = "shaders/test.wgsl `third`: there is no such entry point, only first, second")]
    fn a_missing_entry_point_is_named() {
        shader(false).interface("test", "third", &[]);
    }

    #[test]
    #[should_panic(expected = "KIND")]
    fn an_unknown_constant_is_named() {
        shader(false).interface("test", "first", &[("KIND", 1.0)]);
    }
}
