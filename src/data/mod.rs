//! Image sources in host memory. Knows no tensors and no devices.
