//! Colours by role. Knows styles, not what is on the screen; nothing is told by a colour alone, the words and marks
//! of the screen say it, too.

use ratatui::style::{Color, Modifier, Style};

use crate::nearest::nearest;

/// Places on the circle of hues that people's colours are taken from, the same in every theme: a person is green
/// for all, however many greens a terminal has.
const HUES: usize = 12;

/// A style for each role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Theme {
    /// What settings call it.
    pub name: &'static str,
    /// What people wrote.
    pub text: Style,
    /// Times, hints, what is beside the matter.
    pub faint: Style,
    /// Headings and titles of panes.
    pub title: Style,
    /// Lines between panes and days.
    pub rule: Style,
    /// The status line and the footer.
    pub bar: Style,
    /// A key in the footer.
    pub key: Style,
    /// The selected message or item.
    pub selected: Style,
    /// The person's own name where somebody names it, and highlight words.
    pub mention: Style,
    /// Counts of unread messages and the line above the first.
    pub unread: Style,
    /// A message that arrived late, above what was read.
    pub late: Style,
    /// Code.
    pub code: Style,
    /// The bar before quotes and code, the bullets of lists.
    pub mark: Style,
    /// What is quoted.
    pub quote: Style,
    /// Links.
    pub link: Style,
    /// Connected, equal.
    pub good: Style,
    /// Worth looking at, not broken.
    pub warning: Style,
    /// Failed.
    pub error: Style,
    /// Places of [`HUES`] from red over green to violet.
    people: [Style; HUES],
}

/// A theme's name that is not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{written}\" is not a theme; there are {}{}", NAMES.join(", "), .meant.map(|meant| format!("; did you mean {meant}?")).unwrap_or_default())]
pub struct ThemeError {
    written: String,
    meant: Option<&'static str>,
}

/// All themes' names, the default first.
pub const NAMES: [&str; 4] = ["auto", "dark", "light", "mono"];

const PLAIN: Style = Style::new();

impl Default for Theme {
    fn default() -> Self {
        Self::auto()
    }
}

impl Theme {
    /// The theme of a name, in any case.
    ///
    /// # Errors
    /// [`ThemeError`], with the names that there are.
    pub fn named(name: &str) -> Result<Self, ThemeError> {
        match name.trim().to_ascii_lowercase().as_str() {
            "auto" | "16" => Ok(Self::auto()),
            "dark" => Ok(Self::dark()),
            "light" => Ok(Self::light()),
            "mono" => Ok(Self::mono()),
            other => Err(ThemeError {
                written: tailchat_core::text::name(name),
                meant: nearest(other, NAMES),
            }),
        }
    }

