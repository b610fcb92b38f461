//! The GPU device itself: pool, batch, limits, failures and threads, driven through its raw interface.

use ganas::device::gpu::{Grid, Kernel, Params};
use ganas::device::{Device, Gpu, GpuBuffer, GpuOptions};

#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct Len {
    len: u32,
}

impl Params for Len {
    const FIELDS: &'static [(&'static str, usize, &'static str)] = &[("len", 0, "u32")];
}

const SOURCE: &str = include_str!("../shaders/accumulate.wgsl");

/// The limits under which large launches fold and large buffers do not fit.
const SMALL: GpuOptions = GpuOptions {
    minimum_limits: true,
    max_workgroups_per_axis: Some(64),
    max_binding_bytes: Some(1 << 20),
    kind: None,
    half: false,
};

fn accumulate() -> Kernel {
    Kernel {
        file: "accumulate",
        source: SOURCE,
        entry: "forward",
        constants: Vec::new(),
        stand_in: None,
    }
}

/// The vectors of `a` in the opposite order.
const BACKWARDS: &str = "#import grid
#texture a
struct Params { len: u32 }
@group(0) @binding(0) var<storage, read> a: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;
@group(1) @binding(0) var<uniform> p: Params;
@compute @workgroup_size(WG) fn forward(at: Grid) {
    let o = linear(at);
    if o < p.len { y[o] = a[p.len - 1u - o]; }
}";

/// Runs `test` on a fresh device for each adapter of this machine.
fn on_each(options: GpuOptions, test: impl Fn(&Gpu)) {
    let adapters = Gpu::adapters();
    assert!(
        !adapters.is_empty(),
        "no Vulkan, Metal or DX12 adapter: install a software driver with `scripts/install-vulkan`"
    );
    for (i, info) in adapters.iter().enumerate() {
        println!("{} {}", info.id, info.name);
        test(&Gpu::open(i, options).expect("the adapter opens"));
    }
}

fn add(gpu: &Gpu, kernel: &Kernel, a: &GpuBuffer, b: &GpuBuffer, len: usize) -> GpuBuffer {
    let y = gpu.alloc(len);
    let params = Len { len: len.div_ceil(4) as u32 };
    gpu.launch(kernel, &params, &[("a", a), ("b", b), ("y", &y)], Grid::vectors(len));
    y
}

fn ramp(len: usize) -> Vec<f32> {
    (0..len).map(|i| i as f32).collect()
}

#[test]
fn adapters_are_described_and_numbered() {
    for (i, info) in Gpu::adapters().iter().enumerate() {
        assert_eq!(info.id, format!("gpu:{i}"));
        assert!(!info.name.is_empty() && !info.driver.is_empty(), "{info:?}");
        assert!(["discrete", "integrated", "virtual", "software"].contains(&info.kind));
        assert!(info.limits["workgroup_memory_bytes"] >= 16_384, "{info:?}");
    }
    let past = Gpu::adapters().len();
    let error = Gpu::open(past, GpuOptions::default())
        .err()
        .expect("there is no such adapter")
        .to_string();
    assert!(error.contains(&format!("gpu:{past}")) && error.contains("ganas devices"), "{error}");
}

#[test]
fn every_size_comes_back_and_none_is_a_no_op() {
    on_each(GpuOptions::default(), |gpu| {
        for len in [0, 1, 3, 4, 5, 255, 256, 257, 70_001] {
            let a = gpu.upload(&ramp(len));
            let y = add(gpu, &accumulate(), &a, &gpu.upload(&vec![0.5; len]), len);
            let want: Vec<f32> = ramp(len).iter().map(|v| v + 0.5).collect();
            assert_eq!(gpu.read(&y, len).unwrap(), want);
        }
        let before = gpu.counters();
        let empty = gpu.alloc(0);
        add(gpu, &accumulate(), &empty, &empty, 0);
        assert_eq!(gpu.counters(), before);
    });
}

