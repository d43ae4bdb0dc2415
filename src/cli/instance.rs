//! The instance whose queue a command is about: a running one through its API, or a stopped one's files
//! under the lock of their folder. Either answers the same requests, so commands need not know which.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use http::{HeaderValue, Method, header};
use serde_json::Value;
use url::Url;

use super::failed::Failed;
use super::table;
use crate::admin;
use crate::app::{self, Plan};
use crate::model::Secret;
use crate::store::StoreError;
use crate::transport::{Client, Reach};

/// Longest wait for what was asked to be done: a replay of days takes a while, and so does a slow receiver.
const DONE_WITHIN: Duration = Duration::from_secs(300);

/// Longest wait for what was asked to be read. A page of a queue of millions takes less than a second.
const READ_WITHIN: Duration = Duration::from_secs(30);

/// How long somebody who listens on this machine may take over a connection.
const LISTENS_WITHIN: Duration = Duration::from_millis(500);

/// Most bytes of an answer. A page of a hundred deliveries is far smaller, unless somebody is hostile.
const ANSWER_BYTES_MAX: usize = 256 << 20;

/// What the system says of files that are for others, or on a file system that cannot be written.
const SHUT: [ErrorKind; 2] = [ErrorKind::PermissionDenied, ErrorKind::ReadOnlyFilesystem];

/// What to do where somebody else answers than was meant, or nobody.
const LISTEN: &str =
    "set `http.listen` to where the instance listens, which is what it was at its start";

/// Who is asked.
pub(super) enum Instance {
    /// A process that listens.
    Running {
        client: Client,
        address: SocketAddr,
        token: Option<Secret>,
        /// Why the files cannot be read, where nobody need hold them.
        shut: Option<String>,
    },
    /// Files that nobody else works on.
    Stopped(Box<admin::Parts>),
}

/// What was answered.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Value,
    /// Where it was asked for; `None` where nobody listens and files were read.
    at: Option<SocketAddr>,
}

impl Instance {
    /// Finds the instance of a configuration. The lock of the data folder tells whether one runs.
    /// A queue on a server is nobody's own: whoever listens here is asked, and else the server.
    pub(super) fn find(plan: &Plan) -> anyhow::Result<Self> {
        match listening(plan) {
            Some(address) => Self::asked(address, plan.config.http.token.clone(), None),
            None => Self::found(plan, app::stopped(plan)),
        }
    }

    /// The same for a command that needs no queue, and makes an empty one where there is none.
    pub(super) fn find_or_make(plan: &Plan) -> anyhow::Result<Self> {
        match listening(plan) {
            Some(address) => Self::asked(address, plan.config.http.token.clone(), None),
            None => Self::found(plan, app::stopped_or_new(plan)),
        }
    }

    fn found(plan: &Plan, stopped: anyhow::Result<admin::Parts>) -> anyhow::Result<Self> {
        let taken = match stopped {
            Ok(parts) => return Ok(Self::Stopped(Box::new(parts))),
            Err(error) => error,
        };
        let shut = match taken.downcast_ref() {
            Some(StoreError::Locked { .. }) => None,
            // What is shut to us may be that of a service with a user of its own.
            Some(StoreError::Folder { error, .. } | StoreError::File { error, .. })
                if SHUT.contains(&error.kind()) =>
            {
                Some(taken.to_string())
            }
            _ => return Err(taken),
        };
        let listen = match plan.config.http.listen {
            Some(listen) if listen.port() != 0 => listen,
            _ if shut.is_some() => return Err(taken),
            Some(_) => {
                return Err(taken
                    .context("`http.listen` has port 0, so the running instance cannot be found"));
            }
            None => {
                return Err(taken
                    .context("`http.listen` is \"off\", so a running instance cannot be asked"));
            }
        };
        Self::asked(reachable(listen), plan.config.http.token.clone(), shut)
    }

    /// The process that listens at an address.
    pub(super) fn running(address: SocketAddr, token: Option<Secret>) -> anyhow::Result<Self> {
        Self::asked(address, token, None)
    }

    fn asked(
        address: SocketAddr,
        token: Option<Secret>,
        shut: Option<String>,
    ) -> anyhow::Result<Self> {
        Ok(Self::Running {
            client: Client::new(None)?.reading(ANSWER_BYTES_MAX),
            address,
            token,
            shut,
        })
    }

    /// Whether deliveries leave by themselves.
    pub(super) async fn runs(&self) -> bool {
        match self {
            Self::Running { .. } => true,
            // Other machines may work on it.
            Self::Stopped(parts) => {
                let others = parts.store.instances().await.unwrap_or_default();
                others.iter().any(|other| !other.is_gone)
            }
        }
    }

    /// Reads something: path segments below `/api/v1`, and parameters.
    pub(super) async fn get(
        &self,
        path: &[&str],
        parameters: &[(&str, String)],
    ) -> anyhow::Result<Answer> {
        let target = target(path, parameters);
        self.ask(Method::GET, &target, Bytes::new(), READ_WITHIN)
            .await
    }

    /// Asks for something to be done.
    pub(super) async fn post(
        &self,
        path: &[&str],
        body: impl Into<Bytes>,
    ) -> anyhow::Result<Answer> {
        let target = target(path, &[]);
        self.ask(Method::POST, &target, body.into(), DONE_WITHIN)
            .await
    }

    /// Lets go of the files.
    pub(super) async fn leave(self) {
        if let Self::Stopped(parts) = self {
            parts.store.close().await;
        }
    }

