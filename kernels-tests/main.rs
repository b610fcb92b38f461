//! Every kernel on every device of this machine against an f64 reference.
//!
//! One binary, because each test binary links the whole driver stack.

mod check;
mod reference;

mod accumulate;
mod conv_transpose;
mod fold;
mod pool;
mod resize;
