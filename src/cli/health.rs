//! `bellwire health`: whether the running instance would get an alert through.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;
use http::{HeaderValue, header};

use super::{Exit, configuration, output};
use crate::model::Secret;
use crate::transport::{Client, Reach};

/// Longest wait for the answer: shorter than what container engines allow a health check.
const TIMEOUT: Duration = Duration::from_secs(4);

/// Ask the running instance whether an alert would get through; exit 0 when it would.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

pub(super) async fn run(args: Args) -> anyhow::Result<Exit> {
    let http = match configuration::load(args.config.as_deref()) {
        Ok(plan) => plan.config.http,
        Err(report) => {
            output::complain(&report);
            return Ok(Exit::Wrong);
        }
    };
    let Some(listen) = http.listen else {
        output::complain("`http.listen` is \"off\", so nobody can tell whether bellwire is ready");
        return Ok(Exit::Failed);
    };
    let request = request(reachable(listen), http.token.as_ref())?;
    let client = Client::new(None).context("the health check cannot start")?;
    let reply = match client.send(request, TIMEOUT, Reach::LinkLocalToo).await {
        Ok(reply) => reply,
        Err(failure) => {
            output::complain(&format!("nothing answers at {listen}: {failure}"));
            return Ok(Exit::Failed);
        }
    };
    output::line(String::from_utf8_lossy(&reply.body).trim_end());
    Ok(if reply.status == 200 {
        Exit::Done
    } else {
        Exit::Failed
    })
}

fn request(address: SocketAddr, token: Option<&Secret>) -> anyhow::Result<http::Request<Bytes>> {
    let mut request = http::Request::get(format!("http://{address}/readyz")).body(Bytes::new())?;
    if let Some(token) = token {
        let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose()))
            .context("`http.token` cannot be sent in a header")?;
        value.set_sensitive(true);
        request.headers_mut().insert(header::AUTHORIZATION, value);
    }
    Ok(request)
}

/// An instance that listens everywhere is asked on this machine.
fn reachable(listen: SocketAddr) -> SocketAddr {
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
}
