//! Operations on images. ONNX has channels first, ours are last; one axis of pixels is an image of one row.

use ganas::Tensor;
use ganas::ops::{Coordinates, Pool, TapConv};

use super::{Call, Unsupported, Value, out};

/// An image in our order, `[n,h,w,c]`, and how many axes of pixels it had.
fn image(call: &Call, i: usize) -> Result<(Tensor, usize), Unsupported> {
    let (shape, values) = call.floats(i)?;
    let full = match shape[..] {
        [n, c, w] => [n, c, 1, w],
        [n, c, h, w] => [n, c, h, w],
        _ => return Err(format!("{} axes of pixels, ours have 2", shape.len() as i64 - 2)),
    };
    Ok((Tensor::from_slice(call.device, full, &values).permute(&[0, 2, 3, 1]), shape.len() - 2))
}

/// The image in ONNX's order.
fn back(y: &Tensor, axes: usize) -> Vec<Value> {
    let y = y.permute(&[0, 3, 1, 2]);
    let mut shape = y.shape().to_vec();
    if axes == 1 {
        shape.remove(2);
    }
    out(&shape, &y)
}

/// One value an axis of pixels, with `first` for the row that a single axis lacks.
fn both(values: Option<Vec<i64>>, axes: usize, default: i64, first: i64) -> [i64; 2] {
    match values.as_deref() {
        None if axes == 2 => [default, default],
        None => [first, default],
        Some([one]) => [first, *one],
        Some(two) => [two[0], two[1]],
    }
}

/// Kernel, stride, dilation and padding before and after, along rows and columns.
struct Windows {
    kernel: [i64; 2],
    stride: [i64; 2],
    dilation: [i64; 2],
    before: [i64; 2],
    after: [i64; 2],
}

impl Windows {
    fn of(call: &Call, size: [usize; 2], kernel: [i64; 2], axes: usize) -> Windows {
        let stride = both(call.ints("strides"), axes, 1, 1);
        let dilation = both(call.ints("dilations"), axes, 1, 1);
        let (mut before, mut after) = match call.ints("pads").as_deref() {
            Some([a, b]) => ([0, *a], [0, *b]),
            Some(all) => ([all[0], all[1]], [all[2], all[3]]),
            None => ([0, 0], [0, 0]),
        };
        let auto = call.text("auto_pad", "NOTSET");
        if auto.starts_with("SAME") {
            for i in 0..2 {
                let (size, k) = (size[i] as i64, dilation[i] * (kernel[i] - 1) + 1);
                let outputs = (size + stride[i] - 1) / stride[i];
                let all = ((outputs - 1) * stride[i] + k - size).max(0);
                (before[i], after[i]) = (all / 2, all - all / 2);
                if auto == "SAME_LOWER" {
                    (before[i], after[i]) = (after[i], before[i]);
                }
            }
        }
        Windows { kernel, stride, dilation, before, after }
    }

    /// The convolution with these windows.
    fn taps(&self) -> Result<TapConv, Unsupported> {
        let [sy, sx] = self.stride;
        // A single row has one stride along an axis of one output.
        let stride = if sy == sx || self.kernel[0] == 1 && self.before[0] == 0 && sy == 1 {
            sx
        } else {
            0
        };
        if stride == 0 {
            return Err("strides that differ between rows and columns".to_owned());
        }
        let offset = |k: i64, axis: usize| (k * self.dilation[axis] - self.before[axis]) as i32;
        let slack = |axis: usize| {
            (self.before[axis] + self.after[axis] - self.dilation[axis] * (self.kernel[axis] - 1) - 1) as i32
        };
        Ok(TapConv {
            taps: (0..self.kernel[0])
                .flat_map(|ky| (0..self.kernel[1]).map(move |kx| (ky, kx)))
                .map(|(ky, kx)| (offset(ky, 0), offset(kx, 1)))
                .collect(),
            stride: stride as usize,
            slack: [slack(0), slack(1)],
        })
    }
}

