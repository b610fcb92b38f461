//! The layers of Inception-v3 in the variant of FID, as a table, and the network that the table and weights make.

use super::fold::{Read, Unit};
use crate::ops::Conv2d;
use crate::{Device, Error, Pool, Tensor};

/// One step of a branch. Convolutions carry the name of their unit and their output channels; those of stride 1 keep
/// the image's size.
#[derive(Debug, Clone, Copy)]
enum Plan {
    /// A convolution of this kernel.
    Conv(&'static str, usize, [usize; 2]),
    /// A 3x3 convolution of stride 2 without padding.
    Down(&'static str, usize),
    /// A 3x3 average that does not count the padding, then a 1x1 convolution.
    Average(&'static str, usize),
    /// A 3x3 maximum, then a 1x1 convolution.
    Maximum(&'static str, usize),
    /// The 3x3 maximum of stride 2 without padding.
    MaxDown,
    /// Two convolutions of one input, side by side.
    Fork([(&'static str, usize, [usize; 2]); 2]),
}

use Plan::{Average, Conv, Down, Fork, MaxDown, Maximum};

const ONE: [usize; 2] = [1, 1];
const THREE: [usize; 2] = [3, 3];
const FIVE: [usize; 2] = [5, 5];
const WIDE: [usize; 2] = [1, 7];
const TALL: [usize; 2] = [7, 1];
const FLAT: [usize; 2] = [1, 3];
const HIGH: [usize; 2] = [3, 1];

/// Mixed_5b, 5c, 5d: `pool` channels behind the average.
fn a(pool: usize) -> Vec<Vec<Plan>> {
    vec![
        vec![Conv("branch1x1", 64, ONE)],
        vec![Conv("branch5x5_1", 48, ONE), Conv("branch5x5_2", 64, FIVE)],
        vec![
            Conv("branch3x3dbl_1", 64, ONE),
            Conv("branch3x3dbl_2", 96, THREE),
            Conv("branch3x3dbl_3", 96, THREE),
        ],
        vec![Average("branch_pool", pool)],
    ]
}

/// Mixed_6a.
fn b() -> Vec<Vec<Plan>> {
    vec![
        vec![Down("branch3x3", 384)],
        vec![
            Conv("branch3x3dbl_1", 64, ONE),
            Conv("branch3x3dbl_2", 96, THREE),
            Down("branch3x3dbl_3", 96),
        ],
        vec![MaxDown],
    ]
}

/// Mixed_6b to 6e: `c` channels inside the branches of 1x7 and 7x1 kernels.
fn c(c: usize) -> Vec<Vec<Plan>> {
    vec![
        vec![Conv("branch1x1", 192, ONE)],
        vec![Conv("branch7x7_1", c, ONE), Conv("branch7x7_2", c, WIDE), Conv("branch7x7_3", 192, TALL)],
        vec![
            Conv("branch7x7dbl_1", c, ONE),
            Conv("branch7x7dbl_2", c, TALL),
            Conv("branch7x7dbl_3", c, WIDE),
            Conv("branch7x7dbl_4", c, TALL),
            Conv("branch7x7dbl_5", 192, WIDE),
        ],
        vec![Average("branch_pool", 192)],
    ]
}

/// Mixed_7a.
fn d() -> Vec<Vec<Plan>> {
    vec![
        vec![Conv("branch3x3_1", 192, ONE), Down("branch3x3_2", 320)],
        vec![
            Conv("branch7x7x3_1", 192, ONE),
            Conv("branch7x7x3_2", 192, WIDE),
            Conv("branch7x7x3_3", 192, TALL),
            Down("branch7x7x3_4", 192),
        ],
        vec![MaxDown],
    ]
}

/// Mixed_7b, whose pool is an average, and Mixed_7c, whose pool is a maximum.
fn e(pool: Plan) -> Vec<Vec<Plan>> {
    vec![
        vec![Conv("branch1x1", 320, ONE)],
        vec![
            Conv("branch3x3_1", 384, ONE),
            Fork([("branch3x3_2a", 384, FLAT), ("branch3x3_2b", 384, HIGH)]),
        ],
        vec![
            Conv("branch3x3dbl_1", 448, ONE),
            Conv("branch3x3dbl_2", 384, THREE),
            Fork([("branch3x3dbl_3a", 384, FLAT), ("branch3x3dbl_3b", 384, HIGH)]),
        ],
        vec![pool],
    ]
}

/// A step with its weights.
enum Step {
    Conv(Unit),
    /// The convolution comes before the average, which is as linear as it is and so has fewer channels to work on.
    Average(Unit),
    Maximum(Unit),
    MaxDown,
    Fork(Vec<Unit>),
}

/// Windows of the pools of stride 2.
const HALVE: Pool = Pool { k: 3, stride: 2, pad: 0, count_pad: false };

impl Step {
    fn forward(&self, x: &Tensor) -> Tensor {
        match self {
            Step::Conv(unit) => unit.forward(x),
            Step::Average(unit) => unit.linear(x).avg_pool(Pool::same(3)).relu(),
            Step::Maximum(unit) => unit.forward(&x.max_pool(Pool::same(3))),
            Step::MaxDown => x.max_pool(HALVE),
            Step::Fork(units) => side_by_side(units.iter().map(|unit| unit.forward(x))),
        }
    }
}

/// Branches over one input, concatenated in their order.
struct Block {
    name: &'static str,
    branches: Vec<Vec<Step>>,
}

impl Block {
    fn forward(&self, x: &Tensor) -> Tensor {
        let branch = |steps: &Vec<Step>| steps.iter().fold(x.clone(), |x, step| step.forward(&x));
        side_by_side(self.branches.iter().map(branch))
    }
}

/// The channels of all images, one image's after the other's.
fn side_by_side(images: impl Iterator<Item = Tensor>) -> Tensor {
    let images: Vec<Tensor> = images.collect();
    Tensor::concat(&images.iter().collect::<Vec<_>>(), 3)
}

/// Makes steps out of plans and weights.
struct Builder<'a> {
    device: &'a Device,
    read: &'a mut Read<'a>,
}

impl Builder<'_> {
    fn unit(&mut self, name: &str, conv: Conv2d, cin: usize, cout: usize) -> Result<Unit, Error> {
        Unit::fold(self.device, self.read, name, conv, cin, cout)
    }

    /// A step for `cin` channels, and the channels it gives.
    fn step(&mut self, block: &str, plan: Plan, cin: usize) -> Result<(Step, usize), Error> {
        let same = |kernel: [usize; 2]| Conv2d {
            kernel,
            pad: [kernel[0] / 2, kernel[1] / 2],
            ..Conv2d::new(1)
        };
        let mut unit =
            |name: &str, cout: usize, conv: Conv2d| self.unit(&format!("{block}.{name}"), conv, cin, cout);
        Ok(match plan {
            Conv(name, cout, kernel) => (Step::Conv(unit(name, cout, same(kernel))?), cout),
            Down(name, cout) => (Step::Conv(unit(name, cout, Conv2d::new(3).stride(2))?), cout),
            Average(name, cout) => (Step::Average(unit(name, cout, same(ONE))?), cout),
            Maximum(name, cout) => (Step::Maximum(unit(name, cout, same(ONE))?), cout),
            MaxDown => (Step::MaxDown, cin),
            Fork([(a, from_a, ka), (b, from_b, kb)]) => {
                let both = vec![unit(a, from_a, same(ka))?, unit(b, from_b, same(kb))?];
                (Step::Fork(both), from_a + from_b)
            }
        })
    }

    fn block(
        &mut self,
        name: &'static str,
        plan: Vec<Vec<Plan>>,
        channels: &mut usize,
    ) -> Result<Block, Error> {
        let mut branches = Vec::new();
        let mut out = 0;
        for plans in plan {
            let mut steps = Vec::new();
            let mut c = *channels;
            for plan in plans {
                let (step, cout) = self.step(name, plan, c)?;
                steps.push(step);
                c = cout;
            }
            branches.push(steps);
            out += c;
        }
        *channels = out;
        Ok(Block { name, branches })
    }
}

/// The convolutional part of the network, from images of 299x299 in about -1..1 to `[n,8,8,2048]`.
pub(super) struct Layers {
    stem: Vec<(&'static str, Unit)>,
    blocks: Vec<Block>,
}

/// How deep a forward pass goes: the four places where features are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tap {
    /// Behind the first maximum: 64 features.
    First64,
    /// Behind the second maximum: 192 features.
    Second192,
    /// Behind Mixed_6e: 768 features.
    Mixed768,
    /// Behind Mixed_7c: 2048 features, those of FID.
    Pool2048,
}

impl Tap {
    /// The tap with this many features.
    ///
    /// # Errors
    /// [`Error::Config`] if there is none.
    pub fn of_dims(dims: usize) -> Result<Tap, Error> {
        let all = [Tap::First64, Tap::Second192, Tap::Mixed768, Tap::Pool2048];
        all.into_iter().find(|tap| tap.dims() == dims).ok_or_else(|| {
            Error::config(
                "dims",
                format!("{dims}; Inception has features of 64, 192, 768 and 2048 dimensions"),
            )
        })
    }

    /// Number of features.
    pub fn dims(self) -> usize {
        match self {
            Tap::First64 => 64,
            Tap::Second192 => 192,
            Tap::Mixed768 => 768,
            Tap::Pool2048 => 2048,
        }
    }
}

impl Layers {
    pub fn new<'a>(device: &'a Device, read: &'a mut Read<'a>) -> Result<Layers, Error> {
        let mut builder = Builder { device, read };
        let stem: [(&str, Conv2d, usize, usize); 5] = [
            ("Conv2d_1a_3x3", Conv2d::new(3).stride(2), 3, 32),
            ("Conv2d_2a_3x3", Conv2d::new(3), 32, 32),
            ("Conv2d_2b_3x3", Conv2d::same(3), 32, 64),
            ("Conv2d_3b_1x1", Conv2d::new(1), 64, 80),
            ("Conv2d_4a_3x3", Conv2d::new(3), 80, 192),
        ];
        let stem = stem
            .into_iter()
            .map(|(name, conv, cin, cout)| Ok((name, builder.unit(name, conv, cin, cout)?)))
            .collect::<Result<_, Error>>()?;
        let plans = [
            ("Mixed_5b", a(32)),
            ("Mixed_5c", a(64)),
            ("Mixed_5d", a(64)),
            ("Mixed_6a", b()),
            ("Mixed_6b", c(128)),
            ("Mixed_6c", c(160)),
            ("Mixed_6d", c(160)),
            ("Mixed_6e", c(192)),
            ("Mixed_7a", d()),
            ("Mixed_7b", e(Average("branch_pool", 192))),
            ("Mixed_7c", e(Maximum("branch_pool", 192))),
        ];
        let mut channels = 192;
        let blocks = plans
            .into_iter()
            .map(|(name, plan)| builder.block(name, plan, &mut channels))
            .collect::<Result<_, Error>>()?;
        Ok(Layers { stem, blocks })
    }

    /// The activations at `tap`; `see` gets the output of every named layer and of the
    /// stem's pools, `pool1` and `pool2`, on the way.
    pub fn forward(&self, x: &Tensor, tap: Tap, see: &mut dyn FnMut(&str, &Tensor)) -> Tensor {
        let mut x = x.clone();
        for (i, (name, unit)) in self.stem.iter().enumerate() {
            x = unit.forward(&x);
            see(name, &x);
            if i == 2 || i == 4 {
                x = x.max_pool(HALVE);
                see(if i == 2 { "pool1" } else { "pool2" }, &x);
            }
            if i == 2 && tap == Tap::First64 {
                return x;
            }
        }
        if tap == Tap::Second192 {
            return x;
        }
        for block in &self.blocks {
            x = block.forward(&x);
            see(block.name, &x);
            if block.name == "Mixed_6e" && tap == Tap::Mixed768 {
                return x;
            }
        }
        x
    }

    /// The multiply-adds of all convolutions for one image.
    pub fn multiply_adds(&self) -> u64 {
        // Sizes of the images that enter each layer follow from 299 and the strides.
        let units = |block: &'_ Block, side: u64| -> u64 {
            let steps = block.branches.iter().flatten();
            steps
                .map(|step| match step {
                    Step::Conv(unit) | Step::Average(unit) | Step::Maximum(unit) => unit.multiply_adds(side),
                    Step::Fork(both) => both.iter().map(|unit| unit.multiply_adds(side)).sum(),
                    Step::MaxDown => 0,
                })
                .sum()
        };
        let stem = self
            .stem
            .iter()
            .zip([299, 149, 147, 73, 73])
            .map(|((_, unit), side)| unit.multiply_adds(side));
        let sides = [35, 35, 35, 35, 17, 17, 17, 17, 17, 8, 8];
        stem.sum::<u64>()
            + self
                .blocks
                .iter()
                .zip(sides)
                .map(|(block, side)| units(block, side))
                .sum::<u64>()
    }
}
