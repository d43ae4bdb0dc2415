//! The steps of events on their way to a collector, by OpenTelemetry's protocol (OTLP over HTTP).
//!
//! Where it is and what it wants to see is said by OpenTelemetry's own variables, such as
//! `OTEL_EXPORTER_OTLP_ENDPOINT`; without one nothing is exported. What cannot be sent is dropped: the
//! queue is the record of what happened, not the collector.

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use opentelemetry::trace::{
    SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_http::{HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{BatchSpanProcessor, SpanData, SpanProcessor};
use tokio::runtime::Handle;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::TARGET;
use crate::transport::{Client, Reach};

/// Either of these says that there is a collector.
const ENDPOINTS: [&str; 2] = [
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
];

/// Longest wait for a collector that takes what is left at the end.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Longest wait for the answer to one request.
const ANSWER: Duration = Duration::from_secs(10);

/// Carries requests of the exporter, whose thread has no runtime of its own.
#[derive(Debug)]
struct Carrier {
    client: Client,
    runtime: Handle,
}

impl HttpClient for Carrier {
    fn send_bytes<'a, 'sent>(
        &'a self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'sent>>
    where
        'a: 'sent,
        Self: 'sent,
    {
        let client = self.client.clone();
        let sent = async move { client.send(request, ANSWER, Reach::Guarded).await };
        let sent = self.runtime.spawn(sent);
        Box::pin(async move {
            let reply = sent.await?.map_err(|failure| failure.to_string())?;
            let mut response = Response::new(reply.body);
            *response.status_mut() = http::StatusCode::from_u16(reply.status)?;
            *response.headers_mut() = reply.headers;
            Ok(response)
        })
    }
}

/// The layer that hands every step to the exporter when it is over.
#[derive(Debug)]
pub(super) struct Export {
    processor: Arc<BatchSpanProcessor>,
}

/// The end of an export.
#[derive(Debug)]
pub(super) struct Rest(Arc<BatchSpanProcessor>);

/// One step while it lasts.
struct Step {
    start: SystemTime,
    fields: Fields,
}

#[derive(Default)]
struct Fields {
    trace: u128,
    step: u64,
    parent: u64,
    failure: Option<String>,
    others: Vec<KeyValue>,
}

impl Export {
    /// An export to the collector that the environment names; `None` where it names none.
    ///
    /// # Errors
    /// What is wrong with its address, or with this machine's certificates.
    pub(super) fn start(
        client: impl FnOnce() -> Result<Client, String>,
    ) -> Result<Option<(Self, Rest)>, String> {
        let is_set = |name: &str| std::env::var(name).is_ok_and(|value| !value.is_empty());
        let Some(endpoint) = ENDPOINTS.into_iter().find(|name| is_set(name)) else {
            return Ok(None);
        };
        let carrier = Carrier {
            client: client()?,
            runtime: Handle::current(),
        };
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(carrier)
            .build()
            .map_err(|error| format!("{endpoint}: {error}"))?;
        let mut processor = BatchSpanProcessor::builder(exporter).build();
        let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
        let name = std::env::var("OTEL_SERVICE_NAME").unwrap_or_else(|_| "bellwire".to_owned());
        let resource = Resource::builder()
            .with_service_name(name)
            .with_attribute(version);
        processor.set_resource(&resource.build());
        let processor = Arc::new(processor);
        let rest = Rest(Arc::clone(&processor));
        Ok(Some((Self { processor }, rest)))
    }
}

impl Rest {
    /// Sends what has not been sent. Waits for the collector, but not for long.
    pub(super) async fn send(self) {
        let sent =
            Handle::current().spawn_blocking(move || self.0.shutdown_with_timeout(LAST_WORDS));
        if let Ok(Err(error)) = sent.await {
            tracing::debug!(%error, "the last steps could not be exported");
        }
    }
}

impl<S> Layer<S> for Export
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if attributes.metadata().target() != TARGET {
            return;
        }
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            let start = SystemTime::now();
            span.extensions_mut().insert(Step { start, fields });
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(step) = span.extensions_mut().get_mut::<Step>() {
            values.record(&mut step.fields);
        }
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else {
            return;
        };
        if let Some(step) = span.extensions_mut().remove::<Step>() {
            self.processor.on_end(step.data(span.name()));
        }
    }
}

impl Step {
    fn data(self, name: &'static str) -> SpanData {
        let Fields {
            trace,
            step,
            parent,
            failure,
            others,
        } = self.fields;
        let context = SpanContext::new(
            TraceId::from(trace),
            SpanId::from(step),
            TraceFlags::SAMPLED,
            false,
            TraceState::default(),
        );
        SpanData {
            span_context: context,
            parent_span_id: SpanId::from(parent),
            parent_span_is_remote: false,
            // The arrival is what a producer sends, an attempt is a call of somebody else.
            span_kind: match name {
                "attempt" => SpanKind::Client,
                _ => SpanKind::Consumer,
            },
            name: name.into(),
            start_time: self.start,
            end_time: SystemTime::now(),
            attributes: others,
            dropped_attributes_count: 0,
            events: Default::default(),
            links: Default::default(),
            status: failure.map_or(Status::Unset, Status::error),
            instrumentation_scope: InstrumentationScope::builder("bellwire").build(),
        }
    }
}

impl Fields {
    fn add(&mut self, field: &Field, value: impl Into<opentelemetry::Value>) {
        self.others.push(KeyValue::new(field.name(), value.into()));
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let text = format!("{value:?}");
        // Ours are always well formed: `arrivals` and `attempt` write them.
        let step = || u64::from_str_radix(&text, 16).unwrap_or_default();
        match field.name() {
            "trace.id" => self.trace = u128::from_str_radix(&text, 16).unwrap_or_default(),
            "trace.step" => self.step = step(),
            "trace.parent" => self.parent = step(),
            _ => self.add(field, text),
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "reason" => self.failure = Some(value.to_owned()),
            _ => self.add(field, value.to_owned()),
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, i64::try_from(value).unwrap_or(i64::MAX));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, value);
    }
}