    /// The style of a person's name: from the person's ID, as it is in hexadecimal, and therefore the same on every
    /// peer's screen.
    #[must_use]
    pub fn person(&self, key: &str) -> Style {
        // FNV-1a, 64 bits, then one step of MurmurHash3's mixing: each bit depends on all of the key's.
        let hash = key.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte.to_ascii_lowercase())).wrapping_mul(0x0100_0000_01b3)
        });
        let mixed = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        let at = usize::try_from((mixed >> 33) % HUES as u64).unwrap_or(0);
        self.people.get(at).copied().unwrap_or(PLAIN)
    }

    /// The terminal's own sixteen colours, and of them those that can be read on light and dark alike: no white, no
    /// black, no yellow, no bright ones.
    #[must_use]
    pub fn auto() -> Self {
        use Color::{Blue, Cyan, Green, Magenta, Red};
        let people = [
            Red, Red, Green, Green, Green, Cyan, Cyan, Blue, Blue, Magenta, Magenta, Red,
        ];
        Self {
            name: "auto",
            text: PLAIN,
            faint: PLAIN.add_modifier(Modifier::DIM),
            title: PLAIN.add_modifier(Modifier::BOLD),
            rule: PLAIN.add_modifier(Modifier::DIM),
            bar: PLAIN.add_modifier(Modifier::REVERSED),
            key: PLAIN.add_modifier(Modifier::BOLD),
            selected: PLAIN.add_modifier(Modifier::REVERSED),
            mention: PLAIN
                .fg(Magenta)
                .add_modifier(Modifier::BOLD.union(Modifier::REVERSED)),
            unread: PLAIN.fg(Red).add_modifier(Modifier::BOLD),
            late: PLAIN.fg(Cyan).add_modifier(Modifier::ITALIC),
            code: PLAIN.fg(Cyan),
            mark: PLAIN.add_modifier(Modifier::DIM),
            quote: PLAIN.add_modifier(Modifier::ITALIC),
            link: PLAIN.add_modifier(Modifier::UNDERLINED),
            good: PLAIN.fg(Green),
            warning: PLAIN.fg(Magenta),
            error: PLAIN.fg(Red).add_modifier(Modifier::BOLD),
            people: people.map(|colour| PLAIN.fg(colour).add_modifier(Modifier::BOLD)),
        }
    }

    /// 256 colours on a dark ground.
    #[must_use]
    pub fn dark() -> Self {
        let people = [210, 215, 221, 149, 114, 79, 80, 81, 111, 141, 177, 211];
        Self::coloured(
            "dark",
            people,
            &Shades {
                faint: 245,
                bar: 236,
                bar_text: 252,
                mark: 247,
                mention: 222,
                unread: 210,
                code: 152,
                good: 114,
                warning: 215,
                error: 203,
            },
        )
    }

    /// 256 colours on a light ground.
    #[must_use]
    pub fn light() -> Self {
        let people = [124, 130, 94, 58, 22, 29, 23, 24, 25, 55, 90, 125];
        Self::coloured(
            "light",
            people,
            &Shades {
                faint: 242,
                bar: 254,
                bar_text: 236,
                mark: 242,
                mention: 90,
                unread: 124,
                code: 24,
                good: 22,
                warning: 94,
                error: 124,
            },
        )
    }

    /// No colour at all, as NO_COLOR asks for: bold, underlined and reversed tell what words do not.
    #[must_use]
    pub fn mono() -> Self {
        let without = |style: Style| Style {
            fg: None,
            bg: None,
            underline_color: None,
            ..style
        };
        let bold = PLAIN.add_modifier(Modifier::BOLD);
        let auto = Self::auto();
        Self {
            name: "mono",
            late: without(auto.late),
            mention: bold.add_modifier(Modifier::REVERSED),
            unread: bold.add_modifier(Modifier::UNDERLINED),
            code: PLAIN,
            good: PLAIN,
            warning: bold,
            error: bold.add_modifier(Modifier::UNDERLINED),
            people: [bold; HUES],
            ..auto
        }
    }

    fn coloured(name: &'static str, people: [u8; HUES], shades: &Shades) -> Self {
        let fg = |shade: u8| PLAIN.fg(Color::Indexed(shade));
        Self {
            name,
            faint: fg(shades.faint),
            rule: fg(shades.mark),
            bar: fg(shades.bar_text).bg(Color::Indexed(shades.bar)),
            mention: fg(shades.mention).add_modifier(Modifier::BOLD.union(Modifier::UNDERLINED)),
            unread: fg(shades.unread).add_modifier(Modifier::BOLD),
            late: fg(shades.code).add_modifier(Modifier::ITALIC),
            code: fg(shades.code),
            mark: fg(shades.mark),
            good: fg(shades.good),
            warning: fg(shades.warning),
            error: fg(shades.error).add_modifier(Modifier::BOLD),
            people: people.map(|shade| fg(shade).add_modifier(Modifier::BOLD)),
            ..Self::auto()
        }
    }
}

/// Numbers of the 256 colours for the roles that have one of their own.
struct Shades {
    faint: u8,
    bar: u8,
    bar_text: u8,
    mark: u8,
    mention: u8,
    unread: u8,
    code: u8,
    good: u8,
    warning: u8,
    error: u8,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roles(theme: &Theme) -> Vec<Style> {
        let Theme {
            name: _,
            text,
            faint,
            title,
            rule,
            bar,
            key,
            selected,
            mention,
            unread,
            late,

            code,
            mark,
            quote,
            link,
            good,
            warning,
            error,
            people,
        } = theme;
        let roles = [
            text, faint, title, rule, bar, key, selected, mention, unread, late, code, mark, quote, link,
            good, warning, error,
        ];
        roles.into_iter().chain(people).copied().collect()
    }

