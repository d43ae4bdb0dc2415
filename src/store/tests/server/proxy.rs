//! Somebody in the middle, who cuts connections at the moments that matter.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// How a client asks for the end of a transaction, and for deliveries to be counted.
const COMMIT: &[u8] = b"COMMIT\0";
const COUNT: &[u8] = b"INSERT INTO depths";

/// When a connection is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Cut {
    /// Not at all.
    Never,
    /// The server never hears of the commit.
    Before,
    /// It hears of it, and nobody waits for what it says.
    With,
    /// It has answered, and nobody hears it.
    After,
    /// The same, and nobody gets through any more.
    ForGood,
    /// At no commit, but before deliveries are counted for the first time.
    AtCounts,
}

const CUTS: [Cut; 6] = [
    Cut::Never,
    Cut::Before,
    Cut::With,
    Cut::After,
    Cut::ForGood,
    Cut::AtCounts,
];

/// Passes on what a client and its server say to each other.
#[derive(Clone)]
pub(super) struct Proxy {
    pub(super) port: u16,
    cut: Arc<AtomicU8>,
    cuts: Arc<AtomicU64>,
    /// Moments that are let pass before that.
    passes: Arc<AtomicU64>,
    is_away: Arc<AtomicBool>,
}

impl Proxy {
    /// One that cuts nothing for now.
    pub(super) async fn before(server: (String, u16)) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("binds");
        let proxy = Self {
            port: listener.local_addr().expect("an address").port(),
            cut: Arc::default(),
            cuts: Arc::default(),
            passes: Arc::default(),
            is_away: Arc::default(),
        };
        let own = proxy.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if own.is_away.load(Ordering::SeqCst) {
                    continue;
                }
                let (own, server) = (own.clone(), server.clone());
                tokio::spawn(async move {
                    let server = TcpStream::connect(server).await.expect("connects");
                    // Whoever is cut off notices.
                    let _ = own.pass(client, server).await;
                });
            }
        });
        proxy
    }

    /// What becomes of the next commit.
    pub(super) fn set(&self, cut: Cut) {
        self.set_behind(0, cut);
    }

    /// What becomes of the one behind so many.
    pub(super) fn set_behind(&self, commits: u64, cut: Cut) {
        self.passes.store(commits, Ordering::SeqCst);
        self.is_away.store(false, Ordering::SeqCst);
        self.cut.store(cut as u8, Ordering::SeqCst);
    }

    /// How many were cut.
    pub(super) fn cuts(&self) -> u64 {
        self.cuts.load(Ordering::SeqCst)
    }

    /// What is done about what a client has said.
    fn becomes_of(&self, said: &[u8]) -> Cut {
        let has = |text: &[u8]| said.windows(text.len()).any(|part| part == text);
        let cut = CUTS[usize::from(self.cut.load(Ordering::SeqCst))];
        let is_meant = match cut {
            Cut::Never => false,
            Cut::AtCounts => has(COUNT),
            _ => has(COMMIT),
        };
        if !is_meant {
            return Cut::Never;
        }
        let passes = self.passes.load(Ordering::SeqCst);
        if passes > 0 {
            self.passes.store(passes - 1, Ordering::SeqCst);
            return Cut::Never;
        }
        self.cut.store(Cut::Never as u8, Ordering::SeqCst);
        cut
    }

    async fn pass(&self, mut client: TcpStream, mut server: TcpStream) -> std::io::Result<()> {
        client.set_nodelay(true)?;
        server.set_nodelay(true)?;
        let (mut asked, mut answered) = (vec![0; 1 << 16], vec![0; 1 << 16]);
        loop {
            tokio::select! {
                read = client.read(&mut asked) => {
                    let said = &asked[..read?];
                    let cut = self.becomes_of(said);
                    self.is_away.fetch_or(cut == Cut::ForGood, Ordering::SeqCst);
                    self.cuts.fetch_add(u64::from(cut != Cut::Never), Ordering::SeqCst);
                    if said.is_empty() || cut == Cut::Before || cut == Cut::AtCounts {
                        return Ok(());
                    }
                    server.write_all(said).await?;
                    if cut == Cut::After || cut == Cut::ForGood {
                        server.read_u8().await?;
                    }
                    if cut != Cut::Never {
                        return Ok(());
                    }
                }
                read = server.read(&mut answered) => match read? {
                    0 => return Ok(()),
                    length => client.write_all(&answered[..length]).await?,
                },
            }
        }
    }
}