/// Two entry points that use different bindings of one file; `p` is used by the second alone.
const PARTS: &str = "
    #import grid
    struct Params { len: u32 }
    @group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
    @group(0) @binding(1) var<storage, read> a: array<f32>;
    @group(0) @binding(2) var<storage, read_write> y: array<f32>;
    @group(1) @binding(0) var<uniform> p: Params;
    override LANES: u32 = 4u;
    var<workgroup> parts: array<f32, WG * LANES>;
    @compute @workgroup_size(WG) fn sum_vectors(at: Grid) {
        parts[at.local] = select(0.0, dot(x[at.local], vec4(1.0)), at.local < arrayLength(&x));
        workgroupBarrier();
        if at.local > 0 { return; }
        var sum = 0.0;
        for (var i = 0u; i < WG; i++) { sum += parts[i]; }
        y[linear_group(at)] = sum;
    }
    @compute @workgroup_size(WG) fn lengths(at: Grid) {
        if linear(at) < p.len { y[linear(at)] = f32(arrayLength(&a)); }
    }
";

#[test]
fn entry_points_bind_only_what_they_use_and_see_the_length_in_whole_vectors() {
    // The directive stands at the start of a line.
    let source: String = PARTS.lines().map(|line| format!("{}\n", line.trim())).collect();
    let kernel = |entry| Kernel {
        file: "parts",
        source: source.clone().leak(),
        entry,
        constants: vec![("WG", 64.0), ("LANES", 2.0)],
        stand_in: None,
    };
    on_each(SMALL, |gpu| {
        let (x, y) = (gpu.upload(&ramp(8)), gpu.alloc(3));
        let sum = kernel("sum_vectors");
        gpu.launch(&sum, &Len { len: 0 }, &[("x", &x), ("y", &y)], Grid::groups(3));
        assert_eq!(gpu.read(&y, 3).unwrap(), [28.0; 3]);
        let a = gpu.alloc(13);
        let lengths = kernel("lengths");
        gpu.launch(&lengths, &Len { len: 3 }, &[("a", &a), ("y", &y)], Grid::elements(3));
        assert_eq!(gpu.read(&y, 3).unwrap(), [16.0; 3]);
    });
}

#[test]
fn a_repeated_step_creates_no_buffer_after_the_first() {
    on_each(GpuOptions::default(), |gpu| {
        let device = Device::Gpu(gpu.clone());
        let step = || {
            let mut y = gpu.upload(&ramp(1000));
            let one = gpu.upload(&[1.0; 1000]);
            for _ in 0..600 {
                y = add(gpu, &accumulate(), &y, &one, 1000);
            }
            gpu.read(&y, 1000).unwrap()
        };
        let first = step();
        assert_eq!(first[999], 999.0 + 600.0);
        let (memory, counters) = (device.memory(), gpu.counters());
        for _ in 0..5 {
            assert_eq!(step(), first);
        }
        assert_eq!(device.memory(), memory);
        assert_eq!(gpu.counters().pipelines, counters.pipelines);
        // How many submissions a step takes depends on how fast the device is; each has 16 dispatches at least.
        let each = (gpu.counters().submissions - counters.submissions).div_ceil(5);
        assert!((1..=600 / 16 + 2).contains(&each), "{each} submissions a step");
    });
}

#[test]
fn poisoned_memory_reads_as_nan_until_written() {
    on_each(GpuOptions::default(), |gpu| {
        let a = gpu.upload(&ramp(300_000));
        drop(gpu.upload(&ramp(300_000)));
        Device::Gpu(gpu.clone()).poison();
        let y = gpu.alloc(300_000);
        assert!(gpu.read(&y, 300_000).unwrap().iter().all(|v| v.is_nan()));
        let half = Len { len: 150_000 / 4 };
        gpu.launch(&accumulate(), &half, &[("a", &a), ("b", &a), ("y", &y)], Grid::vectors(150_000));
        let values = gpu.read(&y, 300_000).unwrap();
        assert!(values[..150_000].iter().all(|v| v.is_finite()));
        assert!(values[150_000..].iter().all(|v| v.is_nan()));
    });
}

