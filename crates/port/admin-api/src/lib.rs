//! DTOs of the admin API with their OpenAPI description.
