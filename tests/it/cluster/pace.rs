//! A rate limit is the sink's, whoever serves it.

use std::time::Duration;

use bellwire::simulator::receivers::Kind;

use super::alone;
use super::receivers::payload;
use super::server::Schema;
use crate::harness::{Bridge, Phones, Upstream, soon, until};

/// What may leave at once, and after what time one more.
const BURST: usize = 10;
const INTERVAL: Duration = Duration::from_secs(6);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_takes_a_sink_over_has_what_its_rate_limit_has_left() {
    let Some(schema) = Schema::named("pace") else {
        return;
    };
    let _alone = alone().await;
    let (upstream, phones) = (Upstream::start().await, Phones::start().await);
    let config = format!(
        "http.listen = \"127.0.0.1:0\"\n{}backfill = false\n{}\n[[rules]]\nname = \"all\"\nto = [\"hook\"]\n\
         [store]\nurl = {{ env = \"QUEUE\" }}\nschema = \"{}\"\n",
        upstream.source(),
        phones.sink("hook", Kind::Webhook, "").replace(
            "rate_limit = \"off\"",
            &format!("rate_limit = \"{BURST}/min\"")
        ),
        schema.name
    );
    let [mut one, mut two] = [(); 2].map(|()| Bridge::new(&config).env("QUEUE", &schema.address));
    one.start();
    soon("somebody who listens", upstream.handle.heard()).await;
    let arrived = || phones.handle.received_by(Kind::Webhook);
    for number in (1..).take(BURST + 1) {
        upstream.send(payload(number)).await;
    }
    until("what may leave at once", || arrived().len() >= BURST).await;
    one.signal("TERM");
    assert!(one.ended().await.success());
    two.start();
    until("the one that had to wait", || arrived().len() > BURST).await;
    let arrived = arrived();
    let took = arrived[BURST].at - arrived[0].at;
    // The clock of a permit starts before its request does.
    assert!(
        took > INTERVAL - Duration::from_millis(500),
        "one too many after {took:?}"
    );
    two.signal("TERM");
    assert!(two.ended().await.success());
    schema.remove().await;
}
