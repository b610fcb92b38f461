//! Products of matrices, reductions and everything that moves elements.

use ganas::Tensor;

use super::{Call, Unsupported, Value, out};

/// An axis counted from the end where it is negative.
fn axis(axis: i64, rank: usize) -> usize {
    if axis < 0 {
        (axis + rank as i64) as usize
    } else {
        axis as usize
    }
}

pub fn pair(call: &Call, f: impl Fn(&Tensor, &Tensor) -> Tensor) -> Result<Vec<Value>, Unsupported> {
    let ((sa, a), (sb, b)) = (call.floats(0)?, call.floats(1)?);
    let y = f(&call.tensor(&sa, &a)?, &call.tensor(&sb, &b)?);
    Ok(out(if a.len() >= b.len() { &sa } else { &sb }, &y))
}

pub fn gemm(call: &Call) -> Result<Vec<Value>, Unsupported> {
    let transposed = |i: usize, name: &str| -> Result<Tensor, Unsupported> {
        let (shape, values) = call.floats(i)?;
        let x = call.tensor(&shape, &values)?;
        Ok(if call.int(name, 0) == 1 { x.transpose() } else { x })
    };
    let y = transposed(0, "transA")?.matmul(&transposed(1, "transB")?);
    let mut y = y.scale(call.float("alpha", 1.0));
    let shape = y.shape().to_vec();
    if call.has(2) {
        let (cs, c) = call.floats(2)?;
        let c = match cs[..] {
            // A column is repeated along the rows by a product with ones.
            [_, 1] => call.tensor(&cs, &c)?.matmul(&Tensor::full(call.device, [1, shape[1]], 1.0)),
            [1, n] => call.tensor(&[n], &c)?,
            _ => call.tensor(&cs, &c)?,
        };
        y = &y + &c.scale(call.float("beta", 1.0));
    }
    Ok(out(&shape, &y))
}

pub fn matmul(call: &Call) -> Result<Vec<Value>, Unsupported> {
    let ((sa, a), (sb, b)) = (call.floats(0)?, call.floats(1)?);
    let rank = sa.len();
    if rank < 2 || sb.len() != rank || sa[..rank - 2] != sb[..rank - 2] {
        return Err("matrices in batches of other shapes".to_owned());
    }
    let (m, k, n) = (sa[rank - 2], sa[rank - 1], sb[rank - 1]);
    // A batch of products is the products one by one.
    let products: Vec<Tensor> = a
        .chunks(m * k)
        .zip(b.chunks(k * n))
        .map(|(a, b)| {
            Tensor::from_slice(call.device, [m, k], a).matmul(&Tensor::from_slice(call.device, [k, n], b))
        })
        .collect();
    let y = Tensor::concat(&products.iter().collect::<Vec<_>>(), 0);
    let shape = [&sa[..rank - 1], &[n]].concat();
    Ok(out(&shape, &y))
}

/// Our soft-max runs along the last axis; another one is moved there and back.
pub fn along_axis(call: &Call, f: impl Fn(&Tensor) -> Tensor) -> Result<Vec<Value>, Unsupported> {
    let (shape, values) = call.floats(0)?;
    let axis = axis(call.int("axis", -1), shape.len());
    let mut order: Vec<usize> = (0..shape.len()).collect();
    order.swap(axis, shape.len() - 1);
    let y = f(&call.tensor(&shape, &values)?.permute(&order)).permute(&order);
    Ok(out(&shape, &y))
}

pub fn reduce(call: &Call, f: impl Fn(&Tensor, &[usize]) -> Tensor) -> Result<Vec<Value>, Unsupported> {
    let (shape, values) = call.floats(0)?;
    let x = call.tensor(&shape, &values)?;
    let named = call.ints("axes").or_else(|| call.integers(1)).filter(|axes| !axes.is_empty());
    let axes: Vec<usize> = match named {
        Some(axes) => axes.into_iter().map(|a| axis(a, shape.len())).collect(),
        None if call.int("noop_with_empty_axes", 0) == 1 => return Ok(out(&shape, &x)),
        None => (0..shape.len()).collect(),
    };
    let keeps = call.int("keepdims", 1) == 1;
    let kept = (0..shape.len()).filter_map(|a| match (axes.contains(&a), keeps) {
        (false, _) => Some(shape[a]),
        (true, true) => Some(1),
        (true, false) => None,
    });
    Ok(out(&kept.collect::<Vec<_>>(), &f(&x, &axes)))
}

