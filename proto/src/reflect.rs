//! The compiled descriptors, for dynamic messages and server reflection.

use std::sync::LazyLock;

use prost_reflect::DescriptorPool;

/// The contract's `.proto` files and their imports, as an encoded `FileDescriptorSet`.
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// The descriptors as a pool.
///
/// # Panics
///
/// Never: a test decodes the set.
pub fn pool() -> &'static DescriptorPool {
    static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
        #[allow(clippy::expect_used, reason = "a test decodes it")]
        DescriptorPool::decode(FILE_DESCRIPTOR_SET).expect("the compiled descriptors decode")
    });
    &POOL
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::OPERATIONS;

    #[test]
    fn the_pool_contains_every_operation() {
        for operation in OPERATIONS {
            let service = pool().get_service_by_name(operation.grpc_service).unwrap();
            let method = service
                .methods()
                .find(|method| method.name() == operation.method)
                .unwrap();
            assert_eq!(method.input().full_name(), operation.input.name);
            assert_eq!(method.output().full_name(), operation.output.name);
        }
    }
}
