//! `bellwire health`: whether the running instance would get an alert through.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use bytes::Bytes;

use super::instance::{authorize, reachable};
use super::{Exit, configuration, output};
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
    let http = match configuration::load_or_complain(args.config.as_deref()) {
        Ok(plan) => plan.config.http,
        Err(exit) => return Ok(exit),
    };
    let Some(listen) = http.listen else {
        output::complain("`http.listen` is \"off\", so nobody can tell whether bellwire is ready");
        return Ok(Exit::Failed);
    };
    let address = reachable(listen);
    let mut request = http::Request::get(format!("http://{address}/readyz")).body(Bytes::new())?;
    authorize(&mut request, http.token.as_ref())?;
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
