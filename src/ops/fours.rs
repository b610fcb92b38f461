//! Launches of kernels of which an invocation owns four neighbouring channels where their number allows it.

use crate::Tensor;
use crate::device::gpu::{Gpu, Grid, Kernel, Params};

/// Launches the first of `kernels` over `elements`; where `channels` are a multiple of four the second, over vectors of
/// four, to which buffers have the second of their names. `params(n)` are those of `n` channels an invocation.
pub(super) fn launch<P: Params>(
    gpu: &Gpu,
    kernels: [Kernel; 2],
    channels: usize,
    params: impl FnOnce(usize) -> P,
    elements: usize,
    buffers: &[([&'static str; 2], &Tensor)],
) {
    let fits = channels.is_multiple_of(4);
    let together = if fits { 4 } else { 1 };
    let at = usize::from(fits);
    let buffers: Vec<_> = buffers.iter().map(|(names, tensor)| (names[at], tensor.gpu())).collect();
    gpu.launch(&kernels[at], &params(together), &buffers, Grid::elements(elements / together));
}
