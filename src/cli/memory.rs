//! Whether a run fits into memory, said before it begins.

use super::output::note;
use super::run::Settings;
use crate::device::free_on_host;
use crate::runs::Footprint;
use crate::{Device, Error};

/// Looks whether a run with these settings fits into the device's memory and the machine's, or into `most` bytes.
/// Says how much it takes unless it is to be `quiet`.
///
/// # Errors
/// If it does not; the reason names smaller settings that would.
pub(super) fn require<C: Settings>(
    config: &C,
    device: &Device,
    most: Option<u64>,
    quiet: bool,
) -> Result<(), Error> {
    let Some(needed) = footprint(config, device)? else {
        return Ok(());
    };
    let room = Room::of(device, needed, most);
    let Some(lack) = room.lack(needed) else {
        if !quiet {
            note(&format!("memory: {} at most", said(needed.device + needed.host)));
        }
        return Ok(());
    };
    let mut remedy = "use fewer channels or smaller pictures".to_owned();
    let mut lighter = config.lighter();
    while let Some((settings, typed)) = lighter {
        if let Some(needed) = footprint(&settings, device)?
            && room.lack(needed).is_none()
        {
            remedy = format!("`{typed}` takes {}", said(needed.device + needed.host));
            break;
        }
        lighter = settings.lighter();
    }
    Err(Error::config("memory", format!("{lack}; {remedy}")))
}

/// What the program takes beside its runs, by measurement on Linux.
const PROGRAM: u64 = 25_000_000;

/// What the process of a run takes.
fn footprint<C: Settings>(config: &C, device: &Device) -> Result<Option<Footprint>, Error> {
    let found = config.footprint(device)?;
    Ok(found.map(|run| run + Footprint { device: 0, host: PROGRAM }))
}

/// What there is to fit into.
struct Room {
    /// For tensors.
    device: u64,
    /// For what the program holds beside them; for all if the device has no memory of its own.
    host: u64,
    /// Whether the device has memory of its own.
    own: bool,
    given: bool,
}

impl Room {
    fn of(device: &Device, needed: Footprint, most: Option<u64>) -> Room {
        Room {
            device: most.unwrap_or_else(|| device.room(needed.device)),
            host: most.unwrap_or_else(free_on_host),
            own: device.has_own_memory(),
            given: most.is_some(),
        }
    }

    /// What is missing for `needed`, if something is.
    fn lack(&self, needed: Footprint) -> Option<String> {
        let are = match (self.given, self.own) {
            (true, _) => "were allowed",
            (false, true) => "are to be had on the device",
            (false, false) => "are free",
        };
        let host = needed.on_host(self.own);
        if self.own && needed.device > self.device {
            return Some(format!(
                "the run takes {} of tensors at most and {} {are}",
                said(needed.device),
                said(self.device)
            ));
        }
        (host > self.host).then(|| {
            let are = if self.given { are } else { "are free" };
            format!("the run takes {} at most and {} {are}", said(host), said(self.host))
        })
    }
}

/// Bytes as people read them.
fn said(bytes: u64) -> String {
    match bytes as f64 {
        b if b >= 1e9 => format!("{:.1} GB", b / 1e9),
        b => format!("{:.0} MB", b / 1e6),
    }
}

/// Bytes as typed: a number, perhaps with MB or GB.
pub(super) fn bytes(typed: &str) -> Result<u64, String> {
    let (number, unit) = match typed.trim().to_ascii_uppercase() {
        t if t.ends_with("GB") => (t[..t.len() - 2].to_owned(), 1e9),
        t if t.ends_with("MB") => (t[..t.len() - 2].to_owned(), 1e6),
        t => (t, 1.0),
    };
    let number: f64 = number.trim().parse().map_err(|_| "bytes, as in 8GB or 500MB")?;
    match number * unit {
        bytes if bytes >= 1.0 && bytes.is_finite() => Ok(bytes as u64),
        _ => Err("bytes, as in 8GB or 500MB".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_typed_as_people_write_them() {
        let read = ["8GB", "1.5 gb", "500MB", "4096"].map(|t| bytes(t).unwrap());
        assert_eq!(read, [8_000_000_000, 1_500_000_000, 500_000_000, 4096]);
        for wrong in ["", "GB", "-1GB", "0", "many"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn tensors_and_the_rest_share_the_memory_of_a_machine_but_not_of_a_card() {
        const GB: u64 = 1_000_000_000;
        let needed = Footprint { device: 6 * GB, host: 5 * GB };
        let shared = Room {
            device: 10 * GB,
            host: 10 * GB,
            own: false,
            given: false,
        };
        assert!(
            shared
                .lack(needed)
                .unwrap()
                .contains("takes 11.0 GB at most and 10.0 GB are free")
        );
        assert!(Room { host: 11 * GB, ..shared }.lack(needed).is_none());
        let card = Room {
            device: 6 * GB,
            host: 5 * GB,
            own: true,
            given: false,
        };
        assert!(card.lack(needed).is_none());
        assert!(Room { device: 5 * GB, ..card }.lack(needed).unwrap().contains("on the device"));
    }
}
