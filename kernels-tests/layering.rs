//! The rooms of `src/` know each other in one direction only, and each foreign engine is named in one room.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Each room and the rooms it may name. `error` and `rng` are open to all, and every room to itself.
const ROOMS: &[(&str, &[&str])] = &[
    ("error", &[]),
    ("rng", &[]),
    ("formats", &[]),
    ("fetch", &["formats"]),
    ("device", &[]),
    ("tensor", &["device"]),
    ("ops", &["tensor", "device"]),
    ("nn", &["ops", "tensor", "device", "formats"]),
    ("data", &["formats"]),
    ("space", &["nn", "ops", "tensor", "device", "formats"]),
    ("tables", &["space", "formats"]),
    ("metrics", &["data", "nn", "ops", "tensor", "device", "formats"]),
    ("runs", &["tensor", "device", "formats"]),
    ("evaluation", &["space", "metrics", "data", "nn", "ops", "tensor", "device", "formats"]),
    (
        "search",
        &[
            "space",
            "tables",
            "evaluation",
            "data",
            "runs",
            "nn",
            "ops",
            "tensor",
            "device",
            "formats",
        ],
    ),
    (
        "train",
        &["space", "evaluation", "data", "runs", "nn", "ops", "tensor", "device", "formats"],
    ),
    ("bench", &["search", "train", "metrics", "space", "data", "nn", "ops", "tensor", "device"]),
    (
        "cli",
        &[
            "bench",
            "search",
            "train",
            "evaluation",
            "metrics",
            "tables",
            "space",
            "data",
            "fetch",
            "runs",
            "nn",
            "ops",
            "tensor",
            "device",
            "formats",
        ],
    ),
];

const LEAVES: [&str; 2] = ["error", "rng"];

/// Words that stand for an engine, and the only places whose code may hold them.
const ENGINES: [(&str, &[&str]); 10] = [
    ("wgpu", &["src/device/gpu/"]),
    ("naga", &["src/device/gpu/"]),
    ("gemm", &["src/device/cpu/"]),
    ("faer", &["src/metrics/linalg.rs"]),
    ("unsafe", &["src/device/cpu/", "src/tables/map.rs"]),
    // Nothing but a download that was asked for opens a connection.
    ("ureq", &["src/fetch/"]),
    ("TcpStream", &["src/fetch/"]),
    ("TcpListener", &["src/fetch/"]),
    // The library says what it has to say in what it returns.
    ("println", &["src/cli/"]),
    ("eprintln", &["src/cli/"]),
];

#[test]
fn rooms_name_only_the_rooms_below_them() {
    let names = Names::of_the_library();
    let files = sources();
    assert!(files.len() > 50, "only {} files found", files.len());
    let wrong: Vec<String> = files.iter().flat_map(|(path, code)| wrong_arrows(path, code, &names)).collect();
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn engines_are_named_in_their_own_room() {
    let wrong: Vec<String> = sources().iter().flat_map(|(path, code)| wrong_engines(path, code)).collect();
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn arrows_that_point_up_are_found() {
    let names = Names::of_the_library();
    let code = code_only(
        "use crate::{Error, Tensor,\n    space::{gan, cell}};\n// use crate::cli::run;\nfn f() { crate::search::run() }\n",
    );
    let found = wrong_arrows("src/data/x.rs", &code, &names);
    let want = [
        "src/data/x.rs:1: `data` must not know `tensor`",
        "src/data/x.rs:2: `data` must not know `space`",
        "src/data/x.rs:4: `data` must not know `search`",
    ];
    assert_eq!(found, want);
    assert_eq!(wrong_arrows("src/cli/x.rs", &code, &names), [""; 0]);
    assert!(wrong_arrows("src/attic/x.rs", &code, &names)[0].contains("is no room of"));
    let found = wrong_engines("src/ops/x.rs", "let gemmed = 1;\nunsafe { gemm::gemm() }");
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].starts_with("src/ops/x.rs:2: `gemm`"), "{found:?}");
}

/// What the library's root calls by a short name, as `Tensor` of the room `tensor`.
struct Names(HashMap<String, String>);

