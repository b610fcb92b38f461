//! Made-up colour pictures: one soft-edged shape before a gradient. Picture `i` of a seed is always the same.

use super::memory::expand;
use super::source::{Source, Split};
use super::{ImageShape, Images, luminance};
use crate::{Error, Rng};

const CLASSES: [&str; 5] = ["circle", "square", "triangle", "ring", "cross"];
const DEFAULT_SIZE: usize = 32;
const DEFAULT_COUNT: usize = 10_000;

/// Procedural pictures of five classes in turn (circle, square, triangle, ring, cross), drawn when they are read.
#[derive(Debug, Clone)]
pub struct Shapes {
    name: String,
    classes: Vec<String>,
    size: usize,
    count: usize,
    seed: u64,
    stream: &'static str,
    gray: bool,
    flip: bool,
}

impl Shapes {
    /// `count` colour pictures of `size` x `size` pixels.
    ///
    /// # Panics
    /// If `size` or `count` is 0.
    #[track_caller]
    pub fn new(size: usize, count: usize, seed: u64) -> Shapes {
        assert!(size > 0 && count > 0, "Shapes::new: size {size}, count {count}");
        Shapes {
            name: "shapes".into(),
            classes: CLASSES.map(String::from).to_vec(),
            size,
            count,
            seed,
            stream: "shapes train",
            gray: false,
            flip: false,
        }
    }

    pub(super) fn from_source(source: &Source, seed: u64) -> Shapes {
        let size = source.size.unwrap_or(DEFAULT_SIZE);
        let count = source.limit.unwrap_or(DEFAULT_COUNT);
        Shapes {
            name: source.text.clone(),
            gray: source.gray,
            flip: source.flip,
            stream: match source.split {
                Some(Split::Test) => "shapes test",
                None | Some(Split::Train | Split::All) => "shapes train",
            },
            ..Shapes::new(size, count, seed)
        }
    }
}

impl Images for Shapes {
    fn len(&self) -> usize {
        self.count
    }

    fn shape(&self) -> ImageShape {
        ImageShape {
            h: self.size,
            w: self.size,
            c: if self.gray { 1 } else { 3 },
        }
    }

    fn read(&self, i: usize, out: &mut [f32]) -> Result<(), Error> {
        assert!(i < self.count, "Shapes::read: picture {i} of {}", self.count);
        assert_eq!(out.len(), self.shape().values(), "Shapes::read: size of out");
        let mut rng = Rng::stream(self.seed, &format!("{} {i}", self.stream));
        let scene = Scene::draw(i % CLASSES.len(), &mut rng);
        let channels = self.shape().c;
        for (p, pixel) in out.chunks_exact_mut(channels).enumerate() {
            let rgb = scene.pixel(p % self.size, p / self.size, self.size);
            if self.gray {
                expand(&[luminance(rgb)], 1, pixel);
            } else {
                expand(&rgb, 1, pixel);
            }
        }
        Ok(())
    }

    fn classes(&self) -> Option<&[String]> {
        Some(&self.classes)
    }

    fn label(&self, i: usize) -> Option<usize> {
        Some(i % CLASSES.len())
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn flip(&self) -> bool {
        self.flip
    }
}

type Colour = [f32; 3];

/// One picture in units of its side: a shape of a class, place, radius and turn, and two colours a gradient each.
struct Scene {
    class: usize,
    centre: [f32; 2],
    radius: f32,
    turn: [f32; 2],
    fill: [Colour; 2],
    ground: [Colour; 2],
    slope: [f32; 2],
    stripes: f32,
}

impl Scene {
    fn draw(class: usize, rng: &mut Rng) -> Scene {
        let between = |rng: &mut Rng, low: f32, high: f32| low + (high - low) * rng.uniform();
        let direction = |rng: &mut Rng, most: f32| {
            let angle = between(rng, -most, most);
            [angle.cos(), angle.sin()]
        };
        let hue = rng.uniform();
        // Hues at least a third of the circle apart and different brightness keep the shape visible.
        let other = hue + between(rng, 0.33, 0.67);
        let bright = rng.uniform() < 0.5;
        let (near, far) = if bright { (0.95, 0.5) } else { (0.45, 0.9) };
        let pair = |rng: &mut Rng, hue: f32, value: f32| {
            let saturation = between(rng, 0.35, 0.9);
            let shift = between(rng, -0.08, 0.08);
            [
                colour(hue, saturation, value),
                colour(hue + shift, saturation, value * between(rng, 0.6, 0.9)),
            ]
        };
        let radius = between(rng, 0.2, 0.36);
        let place = |rng: &mut Rng| between(rng, radius * 0.9, 1.0 - radius * 0.9);
        Scene {
            class,
            centre: [place(rng), place(rng)],
            radius,
            turn: direction(rng, 0.6),
            fill: pair(rng, hue, near),
            ground: pair(rng, other, far),
            slope: direction(rng, std::f32::consts::PI),
            stripes: if rng.uniform() < 0.3 {
                between(rng, 2.0, 5.0)
            } else {
                0.0
            },
        }
    }

