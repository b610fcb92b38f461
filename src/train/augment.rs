//! Differentiable augmentation (Zhao et al., NeurIPS 2020): real and generated pictures are changed by the same kind of
//! random transformations before the discriminator sees them, and gradients pass through.

use serde::{Deserialize, Serialize};

use crate::{Error, Rng, Tensor};

/// Which transformations are made; its text form joins their names by commas.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Augmentation {
    /// Brightness within +-0.5, saturation by 0 to 2, contrast by 0.5 to 1.5.
    pub color: bool,
    /// A shift by up to an eighth of the side, zeros moving in.
    pub translation: bool,
    /// A square of half the side set to zero.
    pub cutout: bool,
}

impl TryFrom<String> for Augmentation {
    type Error = Error;

    fn try_from(text: String) -> Result<Augmentation, Error> {
        let mut all = Augmentation::default();
        for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            match name {
                "color" => all.color = true,
                "translation" => all.translation = true,
                "cutout" => all.cutout = true,
                _ => {
                    let reason =
                        format!("`{name}`; valid are color, translation and cutout, joined by commas");
                    return Err(Error::config("augment", reason));
                }
            }
        }
        Ok(all)
    }
}

impl From<Augmentation> for String {
    fn from(all: Augmentation) -> String {
        let names = [(all.color, "color"), (all.translation, "translation"), (all.cutout, "cutout")];
        let names: Vec<&str> = names.into_iter().filter_map(|(on, name)| on.then_some(name)).collect();
        names.join(",")
    }
}

impl Augmentation {
    /// Pictures `[n,h,w,c]` in -1..1, each changed by draws of its own.
    pub fn apply(&self, x: &Tensor, rng: &mut Rng) -> Tensor {
        let mut x = x.clone();
        if self.color {
            x = contrast(&saturation(&brightness(&x, rng), rng), rng);
        }
        if self.translation {
            x = translation(&x, rng);
        }
        if self.cutout {
            x = cutout(&x, rng);
        }
        x
    }
}

/// One value a picture, repeated over all of it: a constant like `x`.
fn spread(x: &Tensor, values: &[f32]) -> Tensor {
    let per = x.elements() / values.len();
    let all: Vec<f32> = values.iter().flat_map(|v| std::iter::repeat_n(*v, per)).collect();
    Tensor::from_slice(&x.device(), x.shape(), &all)
}

fn draws(x: &Tensor, rng: &mut Rng, low: f32, width: f32) -> Vec<f32> {
    (0..x.shape()[0]).map(|_| low + width * rng.uniform()).collect()
}

fn brightness(x: &Tensor, rng: &mut Rng) -> Tensor {
    x + &spread(x, &draws(x, rng, -0.5, 1.0))
}

fn saturation(x: &Tensor, rng: &mut Rng) -> Tensor {
    let factor = spread(x, &draws(x, rng, 0.0, 2.0));
    let grey = repeated(&x.mean(&[3]), x);
    (x - &grey) * factor + grey
}

fn contrast(x: &Tensor, rng: &mut Rng) -> Tensor {
    let factor = spread(x, &draws(x, rng, 0.5, 1.0));
    let mean = repeated(&x.mean(&[1, 2, 3]), x);
    (x - &mean) * factor + mean
}

/// Means over the last axes of `like`, repeated along them: a product with ones, through which gradients pass.
fn repeated(means: &Tensor, like: &Tensor) -> Tensor {
    let rows = means.elements();
    let per = like.elements() / rows;
    let ones = Tensor::full(&like.device(), [1, per], 1.0);
    means.reshape([rows, 1]).matmul(&ones).reshape(like.shape())
}

fn translation(x: &Tensor, rng: &mut Rng) -> Tensor {
    let [n, h, w, c] = x.shape().nhwc("translation");
    let mut shift = |side: usize| {
        let most = (side as f32 / 8.0 + 0.5) as usize;
        rng.below(2 * most + 1) as isize - most as isize
    };
    let zero = n * h * w;
    let mut rows = Vec::with_capacity(zero);
    for image in 0..n {
        let (dy, dx) = (shift(h), shift(w));
        for i in 0..h {
            for j in 0..w {
                let from = (
                    i.checked_add_signed(dy).filter(|i| *i < h),
                    j.checked_add_signed(dx).filter(|j| *j < w),
                );
                rows.push(match from {
                    (Some(i), Some(j)) => (image * h + i) * w + j,
                    _ => zero,
                });
            }
        }
    }
    let outside = Tensor::zeros(&x.device(), [1, c]);
    let pixels = Tensor::concat(&[&x.reshape([zero, c]), &outside], 0);
    pixels.gather_rows(&rows).reshape(x.shape())
}