    async fn ask(
        &self,
        method: Method,
        target: &str,
        body: Bytes,
        within: Duration,
    ) -> anyhow::Result<Answer> {
        let request = http::Request::builder().method(method);
        match self {
            Self::Stopped(parts) => {
                let request = request.uri(target).body(body)?;
                let (status, body) = Box::pin(admin::answer((**parts).clone(), request)).await;
                let body = serde_json::from_slice(&body).context("an answer is no JSON")?;
                let at = None;
                Ok(Answer { status, body, at })
            }
            Self::Running {
                client,
                address,
                token,
                shut,
            } => {
                let mut request = request
                    .uri(format!("http://{address}{target}"))
                    .body(body)?;
                authorize(&mut request, token.as_ref())?;
                let reply = client.send(request, within, Reach::LinkLocalToo).await;
                let reply = reply.map_err(|failure| {
                    let unheard = format!("nothing answers at {address}: {failure}");
                    match shut {
                        Some(shut) => Failed::new(format!("{shut} ({unheard})")),
                        None => {
                            Failed::new(format!("the queue is in use, but {unheard}")).help(LISTEN)
                        }
                    }
                })?;
                let status = reply.status;
                let body = serde_json::from_slice(&reply.body).map_err(|_| foreign(*address))?;
                match is_shut(status, &body) {
                    true => Err(shut_out(*address, token.as_ref()).into()),
                    false => Ok(Answer {
                        status,
                        body,
                        at: Some(*address),
                    }),
                }
            }
        }
    }
}

/// Where an instance of this machine listens whose queue is on a server.
fn listening(plan: &Plan) -> Option<SocketAddr> {
    plan.home.server()?;
    let listen = plan
        .config
        .http
        .listen
        .filter(|listen| listen.port() != 0)?;
    let address = reachable(listen);
    let answers = TcpStream::connect_timeout(&address, LISTENS_WITHIN);
    answers.is_ok().then_some(address)
}

impl Answer {
    /// The body of a wish that was granted, which always has this key; with the statuses that tell of a
    /// mistake of the command line.
    ///
    /// # Errors
    /// Why it was not.
    pub(super) fn granted(self, key: &str, wrong: &[u16]) -> Result<Value, Failed> {
        if self.status == 200 && self.body.get(key).is_some() {
            return Ok(self.body);
        }
        Err(match (refusal(self.status, &self.body), self.at) {
            (Some(detail), _) if wrong.contains(&self.status) => {
                Failed::wrong(table::printable(detail))
            }
            (Some(detail), _) => Failed::new(table::printable(detail)),
            (None, Some(at)) => foreign(at),
            (None, None) => Failed::new(format!("status {}", self.status)),
        })
    }
}

/// Why bellwire refuses something; `None` where nothing says that it is bellwire that does.
pub(super) fn refusal(status: u16, body: &Value) -> Option<&str> {
    let is_ours = body["type"] == "about:blank" && body["status"] == status;
    body["detail"].as_str().filter(|_| is_ours)
}

/// Whether an instance lets in only who shows its token, or nobody for now who shows a wrong one.
pub(super) fn is_shut(status: u16, body: &Value) -> bool {
    matches!(status, 401 | 429) && refusal(status, body).is_some()
}

/// What somebody can do whom an instance does not let in.
pub(super) fn shut_out(at: SocketAddr, token: Option<&Secret>) -> Failed {
    match token {
        Some(_) => Failed::new(format!(
            "the instance at {at} does not know the token of `http.token`"
        ))
        .help("set it, or the variable that it comes from, such as `BELLWIRE_HTTP_TOKEN`, to what the instance was started with"),
        None => Failed::new(format!(
            "the instance at {at} wants a token, and there is no `http.token` here"
        ))
        .help("set it to what the instance was started with, such as `{ env = \"BELLWIRE_HTTP_TOKEN\" }`"),
    }
}

/// What somebody can do whom a stranger answers.
pub(super) fn foreign(at: SocketAddr) -> Failed {
    Failed::new(format!(
        "what answers at {at} is no bellwire of this version"
    ))
    .help(LISTEN)
}

/// Path and parameters, escaped as they have to be.
fn target(path: &[&str], parameters: &[(&str, String)]) -> String {
    let mut url = Url::parse("http://localhost/api/v1").expect("a constant that is an address");
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.extend(path);
    }
    if !parameters.is_empty() {
        url.query_pairs_mut().extend_pairs(parameters);
    }
    match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    }
}

/// Shows the token, where one is set.
pub(super) fn authorize(
    request: &mut http::Request<Bytes>,
    token: Option<&Secret>,
) -> anyhow::Result<()> {
    if let Some(token) = token {
        let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose()))
            .context("`http.token` cannot be sent in a header")?;
        value.set_sensitive(true);
        request.headers_mut().insert(header::AUTHORIZATION, value);
    }
    Ok(())
}

/// An instance that listens everywhere is asked on this machine.
pub(super) fn reachable(listen: SocketAddr) -> SocketAddr {
    let host = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(host, listen.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_that_listens_everywhere_is_asked_on_this_machine() {
        let check = |listen: &str, asked: &str| {
            let listen: SocketAddr = listen.parse().expect("an address");
            assert_eq!(reachable(listen).to_string(), asked);
        };
        check("0.0.0.0:8080", "127.0.0.1:8080");
        check("[::]:8080", "[::1]:8080");
        check("192.168.1.5:80", "192.168.1.5:80");
    }

    #[test]
    fn what_a_person_types_is_escaped() {
        let parameters = [("since", "2026-06-11T08:00:00+02:00".to_owned())];
        assert_eq!(
            target(&["deliveries", "a/b?c d"], &parameters),
            "/api/v1/deliveries/a%2Fb%3Fc%20d?since=2026-06-11T08%3A00%3A00%2B02%3A00"
        );
    }
}
