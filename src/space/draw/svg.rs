//! Just enough SVG: shapes and text collected into one string.

use super::style::{INK, PAPER};
use std::fmt::Write;

/// A point of the picture.
pub type Point = (f64, f64);

/// Shapes drawn so far, in order.
#[derive(Default)]
pub struct Canvas {
    body: String,
}

/// How a text stands at its point.
#[derive(Clone, Copy)]
pub enum Anchor {
    /// Begins there.
    Start,
    /// Is centred there.
    Middle,
    /// Ends there.
    End,
}

/// A line's looks.
#[derive(Clone, Copy)]
pub struct Pen<'a> {
    /// Colour of the line and its arrow.
    pub colour: &'a str,
    /// Thickness.
    pub width: f64,
    /// Whether it is dashed.
    pub dashed: bool,
}

impl Canvas {
    /// A rounded rectangle with `fill` and `stroke`; `at` is its upper left corner.
    pub fn rect(&mut self, at: Point, size: Point, fill: &str, stroke: &str) {
        self.write(format_args!(
            r#"<rect x="{:.1}" y="{:.1}" width="{:.1}" height="{:.1}" rx="9" fill="{fill}" stroke="{stroke}"/>"#,
            at.0, at.1, size.0, size.1
        ));
    }

    /// A circle with a number in it.
    pub fn node(&mut self, at: Point, radius: f64, label: &str, fill: &str, stroke: &str) {
        self.write(format_args!(
            r#"<circle cx="{:.1}" cy="{:.1}" r="{radius}" fill="{fill}" stroke="{stroke}" stroke-width="1.6"/>"#,
            at.0, at.1
        ));
        self.text((at.0, at.1 + 4.5), label, 13.0, stroke, Anchor::Middle, true);
    }

    /// A line of text; `at` is on its base line.
    pub fn text(&mut self, at: Point, text: &str, size: f64, fill: &str, anchor: Anchor, bold: bool) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let weight = if bold { r#" font-weight="600""# } else { "" };
        self.write(format_args!(
            r#"<text x="{:.1}" y="{:.1}" font-size="{size}" fill="{fill}" text-anchor="{anchor}"{weight}>{}</text>"#,
            at.0,
            at.1,
            escape(text)
        ));
    }

    /// A path of SVG commands, ending in an arrow head that points along `towards`.
    pub fn arrow(&mut self, path: &str, end: Point, towards: Point, pen: Pen) {
        self.line(path, pen);
        let (dx, dy) = towards;
        let length = dx.hypot(dy).max(1e-9);
        let (ux, uy) = (dx / length, dy / length);
        let back = |side: f64| (end.0 - 8.0 * ux + side * 3.6 * uy, end.1 - 8.0 * uy - side * 3.6 * ux);
        let (a, b) = (back(1.0), back(-1.0));
        self.write(format_args!(
            r#"<path d="M{:.1} {:.1}L{:.1} {:.1}L{:.1} {:.1}Z" fill="{}"/>"#,
            end.0, end.1, a.0, a.1, b.0, b.1, pen.colour
        ));
    }

    /// A path of SVG commands without an arrow head.
    pub fn line(&mut self, path: &str, pen: Pen) {
        let dash = if pen.dashed { r#" stroke-dasharray="5 4""# } else { "" };
        self.write(format_args!(
            r#"<path d="{path}" fill="none" stroke="{}" stroke-width="{}"{dash}/>"#,
            pen.colour, pen.width
        ));
    }

    /// A label on a line: its text in a small box with the colour of the paper behind.
    pub fn tag(&mut self, at: Point, text: &str, colour: &str, paper: &str) {
        let width = text.chars().count() as f64 * 6.5 + 8.0;
        self.write(format_args!(
            r#"<rect x="{:.1}" y="{:.1}" width="{width:.1}" height="16" rx="4" fill="{paper}"/>"#,
            at.0 - width / 2.0,
            at.1 - 8.0
        ));
        self.text((at.0, at.1 + 3.8), text, 11.0, colour, Anchor::Middle, false);
    }

    /// The whole document, `width` x `height`, with its title.
    pub fn finish(mut self, width: f64, height: f64, title: &str) -> String {
        let body = std::mem::take(&mut self.body);
        self.text((24.0, 36.0), title, 20.0, INK, Anchor::Start, true);
        format!(
            concat!(
                r#"<svg xmlns="http://www.w3.org/2000/svg" width="{w:.0}" height="{h:.0}" viewBox="0 0 {w:.0} {h:.0}" "#,
                r#"font-family="Helvetica, Arial, 'DejaVu Sans', sans-serif">"#,
                "\n<title>{name}</title>\n<rect width=\"100%\" height=\"100%\" fill=\"{paper}\"/>\n{heading}{body}</svg>\n"
            ),
            w = width,
            h = height,
            name = escape(title),
            paper = PAPER,
            heading = self.body,
            body = body,
        )
    }

    fn write(&mut self, shape: std::fmt::Arguments) {
        writeln!(self.body, "{shape}").expect("a String takes whatever is written");
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
