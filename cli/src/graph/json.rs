//! The drawing as JSON.

use super::Drawing;

/// One object.
pub fn json(drawing: &Drawing) -> String {
    serde_json::to_string_pretty(drawing).unwrap_or_default()
}
