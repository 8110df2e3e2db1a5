//! Server reflection, versions 1 and 1alpha.
//!
//! `tonic-reflection` 0.14 has the messages and the servers' skeletons, but its own service knows
//! no extensions, so `grpcurl describe google.api.http` would not find the contract's options.

use std::{pin::Pin, sync::Arc};

use futures::{Stream, StreamExt as _};
use prost::Message;
use prost_reflect::{DescriptorError, DescriptorPool, FileDescriptor};
use tonic::{Code, Request, Response, Status, Streaming};
use tonic_health::pb::FILE_DESCRIPTOR_SET as HEALTH;
use tonic_reflection::pb::{
    v1::{
        self, ErrorResponse, ExtensionNumberResponse, ExtensionRequest, FileDescriptorResponse,
        ListServiceResponse, ServerReflectionRequest, ServerReflectionResponse, ServiceResponse,
        server_reflection_request::MessageRequest,
        server_reflection_response::MessageResponse,
        server_reflection_server::{ServerReflection, ServerReflectionServer},
    },
    v1alpha,
};
use trichrome_proto::reflect::pool;

/// Answers questions about the services of this port. Cheap to clone.
#[derive(Clone)]
pub(super) struct Reflection {
    pool: Arc<DescriptorPool>,
}

impl Reflection {
    /// Reflection of the contract, of health checks and of itself.
    ///
    /// # Errors
    ///
    /// The descriptors don't fit together; a test makes sure that they do.
    pub(super) fn new() -> Result<Self, DescriptorError> {
        let mut pool = pool().clone();
        for set in [
            HEALTH,
            v1::FILE_DESCRIPTOR_SET,
            v1alpha::FILE_DESCRIPTOR_SET,
        ] {
            pool.decode_file_descriptor_set(set)?;
        }
        Ok(Self {
            pool: Arc::new(pool),
        })
    }

    pub(super) fn v1(&self) -> ServerReflectionServer<Self> {
        ServerReflectionServer::new(self.clone())
    }

    pub(super) fn v1alpha(
        &self,
    ) -> v1alpha::server_reflection_server::ServerReflectionServer<Self> {
        v1alpha::server_reflection_server::ServerReflectionServer::new(self.clone())
    }

    fn respond(&self, request: ServerReflectionRequest) -> ServerReflectionResponse {
        let response = match &request.message_request {
            Some(question) => self.answer(question),
            None => Err(Status::invalid_argument("the request has no question")),
        };
        ServerReflectionResponse {
            valid_host: request.host.clone(),
            message_response: Some(response.unwrap_or_else(|status| {
                MessageResponse::ErrorResponse(ErrorResponse {
                    error_code: status.code() as i32,
                    error_message: status.message().to_owned(),
                })
            })),
            original_request: Some(request),
        }
    }

    fn answer(&self, question: &MessageRequest) -> Result<MessageResponse, Status> {
        let file = match question {
            MessageRequest::FileByFilename(name) => self.pool.get_file_by_name(name),
            MessageRequest::FileContainingSymbol(symbol) => self.file_of(symbol),
            MessageRequest::FileContainingExtension(extension) => self.file_of_extension(extension),
            MessageRequest::AllExtensionNumbersOfType(name) => return self.extensions_of(name),
            MessageRequest::ListServices(_) => return Ok(self.services()),
        };
        let file = file.ok_or_else(|| Status::new(Code::NotFound, "not found"))?;
        Ok(MessageResponse::FileDescriptorResponse(
            FileDescriptorResponse {
                // Not `file_descriptor_proto`, which lacks the options of the contract.
                file_descriptor_proto: vec![file.encode_to_vec()],
            },
        ))
    }

    /// The file that declares a symbol: a message, field, oneof, enum, enum value, extension,
    /// service or method.
    fn file_of(&self, symbol: &str) -> Option<FileDescriptor> {
        let pool = &self.pool;
        let declared = pool
            .get_message_by_name(symbol)
            .map(|message| message.parent_file())
            .or_else(|| Some(pool.get_enum_by_name(symbol)?.parent_file()))
            .or_else(|| Some(pool.get_service_by_name(symbol)?.parent_file()))
            .or_else(|| Some(pool.get_extension_by_name(symbol)?.parent_file()));
        declared.or_else(|| self.file_of_member(symbol))
    }

    fn file_of_member(&self, symbol: &str) -> Option<FileDescriptor> {
        let (parent, name) = symbol.rsplit_once('.')?;
        if let Some(message) = self.pool.get_message_by_name(parent) {
            let is_member = message.get_field_by_name(name).is_some()
                || message.oneofs().any(|oneof| oneof.name() == name);
            if is_member {
                return Some(message.parent_file());
            }
        }
        if let Some(service) = self.pool.get_service_by_name(parent) {
            let mut methods = service.methods();
            return methods
                .any(|method| method.name() == name)
                .then(|| service.parent_file());
        }
        // A value's scope is that of its enum: `a.Kind.NEW` is named `a.NEW`.
        self.pool
            .all_enums()
            .find(|kind| kind.values().any(|value| value.full_name() == symbol))
            .map(|kind| kind.parent_file())
    }

    fn file_of_extension(&self, extension: &ExtensionRequest) -> Option<FileDescriptor> {
        let message = self.pool.get_message_by_name(&extension.containing_type)?;
        let number = u32::try_from(extension.extension_number).ok()?;
        Some(message.get_extension(number)?.parent_file())
    }

    fn extensions_of(&self, name: &str) -> Result<MessageResponse, Status> {
        let message = self.pool.get_message_by_name(name);
        let message = message.ok_or_else(|| Status::new(Code::NotFound, "not found"))?;
        let mut numbers: Vec<_> = message
            .extensions()
            .filter_map(|extension| i32::try_from(extension.number()).ok())
            .collect();
        numbers.sort_unstable();
        Ok(MessageResponse::AllExtensionNumbersResponse(
            ExtensionNumberResponse {
                base_type_name: name.to_owned(),
                extension_number: numbers,
            },
        ))
    }