#[test]
fn an_upload_into_recycled_memory_does_not_overtake_its_readers() {
    on_each(GpuOptions::default(), |gpu| {
        let zero = gpu.upload(&[0.0; 64]);
        let mut results = Vec::new();
        for i in 0..20 {
            let x = gpu.upload(&[i as f32; 64]);
            results.push(add(gpu, &accumulate(), &x, &zero, 64));
        }
        for (i, y) in results.iter().enumerate() {
            assert_eq!(gpu.read(y, 64).unwrap(), [i as f32; 64], "upload {i}");
        }
    });
}

#[test]
fn launches_fold_into_three_axes() {
    on_each(SMALL, |gpu| {
        // Workgroups of one: 64 fill an axis, 4096 a plane.
        let one = accumulate().with("WG", 1);
        for len in [256, 257, 16_384, 16_385, 39_890] {
            let a = gpu.upload(&ramp(len));
            let y = add(gpu, &one, &a, &a, len);
            let want: Vec<f32> = ramp(len).iter().map(|v| v * 2.0).collect();
            assert_eq!(gpu.read(&y, len).unwrap(), want, "{len} elements");
        }
    });
}

#[test]
fn a_buffer_beyond_the_binding_limit_fails_the_device_for_good() {
    on_each(SMALL, |gpu| {
        let device = Device::Gpu(gpu.clone());
        let small = gpu.upload(&[1.0; 4]);
        assert!(device.check().is_ok());
        let len = (1 << 18) + 1;
        let a = gpu.alloc(len);
        let y = add(gpu, &accumulate(), &a, &a, len);
        let first = device.check().unwrap_err().to_string();
        for part in ["accumulate.wgsl `forward`", "1048592 bytes", "limit of 1048576 bytes", "gpu:"] {
            assert!(first.contains(part), "{first}");
        }
        // Later work is dropped, and everything that could return an error returns the first.
        let z = add(gpu, &accumulate(), &small, &small, 4);
        assert_eq!(gpu.read(&z, 4).unwrap_err().to_string(), first);
        assert_eq!(gpu.read(&y, 1).unwrap_err().to_string(), first);
        assert_eq!(device.sync().unwrap_err().to_string(), first);
    });
}

#[test]
fn too_many_workgroups_fail_the_device() {
    let options = GpuOptions { max_workgroups_per_axis: Some(4), ..SMALL };
    on_each(options, |gpu| {
        let one = accumulate().with("WG", 1);
        let a = gpu.upload(&ramp(257));
        add(gpu, &one, &a, &a, 256);
        assert!(Device::Gpu(gpu.clone()).check().is_ok());
        add(gpu, &one, &a, &a, 257);
        let error = Device::Gpu(gpu.clone()).check().unwrap_err().to_string();
        assert!(error.contains("65 workgroups") && error.contains("limit of 64"), "{error}");
    });
}

#[test]
fn a_buffer_beyond_the_memory_limit_fails_the_device() {
    on_each(SMALL, |gpu| {
        let huge = gpu.alloc(1 << 40);
        let error = gpu.read(&huge, 1).unwrap_err().to_string();
        assert!(error.contains("4398046511104 bytes") && error.contains("limit"), "{error}");
    });
}

#[test]
fn too_large_a_workgroup_fails_the_device() {
    on_each(GpuOptions::default(), |gpu| {
        let a = gpu.upload(&[1.0; 4]);
        let y = add(gpu, &accumulate().with("WG", 4096), &a, &a, 4);
        let error = gpu.read(&y, 4).unwrap_err().to_string();
        assert!(error.contains("4096 invocations") && error.contains("limit of 256"), "{error}");
    });
}

