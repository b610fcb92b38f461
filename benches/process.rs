//! What benches share that measure each case in a process of its own.

/// The most memory that this process has held.
pub fn peak_megabytes() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kilobytes: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes * 1024.0 / 1e6)
}

/// What follows `name` on the command line.
pub fn option(name: &str) -> Option<String> {
    std::env::args().skip_while(|given| given != name).nth(1)
}