    #[test]
    fn a_theme_is_found_by_its_name() {
        for name in NAMES {
            assert_eq!(Theme::named(name).unwrap().name, name);
        }
        assert_eq!(Theme::named(" Dark ").unwrap(), Theme::dark());
        assert_eq!(
            Theme::named("lihgt").unwrap_err().to_string(),
            "\"lihgt\" is not a theme; there are auto, dark, light, mono; did you mean light?"
        );
    }

    #[test]
    fn a_person_s_colour_follows_from_the_id_alone() {
        let theme = Theme::dark();
        // Changing this changes everybody's colours.
        let seen: Vec<_> = ["00ff", "ann", "bob", "carol"]
            .map(|key| theme.person(key).fg.unwrap())
            .to_vec();
        assert_eq!(seen, [111, 80, 114, 215].map(Color::Indexed));
        assert_eq!(theme.person("00FF"), theme.person("00ff"));
        let mut counts = std::collections::BTreeMap::new();
        for person in 0..1200 {
            let style = theme.person(&format!("{person:064x}"));
            *counts
                .entry(style.fg.map(|colour| colour.to_string()))
                .or_insert(0) += 1;
        }
        assert_eq!(counts.len(), HUES);
        assert!(
            counts.values().all(|count| (60..=140).contains(count)),
            "{counts:?}"
        );
    }

    #[test]
    fn mono_has_no_colour_and_still_tells_what_matters() {
        let mono = Theme::mono();
        for style in roles(&mono) {
            assert_eq!((style.fg, style.bg), (None, None));
        }
        let told = [
            mono.text,
            mono.mention,
            mono.unread,
            mono.link,
            mono.selected,
            mono.title,
        ];
        for (at, one) in told.iter().enumerate() {
            assert!(!told[..at].contains(one), "{at}");
        }
    }

    #[test]
    fn the_default_uses_only_colours_that_are_readable_on_light_and_dark() {
        let allowed = [Color::Red, Color::Green, Color::Cyan, Color::Blue, Color::Magenta];
        for style in roles(&Theme::auto()) {
            assert!(style.fg.is_none_or(|colour| allowed.contains(&colour)));
            assert_eq!(style.bg, None);
        }
    }

    /// Relative luminance of one of xterm's 256 colours (WCAG 2).
    fn luminance(colour: Color) -> f64 {
        let Color::Indexed(at) = colour else {
            panic!("{colour}")
        };
        let level = |step: u8| if step == 0 { 0 } else { 55 + 40 * u32::from(step) };
        let rgb = match at {
            232.. => [8 + 10 * u32::from(at - 232); 3],
            16.. => [
                level((at - 16) / 36),
                level((at - 16) / 6 % 6),
                level((at - 16) % 6),
            ],
            _ => panic!("{at} is the terminal's own"),
        };
        let linear = rgb.map(|part| {
            let part = f64::from(part) / 255.0;
            if part <= 0.04045 {
                part / 12.92
            } else {
                ((part + 0.055) / 1.055).powf(2.4)
            }
        });
        0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    }

    #[test]
    fn light_and_dark_have_enough_contrast() {
        for (theme, ground) in [(Theme::dark(), 234), (Theme::light(), 231)] {
            let ground = luminance(Color::Indexed(ground));
            for style in roles(&theme) {
                let Some(colour) = style.fg else { continue };
                let behind = style.bg.map_or(ground, luminance);
                let (a, b) = (luminance(colour), behind);
                let contrast = (a.max(b) + 0.05) / (a.min(b) + 0.05);
                assert!(contrast >= 4.5, "{}: {colour} has {contrast:.1}", theme.name);
            }
        }
    }
}
