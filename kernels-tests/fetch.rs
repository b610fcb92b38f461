//! `ganas data fetch` as a user meets it, against a server on this machine.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::cli::{code, failure, ganas};

/// Sends `answer` to the first connection, keeps it open, and gives the address of `x`.
fn server(answer: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/x", listener.local_addr().unwrap());
    thread::spawn(move || {
        let (mut connection, _) = listener.accept().unwrap();
        assert!(connection.read(&mut [0; 4096]).unwrap() > 0);
        connection.write_all(&answer).unwrap();
        // Until the other side closes it.
        drop(connection.read(&mut [0; 1]));
    });
    address
}

#[test]
fn fetch_refuses_what_is_not_the_published_file() {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("new");
    let told = |name: &str, address: &str| {
        let to = to.to_str().unwrap();
        failure(&["data", "fetch", name, "--to", to, "--address", address, "--json"])
    };
    let missing = server(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_vec());
    let text = told("inception", &missing);
    assert!(text.contains(&format!("cannot fetch {missing}: the server answered 404")), "{text}");
    let other = server(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello".to_vec());
    let text = told("cifar10", &other);
    assert!(text.contains("offers 5 bytes, but 170052171 of the published file are wanted"), "{text}");
    assert!(told("stl10", "http://example.org/x").contains("plain HTTP"));
    assert!(told("fashion-mnist", &other).contains("is for one file, and fashion-mnist has 4"));
    assert_eq!(fs::read_dir(&to).unwrap().count(), 0);

    fs::write(to.join("cifar-10-binary.tar.gz"), b"mine").unwrap();
    let text = told("cifar10", "http://127.0.0.1:1/");
    assert!(text.contains("cifar-10-binary.tar.gz: is there already, but has 4 bytes"), "{text}");
    assert_eq!(fs::read(to.join("cifar-10-binary.tar.gz")).unwrap(), b"mine");
    let out = ganas(&["data", "fetch", "mnist", "--to", "x"]);
    assert_eq!(code(&out), 2);
    assert!(String::from_utf8_lossy(&out.stderr).contains("fashion-mnist"));
}

#[cfg(unix)]
#[test]
fn an_interrupted_fetch_ends_at_once_with_130_and_keeps_its_part() {
    let folder = tempfile::tempdir().unwrap();
    let begun = b"HTTP/1.1 200 OK\r\nContent-Length: 95628359\r\n\r\nPK".to_vec();
    let address = server(begun);
    let mut command = Command::new(env!("CARGO_BIN_EXE_ganas"));
    command
        .args(["data", "fetch", "inception", "--address", &address, "--to"])
        .arg(folder.path());
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let part = folder.path().join(".pt_inception-2015-12-05-6726825d.pth.part");
    let began = Instant::now();
    while fs::read(&part).unwrap_or_default() != b"PK" {
        assert!(began.elapsed() < Duration::from_secs(60), "the first bytes do not arrive");
        thread::sleep(Duration::from_millis(20));
    }
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    let asked = Instant::now();
    let out = child.wait_with_output().unwrap();
    assert!(asked.elapsed() < Duration::from_secs(20));
    let told = String::from_utf8_lossy(&out.stderr).into_owned();
    assert_eq!(code(&out), 130, "{told}");
    assert!(told.contains("the same command goes on from there") && out.stdout.is_empty(), "{told}");
    assert_eq!(fs::read(&part).unwrap(), b"PK");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}
