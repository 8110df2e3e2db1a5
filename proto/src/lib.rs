//! The contract: messages, the operation table, and what is derived from it.
//!
//! The `.proto` files of this crate are the project's single source. Its build compiles
//! them into message types ([`auth`], [`users`], [`pictures`], [`analytics`]) and into one
//! table ([`contract::OPERATIONS`]) that says of every operation how each transport reaches
//! it. The gateway, the function shell, the OpenAPI document and the tests read that table.

pub mod binding;
pub mod contract;
pub mod error;
pub mod generate;
#[cfg(feature = "reflect")]
pub mod reflect;
mod timestamp;
pub mod validate;
pub mod wire;

/// Generated message types of one package.
macro_rules! package {
    ($name:ident, $file:literal) => {
        #[doc = concat!("The messages of `", stringify!($name), ".proto`.")]
        #[allow(
            missing_docs,
            clippy::allow_attributes_without_reason,
            reason = "generated"
        )]
        pub mod $name {
            include!(concat!(env!("OUT_DIR"), "/", $file));
        }
    };
}

package!(auth, "auth.rs");
package!(users, "users.rs");
package!(pictures, "pictures.rs");
package!(analytics, "analytics.rs");

include!(concat!(env!("OUT_DIR"), "/redacted.rs"));
