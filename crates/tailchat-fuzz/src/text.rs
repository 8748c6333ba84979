//! What people and peers write: invites, names and texts.

use tailchat_core::text;
use tailchat_node::invite::Invite;

/// Bytes as an invite: what is read says the same when it is written again.
pub(crate) fn invite(data: &[u8]) {
    let given = String::from_utf8_lossy(data);
    if let Ok(invite) = given.parse::<Invite>() {
        let again: Invite = invite
            .to_string()
            .parse()
            .expect("an invite as it is written is one");
        assert_eq!(again.room, invite.room);
    }
}

pub(crate) fn invite_seeds() -> Vec<Vec<u8>> {
    let room = tailchat_core::ids::RoomId([9; 16]);
    let peers = vec!["10.0.0.7:24242".into(), "[fd00::1]:1".into()];
    let invite = Invite { room, peers }.to_string();
    vec![
        room.to_string().into_bytes(),
        invite.to_uppercase().into_bytes(),
        invite.into_bytes(),
    ]
}

/// What drives a terminal, in a text that is shown.
fn drives(c: char) -> bool {
    let bidi =
        matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{61c}' | '\u{200e}' | '\u{200f}');
    let tag = matches!(c, '\u{e0000}'..='\u{e0fff}');
    let line = matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}');
    c.is_control() || bidi || tag || line
}

/// Bytes as text: nothing that drives a terminal is left, and the same again changes nothing.
pub(crate) fn shown(data: &[u8]) {
    let given = String::from_utf8_lossy(data);
    let visible = text::visible(&given);
    assert!(!visible.chars().any(|c| c != '\n' && drives(c)), "{visible:?}");
    assert_eq!(text::visible(&visible), visible);
    let name = text::name(&given);
    assert!(!name.is_empty() && !name.chars().any(drives), "{name:?}");
    assert!(text::columns(&name) <= text::NAME_COLUMNS_MAX, "{name:?}");
    let json = text::escape_json(&given);
    assert!(!json.chars().any(|c| c != '\n' && drives(c)), "{json:?}");
}

pub(crate) fn shown_seeds() -> Vec<Vec<u8>> {
    [
        "plain, and a\ttab\nand a line",
        "\u{1b}]52;c;cm0gLXJm\u{7}\u{9b}31m\r",
        "\u{202e}abc\u{2066}\u{200f}\u{feff}",
        "e\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}",
        "👩\u{200d}👩\u{200d}👧\u{200d}👦 ❤\u{fe0f} 1\u{fe0f}\u{20e3} क\u{94d}\u{200d}ष",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}