/// A weight `[a,b,kh,kw]` of ONNX as `[taps,b,a]`, and its kernel.
fn weight(call: &Call) -> Result<(Tensor, [i64; 2]), Unsupported> {
    let (shape, values) = call.floats(1)?;
    let (a, b, kh, kw) = match shape[..] {
        [a, b, kw] => (a, b, 1, kw),
        [a, b, kh, kw] => (a, b, kh, kw),
        _ => return Err(format!("{} axes of pixels, ours have 2", shape.len() as i64 - 2)),
    };
    let w = Tensor::from_slice(call.device, [a, b, kh * kw], &values).permute(&[2, 1, 0]);
    Ok((w, [kh as i64, kw as i64]))
}

/// The groups side by side, plus the third input if there is one.
fn groups_with_bias(call: &Call, parts: &[Tensor]) -> Result<Tensor, Unsupported> {
    let y = Tensor::concat(&parts.iter().collect::<Vec<_>>(), 3);
    if !call.has(2) {
        return Ok(y);
    }
    let (shape, bias) = call.floats(2)?;
    Ok(&y + &call.tensor(&shape, &bias)?)
}

pub fn conv(call: &Call) -> Result<Vec<Value>, Unsupported> {
    let (x, axes) = image(call, 0)?;
    let (w, kernel) = weight(call)?;
    let [_, h, width, cin] = x.shape().nhwc("conv");
    let taps = Windows::of(call, [h, width], kernel, axes).taps()?;
    let groups = call.int("group", 1) as usize;
    let (cin, cout) = (cin / groups, w.shape()[2] / groups);
    // Groups are convolutions side by side.
    let parts: Vec<Tensor> = (0..groups)
        .map(|g| x.slice(3, g * cin, cin).conv2d(&w.slice(2, g * cout, cout), taps.clone()))
        .collect();
    Ok(back(&groups_with_bias(call, &parts)?, axes))
}

/// A transposed convolution is the gradient of a convolution with respect to its image.
pub fn conv_transpose(call: &Call) -> Result<Vec<Value>, Unsupported> {
    let (x, axes) = image(call, 0)?;
    // [a,b,kh,kw] with a = channels of x: the weight of the convolution from b to a channels.
    let (w, kernel) = weight(call)?;
    let [n, h, width, cin] = x.shape().nhwc("conv_transpose");
    let mut windows = Windows::of(call, [h, width], kernel, axes);
    let extra = both(call.ints("output_padding"), axes, 0, 0);
    let size = |i: usize, pads: i64| {
        ([h, width][i] as i64 - 1) * windows.stride[i] + windows.dilation[i] * (kernel[i] - 1) + 1 + extra[i]
            - pads
    };
    let wanted = call.ints("output_shape").map(|shape| both(Some(shape), axes, 0, 1));
    let auto = call.text("auto_pad", "NOTSET");
    let same = auto.starts_with("SAME");
    let wanted =
        wanted.or_else(|| same.then(|| [h as i64 * windows.stride[0], width as i64 * windows.stride[1]]));
    let mut sizes = [0, 0];
    for i in 0..2 {
        if let Some(wanted) = wanted {
            let all = (size(i, 0) - wanted[i]).max(0);
            let (small, large) = (all / 2, all - all / 2);
            (windows.before[i], windows.after[i]) = if auto == "SAME_UPPER" {
                (small, large)
            } else {
                (large, small)
            };
            sizes[i] = wanted[i] as usize;
        } else {
            sizes[i] = size(i, windows.before[i] + windows.after[i]) as usize;
        }
    }
    // Rows that no window of the convolution reaches are output padding; they must not add windows.
    for (after, extra) in windows.after.iter_mut().zip(extra) {
        *after -= extra;
    }
    let taps = windows.taps()?;
    if taps.out(sizes[0], sizes[1]) != [h, width] {
        return Err("an output that is no input of the convolution".to_owned());
    }
    let groups = call.int("group", 1) as usize;
    let (cin, cout) = (cin / groups, w.shape()[1]);
    let parts: Vec<Tensor> = (0..groups)
        .map(|g| {
            let leaf = Tensor::zeros(call.device, [n, sizes[0], sizes[1], cout]).param();
            let y = leaf.conv2d(&w.slice(2, g * cin, cin), taps.clone());
            y.backward_from(&x.slice(3, g * cin, cin), &[&leaf])[&leaf].clone()
        })
        .collect();
    Ok(back(&groups_with_bias(call, &parts)?, axes))
}