fn cutout(x: &Tensor, rng: &mut Rng) -> Tensor {
    let [n, h, w, c] = x.shape().nhwc("cutout");
    let mut mask = vec![1.0; x.elements()];
    let (sh, sw) = (h.div_ceil(2), w.div_ceil(2));
    for image in mask.chunks_mut(h * w * c).take(n) {
        // The centre may lie anywhere, so that the square may stick out.
        let (top, left) = (rng.below(h + 1 - sh % 2), rng.below(w + 1 - sw % 2));
        for i in top.saturating_sub(sh / 2)..(top + sh - sh / 2).min(h) {
            for j in left.saturating_sub(sw / 2)..(left + sw - sw / 2).min(w) {
                image[(i * w + j) * c..(i * w + j + 1) * c].fill(0.0);
            }
        }
    }
    x * &Tensor::from_slice(&x.device(), x.shape(), &mask)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Device;

    fn pictures() -> Tensor {
        let mut rng = Rng::seed(1);
        let values: Vec<f32> = rng.normals(5 * 8 * 8 * 3).iter().map(|v| v * 0.3).collect();
        Tensor::from_slice(&Device::cpu(), [5, 8, 8, 3], &values)
    }

    fn only(text: &str) -> Augmentation {
        Augmentation::try_from(text.to_owned()).unwrap()
    }

    #[test]
    fn names_are_read_and_written() {
        assert_eq!(String::from(only("cutout, color")), "color,cutout");
        assert_eq!(only(""), Augmentation::default());
        assert!(
            Augmentation::try_from("blur".to_owned())
                .unwrap_err()
                .to_string()
                .contains("translation")
        );
    }

    #[test]
    fn nothing_is_changed_without_a_name_and_every_picture_differently_with_one() {
        let x = pictures();
        assert_eq!(only("").apply(&x, &mut Rng::seed(2)).to_vec().unwrap(), x.to_vec().unwrap());
        let plain = x.to_vec().unwrap();
        for name in ["color", "translation", "cutout"] {
            let y = only(name).apply(&x, &mut Rng::seed(2));
            assert_eq!(y.shape(), x.shape());
            assert!(y.to_vec().unwrap() != plain, "{name}");
            assert_eq!(only(name).apply(&x, &mut Rng::seed(2)).to_vec().unwrap(), y.to_vec().unwrap());
        }
    }

    #[test]
    fn cutout_sets_squares_to_zero_and_translation_moves_pixels() {
        let x = Tensor::full(&Device::cpu(), [40, 8, 8, 3], 1.0);
        let cut = only("cutout").apply(&x, &mut Rng::seed(3)).to_vec().unwrap();
        for image in cut.chunks(8 * 8 * 3) {
            let kept = image.iter().filter(|v| **v == 1.0).count();
            // A whole square of 4x4 at most, a quarter of it in a corner.
            assert!((192 - 48..=192 - 12).contains(&kept), "{kept}");
        }
        let moved = only("translation").apply(&x, &mut Rng::seed(3)).to_vec().unwrap();
        let full = moved.chunks(192).filter(|image| image.iter().all(|v| *v == 1.0)).count();
        // By at most one pixel each way, so a ninth of the pictures stays where it is.
        assert!((1..15).contains(&full), "{full}");
        assert!(moved.chunks(192).all(|image| image.iter().sum::<f32>() >= 7.0 * 7.0 * 3.0));
    }

    #[test]
    fn gradients_pass_through_all_of_it() {
        let x = pictures();
        let all = only("color,translation,cutout");
        let weights = Tensor::normal(&x.device(), x.shape(), &mut Rng::seed(8));
        let loss = |x: &Tensor| (all.apply(x, &mut Rng::seed(9)) * weights.clone()).sum_all();
        let leaf = x.param();
        let grads = loss(&leaf).backward(&[&leaf]);
        let direction = Tensor::normal(&x.device(), x.shape(), &mut Rng::seed(10));
        let slope = (&grads[&leaf] * &direction).sum_all().item().unwrap();
        let at = |h: f32| loss(&(&x + &direction.scale(h))).item().unwrap();
        // The transformation is linear in the picture, so a wide step has no error of its own.
        approx::assert_relative_eq!(slope, (at(0.5) - at(-0.5)) / 1.0, max_relative = 1e-3);
    }
}
