//! The searches and the one loop that drives them. Knows no kernels and no file formats.
