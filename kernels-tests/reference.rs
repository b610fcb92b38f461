//! Naive f64 forward loops that decide what is right. No derivatives: gradients are checked by central differences.

/// A dense row-major f64 array.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    pub shape: Vec<usize>,
    pub data: Vec<f64>,
}

impl Array {
    pub fn new(shape: &[usize], data: Vec<f64>) -> Array {
        assert_eq!(shape.iter().product::<usize>(), data.len(), "reference array {shape:?}");
        Array { shape: shape.to_vec(), data }
    }

    pub fn zeros(shape: &[usize]) -> Array {
        Array::new(shape, vec![0.0; shape.iter().product()])
    }

    /// Row-major position of `at`.
    pub fn index(&self, at: &[usize]) -> usize {
        assert_eq!(at.len(), self.shape.len());
        at.iter().zip(&self.shape).fold(0, |i, (a, n)| {
            assert!(a < n, "index {at:?} in {:?}", self.shape);
            i * n + a
        })
    }

    pub fn at(&self, at: &[usize]) -> f64 {
        self.data[self.index(at)]
    }

    pub fn set(&mut self, at: &[usize], value: f64) {
        let i = self.index(at);
        self.data[i] = value;
    }

    pub fn map(&self, f: impl Fn(f64) -> f64) -> Array {
        Array::new(&self.shape, self.data.iter().map(|&x| f(x)).collect())
    }
}
