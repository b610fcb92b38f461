//! Settings that lie within their bounds, and those that do not, named with them.

use crate::Error;

/// What [`fits`] says of a number from 0 to below 1.
pub const BELOW_ONE: &str = "from 0 to below 1";
/// What [`fits`] says of a number above 0.
pub const POSITIVE: &str = "above 0";
/// What [`fits`] says of a number that is not below 0.
pub const NOT_NEGATIVE: &str = "at least 0";

/// Whether `value` is from 0 to below 1.
pub fn below_one(value: f64) -> bool {
    (0.0..1.0).contains(&value)
}

/// Whether `value` is a number above 0.
pub fn positive(value: f64) -> bool {
    value.is_finite() && value > 0.0
}

/// Whether `value` is a number not below 0.
pub fn not_negative(value: f64) -> bool {
    value.is_finite() && value >= 0.0
}

/// Looks at whole numbers: each a key, a value, the least and the most it may be (`u64::MAX` for no such bound).
///
/// # Errors
/// [`Error::Config`] with the first that is out of bounds.
pub fn whole(settings: &[(&str, u64, u64, u64)]) -> Result<(), Error> {
    for &(key, value, least, most) in settings {
        if !(least..=most).contains(&value) {
            let bounds = match most {
                u64::MAX => format!("at least {least}"),
                most => format!("{least} to {most}"),
            };
            return Err(Error::config(key, format!("{value} cannot be used; {bounds}")));
        }
    }
    Ok(())
}

/// Looks at other numbers: each a key, a value, whether it fits, and its bounds in words.
///
/// # Errors
/// [`Error::Config`] with the first that does not fit.
pub fn fits(settings: &[(&str, f64, bool, &str)]) -> Result<(), Error> {
    match settings.iter().find(|(_, _, fits, _)| !fits) {
        None => Ok(()),
        Some((key, value, _, bounds)) => {
            Err(Error::config(*key, format!("{value} cannot be used; {bounds}")))
        }
    }
}

/// The error of a run that was given no images.
pub fn no_images() -> Error {
    let reason = "no images; give --data cifar10:DIR or any other source (--data shapes?size=32 is built in)";
    Error::config("data", reason)
}
