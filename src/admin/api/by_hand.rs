//! One delivery: shown whole, sent once more, given up.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;

use super::super::{Parts, Refusal, standing};
use super::{Answer, Named, json, named};
#[cfg(test)]
use crate::admin::openapi::{
    Delivery, NoQueue, NoToken, NotNow, NotUnderstood, OtherOrigin, Unknown, Whole,
};
use crate::store::ByHand;

/// The delivery with every attempt.
#[cfg_attr(test, utoipa::path(
    get,
    path = "/api/v1/deliveries/{id}",
    operation_id = "delivery",
    params(("id" = String, Path, description = "The delivery's id.")),
    responses((status = 200, description = "It, with every attempt.", body = Whole), NotUnderstood, NoToken, Unknown, NoQueue),
))]
pub(in crate::admin) async fn show(State(parts): State<Arc<Parts>>, id: Named) -> Answer {
    let id = named(id)?;
    let standing = standing(&parts.status.snapshot());
    match parts.store.delivery(standing, &id).await? {
        Some((delivery, attempts)) => Ok(json(StatusCode::OK, &delivery.json_with(&attempts))),
        None => Err(unknown(&id)),
    }
}

/// Due now, its ladder anew, its id as before.
#[cfg_attr(test, utoipa::path(
    post,
    path = "/api/v1/deliveries/{id}/retry",
    params(("id" = String, Path, description = "The delivery's id.")),
    responses((status = 200, description = "The delivery as it stands now.", body = Delivery), NotUnderstood, NoToken, OtherOrigin, Unknown, NotNow, NoQueue),
))]
pub(in crate::admin) async fn retry(State(parts): State<Arc<Parts>>, id: Named) -> Answer {
    let id = named(id)?;
    let (standing, now) = (standing(&parts.status.snapshot()), parts.clock.now());
    let became = parts.store.retry(standing, &id, now).await?;
    parts.nudge.send_modify(|count| *count += 1);
    told(became, &id, "cannot be retried")
}

/// A dead letter, by a person's will.
#[cfg_attr(test, utoipa::path(
    post,
    path = "/api/v1/deliveries/{id}/drop",
    params(("id" = String, Path, description = "The delivery's id.")),
    responses((status = 200, description = "The delivery as it stands now.", body = Delivery), NotUnderstood, NoToken, OtherOrigin, Unknown, NotNow, NoQueue),
))]
pub(in crate::admin) async fn drop(State(parts): State<Arc<Parts>>, id: Named) -> Answer {
    let id = named(id)?;
    let (standing, now) = (standing(&parts.status.snapshot()), parts.clock.now());
    let became = parts.store.drop_delivery(standing, &id, now).await?;
    // Others may have waited for it.
    parts.nudge.send_modify(|count| *count += 1);
    told(became, &id, "cannot be dropped")
}

fn told(became: ByHand, id: &str, wish: &str) -> Answer {
    match became {
        ByHand::Done(delivery) => Ok(json(StatusCode::OK, &delivery.json())),
        ByHand::Unknown => Err(unknown(id)),
        ByHand::Refused(reason) => Err(Refusal(
            StatusCode::CONFLICT,
            format!("`{id}` {wish}: {reason}"),
        )),
    }
}

fn unknown(id: &str) -> Refusal {
    Refusal::unknown(format!("there is no delivery `{id}`"))
}
