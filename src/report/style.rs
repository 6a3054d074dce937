//! Colour, never as the only carrier of a meaning; and text from hosts made harmless.

use std::fmt::Display;

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` or `TERM=dumb` say no.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// How one stream is written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Escape sequences allowed.
    pub color: bool,
}

impl Style {
    /// Decides for a stream. `var` reads an environment variable.
    pub fn decide(choice: ColorChoice, terminal: bool, var: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| var(name).is_some_and(|value| !value.is_empty());
        let color = match choice {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => terminal && !set("NO_COLOR") && var("TERM").as_deref() != Some("dumb"),
        };
        Self { color }
    }

    fn paint(self, code: &str, text: impl Display) -> String {
        if self.color { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_string() }
    }

    /// All is well.
    pub fn good(self, text: impl Display) -> String {
        self.paint("32", text)
    }

    /// Not as it shall be.
    pub fn warning(self, text: impl Display) -> String {
        self.paint("33", text)
    }

    /// Broken.
    pub fn bad(self, text: impl Display) -> String {
        self.paint("1;31", text)
    }

    /// Less important.
    pub fn faint(self, text: impl Display) -> String {
        self.paint("2", text)
    }

    /// A heading.
    pub fn strong(self, text: impl Display) -> String {
        self.paint("1", text)
    }
}

/// Text from a host without anything that could steer a terminal or turn its direction.
pub fn plain(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' | '\t' => c,
            c if c.is_control() => '\u{fffd}',
            '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' => '\u{fffd}',
            c => c,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_is_decided_by_choice_terminal_and_environment() {
        let none = |_: &str| None;
        let no_color = |name: &str| (name == "NO_COLOR").then(|| "1".to_owned());
        let dumb = |name: &str| (name == "TERM").then(|| "dumb".to_owned());
        assert!(Style::decide(ColorChoice::Auto, true, none).color);
        assert!(!Style::decide(ColorChoice::Auto, false, none).color);
        assert!(!Style::decide(ColorChoice::Auto, true, no_color).color);
        assert!(!Style::decide(ColorChoice::Auto, true, dumb).color);
        assert!(Style::decide(ColorChoice::Always, false, no_color).color);
        assert!(!Style::decide(ColorChoice::Never, true, none).color);
    }

    #[test]
    fn a_host_can_not_steer_the_terminal() {
        assert_eq!(plain("a\u{1b}[2Jb\u{202e}c\n\td\r"), "a\u{fffd}[2Jb\u{fffd}c\n\td\u{fffd}");
    }
}
