//! From a shader file to the text that naga reads: imports, and vectors that are read as textures.

macro_rules! library {
    ($name:literal) => {
        ($name, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/lib/", $name, ".wgsl")))
    };
}

/// The files of `shaders/lib` by stem.
const LIBRARY: &[(&str, &str)] = &[
    library!("exp"),
    library!("grid"),
    library!("halves"),
    library!("index"),
    library!("matrix"),
    library!("operands"),
    library!("operands_half"),
    library!("put_y"),
    library!("reduce"),
    library!("subgroup_tile"),
    library!("taps"),
];

/// A file of the library and the one that is pasted in its place.
pub type StandIn = (&'static str, &'static str);

/// Texels of a row of a texture that stands for a buffer: a power of two, and its bytes a multiple of 256, as copies want it.
pub(super) const TEXTURE_WIDTH: u32 = 4096;

/// WGSL without directives.
#[doc(hidden)]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// What naga reads.
    pub wgsl: String,
    /// The buffers of vectors that it reads as textures, in the order of their directives.
    pub textures: Vec<String>,
}

impl Text {
    /// The text of a shader with every `#import name` replaced by `shaders/lib/name.wgsl`, or by what stands in for it,
    /// each pasted once. A line `#texture a, b` names read-only arrays of `vec4<f32>`: with `textures` each becomes a
    /// two-dimensional texture, row after row, and every `a[i]` a read of its texel i.
    ///
    /// # Panics
    /// If an import names no file of the library, nothing is imported for which another file is to stand in, or a texture
    /// is declared otherwise.
    pub fn resolve(file: &str, source: &str, stand_in: Option<StandIn>, textures: bool) -> Text {
        let mut paste = Paste {
            file,
            stand_in,
            pasted: Vec::new(),
            named: Vec::new(),
            wgsl: String::with_capacity(source.len()),
        };
        paste.file(source);
        let Paste { pasted, named, mut wgsl, .. } = paste;
        if let Some((replaced, other)) = stand_in {
            assert!(pasted.contains(&other), "{file}.wgsl has no `{replaced}` for `{other}` to stand in for");
        }
        if !textures {
            return Text { wgsl, textures: Vec::new() };
        }
        for name in &named {
            wgsl = read_as_texture(&wgsl, name).unwrap_or_else(|| {
                panic!("{file}.wgsl has no read-only array of vec4<f32> `{name}` to read as a texture")
            });
        }
        Text { wgsl, textures: named }
    }

    /// Which of its textures stands for the buffer of this name.
    pub(super) fn place_of_texture(&self, name: &str) -> Option<usize> {
        self.textures.iter().position(|texture| texture == name)
    }
}

/// A text that is being put together.
struct Paste<'a> {
    file: &'a str,
    stand_in: Option<StandIn>,
    pasted: Vec<&'a str>,
    named: Vec<String>,
    wgsl: String,
}

impl<'a> Paste<'a> {
    fn file(&mut self, source: &'a str) {
        for line in source.lines() {
            if let Some(name) = line.strip_prefix("#import ") {
                self.import(name.trim());
            } else if let Some(names) = line.strip_prefix("#texture ") {
                self.named.extend(names.split(',').map(|name| name.trim().to_owned()));
            } else {
                self.wgsl.push_str(line);
                self.wgsl.push('\n');
            }
        }
    }

    fn import(&mut self, named: &'a str) {
        let name = match self.stand_in {
            Some((replaced, other)) if replaced == named => other,
            _ => named,
        };
        if self.pasted.contains(&name) {
            return;
        }
        self.pasted.push(name);
        let Some((_, library)) = LIBRARY.iter().find(|entry| entry.0 == name) else {
            let known: Vec<&str> = LIBRARY.iter().map(|entry| entry.0).collect();
            let known = known.join(", ");
            panic!("{}.wgsl imports `{name}`, but the library has {known}", self.file);
        };
        self.file(library);
    }
}

