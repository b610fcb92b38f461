//! Choosing a device by what the user typed.

use super::{Cpu, Device, DeviceInfo, Gpu, GpuOptions};
use crate::Error;

impl Device {
    /// Every device of this machine, the CPU first; `auto` is marked on the one that [`Device::auto`] takes.
    pub fn list() -> Vec<DeviceInfo> {
        let mut all = vec![Cpu::new().info()];
        all.extend(Gpu::adapters());
        let real = all.iter().position(|d| matches!(d.kind, "discrete" | "integrated" | "virtual"));
        all[real.unwrap_or(0)].auto = true;
        all
    }

    /// The first real GPU, else the CPU. A software adapter is used only when named.
    ///
    /// # Errors
    /// If the adapter cannot be opened.
    pub fn auto() -> Result<Device, Error> {
        Device::open("auto")
    }

    /// The device named by `wanted`: `auto`, `cpu`, `gpu` (the first adapter), `gpu:N`, or part of an adapter's name.
    ///
    /// # Errors
    /// If there is no such device, the name fits several, or the adapter cannot be opened.
    pub fn open(wanted: &str) -> Result<Device, Error> {
        Device::open_with(wanted, GpuOptions::default())
    }

    /// As [`Device::open`], an adapter with `options`.
    ///
    /// # Errors
    /// As [`Device::open`], and if halves are asked of the CPU.
    pub fn open_with(wanted: &str, options: GpuOptions) -> Result<Device, Error> {
        let cpu = || match options.half {
            false => Ok(Device::cpu()),
            true => Err(Error::NoDevice {
                wanted: format!("{wanted} with halves"),
                reason: "the CPU computes with floats only; name an adapter (`ganas devices` lists them)"
                    .into(),
            }),
        };
        if wanted == "cpu" {
            return cpu();
        }
        let all = Device::list();
        let found = find(&all, wanted)?;
        match found.id.strip_prefix("gpu:") {
            None => cpu(),
            Some(index) => {
                let index = index.parse().expect("an adapter id ends in its index");
                Ok(Device::Gpu(Gpu::open(index, options)?))
            }
        }
    }

    /// Whether convolutions read halves here, see [`GpuOptions::half`].
    pub fn half(&self) -> bool {
        match self {
            Device::Cpu(_) => false,
            Device::Gpu(gpu) => gpu.half(),
        }
    }
}

/// The entry of `all` that `wanted` names.
fn find<'a>(all: &'a [DeviceInfo], wanted: &str) -> Result<&'a DeviceInfo, Error> {
    let fail = |reason: String| Error::NoDevice { wanted: wanted.to_owned(), reason };
    let listed = || {
        let names: Vec<String> = all.iter().map(|d| format!("{} ({})", d.id, d.name)).collect();
        format!("this machine has {}", names.join(", "))
    };
    let lower = wanted.to_lowercase();
    match lower.as_str() {
        "" => Err(fail(format!("the name is empty; {}", listed()))),
        "auto" => Ok(all.iter().find(|d| d.auto).unwrap_or(&all[0])),
        "gpu" => all
            .iter()
            .find(|d| d.auto && d.kind != "cpu")
            .or_else(|| all.iter().find(|d| d.kind != "cpu"))
            .ok_or_else(|| fail(format!("no Vulkan, Metal or DX12 adapter was found; {}", listed()))),
        id if all.iter().any(|d| d.id == id) => Ok(all.iter().find(|d| d.id == id).unwrap_or(&all[0])),
        part => {
            let fits: Vec<&DeviceInfo> = all
                .iter()
                .filter(|d| d.kind != "cpu" && d.name.to_lowercase().contains(part))
                .collect();
            match fits.as_slice() {
                [one] => Ok(one),
                [] => Err(fail(listed())),
                several => {
                    let ids: Vec<&str> = several.iter().map(|d| d.id.as_str()).collect();
                    Err(fail(format!("the name fits {}; say which by id", ids.join(" and "))))
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(id: &str, name: &str, kind: &'static str, auto: bool) -> DeviceInfo {
        DeviceInfo {
            id: id.into(),
            name: name.into(),
            backend: "vulkan".into(),
            driver: String::new(),
            kind,
            auto,
            limits: Default::default(),
            features: vec![],
        }
    }

    #[test]
    fn names_find_their_device_or_say_what_there_is() {
        let all = [
            device("cpu", "Some Xeon", "cpu", false),
            device("gpu:0", "llvmpipe (LLVM 15)", "software", false),
            device("gpu:1", "Radeon X", "discrete", true),
            device("gpu:2", "Radeon Y", "discrete", false),
        ];
        let id = |wanted| find(&all, wanted).map(|d| d.id.clone());
        assert_eq!(id("auto").unwrap(), "gpu:1");
        assert_eq!(id("gpu").unwrap(), "gpu:1");
        assert_eq!(id("gpu:0").unwrap(), "gpu:0");
        assert_eq!(id("LLVMpipe").unwrap(), "gpu:0");
        assert!(id("radeon").unwrap_err().to_string().contains("gpu:1 and gpu:2"));
        assert!(id("voodoo").unwrap_err().to_string().contains("llvmpipe"));
        assert!(id("gpu:9").is_err());
        assert!(find(&all[..1], "gpu").is_err());
    }
}
