//! An invite as a picture that a phone reads. Knows characters and colours, not what the text means.

use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};

/// Lines that a picture may have: with two lines of talk and the prompt below it a screen of 24 holds it whole.
const LINES_MAX: usize = 21;

/// The lines of the picture of the first text that is short enough for one; none if all are too long. The texts
/// become upper case, which takes half the room. With `colours`, black on white whatever the terminal's own are;
/// without, for a dark terminal.
pub(crate) fn picture(texts: &[&str], colours: bool) -> Option<Vec<String>> {
    texts.iter().find_map(|text| {
        let code = QrCode::with_error_correction_level(text.to_uppercase(), EcLevel::L).ok()?;
        let lines = drawn(&code, colours);
        (lines.len() <= LINES_MAX).then_some(lines)
    })
}

fn drawn(code: &QrCode, colours: bool) -> Vec<String> {
    let (dark, light) = if colours {
        (Dense1x2::Dark, Dense1x2::Light)
    } else {
        (Dense1x2::Light, Dense1x2::Dark)
    };
    let picture = code
        .render::<Dense1x2>()
        .dark_color(dark)
        .light_color(light)
        .build();
    picture
        .lines()
        .map(|line| {
            if colours {
                format!("\x1b[30;107m{line}\x1b[0m")
            } else {
                line.to_owned()
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tailchat_core::ids::RoomId;

    #[test]
    fn an_invite_fits_a_small_screen_with_an_address_and_falls_back_to_none() {
        let short = format!("tailchat:{}", RoomId([7; 16]));
        let one = format!("{short}?peer=100.101.102.103:24242");
        let many =
            format!("{one}&peer=[fd7a:115c:a1e0::1234:5678]:24242&peer=a-long-name.tail1234.ts.net:24242");
        for (texts, lines) in [
            ([short.as_str(), ""], 17),
            ([one.as_str(), ""], 21),
            ([many.as_str(), short.as_str()], 17),
        ] {
            let picture = picture(&texts, false).unwrap();
            assert_eq!(picture.len(), lines);
            assert!(picture.iter().all(|line| line.chars().count() <= 80));
        }
        assert_eq!(picture(&[many.as_str()], false), None);
    }
}
