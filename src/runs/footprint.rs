//! How much memory work takes, found out by doing it on a device that only counts.

use std::ops::Add;

use super::{Snapshot, Work};
use crate::{Device, Error};

/// Bytes that work takes at most.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Footprint {
    /// On the device, for tensors.
    pub device: u64,
    /// In the program's own memory, beside tensors: the state that is about to be written.
    pub host: u64,
}

impl Footprint {
    /// Bytes in the memory of the machine, which is also that of the tensors unless the device has its own.
    pub fn on_host(&self, device_has_its_own: bool) -> u64 {
        if device_has_its_own {
            self.host
        } else {
            self.host + self.device
        }
    }
}

impl Add for Footprint {
    type Output = Footprint;

    fn add(self, more: Footprint) -> Footprint {
        Footprint {
            device: self.device + more.device,
            host: self.host + more.host,
        }
    }
}

/// What `work` on the dry device `device` takes until it is done: sizes decide that, not values, so the schedule should
/// be as short as it can be with everything in it once.
///
/// # Errors
/// If the work fails, as where a tensor is larger than the device takes.
pub fn footprint(work: &mut dyn Work, device: &Device) -> Result<Footprint, Error> {
    while !work.done() {
        let report = work.step()?;
        if let Some(failure) = report.failure {
            return Err(failure);
        }
    }
    let mut snapshot = Snapshot::new(work.steps_done());
    work.save(&mut snapshot)?;
    device.check()?;
    Ok(Footprint {
        device: device.memory().bytes,
        host: snapshot.bytes(),
    })
}
