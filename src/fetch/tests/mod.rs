//! Downloads from a server of this machine, in every way that they can go.

mod server;

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::*;
use server::{Answer, Server, reply};

/// A folder to download to, and a file that is published somewhere.
struct Case {
    folder: tempfile::TempDir,
    content: Vec<u8>,
    stop: AtomicBool,
}

impl Case {
    fn new() -> Case {
        let content = (0..300_000_u32).map(|i| (i.wrapping_mul(i) >> 7) as u8).collect();
        Case {
            folder: tempfile::tempdir().unwrap(),
            content,
            stop: AtomicBool::new(false),
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("x.bin")
    }

    fn part(&self) -> PathBuf {
        self.folder.path().join(".x.bin.part")
    }

    fn files(&self, address: &str) -> Vec<Remote> {
        vec![Remote {
            name: "x.bin".into(),
            address: address.into(),
            bytes: self.content.len() as u64,
            sha256: sha256::of_bytes(&self.content),
        }]
    }

    fn fetch(&self, address: &str) -> Result<State, Error> {
        let patience = Patience {
            connect: Duration::from_secs(5),
            idle: Duration::from_millis(300),
            tries: 3,
            pause: Duration::from_millis(5),
        };
        let files = self.files(address);
        let got = fetch(&files, self.folder.path(), &patience, &self.stop, &mut |_| {})?;
        assert_eq!(got.len(), 1);
        assert_eq!((got[0].path.clone(), got[0].bytes), (self.path(), 300_000));
        Ok(got[0].state)
    }

    /// The whole file is there and nothing else.
    #[track_caller]
    fn is_whole(&self) {
        assert_eq!(fs::read(self.path()).unwrap(), self.content);
        assert!(!self.part().exists());
    }

    /// What a download that must fail says. There is nothing under the file's name then.
    #[track_caller]
    fn fails(&self, address: &str) -> String {
        let error = self.fetch(address).unwrap_err();
        assert!(!self.path().exists());
        error.to_string()
    }

    /// The same, of a server that gives these answers; and that there were as many requests.
    #[track_caller]
    fn fails_with(&self, answers: Vec<Answer>) -> String {
        let n = answers.len();
        let server = Server::start(|_| answers);
        let text = self.fails(&server.address());
        assert_eq!(server.requests().len(), n, "{text}");
        assert!(text.contains("cannot fetch http://127.0.0.1"), "{text}");
        text
    }

    fn put_part(&self, len: usize) {
        fs::write(self.part(), &self.content[..len]).unwrap();
    }

    fn whole(&self) -> Answer {
        Answer::Send(reply("200 OK", "", &self.content))
    }

    /// The file from byte `from` on, as a server that can resume gives it.
    fn rest(&self, from: usize) -> Answer {
        let range = format!("Content-Range: bytes {from}-299999/300000\r\n");
        Answer::Send(reply("206 Partial Content", &range, &self.content[from..]))
    }

    /// An answer that promises the whole file and ends after `len` bytes.
    fn cut(&self, len: usize) -> Answer {
        let mut bytes = reply("200 OK", "", &self.content);
        bytes.truncate(bytes.len() - self.content.len() + len);
        Answer::Send(bytes)
    }
}

fn status(line: &str) -> Answer {
    Answer::Send(reply(line, "", b"sorry"))
}

fn redirect(to: String) -> Answer {
    Answer::Send(reply("302 Found", &format!("Location: {to}\r\n"), b""))
}

#[test]
fn a_whole_file_is_fetched_once_and_then_kept() {
    let case = Case::new();
    let server = Server::start(|_| vec![case.whole()]);
    assert_eq!(case.fetch(&server.address()).unwrap(), State::Fetched);
    case.is_whole();
    assert_eq!(case.fetch(&server.address()).unwrap(), State::Kept);
    let requests = server.requests();
    assert_eq!(requests.len(), 1);
    assert!(requests[0].starts_with("get /f/x.bin http/1.1\r\n"), "{requests:?}");
    assert!(
        requests[0].contains("accept-encoding: identity") && !requests[0].contains("range:"),
        "{requests:?}"
    );
}

#[test]
fn an_answer_without_a_length_is_taken_if_its_content_fits() {
    let case = Case::new();
    let bytes = [b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", case.content.as_slice()].concat();
    let server = Server::start(|_| vec![Answer::Send(bytes)]);
    assert_eq!(case.fetch(&server.address()).unwrap(), State::Fetched);
    case.is_whole();
}

#[test]
fn a_part_is_resumed_where_it_ends() {
    let case = Case::new();
    case.put_part(100_001);
    let server = Server::start(|_| vec![case.rest(100_001)]);
    assert_eq!(case.fetch(&server.address()).unwrap(), State::Resumed);
    case.is_whole();
    assert!(server.requests()[0].contains("range: bytes=100001-\r\n"), "{:?}", server.requests());
}

#[test]
fn a_whole_part_needs_no_connection() {
    let case = Case::new();
    case.put_part(300_000);
    assert_eq!(case.fetch("http://127.0.0.1:1/").unwrap(), State::Resumed);
    case.is_whole();
}

#[test]
fn a_part_that_cannot_be_resumed_is_begun_anew() {
    let other = "Content-Range: bytes 0-299999/300000\r\n";
    for answers in [
        // The server does not know ranges, has none there, gives another one, or has another file.
        vec![],
        vec![Answer::Send(reply("416 Range Not Satisfiable", "", b""))],
        vec![Answer::Send(reply("206 Partial Content", other, b""))],
        vec![Answer::Send(reply("206 Partial Content", "Content-Range: bytes 5-9/10\r\n", b"12345"))],
        vec![Answer::Send(reply("206 Partial Content", "", b"12345"))],
    ] {
        let case = Case::new();
        case.put_part(5);
        let n = answers.len();
        let server = Server::start(|_| answers.into_iter().chain([case.whole()]).collect());
        assert_eq!(case.fetch(&server.address()).unwrap(), State::Fetched);
        case.is_whole();
        let requests = server.requests();
        assert!(requests.len() == n + 1 && requests[0].contains("range: bytes=5-"), "{requests:?}");
        assert!(n == 0 || !requests[1].contains("range:"), "{requests:?}");
    }
    // Too long, or as long as the file and wrong.
    for len in [300_000, 300_001] {
        let case = Case::new();
        fs::write(case.part(), vec![1; len]).unwrap();
        let server = Server::start(|_| vec![case.whole()]);
        assert_eq!(case.fetch(&server.address()).unwrap(), State::Fetched);
        case.is_whole();
    }
}

#[test]
fn an_answer_that_breaks_off_is_resumed_in_the_same_call() {
    let case = Case::new();
    let server = Server::start(|_| vec![case.cut(70_000), case.rest(70_000)]);
    assert_eq!(case.fetch(&server.address()).unwrap(), State::Fetched);
    case.is_whole();
    assert!(server.requests()[1].contains("range: bytes=70000-"));
}

#[test]
fn a_call_that_gives_up_leaves_a_part_and_the_next_one_resumes() {
    let case = Case::new();
    let cut_again = || {
        Answer::Send(b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 10-299999/300000\r\nContent-Length: 299990\r\n\r\n".to_vec())
    };
    let text = case.fails_with(vec![case.cut(10), cut_again(), cut_again()]);
    assert!(
        text.contains("given up after 3 tries with 10 of 300000 bytes here; calling again resumes"),
        "{text}"
    );
    assert_eq!(fs::read(case.part()).unwrap(), case.content[..10]);
    let server = Server::start(|_| vec![case.rest(10)]);
    assert_eq!(case.fetch(&server.address()).unwrap(), State::Resumed);
    case.is_whole();
}

#[test]
fn another_content_is_refused_and_removed() {
    let case = Case::new();
    let mut wrong = case.content.clone();
    wrong[299_999] ^= 1;
    let text = case.fails_with(vec![Answer::Send(reply("200 OK", "", &wrong))]);
    assert!(text.contains("has the SHA-256") && text.contains("was removed"), "{text}");
    assert!(!case.part().exists());
    // A part of another file, completed.
    fs::write(case.part(), [9; 50]).unwrap();
    let text = case.fails_with(vec![case.rest(50)]);
    assert!(text.contains("has the SHA-256") && !case.part().exists(), "{text}");
}

#[test]
fn another_length_is_refused() {
    let case = Case::new();
    let longer = [case.content.as_slice(), b"x"].concat();
    let text = case.fails_with(vec![Answer::Send(reply("200 OK", "", &longer))]);
    assert!(text.contains("offers 300001 bytes"), "{text}");
    let endless = [b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", longer.as_slice(), &longer].concat();
    let text = case.fails_with(vec![Answer::Send(endless)]);
    assert!(text.contains("more than the 300000 bytes") && !case.part().exists(), "{text}");
    let text = case.fails_with(vec![Answer::Send(reply("200 OK", "", b"short"))]);
    assert!(text.contains("offers 5 bytes"), "{text}");
    // What an earlier call brought is not given up for such an answer, nor for a page that asks to log in.
    case.put_part(1000);
    case.fails_with(vec![Answer::Send(reply("200 OK", "", b"short"))]);
    let page = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<html>".to_vec();
    assert!(case.fails_with(vec![Answer::Send(page)]).contains("web page"));
    assert_eq!(fs::read(case.part()).unwrap(), case.content[..1000]);
}

#[test]
fn answers_without_the_file() {
    let case = Case::new();
    let text = case.fails_with(vec![status("404 Not Found")]);
    assert!(text.contains("answered 404") && !case.part().exists(), "{text}");
    assert!(case.fails_with(vec![status("403 Forbidden")]).contains("answered 403"));
    assert!(case.fails_with(vec![status("204 No Content")]).contains("answered 204"));
    let failing = || status("503 Service Unavailable");
    let text = case.fails_with(vec![failing(), failing(), failing()]);
    assert!(text.contains("answered 503; given up after 3 tries"), "{text}");
    let server = Server::start(|_| vec![status("500 Internal Server Error"), case.whole()]);
    assert_eq!(case.fetch(&server.address()).unwrap(), State::Fetched);
    case.is_whole();
}

#[test]
fn redirects_are_followed_on_this_machine_and_at_most_five_times() {
    let case = Case::new();
    let server = Server::start(|port| {
        let to = |address: &str| redirect(address.to_owned());
        vec![to("/g/y"), to("z"), to(&format!("http://localhost:{port}/w")), case.whole()]
    });
    assert_eq!(case.fetch(&server.address()).unwrap(), State::Fetched);
    case.is_whole();
    let paths: Vec<String> = server.requests().iter().map(|r| r.lines().next().unwrap().to_owned()).collect();
    assert_eq!(
        paths,
        ["get /f/x.bin http/1.1", "get /g/y http/1.1", "get /g/z http/1.1", "get /w http/1.1"]
    );

    let case = Case::new();
    let text = case.fails_with((0..6).map(|_| redirect("/again".into())).collect());
    assert!(text.contains("more than 5 redirects"), "{text}");
    let text = case.fails_with(vec![redirect("http://example.org/x.bin".into())]);
    assert!(text.contains("redirected elsewhere") && text.contains("plain HTTP"), "{text}");
    assert!(
        case.fails_with(vec![redirect("ftp://example.org/x.bin".into())])
            .contains("redirected")
    );
    assert!(case.fails_with(vec![status("302 Found")]).contains("answered 302"));
}

#[test]
fn addresses_that_are_not_asked() {
    let case = Case::new();
    assert!(case.fails("http://example.org/x.bin").contains("plain HTTP"));
    assert!(case.fails("x.bin").contains("no https address"));
    let mut files = case.files("http://127.0.0.1:1/");
    files[0].name = "../x.bin".into();
    let refused = fetch(&files, case.folder.path(), &Patience::default(), &case.stop, &mut |_| {});
    assert!(refused.unwrap_err().to_string().contains("no plain file name"));
}

#[test]
fn connections_that_close_or_fall_silent() {
    let case = Case::new();
    let closed = || Answer::Send(Vec::new());
    assert!(
        case.fails_with(vec![closed(), closed(), closed()])
            .contains("given up after 3 tries")
    );
    let server = Server::start(|_| vec![closed(), Answer::Send(b"HTTP/1.1 2".to_vec()), case.whole()]);
    assert_eq!(case.fetch(&server.address()).unwrap(), State::Fetched);
    case.is_whole();

    let case = Case::new();
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n";
    let silent = || Answer::Stall(Vec::new());
    let begun = Answer::Stall([head, &case.content[..7]].concat());
    let text = case.fails_with(vec![begun, silent(), silent()]);
    assert!(
        text.to_lowercase().contains("timeout") && text.contains("7 of 300000 bytes here"),
        "{text}"
    );
    assert_eq!(fs::read(case.part()).unwrap(), case.content[..7]);

    // A port where nobody listens.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let text = case.fails(&format!("http://127.0.0.1:{port}/x"));
    assert!(text.contains("given up after 3 tries"), "{text}");
}

#[test]
fn another_file_under_the_name_is_left_as_it_is() {
    let case = Case::new();
    for (content, words) in [(vec![1; 3], "has 3 bytes"), (vec![1; 300_000], "its SHA-256 is")] {
        fs::write(case.path(), &content).unwrap();
        let text = case.fetch("http://127.0.0.1:1/").unwrap_err().to_string();
        assert!(text.contains("x.bin: is there already") && text.contains(words), "{text}");
        assert_eq!(fs::read(case.path()).unwrap(), content);
    }
    fs::remove_file(case.path()).unwrap();
    fs::create_dir(case.path()).unwrap();
    assert!(case.fetch("http://127.0.0.1:1/").unwrap_err().to_string().contains("no file"));
}

#[test]
fn stopping_keeps_the_part_and_does_not_wait_for_the_server() {
    let case = Case::new();
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n";
    let server = Server::start(|_| vec![Answer::Stall([head, &case.content[..9000]].concat())]);
    let files = case.files(&server.address());
    let began = Instant::now();
    let mut stop_soon = |event: Event| {
        if matches!(event, Event::Here { bytes: 9000, .. }) {
            case.stop.store(true, Ordering::Relaxed);
        }
    };
    let error = fetch(&files, case.folder.path(), &Patience::default(), &case.stop, &mut stop_soon);
    let text = error.unwrap_err().to_string();
    assert_eq!(text, "interrupted; what came of x.bin is kept, and the same command goes on from there");
    assert!(began.elapsed() < Duration::from_secs(20));
    assert!(!case.path().exists());
    assert_eq!(fs::read(case.part()).unwrap(), case.content[..9000]);
    // A wish to stop that was there before.
    assert!(case.fails(&server.address()).contains("interrupted"));
    assert_eq!(server.requests().len(), 1);
    case.stop.store(false, Ordering::Relaxed);
    let server = Server::start(|_| vec![case.rest(9000)]);
    assert_eq!(case.fetch(&server.address()).unwrap(), State::Resumed);
    case.is_whole();
}

#[test]
fn a_part_that_another_process_writes_is_left_alone() {
    let case = Case::new();
    case.put_part(10);
    let other = fs::File::open(case.part()).unwrap();
    other.lock().unwrap();
    let text = case.fails("http://127.0.0.1:1/");
    assert!(text.contains("another process is downloading it"), "{text}");
    assert_eq!(fs::read(case.part()).unwrap().len(), 10);
}

#[test]
fn several_files_and_a_folder_that_is_missing() {
    let case = Case::new();
    let server = Server::start(|_| vec![case.whole(), Answer::Send(reply("200 OK", "", b"second"))]);
    let mut files = case.files(&server.address());
    files.push(Remote {
        name: "y".into(),
        address: server.address(),
        bytes: 6,
        sha256: sha256::of_bytes(b"second"),
    });
    let to = case.folder.path().join("a/b");
    let mut seen = Vec::new();
    let mut watch = |event: Event| {
        if let Event::Here { file, bytes } = event {
            seen.push((file.name.clone(), bytes));
        }
    };
    let got = fetch(&files, &to, &Patience::default(), &case.stop, &mut watch).unwrap();
    assert_eq!((got[0].state, got[1].state), (State::Fetched, State::Fetched));
    assert_eq!(fs::read(to.join("y")).unwrap(), b"second");
    assert!(
        seen.contains(&("x.bin".into(), 0)) && seen.contains(&("x.bin".into(), 300_000)),
        "{seen:?}"
    );
    assert_eq!(seen.last().unwrap(), &("y".into(), 6));
}
