//! A server on this machine that gives prepared answers, one a connection.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What happens with a connection once its request was read.
pub enum Answer {
    /// These bytes are sent, and the connection is closed.
    Send(Vec<u8>),
    /// These bytes are sent, and then nothing for a long while.
    Stall(Vec<u8>),
}

pub struct Server {
    pub port: u16,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Gives the answers that `answers` makes of the server's port, in their order. Later connections are closed at once.
    pub fn start(answers: impl FnOnce(u16) -> Vec<Answer>) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = requests.clone();
        let mut answers = answers(port).into_iter();
        // It waits for connections until the test process ends.
        thread::spawn(move || {
            let mut stalled = Vec::new();
            for connection in listener.incoming() {
                let mut connection = connection.unwrap();
                seen.lock().unwrap().push(request(&mut connection));
                match answers.next() {
                    Some(Answer::Send(bytes)) => {
                        drop(connection.write_all(&bytes));
                        drop(connection.shutdown(Shutdown::Write));
                    }
                    Some(Answer::Stall(bytes)) => {
                        drop(connection.write_all(&bytes));
                        stalled.push(connection);
                    }
                    None => {}
                }
            }
        });
        Server { port, requests }
    }

    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}/f/x.bin", self.port)
    }

    /// The requests so far, in lower case.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

fn request(connection: &mut TcpStream) -> String {
    connection.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut text = Vec::new();
    let mut byte = [0];
    while !text.ends_with(b"\r\n\r\n") && connection.read(&mut byte).unwrap() == 1 {
        text.extend(byte);
    }
    String::from_utf8(text).unwrap().to_lowercase()
}

/// An answer with its length.
pub fn reply(status: &str, headers: &str, content: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n",
        content.len()
    );
    [head.as_bytes(), content].concat()
}
