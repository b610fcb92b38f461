//! A network's tensors as named arrays in the form of the reference programs: NCHW, OIHW, `[out, in]`.

use super::module::visit;
use super::{Layout, Module, Slot};
use crate::device::HostMemory;
use crate::formats::{Floats, NamedArrays};
use crate::{Error, Shape, Tensor};

/// Every tensor of `module` under `prefix` + its name; waits for the device.
///
/// # Errors
/// If the device failed.
pub fn export(module: &mut (impl Module + ?Sized), prefix: &str, to: &mut NamedArrays) -> Result<(), Error> {
    let mut failed = None;
    visit(module, |slot| match export_tensor(slot.tensor, slot.layout) {
        Ok((shape, values)) => to.insert(format!("{prefix}{}", slot.name), &shape, values),
        Err(e) => failed = Some(e),
    });
    failed.map_or(Ok(()), Err)
}

/// Replaces every tensor of `module` by the array named `prefix` + its name.
///
/// # Errors
/// [`Error::Weights`] if an array is missing or has another shape; the module is then partly replaced.
pub fn import(module: &mut (impl Module + ?Sized), prefix: &str, from: &NamedArrays) -> Result<(), Error> {
    let mut failed = None;
    visit(module, |slot| {
        if failed.is_none() {
            failed = import_slot(slot, prefix, from).err();
        }
    });
    failed.map_or(Ok(()), Err)
}

fn import_slot(slot: Slot, prefix: &str, from: &NamedArrays) -> Result<(), Error> {
    let name = format!("{prefix}{}", slot.name);
    // Checkpoints written before the counter existed lack it; nothing is computed from it.
    if slot.layout == Layout::Counter && from.get(&name).is_none() {
        return Ok(());
    }
    let shape = slot.tensor.shape();
    let values = from.expect(&name, &file_shape(shape, slot.layout))?;
    *slot.tensor = Tensor::from_slice(&slot.tensor.device(), shape, &from_file(values, shape, slot.layout));
    Ok(())
}

impl From<HostMemory> for Floats {
    fn from(memory: HostMemory) -> Floats {
        match memory {
            HostMemory::Own(values) => values.into(),
            pooled => Floats::lent(pooled),
        }
    }
}

/// Shape and values of one tensor as files hold them; waits for the device.
///
/// # Errors
/// If the device failed.
pub fn export_tensor(tensor: &Tensor, layout: Layout) -> Result<(Vec<usize>, Floats), Error> {
    let (shape, values) = (tensor.shape(), tensor.to_host()?);
    if layout == Layout::Plain {
        return Ok((shape.to_vec(), values.into()));
    }
    let mut file = HostMemory::beside(&tensor.device(), values.len());
    if tensor.device().is_dry() {
        return Ok((file_shape(shape, layout), file.into()));
    }
    for (value, theirs) in values.iter().zip(places(shape, layout)) {
        file[theirs] = *value;
    }
    Ok((file_shape(shape, layout), file.into()))
}

/// The values of a file's array in this crate's order.
pub fn from_file(values: &[f32], shape: Shape, layout: Layout) -> Vec<f32> {
    places(shape, layout).map(|theirs| values[theirs]).collect()
}

/// The shape that files give to a tensor of `shape`.
pub fn file_shape(shape: Shape, layout: Layout) -> Vec<usize> {
    match layout {
        Layout::Plain | Layout::SpectralV(_) => shape.to_vec(),
        Layout::Conv([kh, kw]) => vec![shape[2], shape[1], kh, kw],
        Layout::Depthwise(k) => vec![shape[1], 1, k, k],
        Layout::Linear => vec![shape[1], shape[0]],
        Layout::Features(_) if shape.rank() == 2 => vec![shape[1], shape[0]],
        Layout::Features(_) => shape.to_vec(),
        Layout::Counter => vec![],
    }
}

/// For each element in this crate's order, its place in the file's array.
fn places(shape: Shape, layout: Layout) -> Box<dyn Iterator<Item = usize>> {
    let n = shape.elements();
    match layout {
        Layout::Plain | Layout::Counter => Box::new(0..n),
        Layout::Conv([kh, kw]) => {
            let (taps, cin, cout) = (kh * kw, shape[1], shape[2]);
            Box::new((0..n).map(move |i| {
                let (t, c, o) = (i / (cin * cout), i / cout % cin, i % cout);
                (o * cin + c) * taps + t
            }))
        }
        Layout::Depthwise(k) => transposed(k * k, shape[1]),
        Layout::SpectralV([kh, kw]) => transposed(kh * kw, n / (kh * kw)),
        Layout::Linear => transposed(shape[0], shape[1]),
        Layout::Features([h, w, c]) => {
            let out = h * w * c;
            let cin = n / out;
            Box::new((0..n).map(move |i| {
                let (row, pixel, channel) = (i / out, i % out / c, i % c);
                (channel * h * w + pixel) * cin + row
            }))
        }
    }
}

/// `[rows, columns]` here, `[columns, rows]` in files.
fn transposed(rows: usize, columns: usize) -> Box<dyn Iterator<Item = usize>> {
    Box::new((0..rows * columns).map(move |i| i % columns * rows + i / columns))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Device;

    #[test]
    fn every_layout_survives_a_round_trip_and_lands_where_files_expect_it() {
        let device = Device::cpu();
        let cases: [(&[usize], Layout); 7] = [
            (&[5], Layout::Plain),
            (&[6, 3, 4], Layout::Conv([2, 3])),
            (&[9, 5], Layout::Depthwise(3)),
            (&[3, 7], Layout::Linear),
            (&[3, 24], Layout::Features([2, 3, 4])),
            (&[24], Layout::Features([2, 3, 4])),
            (&[12], Layout::SpectralV([2, 2])),
        ];
        for (shape, layout) in cases {
            let n: usize = shape.iter().product();
            let values: Vec<f32> = (0..n).map(|i| i as f32).collect();
            let tensor = Tensor::from_slice(&device, shape, &values);
            let (_, file) = export_tensor(&tensor, layout).unwrap();
            assert_eq!(from_file(&file, tensor.shape(), layout), values, "{layout:?}");
        }
        // w[t=1*3+2, c=2, o=3] of a 2x3 kernel lies at [o=3, c=2, kh=1, kw=2].
        let tensor = Tensor::from_slice(&device, [6, 3, 4], &(0..72).map(|i| i as f32).collect::<Vec<_>>());
        let (shape, file) = export_tensor(&tensor, Layout::Conv([2, 3])).unwrap();
        assert_eq!(shape, [4, 3, 2, 3]);
        assert_eq!(file[((3 * 3 + 2) * 2 + 1) * 3 + 2], ((5 * 3 + 2) * 4 + 3) as f32);
    }
}
