//! A queue file with damage inside: told with its name and what to do, never replaced, never retried.

use std::fs;
use std::time::Duration;

use bellwire::model::{Batch, DataAt, Event, Name, Route};
use bellwire::simulator::receivers::Kind;
use bellwire::status::Status;
use bellwire::store::Store;
use jiff::Timestamp;

use crate::harness::{Bridge, Phones, Upstream};

const PAGE: usize = 4096;

/// A queue whose deliveries wait, and a file in which most pages behind the first ones are spoilt.
async fn spoilt(bridge: &Bridge) -> Vec<u8> {
    let folder = bridge.folder().join("data");
    let now = Timestamp::now();
    let store = Store::open(&folder, Status::new().0, now).expect("opens");
    let event = |number: usize| Event {
        source: Name::new("ttmt").expect("a name"),
        id: Some(number.to_string().into()),
        kind: "tp_hit".into(),
        time: Some(now),
        received: now,
        backfilled: false,
        identity: None,
        payload: vec![b'x'; 1000].into(),
        data: DataAt::Text,
        about: None,
    };
    let route = Route::new(Name::new("automation").expect("a name"), "hits".into());
    let batch = Batch {
        source: Name::new("ttmt").expect("a name"),
        events: (0..2000)
            .map(|number| (event(number), vec![route.clone()]))
            .collect(),
        checkpoint: None,
        picture: Vec::new(),
        heard: Vec::new(),
    };
    store.accept(batch).await.expect("accepts");
    store.close().await;
    let file = folder.join("bellwire.db");
    let mut bytes = fs::read(&file).expect("reads");
    for page in bytes.chunks_mut(PAGE).skip(20) {
        page[..64].fill(0xa5);
    }
    fs::write(&file, &bytes).expect("writes");
    bytes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_file_ends_the_program_with_its_name_and_what_to_do() {
    let (upstream, phones) = (Upstream::start().await, Phones::start().await);
    let mut bridge = Bridge::new(&format!(
        "http.listen = \"off\"\n{}{}[[rules]]\nname = \"hits\"\nto = [\"automation\"]\n",
        upstream.source(),
        phones.sink("automation", Kind::Webhook, ""),
    ));
    let bytes = spoilt(&bridge).await;
    bridge.start();
    let ended = tokio::time::timeout(Duration::from_secs(20), bridge.ended()).await;
    let status = ended.expect("it ends");
    assert_eq!(status.code(), Some(1));
    let log = bridge.log();
    let name = bridge.folder().join("data").join("bellwire.db");
    assert!(log.contains(&name.display().to_string()), "{log}");
    assert!(
        log.contains("is damaged") && log.contains("rename"),
        "{log}"
    );
    assert!(fs::read(&name).expect("reads") == bytes, "left as it is");
}
