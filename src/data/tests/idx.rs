//! IDX files.

use super::*;

fn idx(magic: u32, sizes: &[u32], content: &[u8]) -> Vec<u8> {
    let mut file = magic.to_be_bytes().to_vec();
    file.extend(sizes.iter().flat_map(|s| s.to_be_bytes()));
    file.extend(content);
    file
}

#[test]
fn idx_files_and_their_faults() {
    let dir = tempfile::tempdir().unwrap();
    let name = "train-images-idx3-ubyte";
    let src = format!("idx:{}/{name}", dir.path().display());
    let pixels: Vec<u8> = (0..24).map(|i| i * 7).collect();
    let good = idx(0x803, &[2, 3, 4], &pixels);
    put(dir.path(), name, &good);
    let images = opened(&src);
    assert_eq!((images.len(), images.shape()), (2, ImageShape { h: 3, w: 4, c: 3 }));
    assert!(images.classes().is_none());
    assert_eq!(bytes(images.as_ref(), 1)[..6], [84, 84, 84, 91, 91, 91]);
    assert_eq!(bytes(opened(&format!("{src}?gray=1")).as_ref(), 1), pixels[12..]);
    assert_eq!(opened(&format!("{src}?size=5")).shape(), ImageShape { h: 5, w: 5, c: 3 });

    put(dir.path(), "train-labels-idx1-ubyte.gz", &gz(&idx(0x801, &[2], &[1, 3])));
    put(dir.path(), "t10k-images-idx3-ubyte", &idx(0x803, &[1, 3, 4], &pixels[..12]));
    let images = opened(&src);
    assert_eq!((images.label(1), class_names(images.as_ref()).len()), (Some(3), 4));
    let all = opened(&format!("{src}?split=all"));
    assert_eq!((all.len(), all.label(2)), (3, None));
    assert_eq!(opened(&format!("{src}?split=test")).len(), 1);

    put(dir.path(), &format!("{name}.gz"), &gz(&good));
    assert_eq!(opened(&format!("{src}.gz")).len(), 2);
    let packed = gz(&good);
    put(dir.path(), &format!("{name}.gz"), &packed[..packed.len() - 12]);
    refused(&format!("{src}.gz"), &["ubyte.gz at byte", "fetch it again"]);

    put(dir.path(), "train-labels-idx1-ubyte.gz", &gz(&idx(0x801, &[3], &[1, 3, 2])));
    refused(&src, &["train-labels-idx1-ubyte.gz at byte 4", "3 labels for 2 pictures"]);
    for (file, words) in [
        (idx(0x802, &[2, 3, 4], &pixels), "starts with 0x00000802"),
        (idx(0x803, &[2, 3, 4], &pixels[..20]), "at byte 36: the content ends after 20 bytes"),
        (idx(0x803, &[1, 3, 4], &pixels), "at byte 28: the content goes on after 12 bytes"),
        (idx(0x803, &[2, 3], &[]), "inside its header"),
        (idx(0x803, &[0, 3, 4], &[]), "holds no picture"),
        (vec![0, 0], "ends before the magic number"),
    ] {
        put(dir.path(), name, &file);
        refused(&src, &[name, words]);
    }
}