impl Names {
    fn of_the_library() -> Names {
        let text = fs::read_to_string(root().join("src/lib.rs")).expect("the library has a root");
        let mut names = HashMap::new();
        for line in text.lines().filter_map(|l| l.strip_prefix("pub use ")) {
            let (room, items) = line.split_once("::").expect("a path of two parts");
            for item in items.split(|c: char| !is_word(c)).filter(|i| !i.is_empty()) {
                names.insert(item.to_owned(), room.to_owned());
            }
        }
        assert_eq!(names["Tensor"], "tensor");
        Names(names)
    }

    fn room<'a>(&'a self, name: &'a str) -> &'a str {
        self.0.get(name).map_or(name, String::as_str)
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Path from the root, with `/`, and code of every file of the library but its root and the program's.
fn sources() -> Vec<(String, String)> {
    let mut folders = vec![root().join("src")];
    let mut files: Vec<PathBuf> = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of sources can be read") {
            let path = entry.expect("the folder can be read").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    let named = files.into_iter().map(|file| {
        let path = file.strip_prefix(root()).expect("it lies below");
        let path = path.to_str().expect("sources have plain names").replace('\\', "/");
        let text = fs::read_to_string(&file).expect("a source can be read");
        (path, code_only(&text))
    });
    named
        .filter(|(path, _)| path != "src/lib.rs" && path != "src/main.rs")
        .collect()
}

/// `text` without its comments, line by line.
fn code_only(text: &str) -> String {
    let code = |line: &str| {
        let comment = line
            .match_indices("//")
            .map(|(at, _)| at)
            // The slashes of an address in a string.
            .find(|&at| !line[..at].ends_with(':'));
        format!("{}\n", &line[..comment.unwrap_or(line.len())])
    };
    text.lines().map(code).collect()
}

fn wrong_arrows(path: &str, code: &str, names: &Names) -> Vec<String> {
    let room = path
        .trim_start_matches("src/")
        .split(['/', '.'])
        .next()
        .expect("a path has a first part");
    let Some((_, may)) = ROOMS.iter().find(|(name, _)| *name == room) else {
        return vec![format!(
            "{path}: `{room}` is no room of kernels-tests/layering.rs: say what it may know"
        )];
    };
    let allowed = |to: &str| to == room || LEAVES.contains(&to) || may.contains(&to);
    let mut wrong = Vec::new();
    for (start, prefix) in code.match_indices("crate::") {
        for (at, name) in named_at(code, start + prefix.len()) {
            let to = names.room(name);
            if !allowed(to) {
                let line = code[..at].lines().count();
                wrong.push(format!("{path}:{line}: `{room}` must not know `{to}`"));
            }
        }
    }
    wrong
}

/// The first name of the path at `start`, or those of the paths in the braces there, each with its place.
fn named_at(code: &str, start: usize) -> Vec<(usize, &str)> {
    if !code[start..].starts_with('{') {
        return vec![(start, word_at(code, start))];
    }
    let mut names = Vec::new();
    let (mut depth, mut fresh) = (0, true);
    for (at, c) in code[start..].char_indices().map(|(i, c)| (start + i, c)) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => fresh = true,
            _ if fresh && depth == 1 && is_word(c) => {
                names.push((at, word_at(code, at)));
                fresh = false;
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    names
}

fn wrong_engines(path: &str, code: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    // The room of the processor calls its products as the crate under them is called.
    let ours = |engine: &str| engine == "gemm" && code.contains("crate::device::cpu::gemm");
    for (number, line) in code.lines().enumerate() {
        for (engine, homes) in ENGINES {
            let named = line.split(|c: char| !is_word(c)).any(|word| word == engine);
            if named && !homes.iter().any(|home| path.starts_with(home)) && !ours(engine) {
                wrong.push(format!("{path}:{}: `{engine}` belongs in {}", number + 1, homes.join(", ")));
            }
        }
    }
    wrong.sort();
    wrong
}

fn word_at(code: &str, start: usize) -> &str {
    let rest = &code[start..];
    &rest[..rest.find(|c| !is_word(c)).unwrap_or(rest.len())]
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}
