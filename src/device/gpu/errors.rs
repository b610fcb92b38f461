//! The first failure of a device. It sticks: later launches do nothing and every wait returns it.

use std::sync::{Arc, OnceLock};

use crate::Error;

/// Shared by the device and the callbacks that the driver calls from any thread.
#[derive(Clone)]
pub(super) struct Failure(Arc<Inner>);

struct Inner {
    device: String,
    reason: OnceLock<String>,
}

impl Failure {
    pub(super) fn new(device: String) -> Failure {
        Failure(Arc::new(Inner { device, reason: OnceLock::new() }))
    }

    /// Keeps `reason` unless an earlier one is known: what follows a failure is mostly its echo.
    pub(super) fn set(&self, reason: impl Into<String>) {
        self.0.reason.get_or_init(|| reason.into());
    }

    pub(super) fn happened(&self) -> bool {
        self.0.reason.get().is_some()
    }

    pub(super) fn check(&self) -> Result<(), Error> {
        match self.0.reason.get() {
            None => Ok(()),
            Some(reason) => Err(Error::Device {
                device: self.0.device.clone(),
                reason: reason.clone(),
            }),
        }
    }

    /// Makes `device` report here instead of panicking, which is what wgpu does by default.
    pub(super) fn listen(&self, device: &wgpu::Device) {
        let failure = self.clone();
        device.on_uncaptured_error(Arc::new(move |error| failure.set(reason(&error))));
        let failure = self.clone();
        device.set_device_lost_callback(move |_, message| {
            failure.set(format!(
                "the device was lost ({}); restart the program, and resume the run from its last snapshot",
                message.trim()
            ));
        });
    }
}

fn reason(error: &wgpu::Error) -> String {
    match error {
        wgpu::Error::OutOfMemory { .. } => out_of_memory("a resource of the driver"),
        wgpu::Error::Validation { description, .. } => format!(
            "a command was refused: {}; use another device (`--device cpu`) and report this",
            one_line(description)
        ),
        wgpu::Error::Internal { description, .. } => format!(
            "the driver failed: {}; update it, or use another device (`--device cpu`)",
            one_line(description)
        ),
    }
}

pub(super) fn out_of_memory(what: &str) -> String {
    format!(
        "out of memory for {what}; use a smaller batch, fewer channels or another device (`--device cpu`)"
    )
}

/// The driver's indented tree of causes on one line.
fn one_line(description: &str) -> String {
    let lines: Vec<&str> = description.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
    lines.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_failure_sticks() {
        let failure = Failure::new("gpu:0 (test)".into());
        assert!(failure.check().is_ok());
        failure.set("first");
        failure.clone().set("second");
        assert!(failure.happened());
        assert_eq!(failure.check().unwrap_err().to_string(), "device gpu:0 (test): first");
    }

    #[test]
    fn a_tree_of_causes_becomes_one_line() {
        assert_eq!(
            one_line("Validation Error\n\nCaused by:\n    too big\n"),
            "Validation Error: Caused by:: too big"
        );
    }
}
