//! QR codes for a terminal: two modules in each character, by half blocks. Where there are none, each is two characters.

use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};

use crate::cli::{Error, streams};
use crate::text::{Charset, Safe, safe_line};

/// Draws a text, with the quiet zone around it. Light modules are drawn with the terminal's text
/// colour, as a dark background needs it; `dark_on_light` draws the dark ones. `is_ascii`: by characters of ASCII, as also
/// where standard output takes no others.
///
/// # Errors
/// [`Error::BadArgument`] if it is too long for a code.
pub(super) fn lines(text: &Safe, dark_on_light: bool, is_ascii: bool) -> Result<Vec<Safe>, Error> {
    let code = QrCode::with_error_correction_level(text.as_str(), EcLevel::M);
    let code = code.map_err(|_| Error::BadArgument {
        given: text.clone(),
        reason: "it is too long for a QR code: leave addresses out".into(),
        example: &["key", "qr"],
    })?;
    if is_ascii || streams::of_stdout() == Charset::Ascii {
        return Ok(in_ascii(&code, dark_on_light));
    }
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

fn in_ascii(code: &QrCode, dark_on_light: bool) -> Vec<Safe> {
    let (dark, light) = if dark_on_light {
        ("##", "  ")
    } else {
        ("  ", "##")
    };
    let mut render = code.render::<&str>();
    let drawn = render.dark_color(dark).light_color(light);
    let drawn = drawn.module_dimensions(1, 1).build();
    drawn.lines().map(safe_line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_blocks_a_module_is_two_characters() {
        let code = QrCode::new("securechat").unwrap();
        let lines = in_ascii(&code, false);
        // Four light modules around it.
        assert_eq!(lines.len(), code.width() + 8);
        for line in &lines {
            assert_eq!(line.as_str().len(), 2 * lines.len());
            assert_eq!(line.as_str().replace("##", "").trim(), "");
        }
        assert_eq!(lines[0].as_str(), "##".repeat(lines.len()));
        assert!(lines[4].as_str().starts_with("########  "), "{}", lines[4]);
    }
}
