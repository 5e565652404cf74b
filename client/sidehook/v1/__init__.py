"""The contract's generated code: messages, enums and services, as the proto files describe them."""