/// `wgsl` with array `name` as a texture; none if it declares no such array.
fn read_as_texture(wgsl: &str, name: &str) -> Option<String> {
    let array = format!("var<storage, read> {name}: array<vec4<f32>>;");
    let at = wgsl.find(&array)?;
    let (before, after) = (&wgsl[..at], &wgsl[at + array.len()..]);
    let (mask, shift) = (TEXTURE_WIDTH - 1, TEXTURE_WIDTH.ilog2());
    let texture = format!(
        "var {name}: texture_2d<f32>;
fn read_{name}(at: u32) -> vec4<f32> {{
    return textureLoad({name}, vec2(at & {mask}u, at >> {shift}u), 0);
}}"
    );
    Some(
        [&calls(before, name), &texture, &calls(after, name)]
            .map(|part| part.as_str())
            .concat(),
    )
}

/// `wgsl` with `read_name(i)` in the place of `name[i]`.
fn calls(wgsl: &str, name: &str) -> String {
    let mut text = String::with_capacity(wgsl.len());
    let mut rest = wgsl;
    let indexed = format!("{name}[");
    while let Some(at) = rest.find(&indexed) {
        let (before, after) = rest.split_at(at);
        let own = !before.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let index = &after[indexed.len()..];
        let Some(end) = closing(index).filter(|_| own) else {
            text.push_str(before);
            text.push_str(&indexed);
            rest = index;
            continue;
        };
        text.push_str(before);
        text.push_str(&format!("read_{name}({})", calls(&index[..end], name)));
        rest = &index[end + 1..];
    }
    text + rest
}

/// Where the bracket before `text` closes.
fn closing(text: &str) -> Option<usize> {
    let mut open = 1;
    text.find(|c| {
        match c {
            '[' => open += 1,
            ']' => open -= 1,
            _ => {}
        }
        open == 0
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "test.wgsl imports `gird`, but the library has exp, grid,")]
    fn a_missing_import_is_named() {
        Text::resolve("test", "#import gird", None, false);
    }

    #[test]
    fn an_import_is_pasted_once() {
        let text = Text::resolve("test", "#import grid\n#import grid\n", None, false);
        assert_eq!(text.wgsl.matches("override WG").count(), 1);
    }

    #[test]
    #[should_panic(expected = "test.wgsl has no `taps` for `index` to stand in for")]
    fn a_stand_in_for_nothing_is_refused() {
        Text::resolve("test", "#import grid", Some(("taps", "index")), false);
    }

    #[test]
    fn a_stand_in_is_pasted_in_the_place_of_what_it_replaces() {
        let texts = [None, Some(("grid", "index"))]
            .map(|other| Text::resolve("test", "#import grid\n", other, false).wgsl);
        assert_eq!(
            texts.map(|text| (text.contains("override WG"), text.contains("fn nhwc"))),
            [(true, false), (false, true)]
        );
    }

    const READER: &str = "#texture x4
@group(0) @binding(0) var<storage, read> x4: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> gx4: array<vec4<f32>>;
let y = x4[at[0] + u32(x4[1].x)] + gx4[2];
";

    #[test]
    fn a_texture_is_read_by_calls() {
        let text = Text::resolve("test", READER, None, true);
        assert_eq!(text.textures, ["x4"]);
        assert!(text.wgsl.starts_with("@group(0) @binding(0) var x4: texture_2d<f32>;\n"), "{}", text.wgsl);
        assert!(text.wgsl.contains("var<storage, read> gx4: array<vec4<f32>>;"), "{}", text.wgsl);
        assert!(
            text.wgsl.ends_with("let y = read_x4(at[0] + u32(read_x4(1).x)) + gx4[2];\n"),
            "{}",
            text.wgsl
        );
    }

    #[test]
    fn without_textures_the_directive_is_all_that_goes() {
        let text = Text::resolve("test", READER, None, false);
        let without: Vec<&str> = READER.lines().skip(1).collect();
        assert_eq!(
            text,
            Text {
                wgsl: without.join("\n") + "\n",
                textures: Vec::new()
            }
        );
    }

    #[test]
    #[should_panic(expected = "test.wgsl has no read-only array of vec4<f32> `y` to read as a texture")]
    fn a_texture_of_nothing_is_named() {
        Text::resolve("test", "#texture y\n", None, true);
    }
}
