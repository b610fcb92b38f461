//! Which addresses may be asked, and where a redirect leads.

use ureq::http::Uri;

/// An address that may be asked.
///
/// # Errors
/// If it is none, or its content could be changed on the way: plain HTTP is for servers on this machine.
pub(super) fn checked(address: &str) -> Result<Uri, String> {
    let uri: Uri = address.parse().map_err(|e| format!("`{address}` is no address: {e}"))?;
    let host = uri.host().unwrap_or_default();
    match uri.scheme_str() {
        Some("https") if !host.is_empty() => Ok(uri),
        Some("http") if is_this_machine(host) => Ok(uri),
        Some("http") => {
            Err(format!("`{address}` is plain HTTP, which anybody on the way can change; use https"))
        }
        _ => Err(format!("`{address}` is no https address")),
    }
}

/// Where `location`, which the server at `from` gave, leads.
///
/// # Errors
/// If it may not be asked, or leads from HTTPS to plain HTTP.
pub(super) fn redirected(from: &Uri, location: &str) -> Result<Uri, String> {
    let scheme = from.scheme_str().unwrap_or_default();
    let authority = from.authority().map_or("", |authority| authority.as_str());
    // A scheme is what stands before the first mark, if that is a colon.
    let mark = location.find([':', '/', '?', '#']);
    let absolute = mark.is_some_and(|at| location[at..].starts_with(':'));
    let to = if absolute {
        location.to_owned()
    } else if location.starts_with("//") {
        format!("{scheme}:{location}")
    } else if location.starts_with('/') {
        format!("{scheme}://{authority}{location}")
    } else {
        let folder = from.path().rsplit_once('/').map_or("", |(folder, _)| folder);
        format!("{scheme}://{authority}{folder}/{location}")
    };
    let to = to.split_once('#').map_or(to.as_str(), |(address, _)| address);
    let uri = checked(to).map_err(|reason| format!("redirected elsewhere: {reason}"))?;
    if scheme == "https" && uri.scheme_str() != Some("https") {
        return Err(format!("redirected from https to `{to}`, which is refused"));
    }
    Ok(uri)
}

/// Whether a host is this machine by its very name.
pub(super) fn is_this_machine(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    match bare.parse::<std::net::IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => bare.eq_ignore_ascii_case("localhost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_https_and_this_machine_are_asked() {
        for good in ["https://a.org/x", "http://127.0.0.1:80/x", "http://localhost/x", "http://[::1]:8/x"] {
            checked(good).unwrap();
        }
        for bad in [
            "http://a.org/x",
            "http://127.0.0.1.a.org/x",
            "http://127.0.0.1@a.org/x",
            "http://localhost.a.org/x",
            "ftp://a.org/x",
            "file:///x",
            "/x",
            "x",
            "",
            "https://",
            "https:// /",
        ] {
            assert!(checked(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn redirects_are_followed_to_https_only() {
        let from = checked("https://a.org:8/f/x?q=1").unwrap();
        for (location, want) in [
            ("https://b.org/y", "https://b.org/y"),
            ("HTTPS://b.org/y#part", "https://b.org/y"),
            ("//b.org/y", "https://b.org/y"),
            ("/y?z", "https://a.org:8/y?z"),
            ("y", "https://a.org:8/f/y"),
        ] {
            assert_eq!(redirected(&from, location).unwrap().to_string(), want);
        }
        for bad in ["http://b.org/y", "http://127.0.0.1/y", "HTTP://b.org/y", "ftp://b.org/y", "data:x", ":"]
        {
            assert!(redirected(&from, bad).unwrap_err().contains("redirected"), "{bad}");
        }
        let here = checked("http://127.0.0.1:9/x").unwrap();
        assert!(redirected(&here, "http://127.0.0.1:8/y").is_ok());
        assert!(redirected(&here, "http://a.org/y").unwrap_err().contains("plain HTTP"));
    }
}
