//! One publish over MQTT 5: connect, hand over, wait for the broker's word, hang up.
//!
//! A file of its own because the wire is another one; what it shares with HTTP is the address policy,
//! TLS and the closed set of failures. A connection for each publish has no state that could go stale,
//! and an alert is worth a handshake. Version 5 because an older broker says "success" to a message
//! that its access list throws away.

mod dial;

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use http::HeaderMap;
use mqtt_codec_kit::common::qos::QoSWithPacketIdentifier;
use mqtt_codec_kit::common::{Encodable, TopicName};
use mqtt_codec_kit::v5::control::{ConnackProperties, DisconnectReasonCode, PublishProperties};
use mqtt_codec_kit::v5::packet::{
    ConnectPacket, DisconnectPacket, MqttDecoder, PublishPacket, VariablePacket,
    VariablePacketError,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_util::codec::FramedRead;

use super::{REPLY_BYTES_MAX, Reach};
use crate::model::{Failure, Reply, Secret};

/// The broker speaks another version, as it says itself.
pub const UNSUPPORTED_VERSION: u16 = 132;

/// The message is larger than the broker takes.
pub const PACKET_TOO_LARGE: u16 = 149;

/// How an alert of TLS begins.
const TLS_ALERT: [u8; 2] = [21, 3];

/// Bytes of an answer by which it is told whose it is.
const FIRST_BYTES: usize = 4;

/// Bytes of a publish beside topic and payload, rounded up.
const FRAME_BYTES: usize = 64;

/// A broker.
#[derive(Clone, Debug)]
pub struct Broker {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Whether the connection is encrypted, and by whose word the broker's certificate holds.
    pub tls: Option<Trust>,
    /// User name.
    pub username: Option<String>,
    /// Password.
    pub password: Option<Secret>,
}

/// Who says that a certificate is right.
#[derive(Clone, Debug)]
pub enum Trust {
    /// The authorities that the system trusts.
    System,
    /// These certificates alone, as PEM.
    Only(Secret),
}

/// Messages for a broker, in this order.
#[derive(Clone, Debug)]
pub struct Publication {
    /// Where to.
    pub broker: Broker,
    /// Who we are; two connections of one name throw each other out.
    pub client_id: String,
    /// What is published. Of none, only the connection is tried.
    pub messages: Vec<Post>,
}

/// One message.
#[derive(Clone, Debug)]
pub struct Post {
    /// Where it goes.
    pub topic: String,
    /// What it says.
    pub payload: Bytes,
    /// The broker keeps it for those who come later.
    pub retain: bool,
    /// A refusal of this one says nothing about the others.
    pub optional: bool,
    /// Names and values that travel beside the payload.
    pub properties: Vec<(&'static str, String)>,
}

/// Checks that certificates can be used.
///
/// # Errors
/// What is wrong with them, in the library's words.
pub fn check_certificates(pem: &Secret) -> Result<(), String> {
    dial::roots(pem).map(drop)
}

/// Publishes. The answer's status is the reason code of the first refusal, or 0; its body is what the
/// broker says about it.
pub(super) async fn publish(publication: Publication, reach: Reach) -> Result<Reply, Failure> {
    let stream = dial::connect(&publication.broker, reach).await?;
    let (read, mut outgoing) = tokio::io::split(stream);
    // A broker that talks without an end is not listened to for ever.
    let limit = u64::try_from(REPLY_BYTES_MAX).unwrap_or(u64::MAX);
    let mut read = read.take(limit);
    send(&mut outgoing, &hello(&publication)).await?;
    let first = first(&mut read, publication.broker.tls.is_some()).await?;
    let incoming = std::io::Cursor::new(first).chain(read);
    let mut incoming = FramedRead::new(incoming, MqttDecoder::new());
    let reply = talk(&publication, &mut incoming, &mut outgoing).await;
    // It has the messages; whether it hears the goodbye changes nothing.
    let goodbye = DisconnectPacket::new(DisconnectReasonCode::NormalDisconnection);
    let _ = send(&mut outgoing, &goodbye).await;
    let _ = outgoing.shutdown().await;
    reply
}

/// The first words of the other side, which tell whether it is a broker at all.
async fn first<R>(read: &mut R, is_encrypted: bool) -> Result<BytesMut, Failure>
where
    R: AsyncRead + Unpin,
{
    let mut first = BytesMut::new();
    // So many tell all that is told apart here; no answer of a broker is shorter.
    while first.len() < FIRST_BYTES {
        match read.read_buf(&mut first).await {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) => return Err(dial::classify(&error)),
        }
    }
    let is_tls = first.starts_with(&TLS_ALERT) && !is_encrypted;
    let words = match () {
        () if is_tls => "the port speaks TLS: is it mqtts:// instead of mqtt://?",
        () if first.starts_with(b"HTTP") => {
            "the port speaks HTTP and is no broker's; MQTT over WebSocket is not spoken here"
        }
        () => return Ok(first),
    };
    Err(Failure::Other(words.to_owned()))
}

async fn talk<R, W>(
    publication: &Publication,
    incoming: &mut R,
    outgoing: &mut W,
) -> Result<Reply, Failure>
where
    R: Stream<Item = Result<VariablePacket, VariablePacketError>> + Unpin,
    W: AsyncWrite + Unpin,
{
    let granted = match receive(incoming).await? {
        VariablePacket::ConnackPacket(packet) => {
            let code = u16::from(u8::from(packet.connect_reason_code()));
            let properties = packet.properties();
            if code != 0 {
                return Ok(reply(code, properties.reason_string().as_deref()));
            }
            properties.clone()
        }
        other => return Ok(unexpected(&other)),
    };
    for (number, post) in (1_u16..).zip(&publication.messages) {
        if let Some(refusal) = too_large(post, &granted) {
            if post.optional {
                continue;
            }
            return Ok(refusal);
        }
        send(outgoing, &packet(post, number).map_err(Failure::Other)?).await?;
        let answer = loop {
            match receive(incoming).await? {
                VariablePacket::PubackPacket(packet) if packet.packet_identifier() == number => {
                    let code = u16::from(u8::from(packet.reason_code()));
                    break reply(code, packet.properties().reason_string().as_deref());
                }
                VariablePacket::PubackPacket(_) | VariablePacket::PingrespPacket(_) => {}
                other => return Ok(unexpected(&other)),
            }
        };
        // From here on the codes are refusals.
        if answer.status >= 128 && !post.optional {
            return Ok(answer);
        }
    }
    Ok(reply(0, None))
}

fn hello(publication: &Publication) -> ConnectPacket {
    let mut packet = ConnectPacket::new(publication.client_id.as_str());
    packet.set_clean_session(true);
    packet.set_username(publication.broker.username.clone());
    let password = publication.broker.password.as_ref();
    packet.set_password(password.map(|password| password.expose().to_owned()));
    packet
}

fn packet(post: &Post, number: u16) -> Result<PublishPacket, String> {
    let topic = TopicName::new(post.topic.as_str()).map_err(|error| error.to_string())?;
    let qos = QoSWithPacketIdentifier::Level1(number);
    let mut packet = PublishPacket::new(topic, qos, post.payload.as_ref());
    packet.set_retain(post.retain);
    let mut properties = PublishProperties::default();
    properties.set_payload_format_indicator(Some(1));
    properties.set_content_type(Some("application/json".to_owned()));
    for (name, value) in &post.properties {
        properties.add_user_property((*name).to_owned(), value.clone());
    }
    packet.set_properties(properties);
    Ok(packet)
}

/// A broker hangs up on a packet that is too large for it, so it is not even tried.
fn too_large(post: &Post, granted: &ConnackProperties) -> Option<Reply> {
    let most = usize::try_from(granted.max_packet_size()?).ok()?;
    let beside: usize = post
        .properties
        .iter()
        .map(|(name, value)| name.len() + value.len() + 5)
        .sum();
    let size = post.topic.len() + post.payload.len() + beside + FRAME_BYTES;
    (size > most).then(|| {
        let words = format!("the message has {size} bytes, this broker takes {most}");
        reply(PACKET_TOO_LARGE, Some(&words))
    })
}

async fn send<W>(outgoing: &mut W, packet: &impl Encodable) -> Result<(), Failure>
where
    W: AsyncWrite + Unpin,
{
    let mut bytes = Vec::new();
    packet
        .encode(&mut bytes)
        .map_err(|error| Failure::Other(error.to_string()))?;
    outgoing
        .write_all(&bytes)
        .await
        .map_err(|error| dial::classify(&error))?;
    outgoing
        .flush()
        .await
        .map_err(|error| dial::classify(&error))
}

async fn receive<R>(incoming: &mut R) -> Result<VariablePacket, Failure>
where
    R: Stream<Item = Result<VariablePacket, VariablePacketError>> + Unpin,
{
    match incoming.next().await {
        Some(packet) => packet.map_err(|error| sort(&error)),
        None => Err(Failure::Reset),
    }
}

/// A broker that hangs up says why; everything else that comes now is not MQTT as we know it.
fn unexpected(packet: &VariablePacket) -> Reply {
    match packet {
        VariablePacket::DisconnectPacket(packet) => {
            let code = u16::from(u8::from(packet.reason_code()));
            let words = packet.properties().reason_string().as_deref();
            // It hangs up, whatever it calls that.
            reply(code.max(128), words)
        }
        _ => reply(130, Some("the broker's answer makes no sense")),
    }
}

fn sort(error: &VariablePacketError) -> Failure {
    match error {
        VariablePacketError::IoError(error) => dial::classify(error),
        other => Failure::Other(format!("the answer is no MQTT 5: {other}")),
    }
}

fn reply(status: u16, words: Option<&str>) -> Reply {
    Reply {
        status,
        headers: HeaderMap::new(),
        body: Bytes::copy_from_slice(words.unwrap_or_default().as_bytes()),
    }
}

#[cfg(test)]
mod tests;
