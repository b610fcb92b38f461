//! Arrays of pictures.

use super::*;
use crate::formats::npy;

#[test]
fn arrays_of_every_shape() {
    let dir = tempfile::tempdir().unwrap();
    let array = |name: &str, shape: &[usize]| {
        let n = shape.iter().product::<usize>();
        put(dir.path(), name, &npy::file("|u1", shape, (0..n).map(|v| v as u8)));
        format!("npy:{}/{name}", dir.path().display())
    };
    let last = array("last.npy", &[2, 4, 5, 3]);
    let images = opened(&last);
    assert_eq!((images.len(), images.shape()), (2, ImageShape { h: 4, w: 5, c: 3 }));
    assert_eq!(bytes(images.as_ref(), 1), (60..120).collect::<Vec<u8>>());
    assert_eq!((images.label(0), images.classes()), (None, None));
    let second = opened(&array("second.npy", &[2, 3, 4, 5]));
    assert_eq!(second.shape(), ImageShape { h: 4, w: 5, c: 3 });
    assert_eq!(bytes(second.as_ref(), 1)[..6], [60, 80, 100, 61, 81, 101]);
    // Where both could be the axis of the channels, it is the last.
    assert_eq!(opened(&array("both.npy", &[1, 3, 7, 3])).shape(), ImageShape { h: 3, w: 7, c: 3 });
    let grey = opened(&array("grey.npy", &[3, 2, 2]));
    assert_eq!((grey.len(), grey.shape()), (3, ImageShape { h: 2, w: 2, c: 3 }));
    assert_eq!(bytes(grey.as_ref(), 2)[..6], [8, 8, 8, 9, 9, 9]);
    let some = opened(&format!("{last}?limit=1&size=2&gray=1"));
    assert_eq!((some.len(), some.shape()), (1, ImageShape { h: 2, w: 2, c: 1 }));

    refused(
        &array("x.npy", &[2, 4, 5, 4]),
        &["x.npy", "shape [2, 4, 5, 4]; pictures are [n, h, w, 3]"],
    );
    refused(&array("x.npy", &[60]), &["shape [60]"]);
    refused(&array("x.npy", &[0, 4, 5, 3]), &["holds no picture"]);
    refused(&array("x.npy", &[2, 0, 5, 3]), &["holds no picture"]);
    refused(&format!("{last}?split=test"), &["`split` has no meaning"]);
    put(dir.path(), "x.npy", &npy::file("<f4", &[1, 1, 1], 0..4));
    refused(&format!("npy:{}/x.npy", dir.path().display()), &["x.npy at byte", "unsigned bytes"]);
    put(dir.path(), "x.npy", &npy::file("|u1", &[9, 9, 9, 3], 0..4));
    refused(
        &format!("npy:{}/x.npy", dir.path().display()),
        &["x.npy at byte 128", "fetch the file again"],
    );
    refused("npy:/no/such.npy", &["/no/such.npy: cannot read"]);
}
