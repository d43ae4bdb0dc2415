//! The instance whose queue a command is about: a running one through its API, or a stopped one's files
//! under the lock of their folder. Either answers the same requests, so commands need not know which.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, anyhow};
use bytes::Bytes;
use http::{HeaderValue, Method, header};
use serde_json::Value;
use url::Url;

use super::{Exit, output};
use crate::admin;
use crate::app::{self, Plan};
use crate::model::Secret;
use crate::store::StoreError;
use crate::transport::{Client, Reach};

/// Longest wait for an answer: a replay of days takes a while, and so does a slow receiver.
const TIMEOUT: Duration = Duration::from_secs(300);

/// Most bytes of an answer. A page of a hundred deliveries is far smaller, unless somebody is hostile.
const ANSWER_BYTES_MAX: usize = 256 << 20;

/// Who is asked.
pub(super) enum Instance {
    /// A process that listens.
    Running {
        client: Client,
        address: SocketAddr,
        token: Option<Secret>,
    },
    /// Files that nobody else works on.
    Stopped(Box<admin::Parts>),
}

/// What was answered.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Value,
}

impl Instance {
    /// Finds the instance of a configuration. The lock of the data folder tells whether one runs.
    pub(super) fn find(plan: &Plan) -> anyhow::Result<Self> {
        Self::found(plan, app::stopped(plan))
    }

    /// The same for a command that needs no queue, and makes an empty one where there is none.
    pub(super) fn find_or_make(plan: &Plan) -> anyhow::Result<Self> {
        Self::found(plan, app::stopped_or_new(plan))
    }

    fn found(plan: &Plan, stopped: anyhow::Result<admin::Parts>) -> anyhow::Result<Self> {
        let taken = match stopped {
            Ok(parts) => return Ok(Self::Stopped(Box::new(parts))),
            Err(error) => error,
        };
        // A folder that is shut to us may be that of a service with a user of its own.
        let may_run = matches!(
            taken.downcast_ref(),
            Some(StoreError::Locked { .. } | StoreError::Folder { .. })
        );
        if !may_run {
            return Err(taken);
        }
        let listen = match plan.config.http.listen {
            Some(listen) if listen.port() != 0 => listen,
            Some(_) => {
                return Err(taken
                    .context("`http.listen` has port 0, so the running instance cannot be found"));
            }
            None => {
                return Err(taken
                    .context("`http.listen` is \"off\", so a running instance cannot be asked"));
            }
        };
        Self::running(reachable(listen), plan.config.http.token.clone())
    }

    /// The process that listens at an address.
    pub(super) fn running(address: SocketAddr, token: Option<Secret>) -> anyhow::Result<Self> {
        Ok(Self::Running {
            client: Client::new(None)?.reading(ANSWER_BYTES_MAX),
            address,
            token,
        })
    }

    /// Whether deliveries leave by themselves.
    pub(super) const fn runs(&self) -> bool {
        matches!(self, Self::Running { .. })
    }

    /// Reads something: path segments below `/api/v1`, and parameters.
    pub(super) async fn get(
        &self,
        path: &[&str],
        parameters: &[(&str, String)],
    ) -> anyhow::Result<Answer> {
        self.ask(Method::GET, &target(path, parameters), Bytes::new())
            .await
    }

    /// Asks for something to be done.
    pub(super) async fn post(
        &self,
        path: &[&str],
        body: impl Into<Bytes>,
    ) -> anyhow::Result<Answer> {
        self.ask(Method::POST, &target(path, &[]), body.into())
            .await
    }

    /// Lets go of the files.
    pub(super) async fn leave(self) {
        if let Self::Stopped(parts) = self {
            parts.store.close().await;
        }
    }

    async fn ask(&self, method: Method, target: &str, body: Bytes) -> anyhow::Result<Answer> {
        let request = http::Request::builder().method(method);
        let (status, body) = match self {
            Self::Stopped(parts) => {
                let request = request.uri(target).body(body)?;
                Box::pin(admin::answer((**parts).clone(), request)).await
            }
            Self::Running {
                client,
                address,
                token,
            } => {
                let mut request = request
                    .uri(format!("http://{address}{target}"))
                    .body(body)?;
                authorize(&mut request, token.as_ref())?;
                let reply = client.send(request, TIMEOUT, Reach::LinkLocalToo).await;
                let reply = reply.map_err(|failure| {
                    anyhow!("the queue is in use, but nothing answers at {address}: {failure}")
                })?;
                (reply.status, reply.body)
            }
        };
        let body = serde_json::from_slice(&body)
            .map_err(|_| anyhow!("what answers ({status}) is no bellwire of this version"))?;
        Ok(Answer { status, body })
    }
}

impl Answer {
    /// The body of a wish that was granted; otherwise the reason is told, and the exit status with it.
    pub(super) fn granted(self) -> Result<Value, Exit> {
        if self.status == 200 {
            return Ok(self.body);
        }
        output::complain(&format!("bellwire: {}", self.reason()));
        Err(Exit::Failed)
    }

    /// Why a wish was not granted.
    pub(super) fn reason(&self) -> String {
        let detail = self.body["detail"].as_str();
        detail.map_or_else(|| format!("status {}", self.status), str::to_owned)
    }
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
