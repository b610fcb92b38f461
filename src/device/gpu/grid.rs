//! The size of a launch, and its folding into three axes because each axis has a limit.

/// How many workgroups a launch has. Folding may add some beyond the end of the range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grid {
    /// One invocation for each of this many elements; the shader finds its own with `linear(at)` and writes nothing if
    /// that lies past the end.
    Elements(usize),
    /// This many workgroups in a flat range; the shader finds its own with `linear_group(at)` and writes
    /// nothing if that lies past the end.
    Groups(usize),
}

impl Grid {
    /// One invocation per element.
    pub fn elements(n: usize) -> Grid {
        Grid::Elements(n)
    }

    /// One invocation for each four of `n` elements; buffers reach to the next multiple of four.
    pub fn vectors(n: usize) -> Grid {
        Grid::Elements(n.div_ceil(4))
    }

    /// A flat range of workgroups.
    pub fn groups(n: usize) -> Grid {
        Grid::Groups(n)
    }

    pub(super) fn is_empty(self) -> bool {
        matches!(self, Grid::Elements(0) | Grid::Groups(0))
    }

    /// Workgroups along each axis for groups of `workgroup` invocations and at most `limit` groups per axis, or why
    /// that cannot be.
    pub(super) fn fold(self, workgroup: u32, limit: u32) -> Result<[u32; 3], String> {
        let groups = match self {
            Grid::Elements(n) => n.div_ceil(workgroup as usize),
            Grid::Groups(n) => n,
        } as u64;
        let limit = u64::from(limit);
        let z = groups.div_ceil(limit * limit).max(1);
        let y = groups.div_ceil(z).div_ceil(limit).max(1);
        let x = groups.div_ceil(z * y);
        // Shaders count invocations with 32 bits.
        let most = (limit * limit * limit).min(u64::from(u32::MAX / workgroup));
        if z > limit || x * y * z > most {
            return Err(format!(
                "a launch of {groups} workgroups exceeds the limit of {most}; use a smaller batch"
            ));
        }
        Ok([x as u32, y as u32, z as u32])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_launch_folds_into_three_axes_with_little_waste() {
        assert_eq!(Grid::elements(1).fold(256, 64).unwrap(), [1, 1, 1]);
        assert_eq!(Grid::elements(257).fold(256, 64).unwrap(), [2, 1, 1]);
        for n in 1..64 * 64 * 64usize {
            let [x, y, z] = Grid::groups(n).fold(1, 64).unwrap();
            let all = (x * y * z) as usize;
            assert!(
                x <= 64 && y <= 64 && z <= 64 && all >= n && all - n < (y * z) as usize,
                "{n}: {x} {y} {z}"
            );
        }
    }

    #[test]
    fn too_large_a_launch_names_the_limit() {
        let most = 4 * 4 * 4;
        assert!(Grid::groups(most).fold(1, 4).is_ok());
        let reason = Grid::groups(most + 1).fold(1, 4).unwrap_err();
        assert!(reason.contains("65 workgroups") && reason.contains("limit of 64"), "{reason}");
        assert!(Grid::elements(1 << 33).fold(256, 65_535).is_err());
    }
}
