//! The convolution's kernels for small subgroups.

use ganas::device::{Gpu, GpuOptions};

use crate::conv2d_ways::{AS_A_CARD, AS_IT_IS, compare};

#[test]
fn tiles_of_a_subgroup_give_the_bits_of_tiles_of_an_invocation() {
    let software = Gpu::adapters().iter().filter(|adapter| adapter.kind == "software").count();
    // Launches that fold have groups past the end.
    let folded = GpuOptions { max_workgroups_per_axis: Some(8), ..AS_IT_IS };
    for options in [AS_IT_IS, AS_A_CARD, folded] {
        let compared = compare(options, "subgroup", |gpu| gpu.small_subgroup().is_some());
        assert!(compared >= software, "{compared} comparisons on {software} software adapters");
    }
}
