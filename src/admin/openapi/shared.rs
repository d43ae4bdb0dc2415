//! What handlers have in common: how lists are read, and how requests are refused.
//!
//! A file of its own so that a handler says in one word by what it may be refused.

#![expect(dead_code, reason = "these types are described and never made")]

use utoipa::openapi::schema::{
    AnyOfBuilder, KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type,
};
use utoipa::{IntoParams, IntoResponses};

use super::answers::{Problem, State};

/// An age or a time.
pub(super) fn moment() -> Schema {
    let text = || ObjectBuilder::new().schema_type(Type::String);
    let moment = AnyOfBuilder::new()
        .description(Some("An age such as `2h`, or a time as RFC 3339 has it."))
        .item(text().pattern(Some("^(0|[0-9]{1,5}(s|m|h|d|w))$")))
        .item(text().format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime))))
        .build();
    Schema::AnyOf(moment)
}

/// Something in the request is not understood.
#[derive(IntoResponses)]
#[response(status = 400, content_type = "application/problem+json")]
pub(in crate::admin) struct NotUnderstood(Problem);

/// Whoever asks for the token may answer so.
#[derive(IntoResponses)]
pub(in crate::admin) enum NoToken {
    /// The token is missing or wrong.
    #[response(status = 401, content_type = "application/problem+json")]
    Stranger(Problem),
    /// The token is wrong, as ten others in the last minute were; the right one still passes.
    #[response(
        status = 429,
        content_type = "application/problem+json",
        headers(("Retry-After" = u64, description = "Seconds until a wrong token is looked at again."))
    )]
    Guesser(Problem),
}

/// A page of another origin asked.
#[derive(IntoResponses)]
#[response(status = 403, content_type = "application/problem+json")]
pub(in crate::admin) struct OtherOrigin(Problem);

/// There is none of this name or id.
#[derive(IntoResponses)]
#[response(status = 404, content_type = "application/problem+json")]
pub(in crate::admin) struct Unknown(Problem);

/// It cannot be done as the delivery stands; the reason is told.
#[derive(IntoResponses)]
#[response(status = 409, content_type = "application/problem+json")]
pub(in crate::admin) struct NotNow(Problem);

/// The body has more than 2 MiB.
#[derive(IntoResponses)]
#[response(status = 413, content_type = "application/problem+json")]
pub(in crate::admin) struct TooLarge(Problem);

/// The queue cannot be read or written.
#[derive(IntoResponses)]
#[response(status = 503, content_type = "application/problem+json")]
pub(in crate::admin) struct NoQueue(Problem);

/// How a list is read page by page.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::admin) struct Paging {
    /// Most items of the page.
    #[param(minimum = 1, maximum = 100, default = 50)]
    limit: Option<u8>,
    /// The `next_cursor` of the page before, as it was given.
    #[param(pattern = "^[0-9]{1,18}$")]
    after: Option<String>,
}

/// Which events are told as they arrive.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::admin) struct Since {
    /// Only those of this source.
    #[param(pattern = "^[A-Za-z0-9_-]{1,64}$")]
    source: Option<String>,
    /// The id of the last message that was heard; `Last-Event-ID` goes before it. Default: the newest.
    #[param(pattern = "^[0-9]{1,18}$")]
    after: Option<String>,
}

/// Which deliveries are listed.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::admin) struct Which {
    /// Only those in this state.
    state: Option<State>,
    /// Only those of this sink.
    #[param(pattern = "^[A-Za-z0-9_-]{1,64}$")]
    sink: Option<String>,
    /// Only those that were put into the queue since then: an age such as `2h`, or a time as RFC 3339
    /// has it.
    #[param(schema_with = moment)]
    since: Option<String>,
}
