//! `ganas devices`.

use serde_json::json;

use super::output::print;
use crate::device::DeviceInfo;
use crate::{Device, Error};

/// Lists every device of this machine.
///
/// # Errors
/// If standard output cannot be written.
pub(super) fn run(json: bool) -> Result<(), Error> {
    let all = Device::list();
    match json {
        true => print(&json!({"devices": all}).to_string()),
        false => print(&table(&all)),
    }
}

/// One line a device, `*` before what `auto` takes, and its limits and features below.
fn table(all: &[DeviceInfo]) -> String {
    let or_dash = |text: &str| if text.is_empty() { "-" } else { text }.to_owned();
    let mut rows = vec![["", "id", "kind", "backend", "name", "driver"].map(str::to_owned)];
    rows.extend(all.iter().map(|d| {
        let mark = if d.auto { "*" } else { "" };
        [mark, &d.id, d.kind, &d.backend, &d.name, &d.driver].map(or_dash)
    }));
    for row in &mut rows[1..] {
        if row[0] == "-" {
            row[0].clear();
        }
    }
    let width = |column: usize| rows.iter().map(|r| r[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..6).map(width).collect();
    let mut lines = Vec::new();
    for (i, row) in rows.iter().enumerate() {
        let cells = row.iter().zip(&widths).map(|(cell, w)| format!("{cell:w$}"));
        lines.push(cells.collect::<Vec<_>>().join("  ").trim_end().to_owned());
        if let Some(device) = i.checked_sub(1).map(|i| &all[i]) {
            lines.extend(details(device).into_iter().map(|text| format!("     {text}")));
        }
    }
    lines.push("* is what --device auto takes".to_owned());
    lines.join("\n")
}

fn details(device: &DeviceInfo) -> Vec<String> {
    let limits: Vec<String> = device.limits.iter().map(|(name, value)| format!("{name} {value}")).collect();
    [("limits", limits), ("features", device.features.clone())]
        .into_iter()
        .filter(|(_, list)| !list.is_empty())
        .map(|(what, list)| format!("{what}: {}", list.join(", ")))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn the_table_marks_what_auto_takes() {
        let cpu = DeviceInfo {
            id: "cpu".into(),
            name: "Some Xeon".into(),
            backend: "native".into(),
            driver: String::new(),
            kind: "cpu",
            auto: false,
            limits: BTreeMap::from([("threads", 2)]),
            features: vec!["avx2".into(), "fma".into()],
        };
        let gpu = DeviceInfo {
            id: "gpu:0".into(),
            name: "Radeon X".into(),
            driver: "radv 25".into(),
            kind: "discrete",
            auto: true,
            limits: BTreeMap::new(),
            features: vec![],
            ..cpu.clone()
        };
        let text = table(&[cpu, gpu]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 6, "{text}");
        assert!(lines[1].starts_with("   cpu    cpu") && lines[1].ends_with("Some Xeon  -"), "{text}");
        assert_eq!(lines[2], "     limits: threads 2");
        assert_eq!(lines[3], "     features: avx2, fma");
        assert!(lines[4].starts_with("*  gpu:0  discrete") && lines[4].ends_with("radv 25"), "{text}");
    }
}
