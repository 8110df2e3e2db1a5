//! The attributes that `pictures-derive` sets on a picture's row, or on its upload's item while there
//! is no row.

use aws_sdk_dynamodb::types::AttributeValue;

use super::attributes::{Item, malformed, number, number_of, text, text_of};
use crate::{
    Error,
    picture::{Derivation, Derived},
};

/// Whether a picture is `processing`, `ready` or `damaged`. Rows from before have none.
pub(super) const STATE: &str = "state";
const DISPLAYED_WIDTH: &str = "displayed_width";
const DISPLAYED_HEIGHT: &str = "displayed_height";
const TAKEN_AT: &str = "taken_at";
const PLACEHOLDER: &str = "placeholder";
/// Why a picture is damaged.
const DAMAGE: &str = "damage";

const ALL: [&str; 6] = [
    STATE,
    DISPLAYED_WIDTH,
    DISPLAYED_HEIGHT,
    TAKEN_AT,
    PLACEHOLDER,
    DAMAGE,
];

/// The attributes of a derivation; none while the picture is processed.
pub(super) fn attributes(derivation: &Derivation) -> Item {
    let mut item = Item::new();
    let mut set = |name: &str, value| item.insert(name.to_owned(), value);
    match derivation {
        Derivation::Processing => return item,
        Derivation::Ready(derived) => {
            set(DISPLAYED_WIDTH, number(derived.displayed_width));
            set(DISPLAYED_HEIGHT, number(derived.displayed_height));
            if let Some(taken_at) = &derived.taken_at {
                set(TAKEN_AT, text(taken_at));
            }
            if let Some(placeholder) = &derived.placeholder {
                set(PLACEHOLDER, text(placeholder));
            }
        }
        Derivation::Damaged(damage) => {
            set(DAMAGE, text(damage));
        }
    }
    set(STATE, text(derivation.state()));
    item
}

/// The derivation in an item's attributes.
pub(super) fn read(item: &Item) -> Result<Derivation, Error> {
    let Some(state) = text_of(item, STATE)? else {
        return Ok(Derivation::Processing);
    };
    match state.as_str() {
        Derivation::READY => Ok(Derivation::Ready(Derived {
            displayed_width: number_of(item, DISPLAYED_WIDTH)?,
            displayed_height: number_of(item, DISPLAYED_HEIGHT)?,
            taken_at: text_of(item, TAKEN_AT)?,
            placeholder: text_of(item, PLACEHOLDER)?,
        })),
        Derivation::DAMAGED => Ok(Derivation::Damaged(
            text_of(item, DAMAGE)?.unwrap_or_default(),
        )),
        _ => Err(malformed()),
    }
}

/// An update of an item that sets a derivation and removes what is left of an earlier one.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Update {
    /// An update expression.
    pub(super) expression: String,
    /// The names in it; some attributes have reserved words as names.
    pub(super) names: Vec<(String, String)>,
    /// The values in it.
    pub(super) values: Vec<(String, AttributeValue)>,
}

impl Update {
    pub(super) fn to(derivation: &Derivation) -> Self {
        let mut attributes = attributes(derivation);
        let (mut set, mut removed, mut values) = (Vec::new(), Vec::new(), Vec::new());
        for name in ALL {
            match attributes.remove(name) {
                Some(value) => {
                    set.push(format!("#{name} = :{name}"));
                    values.push((format!(":{name}"), value));
                }
                None => removed.push(format!("#{name}")),
            }
        }
        let mut clauses = Vec::new();
        if !set.is_empty() {
            clauses.push(format!("SET {}", set.join(", ")));
        }
        if !removed.is_empty() {
            clauses.push(format!("REMOVE {}", removed.join(", ")));
        }
        Self {
            expression: clauses.join(" "),
            names: ALL.map(|name| (format!("#{name}"), name.to_owned())).into(),
            values,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ready() -> Derived {
        Derived {
            displayed_width: 3000,
            displayed_height: 4000,
            taken_at: Some("2026-07-14T18:03:21+02:00".to_owned()),
            placeholder: Some("1QcSHQRnh493V4dIh4eXh1h4kJUI".to_owned()),
        }
    }

    #[test]
    fn a_derivation_is_read_as_it_was_written() {
        for derivation in [
            Derivation::Processing,
            Derivation::Ready(ready()),
            Derivation::Ready(Derived {
                taken_at: None,
                placeholder: None,
                ..ready()
            }),
            Derivation::Damaged("its data ends early".to_owned()),
        ] {
            assert_eq!(read(&attributes(&derivation)).unwrap(), derivation);
        }
    }

    #[test]
    fn an_unknown_state_is_an_error() {
        let item = Item::from([(STATE.to_owned(), text("blurry"))]);
        read(&item).unwrap_err();
    }

    #[test]
    fn an_update_leaves_nothing_of_an_earlier_derivation() {
        let damaged = Update::to(&Derivation::Damaged("d".to_owned()));
        assert_eq!(
            damaged.expression,
            "SET #state = :state, #damage = :damage REMOVE #displayed_width, #displayed_height, \
             #taken_at, #placeholder"
        );
        let ready = Update::to(&Derivation::Ready(ready()));
        assert!(ready.expression.ends_with("REMOVE #damage"), "{ready:?}");
        assert_eq!(ready.names.len(), ALL.len());
        assert_eq!(ready.values.len(), ALL.len() - 1);
        let none = Update::to(&Derivation::Processing);
        assert!(none.expression.starts_with("REMOVE #state"), "{none:?}");
    }
}
