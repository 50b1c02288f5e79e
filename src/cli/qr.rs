//! QR codes for a terminal: two modules in each character, by half blocks.

use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};

use crate::cli::Error;
use crate::text::{Safe, safe_line};

/// Draws a text, with the quiet zone around it. Light modules are drawn with the terminal's text
/// colour, as a dark background needs it; `dark_on_light` draws the dark ones.
///
/// # Errors
/// [`Error::BadArgument`] if it is too long for a code.
pub(super) fn lines(text: &Safe, dark_on_light: bool) -> Result<Vec<Safe>, Error> {
    let code = QrCode::with_error_correction_level(text.as_str(), EcLevel::M);
    let code = code.map_err(|_| Error::BadArgument {
        given: text.clone(),
        reason: "it is too long for a QR code: leave addresses out".into(),
        example: &["key", "qr"],
    })?;
    let (dark, light) = if dark_on_light {
        (Dense1x2::Dark, Dense1x2::Light)
    } else {
        (Dense1x2::Light, Dense1x2::Dark)
    };
    let drawn = code
        .render::<Dense1x2>()
        .dark_color(dark)
        .light_color(light)
        .build();
    Ok(drawn.lines().map(safe_line).collect())
}
