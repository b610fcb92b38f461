//! Searches by queries from the command line: figures, resuming, and what they refuse.

use std::path::Path;
use std::process::Output;

use ganas::space::{Genotype, NasBenchMacro, Space};
use serde_json::Value;

use crate::resume;

fn ganas(args: &[&str]) -> Output {
    resume::ganas("").args(args).output().unwrap()
}

/// NAS-Bench-Macro with made-up accuracies: blocks of option 2 are best, and costs grow with the options.
fn table(folder: &Path) -> String {
    let mut text = String::from("arch,canonical,acc1,acc2,acc3,params,flops\n");
    for number in 0..6561_u32 {
        let digits: Vec<u32> = (0..8).rev().map(|i| number / 3_u32.pow(i) % 3).collect();
        let arch: String = digits.iter().map(u32::to_string).collect();
        // Identities that are not the first of their stage move to its end.
        let mut canonical = String::new();
        for stage in [0..2, 2..5, 5..8] {
            let (first, rest) = (digits[stage.start], &digits[stage.start + 1..stage.end]);
            let kept = rest.iter().filter(|d| **d > 0);
            canonical.push_str(&first.to_string());
            kept.clone().for_each(|d| canonical.push_str(&d.to_string()));
            canonical.push_str(&"0".repeat(rest.len() - kept.count()));
        }
        let score = canonical.bytes().map(|b| f64::from(b - b'0')).sum::<f64>() * 5.0;
        let cost = 1000 + 10 * digits.iter().sum::<u32>();
        text.push_str(&format!("{arch},{canonical},{score},{score},{},{cost},{cost}\n", score + 3.0));
    }
    let path = folder.join("made-up.csv");
    std::fs::write(&path, text).unwrap();
    format!("macro:{}", path.display())
}

fn json(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn journal(run: &Path) -> String {
    std::fs::read_to_string(run.join("journal.jsonl")).unwrap()
}

#[test]
fn every_method_reports_its_seeds_and_resumes() {
    let folder = tempfile::tempdir().unwrap();
    let on = table(folder.path());
    let small = [
        "--set",
        "generative.initial=8",
        "--set",
        "generative.hidden=8",
        "--set",
        "generative.g_updates=1",
        "--set",
        "generative.episodes=8",
        "--set",
        "generative.rounds=1",
        "--set",
        "cem.initial=8",
    ];
    for method in ["generative", "random", "aging", "local", "cem", "reinforce"] {
        let [whole, broken] = ["whole", "broken"].map(|name| folder.path().join(format!("{method}-{name}")));
        let search = |run: &Path, more: &[&str]| {
            let mut args = vec![
                "search", method, "--on", &on, "--budget", "24", "--seeds", "3", "--seed", "5", "--json",
            ];
            args.extend(["--run", run.to_str().unwrap()]);
            args.extend(small);
            args.extend(more);
            ganas(&args)
        };
        let found = json(&search(&whole, &[]));
        let seeds = found["seeds"].as_array().unwrap();
        assert_eq!(seeds.len(), 3, "{found}");
        let mean = |key: &str| seeds.iter().map(|s| s[key].as_f64().unwrap()).sum::<f64>() / 3.0;
        for (of_all, of_one) in [
            ("mean", "best"),
            ("mean_rank", "rank"),
            ("mean_queries", "queries"),
            ("mean_queries_to_best", "queries_to_best"),
        ] {
            approx::assert_relative_eq!(found[of_all].as_f64().unwrap(), mean(of_one), max_relative = 1e-12);
        }
        assert!(found["std"].is_number() && found["protocol"]["optimum"].as_f64() == Some(81.0), "{found}");
        assert_eq!((seeds[0]["seed"].as_u64(), seeds[2]["queries"].as_u64()), (Some(5), Some(24)));
        assert_eq!(found["best"]["space"], "nasbench_macro");
        assert!(found["run"].is_string() && found["front"].is_array() && found["seconds"].is_number());
        let trace = std::fs::read_to_string(whole.join("traces/seed-6.jsonl")).unwrap();
        assert_eq!(trace.lines().filter(|line| line.contains("\"query\"")).count(), 24);

        json(&search(&broken, &["--steps", "1"]));
        assert_ne!(journal(&broken), journal(&whole));
        let resume = ["search", method, "--resume", broken.to_str().unwrap(), "--steps", "0", "--json"];
        json(&ganas(&resume));
        assert_eq!(journal(&broken), journal(&whole), "{method}");
    }
}

#[test]
fn a_run_does_not_go_on_with_another_table() {
    let folder = tempfile::tempdir().unwrap();
    let on = table(folder.path());
    let run = folder.path().join("run");
    let run = run.to_str().unwrap();
    let begin = [
        "search", "random", "--on", &on, "--budget", "9", "--seeds", "2", "--steps", "1", "--run", run,
    ];
    assert!(ganas(&begin).status.success());
    let path = on.strip_prefix("macro:").unwrap();
    let other = std::fs::read_to_string(path).unwrap().replace(",80,80,83,", ",90,90,93,");
    std::fs::write(path, other).unwrap();
    let output = ganas(&["search", "random", "--resume", run, "--steps", "0"]);
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("began on other numbers"), "{text}");
}

