//! The fastest kernels of an adapter, remembered from run to run.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::device::{Choices, DeviceInfo};
use crate::formats::{atomic, sha256};
use crate::{Device, Error};

/// What a file of choices holds. Other drivers and versions have other fastest ways.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Stored {
    adapter: String,
    backend: String,
    driver: String,
    version: String,
    choices: Choices,
}

/// From now on `device` measures at first use which of several kernels is the fastest, for at most `most` in all, and
/// keeps that in a file in `folder`, one for each adapter, driver and version of this crate. What earlier runs found is
/// taken from there; a damaged file counts as none and is written anew. Which kernel is chosen changes no number, and
/// the CPU has nothing to choose.
///
/// # Errors
/// If the folder cannot be made.
pub fn tune(device: &Device, folder: &Path, most: Duration) -> Result<(), Error> {
    let Device::Gpu(gpu) = device else {
        return Ok(());
    };
    fs::create_dir_all(folder).map_err(|e| Error::io(folder, "create", &e))?;
    let of_device = Stored::of(&device.info());
    let path = folder.join(format!("{}.json", of_device.hash()));
    let found = fs::read(&path)
        .ok()
        .and_then(|bytes| serde_json::from_slice::<Stored>(&bytes).ok());
    let known = found.filter(|found| found.fits(&of_device)).map(|found| found.choices);
    gpu.tune(most, known.unwrap_or_default(), move |choices| {
        let stored = Stored { choices: choices.clone(), ..of_device.clone() };
        let text = serde_json::to_vec_pretty(&stored).expect("names are written as text");
        // What cannot be kept is measured again by the next run; nothing else is lost.
        let _ = atomic::write(&path, &text);
    });
    Ok(())
}

impl Stored {
    /// Nothing chosen yet.
    fn of(device: &DeviceInfo) -> Stored {
        Stored {
            adapter: device.name.clone(),
            backend: device.backend.clone(),
            driver: device.driver.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            choices: Choices::new(),
        }
    }

    fn fits(&self, other: &Stored) -> bool {
        let of = |s: &Stored| [&s.adapter, &s.backend, &s.driver, &s.version].map(String::clone);
        of(self) == of(other)
    }

    /// By what the file is found.
    fn hash(&self) -> String {
        let Stored { adapter, backend, driver, version, choices: _ } = self;
        sha256::of_bytes([adapter, backend, driver, version].map(String::as_str).join("\n").as_bytes())
    }
}