/// Binds nine storage buffers where eight were asked for.
const NINE: &str = "
    struct Params { len: u32 }
    @group(0) @binding(0) var<storage, read> a: array<f32>;
    @group(0) @binding(1) var<storage, read> b: array<f32>;
    @group(0) @binding(2) var<storage, read> c: array<f32>;
    @group(0) @binding(3) var<storage, read> d: array<f32>;
    @group(0) @binding(4) var<storage, read> e: array<f32>;
    @group(0) @binding(5) var<storage, read> f: array<f32>;
    @group(0) @binding(6) var<storage, read> g: array<f32>;
    @group(0) @binding(7) var<storage, read> h: array<f32>;
    @group(0) @binding(8) var<storage, read_write> y: array<f32>;
    @group(1) @binding(0) var<uniform> p: Params;
    @compute @workgroup_size(1) fn forward() {
        y[0] = a[0] + b[0] + c[0] + d[0] + e[0] + f[0] + g[0] + h[0] + f32(p.len);
    }
";

#[test]
fn a_kernel_that_the_driver_refuses_fails_the_device() {
    on_each(GpuOptions::default(), |gpu| {
        let kernel = Kernel { file: "nine", source: NINE, ..accumulate() };
        let (x, y) = (gpu.upload(&[1.0; 4]), gpu.alloc(4));
        let mut buffers: Vec<(&str, &GpuBuffer)> =
            ["a", "b", "c", "d", "e", "f", "g", "h"].map(|n| (n, &x)).into();
        buffers.push(("y", &y));
        gpu.launch(&kernel, &Len { len: 4 }, &buffers, Grid::groups(1));
        let error = gpu.read(&y, 4).unwrap_err().to_string();
        assert!(error.contains("a command was refused") && error.contains("--device cpu"), "{error}");
    });
}

#[test]
fn a_lost_device_gives_an_error_and_no_panic() {
    on_each(GpuOptions::default(), |gpu| {
        let a = gpu.upload(&[1.0; 4]);
        let y = add(gpu, &accumulate(), &a, &a, 4);
        gpu.lose();
        let error = gpu.read(&y, 4).unwrap_err().to_string();
        assert!(error.contains("lost") && error.contains("restart"), "{error}");
        let z = add(gpu, &accumulate(), &a, &gpu.upload(&[2.0; 4]), 4);
        assert_eq!(gpu.read(&z, 4).unwrap_err().to_string(), error);
    });
}

#[test]
fn threads_share_a_device() {
    on_each(GpuOptions::default(), |gpu| {
        Device::Gpu(gpu.clone()).sync().expect("nothing to wait for yet");
        std::thread::scope(|scope| {
            for thread in 0..4 {
                scope.spawn(move || {
                    let one = gpu.upload(&[1.0; 512]);
                    for round in 0..10 {
                        let mut y = gpu.upload(&[(thread * 100 + round) as f32; 512]);
                        for _ in 0..30 {
                            y = add(gpu, &accumulate(), &y, &one, 512);
                        }
                        let want = (thread * 100 + round + 30) as f32;
                        assert_eq!(gpu.read(&y, 512).unwrap(), [want; 512]);
                    }
                });
            }
        });
    });
}

#[test]
fn adapters_open_side_by_side_and_more_than_once() {
    let opened: Vec<Gpu> = (0..Gpu::adapters().len())
        .flat_map(|i| [i, i])
        .map(|i| Gpu::open(i, GpuOptions::default()).unwrap())
        .collect();
    for gpu in &opened {
        let a = gpu.upload(&[1.5; 8]);
        assert_eq!(gpu.read(&add(gpu, &accumulate(), &a, &a, 8), 8).unwrap(), [3.0; 8]);
    }
}

fn first() -> Gpu {
    Gpu::open(0, GpuOptions::default())
        .expect("an adapter opens; `scripts/install-vulkan` installs software ones")
}

