//! A convolution whose batch normalisation was folded into its weights.

use crate::nn::{Layout, from_file};
use crate::ops::{Conv2d, TapConv};
use crate::{Device, Error, Shape, Tensor};

/// Added to the variance.
const EPS: f64 = 0.001;

/// Gives the values of the array of this name, which must have this shape.
pub(super) type Read<'a> = dyn FnMut(&str, &[usize]) -> Result<Vec<f32>, Error> + 'a;

/// `relu(conv(x, w) + b)`, with `w = gamma w0 / sqrt(var + eps)` and `b = beta - gamma mean / sqrt(var + eps)`.
pub(super) struct Unit {
    w: Tensor,
    b: Tensor,
    conv: Conv2d,
    taps: TapConv,
}

impl Unit {
    /// Reads `NAME.conv.weight` and `NAME.bn.*` and folds them, in `f64`, rounded once.
    pub fn fold(
        device: &Device,
        read: &mut Read<'_>,
        name: &str,
        conv: Conv2d,
        cin: usize,
        cout: usize,
    ) -> Result<Unit, Error> {
        let [kh, kw] = conv.kernel;
        let mut bn = |part: &str| read(&format!("{name}.bn.{part}"), &[cout]);
        let (gamma, beta) = (bn("weight")?, bn("bias")?);
        let (mean, var) = (bn("running_mean")?, bn("running_var")?);
        let factor: Vec<f64> = gamma
            .iter()
            .zip(&var)
            .map(|(g, v)| f64::from(*g) / (f64::from(*v) + EPS).sqrt())
            .collect();
        let b: Vec<f32> = (0..cout)
            .map(|o| (f64::from(beta[o]) - factor[o] * f64::from(mean[o])) as f32)
            .collect();
        let shape = Shape::from([kh * kw, cin, cout]);
        let file = read(&format!("{name}.conv.weight"), &[cout, cin, kh, kw])?;
        let mut w = from_file(&file, shape, Layout::Conv(conv.kernel));
        for (i, w) in w.iter_mut().enumerate() {
            *w = (f64::from(*w) * factor[i % cout]) as f32;
        }
        if let Some(at) = w.iter().chain(&b).position(|v| !v.is_finite()) {
            let reason = format!("value {at} of the folded weights is not finite; the file is damaged");
            return Err(Error::weights(name, reason));
        }
        Ok(Unit {
            w: Tensor::from_slice(device, shape, &w),
            b: Tensor::from_slice(device, [cout], &b),
            conv,
            taps: conv.into(),
        })
    }

    /// `[n,h,w,cin] -> [n,h',w',cout]`.
    pub fn forward(&self, x: &Tensor) -> Tensor {
        x.conv2d_bias_relu(&self.w, &self.b, self.taps.clone())
    }

    /// The same without the rectifier.
    pub fn linear(&self, x: &Tensor) -> Tensor {
        x.conv2d_bias(&self.w, &self.b, self.taps.clone())
    }

    /// For one image of `side` by `side`.
    pub fn multiply_adds(&self, side: u64) -> u64 {
        let [h, w] = self.taps.out(side as usize, side as usize);
        let [_, cin, cout] = [self.conv.taps(), self.w.shape()[1], self.w.shape()[2]];
        (h * w * self.conv.taps() * cin * cout) as u64
    }
}