pub fn concat(call: &Call) -> Result<Vec<Value>, Unsupported> {
    let mut parts = Vec::new();
    for i in 0..call.inputs.len() {
        let (shape, values) = call.floats(i)?;
        parts.push(call.tensor(&shape, &values)?);
    }
    let y =
        Tensor::concat(&parts.iter().collect::<Vec<_>>(), axis(call.int("axis", 0), parts[0].shape().rank()));
    Ok(out(&y.shape(), &y))
}

/// The rows `which` of axis `axis`: it is moved to the front, gathered, and moved back.
fn select(x: &Tensor, axis: usize, which: &[usize]) -> Tensor {
    let rank = x.shape().rank();
    let mut order: Vec<usize> = (0..rank).filter(|a| *a != axis).collect();
    order.insert(0, axis);
    let front = x.permute(&order);
    let mut shape = front.shape().to_vec();
    let rest: usize = shape[1..].iter().product();
    let rows = front.reshape([shape[0], rest]).gather_rows(which);
    shape[0] = which.len();
    let back: Vec<usize> = (0..rank).map(|a| order.iter().position(|o| *o == a).unwrap()).collect();
    rows.reshape(&shape[..]).permute(&back)
}

pub fn slice(call: &Call) -> Result<Vec<Value>, Unsupported> {
    let (shape, values) = call.floats(0)?;
    let mut x = call.tensor(&shape, &values)?;
    let (Some(starts), Some(ends)) = (call.integers(1), call.integers(2)) else {
        return Err("bounds as attributes".to_owned());
    };
    let axes = call.integers(3).unwrap_or_else(|| (0..starts.len() as i64).collect());
    let steps = call.integers(4).unwrap_or_else(|| vec![1; starts.len()]);
    for i in 0..starts.len() {
        let axis = axis(axes[i], shape.len());
        let (size, step) = (shape[axis] as i64, steps[i]);
        let from_end = |v: i64| if v < 0 { v.saturating_add(size) } else { v };
        let (start, end) = match step > 0 {
            true => (from_end(starts[i]).clamp(0, size), from_end(ends[i]).clamp(0, size)),
            false => (from_end(starts[i]).clamp(0, size - 1), from_end(ends[i]).clamp(-1, size - 1)),
        };
        let which: Vec<usize> = match step > 0 {
            true => (start..end).step_by(step as usize).map(|v| v as usize).collect(),
            false => (0..)
                .map(|k| start + k * step)
                .take_while(|v| *v > end)
                .map(|v| v as usize)
                .collect(),
        };
        if which.is_empty() {
            return Err("an empty result".to_owned());
        }
        x = match step {
            1 => x.slice(axis, which[0], which.len()),
            _ => select(&x, axis, &which),
        };
    }
    Ok(out(&x.shape(), &x))
}

pub fn gather(call: &Call) -> Result<Vec<Value>, Unsupported> {
    let (shape, values) = call.floats(0)?;
    let axis = axis(call.int("axis", 0), shape.len());
    let Some(Some(Value::Integers(of, which))) = call.inputs.get(1) else {
        return Err("no indices".to_owned());
    };
    let size = shape[axis] as i64;
    let which: Vec<usize> = which.iter().map(|v| if *v < 0 { v + size } else { *v } as usize).collect();
    let y = select(&call.tensor(&shape, &values)?, axis, &which);
    let shape = [&shape[..axis], of, &shape[axis + 1..]].concat();
    Ok(out(&shape, &y))
}

pub fn transpose(call: &Call) -> Result<Vec<Value>, Unsupported> {
    let (shape, values) = call.floats(0)?;
    let order: Vec<usize> = match call.ints("perm") {
        Some(order) => order.into_iter().map(|a| a as usize).collect(),
        None => (0..shape.len()).rev().collect(),
    };
    let y = call.tensor(&shape, &values)?.permute(&order);
    Ok(out(&y.shape(), &y))
}

pub fn reshape(call: &Call) -> Result<Vec<Value>, Unsupported> {
    let (shape, values) = call.floats(0)?;
    let wanted = call.integers(1).ok_or("no shape")?;
    let copies_zero = call.int("allowzero", 0) == 0;
    let sizes: Vec<i64> = wanted
        .iter()
        .enumerate()
        .map(|(i, v)| if *v == 0 && copies_zero { shape[i] as i64 } else { *v })
        .collect();
    let known: i64 = sizes.iter().filter(|v| **v >= 0).product();
    let missing = values.len() as i64 / known.max(1);
    let sizes: Vec<usize> = sizes.iter().map(|v| if *v < 0 { missing } else { *v } as usize).collect();
    if sizes.len() > 4 {
        return Err(format!("rank {}, ours go to 4", sizes.len()));
    }
    let y = call.tensor(&shape, &values)?.reshape(&sizes[..]);
    Ok(out(&sizes, &y))
}
