//! Totals an order: JSON in, JSON out, and an error that says what is wrong with the order.

use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::*;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    currency: String,
    items: Vec<Item>,
    #[serde(default)]
    discount_percent: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Item {
    name: String,
    quantity: u64,
    price_cents: u64,
}

#[derive(Serialize)]
struct Total {
    currency: String,
    pieces: u64,
    subtotal_cents: u64,
    discount_cents: u64,
    total_cents: u64,
}

/// Adds up an order. Money is whole cents: floating point would lose some.
#[wasm_bindgen]
pub fn total(order: &str) -> Result<String, JsError> {
    let order = serde_json::from_str(order)
        .map_err(|error| JsError::new(&format!("the order cannot be read: {error}")))?;
    let total = add_up(order).map_err(|reason| JsError::new(&reason))?;
    Ok(serde_json::to_string(&total)?)
}

fn add_up(order: Order) -> Result<Total, String> {
    if order.items.is_empty() {
        return Err("the order has no items".to_string());
    }
    if order.discount_percent > 100 {
        return Err(format!("discount_percent is {}; the most is 100", order.discount_percent));
    }
    let too_large = || "the order's sum is too large".to_string();
    let (mut pieces, mut subtotal_cents) = (0u64, 0u64);
    for item in &order.items {
        if item.quantity == 0 {
            return Err(format!("the quantity of \"{}\" is 0; leave the item out", item.name));
        }
        let cents = item.quantity.checked_mul(item.price_cents).ok_or_else(too_large)?;
        pieces = pieces.checked_add(item.quantity).ok_or_else(too_large)?;
        subtotal_cents = subtotal_cents.checked_add(cents).ok_or_else(too_large)?;
    }
    // Rounded down: a discount never takes more than it says.
    let discount_cents =
        subtotal_cents.checked_mul(order.discount_percent).ok_or_else(too_large)? / 100;
    Ok(Total {
        currency: order.currency,
        pieces,
        subtotal_cents,
        discount_cents,
        total_cents: subtotal_cents - discount_cents,
    })
}
