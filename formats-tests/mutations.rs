//! A hundred thousand damaged files of each format, the same ones in every run.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;

use ganas::formats::archive::Archive;

use super::build::{self, Member};
use super::mutate::{Random, mutated};
use super::{Reader, graph, npy, npz, safetensors, torch};

const RUNS: usize = 100_000;

macro_rules! seed {
    ($name:literal) => {
        include_bytes!(concat!("seeds/", $name)).to_vec()
    };
}

/// Reads `RUNS` files that `damaged` makes of seeds, all of which are read when whole.
fn survive(read: Reader, seeds: &[Vec<u8>], damaged: impl Fn(usize, &mut Random) -> Vec<u8>) {
    for (i, seed) in seeds.iter().enumerate() {
        assert!(read(seed), "seed {i} is not read");
    }
    let mut accepted = 0;
    for run in 0..RUNS {
        let bytes = damaged(run % seeds.len(), &mut Random(run as u64));
        match catch_unwind(AssertUnwindSafe(|| read(&bytes))) {
            Ok(read) => accepted += usize::from(read),
            Err(panic) => {
                eprintln!("run {run}, seed {}: {}", run % seeds.len(), bytes.escape_ascii());
                resume_unwind(panic)
            }
        }
    }
    // Were none or all of them accepted, the damage would not be at the places that matter.
    assert!(accepted > RUNS / 1000 && accepted < RUNS * 99 / 100, "{accepted} of {RUNS} accepted");
}

fn damage_bytes(read: Reader, seeds: &[Vec<u8>]) {
    survive(read, seeds, |i, random| mutated(&seeds[i], seeds, random));
}

/// Damages bytes of the archive in half of the runs and of one member in the others, where checksums stay right.
fn damage_archives(read: Reader, seeds: &[Vec<u8>], deflated: bool) {
    let members: Vec<Vec<Member>> = seeds.iter().map(|seed| members(seed)).collect();
    survive(read, seeds, |i, random| {
        if random.below(2) == 0 {
            return mutated(&seeds[i], seeds, random);
        }
        let mut members = members[i].clone();
        // Most of what can go wrong is in the first member that is not a storage: the pickle, or an array.
        let at = if random.below(2) == 0 {
            0
        } else {
            random.below(members.len())
        };
        members[at].1 = mutated(&members[at].1, seeds, random);
        build::zip(&members, deflated)
    });
}

fn members(seed: &[u8]) -> Vec<Member> {
    let archive = Archive::parse(Path::new("seed"), seed).expect("a seed is whole");
    let content = |name: &str| archive.member(name).expect("a seed is whole").expect("it is listed");
    archive
        .names()
        .map(|name| (name.to_owned(), content(name).into_owned()))
        .collect()
}

#[test]
fn torch_archives() {
    damage_archives(torch, &[seed!("state.pth"), seed!("bare.pth")], false);
}

#[test]
fn torch_files_of_the_older_form() {
    damage_bytes(torch, &[seed!("legacy.pth")]);
}

#[test]
fn npz_stored() {
    damage_archives(npz, &[seed!("stored.npz")], false);
}

#[test]
fn npz_deflated() {
    damage_archives(npz, &[seed!("deflated.npz"), seed!("image.npz")], true);
}

#[test]
fn npy_arrays() {
    let seeds = [
        seed!("single.npy"),
        seed!("fortran.npy"),
        seed!("counts.npy"),
        seed!("halves.npy"),
        seed!("truth.npy"),
        seed!("scalar.npy"),
    ];
    damage_bytes(npy, &seeds);
}

#[test]
fn safetensors_files() {
    let header = r#"{"__metadata__":{"a":"text"},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F64","shape":[1,1],"data_offsets":[8,16]},"c":{"dtype":"BF16","shape":[0,4],"data_offsets":[16,16]}}"#;
    let scalar = r#"{"b":{"dtype":"I64","shape":[],"data_offsets":[0,8]}}     "#;
    damage_bytes(safetensors, &[build::safetensors(header, &[1; 16]), build::safetensors(scalar, &[1; 8])]);
}

#[test]
fn tensorflow_graphs() {
    damage_bytes(graph, &[build::graph()]);
}
