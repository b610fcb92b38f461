//! The convolution's kernels through workgroup memory.

use ganas::device::GpuOptions;

use crate::conv2d_ways::{AS_A_CARD, compare};

#[test]
fn tiles_of_a_workgroup_give_the_bits_of_tiles_of_an_invocation() {
    assert!(compare(AS_A_CARD, "workgroup", |_| true) > 0);
}

#[test]
fn the_smallest_limits_are_enough() {
    let least = GpuOptions {
        minimum_limits: true,
        max_workgroups_per_axis: Some(10),
        ..AS_A_CARD
    };
    assert!(compare(least, "workgroup", |_| true) > 0);
}
