//! The bare sender: reads, signs and sends, and stores nothing. It shows what the machine gives.

use futures_util::{StreamExt, stream};

use super::options::Options;
use super::wire::{Frames, IN_FLIGHT, Sender, client};

/// Relays until it is killed.
#[tokio::main(flavor = "current_thread")]
pub(crate) async fn run(options: &Options) {
    let (feed, sinks): (String, Vec<String>) = (options.one("feed"), options.all("sink"));
    let kind: String = options.one("kind");
    let sender = Sender::new();
    let frames = Frames::open(&client(), &feed, None).await;
    let frames = stream::unfold(frames.expect("a stream"), async |mut frames| {
        let frame = frames.next().await?;
        Some((frame, frames))
    });
    let wanted = frames.filter(|frame| std::future::ready(frame.kind == kind));
    let deliveries = wanted.flat_map(|frame| {
        let each = sinks.iter().enumerate().map(move |(sink, address)| {
            let id = format!("msg_{}_{sink}", frame.id);
            (id, address, frame.payload.clone())
        });
        stream::iter(each.collect::<Vec<_>>())
    });
    let send = async |(id, address, payload): (String, &String, _)| {
        sender.send(address, &id, payload).await;
    };
    deliveries.for_each_concurrent(IN_FLIGHT, send).await;
    std::future::pending().await
}
