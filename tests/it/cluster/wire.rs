//! The way to a server, which can be cut: what is sent then neither arrives nor comes back as refused, until the
//! way is whole again. It can also be left to cut itself in the middle of a certain transaction.

use std::net::Ipv4Addr;
use std::str::FromStr as _;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_postgres::config::Host;

/// How a client asks for the end of a transaction.
const COMMIT: &[u8] = b"COMMIT\0";

/// A wire to a server.
pub(super) struct Wire {
    /// The address of what is behind it.
    pub(super) address: String,
    way: Arc<Way>,
}

/// What all that is on a wire has to know.
struct Way {
    whole: watch::Sender<bool>,
    /// What is in the transaction that is never committed.
    trap: Mutex<Option<String>>,
}

impl Wire {
    /// A wire to the server at an address, for others to reach the same through it.
    pub(super) async fn to(address: &str) -> Self {
        let config = tokio_postgres::Config::from_str(address).expect("an address");
        let ([Host::Tcp(host)], [port]) = (config.get_hosts(), config.get_ports()) else {
            panic!("one host with a port is needed in {address}");
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.expect("a free port");
        let own = listener.local_addr().expect("an address").to_string();
        let behind = format!("{host}:{port}");
        let (whole, _) = watch::channel(true);
        let trap = Mutex::default();
        let way = Arc::new(Way { whole, trap });
        let own = address.replacen(&behind, &own, 1);
        assert_ne!(own, address, "the host and port are written out");
        tokio::spawn(serve(listener, behind, Arc::clone(&way)));
        Self { address: own, way }
    }

    pub(super) fn cut(&self) {
        self.way.whole.send_replace(false);
    }

    /// Has it cut when a transaction with this text is to be committed, which the server does not hear of.
    pub(super) fn cut_at_commit_of(&self, text: String) {
        *self.way.trap.lock().expect("nobody panics with it") = Some(text);
    }

    /// Waits until that has happened.
    pub(super) async fn cuts(&self) {
        let mut whole = self.way.whole.subscribe();
        whole.wait_for(|whole| !whole).await.expect("a wire");
    }

    pub(super) fn mend(&self) {
        self.way.whole.send_replace(true);
    }
}

impl Way {
    async fn is_whole(&self) {
        let mut whole = self.whole.subscribe();
        whole.wait_for(|whole| *whole).await.expect("a wire");
    }

    /// Looks at what a client says, of which `is_it` knows whether it was in the transaction that is meant.
    fn minds(&self, said: &[u8], is_it: &mut bool) {
        let has = |text: &[u8]| said.windows(text.len()).any(|part| part == text);
        let mut trap = self.trap.lock().expect("nobody panics with it");
        let Some(text) = &*trap else { return };
        *is_it |= has(text.as_bytes());
        if *is_it && has(COMMIT) {
            *trap = None;
            self.whole.send_replace(false);
        }
    }
}

async fn serve(listener: TcpListener, behind: String, way: Arc<Way>) {
    while let Ok((near, _)) = listener.accept().await {
        let (behind, way) = (behind.clone(), Arc::clone(&way));
        tokio::spawn(async move {
            way.is_whole().await;
            let Ok(far) = TcpStream::connect(behind).await else {
                return;
            };
            for end in [&near, &far] {
                // To wait until there is more to send would make every question as slow as over half the world.
                end.set_nodelay(true).expect("a connection");
            }
            let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
            let mut is_it = false;
            let there = carry(near_in, far_out, &way, |said| way.minds(said, &mut is_it));
            tokio::join!(there, carry(far_in, near_out, &way, |_| {}));
        });
    }
}

/// Carries bytes one way, and then the end.
async fn carry(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    way: &Way,
    mut heard: impl FnMut(&[u8]),
) {
    let mut bytes = vec![0; 1 << 16];
    loop {
        let read = from.read(&mut bytes).await;
        if let Ok(count) = read {
            heard(&bytes[..count]);
        }
        // What was on its way when the wire was cut arrives when it is whole again.
        way.is_whole().await;
        let Ok(count @ 1..) = read else { break };
        if to.write_all(&bytes[..count]).await.is_err() {
            break;
        }
    }
    // Fails only where the other side is gone.
    let _ = to.shutdown().await;
}