pub fn batch_norm(call: &Call) -> Result<Vec<Value>, Unsupported> {
    let (x, axes) = image(call, 0)?;
    let parameter = |i: usize| call.floats(i).and_then(|(shape, values)| call.tensor(&shape, &values));
    let (gamma, beta, mean, var) = (parameter(1)?, parameter(2)?, parameter(3)?, parameter(4)?);
    let eps = f64::from(call.float("epsilon", 1e-5));
    if call.int("training_mode", 0) == 0 {
        return Ok(back(&x.batch_norm_eval(&gamma, &beta, &mean, &var, eps), axes));
    }
    // ONNX keeps the biased variance, so its running statistics are made of ours by hand.
    let momentum = call.float("momentum", 0.9);
    let normed = x.batch_norm(&gamma, &beta, eps);
    let running = |old: &Tensor, new: &Tensor| old.scale(momentum) + new.scale(1.0 - momentum);
    let mut all = back(&normed.y, axes);
    all.extend(out(&mean.shape(), &running(&mean, &normed.mean)));
    all.extend(out(&var.shape(), &running(&var, &normed.var)));
    Ok(all)
}

/// Puts `value` around an image.
fn padded(x: &Tensor, before: [i64; 2], after: [i64; 2], value: f32) -> Tensor {
    let mut y = x.clone();
    for axis in 0..2 {
        let strip = |rows: i64| {
            let mut shape = y.shape().to_vec();
            shape[axis + 1] = rows as usize;
            Tensor::full(&x.device(), &shape[..], value)
        };
        let strips = [strip(before[axis]), strip(after[axis])];
        let parts: Vec<&Tensor> =
            [&strips[0], &y, &strips[1]].into_iter().filter(|t| t.elements() > 0).collect();
        y = Tensor::concat(&parts, axis + 1);
    }
    y
}

/// Our windows are square, and padded alike on all sides; others are made of explicit padding, and an average that does
/// not count it is a ratio of two that do.
pub fn pool(call: &Call, takes_most: bool) -> Result<Vec<Value>, Unsupported> {
    let (x, axes) = image(call, 0)?;
    let kernel = call.ints("kernel_shape").ok_or("no kernel")?;
    let side = kernel[kernel.len() - 1];
    // A single row gets rows of padding below it until a square fits.
    let kernel = both(Some(kernel), axes, 1, side);
    let [_, h, w, _] = x.shape().nhwc("pool");
    let mut windows = Windows::of(call, [h, w], kernel, axes);
    if axes == 1 {
        (windows.before[0], windows.after[0], windows.stride[0]) = (0, side - 1, windows.stride[1]);
    }
    if kernel[0] != kernel[1] || windows.stride[0] != windows.stride[1] {
        return Err("windows that are not square".to_owned());
    }
    if windows.dilation != [1, 1] {
        return Err("windows with holes".to_owned());
    }
    let (k, stride) = (side as usize, windows.stride[0] as usize);
    let counted = windows.after;
    if call.int("ceil_mode", 0) == 1 {
        for i in 0..2 {
            let room = [h, w][i] as i64 + windows.before[i] + windows.after[i] - side;
            let windows_up = (room + windows.stride[i] - 1) / windows.stride[i];
            // A window that begins behind the image and its padding before it is dropped.
            let begins = windows_up * windows.stride[i] < [h, w][i] as i64 + windows.before[i];
            let last = if begins { windows_up } else { windows_up - 1 };
            windows.after[i] += (last * windows.stride[i] - room).max(0);
        }
    }
    let pool = Pool { k, stride, pad: 0, count_pad: false };
    let (before, after) = (windows.before, windows.after);
    if takes_most {
        return Ok(back(&padded(&x, before, after, f32::MIN).max_pool(pool), axes));
    }
    let sums = padded(&x, before, after, 0.0).avg_pool(pool);
    let ones = Tensor::full(call.device, x.shape(), 1.0);
    let ones = match call.int("count_include_pad", 0) == 1 {
        // What the mode of rounding added is never counted.
        true => padded(
            &padded(&ones, before, counted, 1.0),
            [0, 0],
            [after[0] - counted[0], after[1] - counted[1]],
            0.0,
        ),
        false => padded(&ones, before, after, 0.0),
    };
    Ok(back(&(sums / ones.avg_pool(pool)), axes))
}

