//! `ganas bench`: the rows that are promised, on the CPU and on an adapter, and what cannot be measured.

use serde_json::Value;

use crate::cli::{failure, json};

/// The rows by name, each with a positive time and a share of the device's best.
fn rows(out: &Value) -> Vec<(&str, &Value)> {
    assert!(
        out["peak"]["gflops"].as_f64().unwrap() > 0.0 && out["peak"]["gbytes_per_s"].as_f64().unwrap() > 0.0
    );
    let rows = out["rows"].as_array().unwrap();
    for row in rows {
        let rate = row["gflops"].as_f64().or(row["gbytes_per_s"].as_f64()).unwrap();
        for number in [rate, row["ms"].as_f64().unwrap(), row["share"].as_f64().unwrap()] {
            assert!(number > 0.0 && number.is_finite(), "{row}");
        }
    }
    rows.iter().map(|row| (row["name"].as_str().unwrap(), row)).collect()
}

/// The last one, lavapipe before others: it builds pipelines fastest.
pub fn adapter() -> String {
    ganas::device::Gpu::adapters()
        .pop()
        .expect("scripts/install-vulkan installs a software adapter")
        .id
}

#[test]
fn bench_step_measures_every_update_with_its_memory() {
    let small = ["--width", "8", "--disc-width", "8", "--batch", "4"];
    for device in ["cpu", &adapter()] {
        let out = json(&[&["bench", "step", "--device", device], &small[..]].concat());
        let rows = rows(&out);
        let names: Vec<&str> = rows.iter().map(|row| row.0).collect();
        assert_eq!(names, ["d_arch", "d_weight", "g_arch", "g_weight", "d", "g"]);
        let shapes: Vec<&str> = rows.iter().map(|row| row.1["shape"].as_str().unwrap()).collect();
        assert_eq!(shapes, ["8/8x2", "8/8x2", "8/8x4", "8/8x4", "8/8x4", "8/8x8"]);
        for (name, row) in rows {
            assert!(
                row["mbytes"].as_f64().unwrap() > 0.0 && row["images_per_s"].as_f64().unwrap() > 0.0,
                "{row}"
            );
            // A slow device gets submissions of few launches, but 16 at least.
            if device != "cpu" {
                let [launches, submissions] =
                    ["dispatches", "submissions"].map(|key| row[key].as_u64().unwrap());
                assert!(launches > 100 && submissions <= launches / 16 + 1, "{name}: {row}");
            }
        }
    }
}

#[test]
fn bench_inception_counts_the_multiplications_of_the_network() {
    let out = json(&["bench", "inception", "--batch", "1", "--device", "cpu"]);
    let all = rows(&out);
    let [(name, row)] = all[..] else { panic!("{out}") };
    assert_eq!((name, row["shape"].as_str().unwrap()), ("inception", "1x32x32x3"));
    // 5.71 G multiply-adds an image by the published table of layers.
    let operations = row["gflops"].as_f64().unwrap() * row["ms"].as_f64().unwrap() * 1e6;
    assert!((operations / 2e9 - 5.71).abs() < 0.06, "{operations}");
}

#[test]
fn bench_says_what_cannot_be_measured() {
    let told = failure(&["bench", "kernels", "--device", "cpu", "--filter", "nonsense"]);
    assert!(told.contains("`nonsense`") && told.contains("conv2d 3x3 16x8x8x32"), "{told}");
    let told = failure(&["bench", "step", "--device", "cpu", "--batch", "1"]);
    assert!(told.contains("`batch`: 1 cannot be used"), "{told}");
    assert!(failure(&["bench", "step", "--device", "cpu", "--width", "0"]).contains("`channels`"));
}
