//! Layers, initialisation, losses, spectral norm, optimisers. Knows no genotypes.