pub fn global_average(call: &Call) -> Result<Vec<Value>, Unsupported> {
    let (x, axes) = image(call, 0)?;
    let [n, _, _, c] = x.shape().nhwc("global_average");
    let mut shape = vec![n, c];
    shape.extend(vec![1; axes]);
    Ok(out(&shape, &x.mean(&[1, 2])))
}

pub fn resize(call: &Call) -> Result<Vec<Value>, Unsupported> {
    let (x, axes) = image(call, 0)?;
    let [_, h, w, _] = x.shape().nhwc("resize");
    if call.int("antialias", 0) == 1 {
        return Err("antialiasing".to_owned());
    }
    if call.text("keep_aspect_ratio_policy", "stretch") != "stretch" {
        return Err("a size that keeps the aspect ratio".to_owned());
    }
    let named = call.ints("axes").unwrap_or_else(|| vec![0, 1, 2, 3]);
    let place = |axis: i64| named.iter().position(|a| *a == axis);
    let scales = call.floats(2).ok().map(|(_, v)| v);
    let sizes = call.integers(3);
    let mut to = [h, w];
    let mut factors = [1.0_f32; 2];
    for i in 0..2 {
        let Some(at) = place(i as i64 + 2) else { continue };
        if let Some(scales) = &scales {
            to[i] = ([h, w][i] as f32 * scales[at]).floor() as usize;
            factors[i] = scales[at];
        } else if let Some(sizes) = &sizes {
            to[i] = sizes[at] as usize;
            factors[i] = to[i] as f32 / [h, w][i] as f32;
        }
    }
    let coordinates = call.text("coordinate_transformation_mode", "half_pixel");
    match call.text("mode", "nearest").as_str() {
        "nearest" => {
            let rounding = call.text("nearest_mode", "round_prefer_floor");
            for i in 0..2 {
                for dst in 0..to[i] {
                    let ours = dst * [h, w][i] / to[i];
                    if nearest(dst, factors[i], [h, w][i], to[i], &coordinates, &rounding)? != ours {
                        return Err(format!(
                            "nearest pixels by {coordinates} and {rounding}, not floor(dst * in / out)"
                        ));
                    }
                }
            }
            Ok(back(&x.resize_nearest(to), axes))
        }
        "linear" => {
            let whole = (0..2).all(|i| factors[i] * [h, w][i] as f32 == to[i] as f32);
            let ours = match coordinates.as_str() {
                "half_pixel" => Coordinates::HalfPixel,
                "half_pixel_symmetric" if whole => Coordinates::HalfPixel,
                "pytorch_half_pixel" if to.iter().all(|s| *s > 1) => Coordinates::HalfPixel,
                "asymmetric" => Coordinates::Asymmetric,
                other => return Err(format!("linear by {other}")),
            };
            match whole {
                true => Ok(back(&x.resize_bilinear(to, ours), axes)),
                false => Err("a scale that is not out / in".to_owned()),
            }
        }
        other => Err(format!("mode {other}")),
    }
}

/// The source pixel of `dst` by ONNX's definition.
fn nearest(
    dst: usize,
    factor: f32,
    size: usize,
    to: usize,
    coordinates: &str,
    rounding: &str,
) -> Result<usize, Unsupported> {
    let at = match coordinates {
        "half_pixel" => (dst as f32 + 0.5) / factor - 0.5,
        "asymmetric" => dst as f32 / factor,
        "align_corners" if to > 1 => dst as f32 * (size as f32 - 1.0) / (to as f32 - 1.0),
        other => return Err(format!("nearest by {other}")),
    };
    let pixel = match rounding {
        "round_prefer_floor" => (at - 0.5).ceil(),
        "round_prefer_ceil" => (at + 0.5).floor(),
        "floor" => at.floor(),
        _ => at.ceil(),
    };
    Ok(pixel.clamp(0.0, size as f32 - 1.0) as usize)
}
