//! Cutting long sums, so that a launch of few results keeps a card busy.

use crate::device::Gpu;

/// Into how many sums of equal length one of `terms` terms is cut, so that there are up to `wanted` invocations where one sum has
/// `invocations`.
pub(super) fn parts(wanted: usize, invocations: usize, terms: usize) -> usize {
    let most = (wanted / invocations.max(1)).clamp(1, terms.max(1));
    terms.div_ceil(terms.div_ceil(most).max(1)).max(1)
}

/// How many parts of `elements` elements one binding has room for.
pub(super) fn most_parts(gpu: &Gpu, elements: usize) -> usize {
    (gpu.most_elements() / elements.max(1)).max(1)
}