#[test]
#[should_panic(
    expected = r#"shaders/accumulate.wgsl `forward`: the entry point binds ["a", "b", "y"], the launch gives ["a", "c", "y"]"#
)]
fn a_wrong_buffer_name_panics_with_both_lists() {
    let gpu = first();
    let (a, y) = (gpu.alloc(4), gpu.alloc(4));
    gpu.launch(&accumulate(), &Len { len: 4 }, &[("a", &a), ("c", &a), ("y", &y)], Grid::elements(4));
}

#[test]
#[should_panic(expected = "`y` is written but also given as `a`")]
fn a_written_buffer_cannot_be_read_in_the_same_launch() {
    let gpu = first();
    let (a, b) = (gpu.alloc(4), gpu.alloc(4));
    gpu.launch(&accumulate(), &Len { len: 4 }, &[("a", &a), ("b", &b), ("y", &a)], Grid::elements(4));
}

#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C)]
struct Wrong {
    length: f32,
}

impl Params for Wrong {
    const FIELDS: &'static [(&'static str, usize, &'static str)] = &[("length", 0, "f32")];
}

#[test]
#[should_panic(
    expected = r#"the shader's Params are [("len", 0, "u32")], the launch gives [("length", 0, "f32")]"#
)]
fn wrong_params_panic_with_both_lists() {
    let gpu = first();
    let (a, b, y) = (gpu.alloc(4), gpu.alloc(4), gpu.alloc(4));
    gpu.launch(
        &accumulate(),
        &Wrong { length: 4.0 },
        &[("a", &a), ("b", &b), ("y", &y)],
        Grid::elements(4),
    );
}

#[test]
#[should_panic(expected = "a buffer is of another device")]
fn a_buffer_of_another_device_panics() {
    let (gpu, other) = (first(), first());
    let (a, b, y) = (gpu.alloc(4), other.alloc(4), gpu.alloc(4));
    gpu.launch(&accumulate(), &Len { len: 4 }, &[("a", &a), ("b", &b), ("y", &y)], Grid::elements(4));
}

#[test]
fn a_texture_holds_what_its_buffer_holds_at_that_launch() {
    let kernel = Kernel {
        file: "backwards",
        source: BACKWARDS,
        entry: "forward",
        constants: Vec::new(),
        stand_in: None,
    };
    let reverse = |gpu: &Gpu, values: &[f32]| {
        let vectors = values.len() / 4;
        let (a, y) = (gpu.upload(values), gpu.alloc(values.len()));
        gpu.launch(
            &kernel,
            &Len { len: vectors as u32 },
            &[("a", &a), ("y", &y)],
            Grid::vectors(values.len()),
        );
        gpu.read(&y, values.len()).unwrap()
    };
    let as_a_card = GpuOptions { kind: Some("discrete"), ..GpuOptions::default() };
    for options in [GpuOptions::default(), SMALL, as_a_card] {
        on_each(options, |gpu| {
            let software = Device::Gpu(gpu.clone()).info().kind == "software";
            assert_eq!(gpu.reads_textures(), software && !options.minimum_limits);
            // A row of a texture has 4096 vectors; it grows, and is used again for less.
            for (round, vectors) in [1, 4096, 4097, 3 * 4096 + 5, 7, 2 * 4096].into_iter().enumerate() {
                let values: Vec<f32> = ramp(4 * vectors).iter().map(|v| v + round as f32 / 8.0).collect();
                let want: Vec<f32> = values.chunks(4).rev().flatten().copied().collect();
                assert!(reverse(gpu, &values) == want, "{vectors} vectors");
            }
            let odd = [f32::NAN, f32::from_bits(1), -0.0, f32::INFINITY];
            let got: Vec<u32> = reverse(gpu, &odd).into_iter().map(f32::to_bits).collect();
            assert_eq!(got, odd.map(f32::to_bits));
        });
    }
}
