//! The text of a data source: kind, path and options.

use std::path::PathBuf;

use crate::Error;

/// The forms of a data source that [`super::open`] knows, for messages and help texts.
pub const VALID_SOURCES: &str = "shapes, cifar10:DIR and stl10:DIR (also the official .tar.gz), idx:FILE[.gz], \
     npy:FILE, folder:DIR (also a .tar)";

const VALID_OPTIONS: &str = "size=N, limit=N, flip=0|1, gray=0|1, split=train|test|all";
const LARGEST_SIZE: usize = 4096;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Shapes,
    Cifar10,
    Stl10,
    Npy,
    Idx,
    Folder,
}

/// Which part of a source is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Split {
    Train,
    Test,
    All,
}

/// A parsed source text; `path` is empty for made-up pictures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Source {
    pub text: String,
    pub kind: Kind,
    pub path: PathBuf,
    pub size: Option<usize>,
    pub limit: Option<usize>,
    pub flip: bool,
    pub gray: bool,
    pub split: Option<Split>,
}

impl Source {
    /// Parses `text`, the whole of it or not at all.
    pub fn parse(text: &str) -> Result<Source, Error> {
        let (place, options) = match text.rsplit_once('?') {
            Some((place, options)) => (place, Some(options)),
            None => (text, None),
        };
        let (kind, path) = match place.split_once(':') {
            None if place == "shapes" => (Kind::Shapes, ""),
            Some(("cifar10", path)) => (Kind::Cifar10, path),
            Some(("stl10", path)) => (Kind::Stl10, path),
            Some(("npy", path)) => (Kind::Npy, path),
            Some(("idx", path)) => (Kind::Idx, path),
            Some(("folder", path)) => (Kind::Folder, path),
            _ => return Err(not_a_source(text, place)),
        };
        if kind != Kind::Shapes && path.is_empty() {
            return Err(Error::config(
                text,
                format!("a path must follow the colon; valid sources: {VALID_SOURCES}"),
            ));
        }
        let mut source = Source {
            text: text.to_string(),
            kind,
            path: PathBuf::from(path),
            size: None,
            limit: None,
            flip: false,
            gray: false,
            split: None,
        };
        let mut seen = Vec::new();
        for option in options.into_iter().flat_map(|all| all.split('&')) {
            let (key, value) = option.split_once('=').ok_or_else(|| {
                Error::config(
                    text,
                    format!("`{option}` is not an option KEY=VALUE; valid options: {VALID_OPTIONS}"),
                )
            })?;
            if seen.contains(&key) {
                return Err(Error::config(text, format!("option `{key}` is given twice")));
            }
            seen.push(key);
            source.set(key, value)?;
        }
        Ok(source)
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), Error> {
        match key {
            "size" => self.size = Some(self.number(key, value, LARGEST_SIZE)?),
            "limit" => self.limit = Some(self.number(key, value, u32::MAX as usize)?),
            "flip" => self.flip = self.switch(key, value)?,
            "gray" => self.gray = self.switch(key, value)?,
            "split" => {
                self.split = Some(match value {
                    "train" => Split::Train,
                    "test" => Split::Test,
                    "all" => Split::All,
                    _ => return Err(self.bad(key, value, "train, test or all")),
                });
            }
            _ => {
                return Err(Error::config(
                    &self.text,
                    format!("unknown option `{key}`; valid options: {VALID_OPTIONS}"),
                ));
            }
        }
        Ok(())
    }

    fn number(&self, key: &str, value: &str, largest: usize) -> Result<usize, Error> {
        match value.parse::<usize>() {
            Ok(number) if (1..=largest).contains(&number) => Ok(number),
            Ok(_) | Err(_) => Err(self.bad(key, value, &format!("a whole number in 1..={largest}"))),
        }
    }

    fn switch(&self, key: &str, value: &str) -> Result<bool, Error> {
        match value {
            "0" => Ok(false),
            "1" => Ok(true),
            _ => Err(self.bad(key, value, "0 or 1")),
        }
    }

    fn bad(&self, key: &str, value: &str, wanted: &str) -> Error {
        Error::config(&self.text, format!("option `{key}` is `{value}`, but must be {wanted}"))
    }
}

fn not_a_source(text: &str, place: &str) -> Error {
    let hint = if std::path::Path::new(place).exists() {
        format!("; a folder or tar of pictures is written folder:{place}")
    } else {
        String::new()
    };
    Error::config(text, format!("is not a data source; valid sources: {VALID_SOURCES}{hint}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_whole_source_text() {
        let s = Source::parse("folder:/a:b/c?size=48&limit=10&flip=1&gray=1&split=test").unwrap();
        assert_eq!((s.kind, s.path.to_str()), (Kind::Folder, Some("/a:b/c")));
        assert_eq!((s.size, s.limit), (Some(48), Some(10)));
        assert_eq!((s.flip, s.gray, s.split), (true, true, Some(Split::Test)));
        assert_eq!(Source::parse("npy:a.npy").unwrap().kind, Kind::Npy);
        assert_eq!(Source::parse("stl10:a?size=96").unwrap().kind, Kind::Stl10);
        assert_eq!(Source::parse("shapes").unwrap().kind, Kind::Shapes);
    }

    #[test]
    fn mistakes_are_named_with_what_is_valid() {
        for (text, words) in [
            ("", "valid sources"),
            ("png:x.png", "valid sources: shapes, cifar10:DIR"),
            ("npy:", "path must follow"),
            ("shapes:3", "valid sources"),
            ("folder:", "path must follow"),
            ("src", "folder:src"),
            ("shapes?", "KEY=VALUE"),
            ("shapes?size", "`size` is not an option KEY=VALUE"),
            ("shapes?size=0", "`size` is `0`, but must be a whole number in 1..=4096"),
            ("shapes?size=1e9", "`size` is `1e9`"),
            ("shapes?limit=-1", "`limit` is `-1`"),
            ("shapes?flip=yes", "must be 0 or 1"),
            ("shapes?split=val", "train, test or all"),
            ("shapes?sise=3", "unknown option `sise`; valid options: size=N"),
            ("shapes?size=3&size=4", "given twice"),
        ] {
            let message = Source::parse(text).unwrap_err().to_string();
            assert!(message.contains(words), "{text}: {message}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "\\PC*") {
            let _ = Source::parse(&text);
        }

        #[test]
        fn any_options_are_parsed_or_refused(
            options in proptest::collection::vec(("size|limit|flip|gray|split|x", "[0-9a-z]{0,5}"), 0..4)
        ) {
            let text: Vec<String> = options.iter().map(|(k, v)| format!("{k}={v}")).collect();
            let text = format!("shapes?{}", text.join("&"));
            match Source::parse(&text) {
                Ok(s) => prop_assert!(s.size != Some(0) && s.limit != Some(0)),
                Err(e) => prop_assert!(e.to_string().contains(&text)),
            }
        }
    }
}
