//! Stub.
use ratatui::style::{Color, Modifier, Style};
#[derive(Clone, Debug, Default)]
pub struct Theme {}
impl Theme {
    pub fn person(&self, key: &str) -> Style {
        let n = key.bytes().fold(0u8, |a, b| a.wrapping_add(b)) % 5;
        Style::default().fg(Color::Indexed(n + 2))
    }
    pub(crate) fn dim(&self) -> Style {
        Style::default().add_modifier(Modifier::DIM)
    }
    pub(crate) fn plain(&self) -> Style {
        Style::default()
    }
    pub(crate) fn strong(&self) -> Style {
        Style::default().add_modifier(Modifier::BOLD)
    }
    pub(crate) fn mark(&self) -> Style {
        Style::default().fg(Color::Yellow)
    }
    pub(crate) fn chosen(&self) -> Style {
        Style::default().add_modifier(Modifier::REVERSED)
    }
    pub(crate) fn bar(&self) -> Style {
        Style::default().add_modifier(Modifier::REVERSED)
    }
    pub(crate) fn picture(&self) -> Style {
        Style::default().fg(Color::Black).bg(Color::White)
    }
}