#[test]
fn what_cannot_be_searched_is_said_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let on = table(folder.path());
    let run = folder.path().join("run");
    let refused = |args: &[&str], words: &str| {
        let mut all = vec!["search"];
        all.extend(args);
        all.extend(["--run", run.to_str().unwrap()]);
        let output = ganas(&all);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{args:?}: {text}");
        assert!(text.contains(words), "{args:?}: {text}");
        assert!(!run.exists(), "{args:?} left a run");
    };
    refused(&["generative"], "say what to search on");
    refused(&["cem", "--on", "nasbench999:x"], "it can be nasbench201:F");
    refused(&["cem", "--on", "macro:absent.csv"], "absent.csv");
    refused(&["cem", "--on", &on, "--budget", "5000"], "3969 different architectures");
    refused(&["cem", "--on", &on, "--protocol", "validation"], "valid");
    refused(&["cem", "--on", &on, "--dataset", "cifar100"], "cifar10 alone");
    refused(&["cem", "--on", &on, "--most", "latency=1"], "macs, params");
    refused(&["cem", "--on", &on, "--without", "conv"], "mb_k5_e6");
    refused(&["generative", "--on", &on, "--start", "2222"], "2222");
    refused(&["generative", "--on", &on, "--set", "generative.truht=3"], "truth_share");
    refused(&["generative", "--on", &on, "--set", "generative.truth=1"], "generative.truth");
    refused(&["local", "--on", "synthetic:darts", "--seeds", "2"], "only a table knows");
    refused(&["random", "--budget", "20"], "give --on");
    refused(&["random", "--on", &on, "--population", "8"], "means nothing with --on");
    refused(&["generative", "--on", "gan", "--part", "both"], "use `brief`");
    refused(&["cem", "--on", &on, "--data", "shapes"], "belong to `--on gan`");
    refused(&["cem", "--on", "synthetic:darts", "--protocol", "validation"], "belongs to tables");
}

#[test]
fn a_converted_table_gives_the_same_search() {
    let folder = tempfile::tempdir().unwrap();
    let on = table(folder.path());
    let converted = folder.path().join("macro.table");
    let from = on.strip_prefix("macro:").unwrap();
    assert!(
        ganas(&["convert", from, converted.to_str().unwrap(), "--table", "macro"])
            .status
            .success()
    );
    let search = |on: &str, name: &str| {
        let run = folder.path().join(name);
        // The space counts parameters itself, whatever the table says.
        let most = "params=1500000";
        let args = ["search", "aging", "--on", on, "--budget", "40", "--most", most, "--json", "--run"];
        json(&ganas(&[&args[..], &[run.to_str().unwrap()]].concat()))
    };
    let [a, b] = [search(&on, "csv"), search(&format!("macro:{}", converted.display()), "table")];
    assert_eq!([&a["seeds"], &a["best"]], [&b["seeds"], &b["best"]]);
    let genes = a["best"]["genes"].as_array().unwrap();
    let genes: Vec<u8> = genes.iter().map(|g| g.as_u64().unwrap() as u8).collect();
    let size = NasBenchMacro::new().complexity(&Genotype(genes)).unwrap();
    assert!(size.params <= 1_500_000, "{a}");
}
