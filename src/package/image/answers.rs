//! What registries answer where they do not give what they are asked for.

use oci_client::errors::{OciDistributionError, OciErrorCode};

/// Whether the registry was asked too often.
pub fn is_busy(error: &OciDistributionError) -> bool {
    match error {
        OciDistributionError::ServerError { code, .. } => *code == 429,
        OciDistributionError::RegistryError { envelope, .. } => {
            envelope.errors.iter().any(|error| error.code == OciErrorCode::Toomanyrequests)
        }
        _ => false,
    }
}

/// Whether it has no such image.
pub fn is_missing(error: &OciDistributionError) -> bool {
    const CODES: [OciErrorCode; 3] = [OciErrorCode::ManifestUnknown, OciErrorCode::NameUnknown, OciErrorCode::NotFound];
    match error {
        OciDistributionError::ImageManifestNotFoundError(_) => true,
        OciDistributionError::ServerError { code, .. } => *code == 404,
        OciDistributionError::RegistryError { envelope, .. } => envelope.errors.iter().any(|error| CODES.contains(&error.code)),
        _ => false,
    }
}
