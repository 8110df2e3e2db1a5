//! The contract: its messages, its table of operations, and what is generated from them.
//!
//! The build compiles the `.proto` files of this crate into message types ([`auth`],
//! [`users`], [`pictures`], [`analytics`]) and into a table ([`contract::OPERATIONS`]) of how
//! each transport reaches an operation. The gateway, the functions' shell, the OpenAPI
//! document and the tests use that table.

pub mod binding;
mod bytes;
pub mod contract;
pub mod error;
pub mod generate;
pub mod json;
pub mod message;
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
