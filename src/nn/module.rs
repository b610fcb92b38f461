//! What a network is: something whose tensors can be visited by name.

use crate::Tensor;

/// What a tensor of a network is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Trained by gradients.
    Weight,
    /// Architecture logits: trained by gradients, but by an optimiser of their own.
    Logit,
    /// Kept by the network itself: running statistics, power-iteration vectors.
    Buffer,
}

/// How a tensor's memory relates to its form in files, which is that of the reference programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// The same on both sides.
    Plain,
    /// `[kh*kw, cin, cout]` here, `[cout, cin, kh, kw]` in files.
    Conv([usize; 2]),
    /// `[k*k, c]` here, `[c, 1, k, k]` in files.
    Depthwise(usize),
    /// `[cin, cout]` here, `[cout, cin]` in files.
    Linear,
    /// The output features (last axis here, first in files) are an image: `(h, w, c)` here, `(c, h, w)` in files.
    /// A rank-2 tensor is transposed too.
    Features([usize; 3]),
    /// `[kh*kw*cin]` here, `[cin*kh*kw]` in files.
    SpectralV([usize; 2]),
    /// A counter of training-mode forwards: a scalar in files.
    Counter,
}

/// One tensor of a network under its full name.
pub struct Slot<'a> {
    /// Name with the path of its modules, dots between.
    pub name: &'a str,
    /// What it is for.
    pub role: Role,
    /// How it is laid out.
    pub layout: Layout,
    /// The tensor.
    pub tensor: &'a mut Tensor,
}

/// Whether a forward pass updates statistics and power iterations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Batch statistics; running statistics and power iterations advance.
    Train,
    /// Running statistics; nothing changes.
    Eval,
}

/// A network or a part of one. One visitor serves optimiser, checkpoint, weight count and freezing alike.
pub trait Module {
    /// Hands every tensor to `v`, in a fixed order.
    fn visit(&mut self, v: &mut Visitor<'_>);
}

/// Builds the names while a network is visited.
pub struct Visitor<'a> {
    path: String,
    each: &'a mut dyn FnMut(Slot<'_>),
}

impl Visitor<'_> {
    /// Visits the tensor `name` of the current module.
    pub fn tensor(&mut self, name: &str, role: Role, layout: Layout, tensor: &mut Tensor) {
        let length = self.enter(name);
        (self.each)(Slot { name: &self.path, role, layout, tensor });
        self.path.truncate(length);
    }

    /// Visits the part `name` of the current module.
    pub fn module(&mut self, name: &str, module: &mut (impl Module + ?Sized)) {
        let length = self.enter(name);
        module.visit(self);
        self.path.truncate(length);
    }

    fn enter(&mut self, name: &str) -> usize {
        let length = self.path.len();
        if length > 0 {
            self.path.push('.');
        }
        self.path.push_str(name);
        length
    }
}

/// Calls `each` for every tensor of `module`.
pub fn visit(module: &mut (impl Module + ?Sized), mut each: impl FnMut(Slot<'_>)) {
    module.visit(&mut Visitor { path: String::new(), each: &mut each });
}

/// Makes every tensor of `role` a leaf, so that a loss can be asked for its gradient.
pub fn track(module: &mut (impl Module + ?Sized), role: Role) {
    visit(module, |slot| {
        if slot.role == role {
            *slot.tensor = slot.tensor.param();
        }
    });
}

/// Makes every tensor a constant, so that no tape is recorded for it.
pub fn freeze(module: &mut (impl Module + ?Sized)) {
    visit(module, |slot| *slot.tensor = slot.tensor.detach());
}

/// Every tensor of `role` with its name; clones share the memory.
pub fn collect(module: &mut (impl Module + ?Sized), role: Role) -> Vec<(String, Tensor)> {
    let mut all = Vec::new();
    visit(module, |slot| {
        if slot.role == role {
            all.push((slot.name.to_owned(), slot.tensor.clone()));
        }
    });
    all
}

/// Puts back what [`collect`] gave.
///
/// # Panics
/// If the network has no tensor of a saved name.
pub fn restore(module: &mut (impl Module + ?Sized), saved: &[(String, Tensor)]) {
    let mut saved = saved.iter();
    let mut next = saved.next();
    // Both are in the order of the visitor.
    visit(module, |slot| {
        if let Some((name, tensor)) = next
            && name == slot.name
        {
            *slot.tensor = tensor.clone();
            next = saved.next();
        }
    });
    assert!(next.is_none(), "restore: the network has no tensor of a saved name");
}

/// Gives `to` the values of `from`, whose tensors come in the same order under whatever names; they share the memory.
///
/// # Panics
/// If the tensors differ in number, role or shape.
#[track_caller]
pub fn transfer(from: &mut (impl Module + ?Sized), to: &mut (impl Module + ?Sized)) {
    let mut all = Vec::new();
    visit(from, |slot| all.push((slot.role, slot.tensor.detach())));
    let mut all = all.into_iter();
    visit(to, |slot| {
        let (role, tensor) = all.next().expect("transfer: the first network has fewer tensors");
        assert!(
            role == slot.role && tensor.shape() == slot.tensor.shape(),
            "transfer: {} {} for `{}` {}",
            tensor.shape(),
            if role == slot.role {
                "came"
            } else {
                "of another role came"
            },
            slot.name,
            slot.tensor.shape()
        );
        *slot.tensor = tensor;
    });
    assert!(all.next().is_none(), "transfer: the first network has more tensors");
}

/// Number of trained elements, logits included.
pub fn count(module: &mut (impl Module + ?Sized)) -> usize {
    let mut sum = 0;
    visit(module, |slot| {
        if slot.role != Role::Buffer {
            sum += slot.tensor.elements();
        }
    });
    sum
}
