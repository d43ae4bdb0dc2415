//! The way to a server, which can be cut: what is sent then neither arrives nor comes back as refused, until the
//! way is whole again.

use std::net::Ipv4Addr;
use std::str::FromStr as _;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_postgres::config::Host;

/// A wire to a server.
pub(super) struct Wire {
    /// The address of what is behind it.
    pub(super) address: String,
    whole: watch::Sender<bool>,
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
        let (whole, state) = watch::channel(true);
        let own = address.replacen(&behind, &own, 1);
        assert_ne!(own, address, "the host and port are written out");
        tokio::spawn(serve(listener, behind, state));
        Self {
            address: own,
            whole,
        }
    }

    pub(super) fn cut(&self) {
        self.whole.send_replace(false);
    }

    pub(super) fn mend(&self) {
        self.whole.send_replace(true);
    }
}

async fn serve(listener: TcpListener, behind: String, whole: watch::Receiver<bool>) {
    while let Ok((near, _)) = listener.accept().await {
        let (behind, mut whole) = (behind.clone(), whole.clone());
        tokio::spawn(async move {
            if whole.wait_for(|whole| *whole).await.is_err() {
                return;
            }
            let Ok(far) = TcpStream::connect(behind).await else {
                return;
            };
            let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
            let there = carry(near_in, far_out, whole.clone());
            tokio::join!(there, carry(far_in, near_out, whole));
        });
    }
}

/// Carries bytes one way, and then the end.
async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut whole: watch::Receiver<bool>) {
    let mut bytes = vec![0; 1 << 16];
    loop {
        let read = from.read(&mut bytes).await;
        // What was on its way when the wire was cut arrives when it is whole again.
        if whole.wait_for(|whole| *whole).await.is_err() {
            return;
        }
        let Ok(count @ 1..) = read else { break };
        if to.write_all(&bytes[..count]).await.is_err() {
            break;
        }
    }
    // Fails only where the other side is gone.
    let _ = to.shutdown().await;
}
