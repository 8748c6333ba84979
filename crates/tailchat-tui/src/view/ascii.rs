//! The screen for a terminal that shows nothing but ASCII. Knows cells, not what stands in them.

use ratatui::buffer::Buffer;

/// Spells every cell in ASCII.
pub(super) fn spell(buffer: &mut Buffer) {
    for cell in &mut buffer.content {
        if cell.symbol().is_ascii() {
            continue;
        }
        let spelled = match cell.symbol() {
            "│" | "┃" | "▌" => "|",
            "─" | "━" | "·" => "-",
            "●" | "•" => "*",
            "…" => ".",
            "↑" => "^",
            "↓" => "v",
            "↳" | "›" => ">",
            _ => "?",
        };
        cell.set_symbol(spelled);
    }
}