    fn services(&self) -> MessageResponse {
        MessageResponse::ListServicesResponse(ListServiceResponse {
            service: self
                .pool
                .services()
                .map(|service| ServiceResponse {
                    name: service.full_name().to_owned(),
                })
                .collect(),
        })
    }
}

type Responses<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl ServerReflection for Reflection {
    type ServerReflectionInfoStream = Responses<ServerReflectionResponse>;

    async fn server_reflection_info(
        &self,
        requests: Request<Streaming<ServerReflectionRequest>>,
    ) -> Result<Response<Self::ServerReflectionInfoStream>, Status> {
        let reflection = self.clone();
        let respond = move |request| reflection.respond(request);
        let responses = requests
            .into_inner()
            .map(move |request| request.map(&respond));
        Ok(Response::new(Box::pin(responses)))
    }
}

#[tonic::async_trait]
impl v1alpha::server_reflection_server::ServerReflection for Reflection {
    type ServerReflectionInfoStream = Responses<v1alpha::ServerReflectionResponse>;

    async fn server_reflection_info(
        &self,
        requests: Request<Streaming<v1alpha::ServerReflectionRequest>>,
    ) -> Result<Response<Self::ServerReflectionInfoStream>, Status> {
        let reflection = self.clone();
        let respond = move |request| {
            let response = reflection.respond(same_message(&request)?);
            same_message(&response)
        };
        let responses = requests
            .into_inner()
            .map(move |request| request.and_then(&respond));
        Ok(Response::new(Box::pin(responses)))
    }
}

/// Converts between the two versions, whose messages have the same fields.
fn same_message<T: Message + Default>(message: &impl Message) -> Result<T, Status> {
    T::decode(&*message.encode_to_vec())
        .map_err(|_| Status::internal("the versions of reflection differ"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(question: MessageRequest) -> MessageResponse {
        let request = ServerReflectionRequest {
            host: String::new(),
            message_request: Some(question),
        };
        let response = Reflection::new().unwrap().respond(request);
        response.message_response.unwrap()
    }

    /// The name of the file that the answer has.
    fn file(question: MessageRequest) -> String {
        match ask(question) {
            MessageResponse::FileDescriptorResponse(files) => {
                let bytes = &*files.file_descriptor_proto[0];
                let name = prost_reflect::prost_types::FileDescriptorProto::decode(bytes);
                name.unwrap().name.unwrap()
            }
            other => panic!("{other:?}"),
        }
    }

    fn symbol(name: &str) -> String {
        file(MessageRequest::FileContainingSymbol(name.to_owned()))
    }

    #[test]
    fn every_kind_of_symbol_is_found() {
        for name in [
            "pictures.Pictures",
            "pictures.Pictures.GetUserPicture",
            "pictures.PictureMessage",
            "pictures.PictureMessage.title",
        ] {
            assert_eq!(symbol(name), "pictures/pictures.proto", "{name}");
        }
        assert_eq!(symbol("google.api.http"), "google/api/annotations.proto");
        assert_eq!(
            symbol("google.api.HttpRule.pattern"),
            "google/api/http.proto"
        );
        assert_eq!(symbol("trichrome.operation"), "trichrome/contract.proto");
        assert_eq!(
            symbol("google.protobuf.FieldDescriptorProto.TYPE_BOOL"),
            "google/protobuf/descriptor.proto"
        );
        assert_eq!(symbol("grpc.health.v1.Health.Check"), "health.proto");
    }

    #[test]
    fn extensions_are_found_by_number() {
        let options = "google.protobuf.MethodOptions";
        let numbers = match ask(MessageRequest::AllExtensionNumbersOfType(options.into())) {
            MessageResponse::AllExtensionNumbersResponse(numbers) => numbers.extension_number,
            other => panic!("{other:?}"),
        };
        // google.api.http (googleapis, annotations.proto).
        assert!(numbers.contains(&72_295_728), "{numbers:?}");
        let files: Vec<_> = numbers
            .into_iter()
            .map(|extension_number| {
                file(MessageRequest::FileContainingExtension(ExtensionRequest {
                    containing_type: options.to_owned(),
                    extension_number,
                }))
            })
            .collect();
        for name in ["google/api/annotations.proto", "trichrome/contract.proto"] {
            assert!(files.iter().any(|file| file == name), "{files:?}");
        }
    }

    #[test]
    fn files_keep_the_contracts_options() {
        let name = "pictures/pictures.proto".to_owned();
        let MessageResponse::FileDescriptorResponse(files) =
            ask(MessageRequest::FileByFilename(name))
        else {
            panic!("no file");
        };
        let bytes = &files.file_descriptor_proto[0];
        // The path is in the option `google.api.http`.
        assert!(bytes.windows(10).any(|part| part == b"/pictures/"));
    }

    #[test]
    fn unknown_names_are_errors_of_one_answer() {
        for question in [
            MessageRequest::FileByFilename("nothing.proto".into()),
            MessageRequest::FileContainingSymbol("pictures.Pictures.Paint".into()),
            MessageRequest::FileContainingSymbol(String::new()),
            MessageRequest::AllExtensionNumbersOfType("nothing".into()),
            MessageRequest::FileContainingExtension(ExtensionRequest {
                containing_type: "google.protobuf.MethodOptions".into(),
                extension_number: -1,
            }),
        ] {
            match ask(question) {
                MessageResponse::ErrorResponse(error) => assert_eq!(error.error_code, 5),
                other => panic!("{other:?}"),
            }
        }
    }
}
