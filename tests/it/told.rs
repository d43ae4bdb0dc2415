//! What was told of a sink is kept over a power cut: its trouble is not told twice, and its end is told.

use crate::harness::{shut, until};

const HIT: &str =
    r#"{"type":"tp_hit","eventId":1,"timestamp":"2026-06-11T08:00:00.000Z","data":{}}"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_suspension_is_told_once_and_its_end_after_a_kill_too() {
    let (upstream, phones, mut bridge) = shut().await;
    let said = |kind: &str| {
        let own = phones.own().into_iter();
        own.filter(|(said, _)| said == kind).collect::<Vec<_>>()
    };
    let tried = || {
        let mut received = phones.handle.received();
        received.retain(|one| one.path == "/webhook/events");
        received.len()
    };
    upstream.send(HIT).await;
    until("the suspension", || {
        said("bellwire.sink_suspended").len() == 1
    })
    .await;
    for kill in 1..=2 {
        // Between the telling and its keeping a kill has it told twice; after a stop in order it is kept.
        if kill == 1 {
            bridge.signal("TERM");
            assert!(bridge.ended().await.success());
        } else {
            bridge.kill();
        }
        bridge.start();
        // A restart tries it once more, in vain.
        until("another try", || tried() == 1 + kill).await;
        bridge
            .ready("the sink to be suspended", |page| {
                page["sinks"]["events"]["suspended"].is_string()
            })
            .await;
    }
    phones.handle.answer_as_ever("/webhook/events");
    let sent = bridge.tool(&["send", "events"]).await;
    assert_eq!(sent.status, Some(0), "{sent:?}");
    until("its end", || !said("bellwire.sink_recovered").is_empty()).await;
    let (suspended, recovered) = (
        said("bellwire.sink_suspended"),
        said("bellwire.sink_recovered"),
    );
    assert_eq!((suspended.len(), recovered.len()), (1, 1));
    assert_eq!(suspended[0].1["since"], recovered[0].1["since"]);
}
