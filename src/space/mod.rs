//! Architectures as categorical choices: genotypes, validity, cost, drawing, building.
