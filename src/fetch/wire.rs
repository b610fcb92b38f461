//! One request and its answer, on a thread of its own, so that who waits for it can stop waiting at any time.

use std::io::Read;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use ureq::http::Uri;
use ureq::{Agent, Error, Proxy};

use super::Patience;
use super::address::is_this_machine;

/// Bytes that are handed over at once.
const BLOCK: usize = 1 << 17;
/// Blocks that may wait to be taken.
const WAITING: usize = 8;

/// What comes back, in this order: a head, blocks, the end; or a failure at any point.
pub(super) enum Piece {
    Head(Head),
    Block(Vec<u8>),
    End,
    Failed(Failure),
}

/// What an answer says before its content.
#[derive(Debug, Default)]
pub(super) struct Head {
    pub status: u16,
    pub length: Option<u64>,
    /// `Content-Range`, `Location` and `Content-Type`.
    pub range: Option<String>,
    pub location: Option<String>,
    pub kind: Option<String>,
}

/// Why there is no answer, or not the whole of one.
#[derive(Debug)]
pub(super) struct Failure {
    pub reason: String,
    /// Whether the same request may well succeed a little later.
    pub passing: bool,
}

/// Asks for the content of `address` from byte `from` on. Redirects are not followed: they are an answer like others.
pub(super) fn ask(address: Uri, from: u64, patience: &Patience) -> Receiver<Piece> {
    let (sender, receiver) = sync_channel(WAITING);
    let agent = agent(&address, patience);
    // It ends with its answer, with a timeout, or when nobody takes its pieces any more.
    let asking = thread::Builder::new().name("fetch".to_owned());
    let failed = sender.clone();
    if let Err(e) = asking.spawn(move || answer(&agent, &address, from, &sender)) {
        let failure = Failure {
            reason: format!("no thread can be started: {e}"),
            passing: false,
        };
        // There is room for this one, and the receiver is still here.
        drop(failed.send(Piece::Failed(failure)));
    }
    receiver
}

fn agent(address: &Uri, patience: &Patience) -> Agent {
    // A proxy is for the way to other machines.
    let proxy = match is_this_machine(address.host().unwrap_or_default()) {
        true => None,
        false => Proxy::try_from_env(),
    };
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        // The content is hashed as it is stored.
        .accept_encoding("identity")
        .user_agent(concat!("ganas/", env!("CARGO_PKG_VERSION")))
        .proxy(proxy)
        .timeout_resolve(Some(patience.connect))
        .timeout_connect(Some(patience.connect))
        .timeout_recv_response(Some(patience.idle))
        .timeout_per_read(Some(patience.idle))
        .build();
    Agent::new_with_config(config)
}

/// Sends the answer piece by piece. A receiver that has gone away ends it.
fn answer(agent: &Agent, address: &Uri, from: u64, to: &SyncSender<Piece>) {
    let mut request = agent.get(address);
    if from > 0 {
        request = request.header("Range", format!("bytes={from}-"));
    }
    let mut response = match request.call() {
        Ok(response) => response,
        Err(e) => return drop(to.send(Piece::Failed(failure(&e)))),
    };
    let text = |name: &str| {
        let value = response.headers().get(name)?;
        value.to_str().ok().map(str::to_owned)
    };
    let head = Head {
        status: response.status().as_u16(),
        length: text("content-length").and_then(|length| length.parse().ok()),
        range: text("content-range"),
        location: text("location"),
        kind: text("content-type"),
    };
    if to.send(Piece::Head(head)).is_err() {
        return;
    }
    let mut content = response.body_mut().as_reader();
    loop {
        let mut block = vec![0; BLOCK];
        let piece = match content.read(&mut block) {
            Ok(0) => Piece::End,
            Ok(n) => {
                block.truncate(n);
                Piece::Block(block)
            }
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(e) => Piece::Failed(Failure { reason: e.to_string(), passing: true }),
        };
        let last = !matches!(piece, Piece::Block(_));
        if to.send(piece).is_err() || last {
            return;
        }
    }
}

fn failure(error: &Error) -> Failure {
    let passing = match error {
        // A certificate that does not fit is reported as data that is not right.
        Error::Io(e) => e.kind() != std::io::ErrorKind::InvalidData,
        Error::Timeout(_) | Error::HostNotFound | Error::ConnectionFailed | Error::Protocol(_) => true,
        _ => false,
    };
    Failure { reason: error.to_string(), passing }
}