    fn pixel(&self, column: usize, row: usize, size: usize) -> [u8; 3] {
        let side = size as f32;
        let [x, y] = [(column as f32 + 0.5) / side, (row as f32 + 0.5) / side];
        let along = (x - 0.5) * self.slope[0] + (y - 0.5) * self.slope[1];
        let shade = if self.stripes > 0.0 {
            0.5 + 0.5 * (along * self.stripes * std::f32::consts::TAU).sin()
        } else {
            (along / std::f32::consts::SQRT_2 + 0.5).clamp(0.0, 1.0)
        };
        let ground = mix(self.ground[0], self.ground[1], shade);
        let [dx, dy] = [x - self.centre[0], y - self.centre[1]];
        let turned = [
            (dx * self.turn[0] + dy * self.turn[1]) / self.radius,
            (dy * self.turn[0] - dx * self.turn[1]) / self.radius,
        ];
        let fill = mix(self.fill[0], self.fill[1], (turned[1] * 0.5 + 0.5).clamp(0.0, 1.0));
        // The edge fades over one pixel around distance 0.
        let distance = distance(self.class, turned) * self.radius * side;
        let cover = (0.5 - distance).clamp(0.0, 1.0);
        mix(ground, fill, cover).map(|v| (v * 255.0 + 0.5) as u8)
    }
}

/// Signed distance from the outline of the shape of radius 1 at `at`, negative inside.
fn distance(class: usize, at: [f32; 2]) -> f32 {
    let [x, y] = at;
    let length = x.hypot(y);
    let rectangle = |w: f32, h: f32| {
        let [dx, dy] = [x.abs() - w, y.abs() - h];
        dx.max(0.0).hypot(dy.max(0.0)) + dx.max(dy).min(0.0)
    };
    match CLASSES[class] {
        "circle" => length - 0.9,
        "square" => rectangle(0.8, 0.8),
        "triangle" => {
            // Three half planes at distance 1/2; their maximum is exact but outside the corners.
            let sides = [[0.0, 1.0], [0.866_025_4, -0.5], [-0.866_025_4, -0.5]];
            let planes = sides.map(|[nx, ny]: [f32; 2]| nx * x + ny * y - 0.5);
            planes.into_iter().fold(f32::MIN, f32::max)
        }
        "ring" => (length - 0.72).abs() - 0.2,
        "cross" => rectangle(0.95, 0.3).min(rectangle(0.3, 0.95)),
        other => unreachable!("no class {other}"),
    }
}

fn mix(a: Colour, b: Colour, t: f32) -> Colour {
    [0, 1, 2].map(|c| a[c] + (b[c] - a[c]) * t)
}

/// Red, green and blue of a hue on a circle of length 1.
fn colour(hue: f32, saturation: f32, value: f32) -> Colour {
    [0.0, 2.0 / 3.0, 1.0 / 3.0].map(|offset| {
        let h = (hue + offset).rem_euclid(1.0) * 6.0;
        let wave = ((h - 3.0).abs() - 1.0).clamp(0.0, 1.0);
        value * (1.0 - saturation * (1.0 - wave))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(shapes: &Shapes, i: usize) -> Vec<f32> {
        let mut out = vec![0.0; shapes.shape().values()];
        shapes.read(i, &mut out).unwrap();
        out
    }

    #[test]
    fn a_picture_depends_on_its_seed_and_index_alone() {
        let a = Shapes::new(16, 20, 7);
        let b = Shapes::new(16, 500, 7);
        assert_eq!(picture(&a, 13), picture(&b, 13));
        assert_ne!(picture(&a, 13), picture(&a, 18));
        assert_ne!(picture(&a, 13), picture(&Shapes::new(16, 20, 8), 13));
        let test = Source::parse("shapes?split=test&size=16").unwrap();
        assert_ne!(picture(&a, 13), picture(&Shapes::from_source(&test, 7), 13));
    }

    #[test]
    fn values_are_bytes_and_every_shape_stands_out() {
        let shapes = Shapes::new(24, 200, 1);
        for i in 0..200 {
            let p = picture(&shapes, i);
            assert!(p.iter().all(|v| {
                let byte = (v + 1.0) * 127.5;
                (byte - byte.round()).abs() < 1e-3
            } && v.abs() <= 1.0));
            let (low, high) = p.iter().fold((1.0f32, -1.0f32), |(l, h), v| (l.min(*v), h.max(*v)));
            assert!(high - low > 0.4, "picture {i} is nearly flat: {low}..{high}");
        }
        assert_eq!(shapes.label(7), Some(2));
    }

    #[test]
    fn one_pixel_is_a_size_too() {
        assert_eq!(picture(&Shapes::new(1, 5, 0), 4).len(), 3);
    }

    #[test]
    fn distances_are_zero_on_the_outline() {
        for (class, at) in
            [(0, [0.9, 0.0]), (1, [0.8, 0.1]), (2, [0.0, 0.5]), (3, [0.0, 0.92]), (4, [0.95, 0.0])]
        {
            assert!(distance(class, at).abs() < 1e-6, "{}", CLASSES[class]);
            assert!(distance(class, [1.4, 1.4]) > 0.3);
        }
    }
}
