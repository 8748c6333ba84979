//! The forms of IRC logs, each by lines as its program writes them.

use super::*;

fn read(form: Form, day: Option<&str>, lines: &[&str]) -> Vec<String> {
    let mut log = Log::new(form, day.map(|day| day.parse().unwrap()));
    let shown = |line: Line| match line {
        Line::Said(said) => {
            let at = Timestamp::from_millisecond(said.sent_at_ms).unwrap();
            let mark = if said.action { "*" } else { ":" };
            format!("{at} {}{mark} {}", said.nick, said.text)
        }
        other => format!("{other:?}"),
    };
    lines.iter().map(|line| shown(log.line(line))).collect()
}

#[test]
fn weechats_log_is_read_in_its_time_format_of_before_and_of_now() {
    let read = read(
        Form::Weechat,
        None,
        &[
            "2024-03-01 12:34:56\t****  Beginning of log  ****",
            "2024-03-01 12:34:56\t-->\tann (~ann@host) has joined #tea",
            "2024-03-01 12:34:57\t@ann\thello\tyou",
            "2024-03-01 12:34:58\tbob\t<ann> said so",
            "2024-03-01 12:34:59\t *\t+bob waves",
            "2024-03-01 12:34:59\t *\tbob",
            "2024-03-01 12:35:00\t--\tNotice(bot): hi",
            "2024-03-01 12:35:00\t=!=\tno such nick",
            "2024-03-01 12:35:01\t<--\tann (~ann@host) has quit (bye)",
            "2024-03-01 12:35:02\t<@cy>\tin brackets",
            "2024-03-01 12:35:03\t⇐\tdee left",
            "2024-03-01 12:35:03\t\tthe server says",
            "2024-03-01 12:35:04\t_\t",
            "2026-07-24T13:32:21.123456Z\tann\tT",
            "2026-07-24 13:32:21.123456Z\tann\tZ",
            "2026-07-24 13:32:21+0200\tann\tan offset",
            "and a second line",
            "yesterday\tann\thi",
            "",
        ],
    );
    assert_eq!(
        read,
        [
            "Channel",
            "Channel",
            "2024-03-01T12:34:57Z ann: hello\tyou",
            "2024-03-01T12:34:58Z bob: <ann> said so",
            "2024-03-01T12:34:59Z bob* waves",
            "Blank",
            "Channel",
            "Channel",
            "Channel",
            "2024-03-01T12:35:02Z cy: in brackets",
            "Channel",
            "Channel",
            "2024-03-01T12:35:04Z _: ",
            "2026-07-24T13:32:21.123Z ann: T",
            "2026-07-24T13:32:21.123Z ann: Z",
            "2026-07-24T11:32:21Z ann: an offset",
            "Unparsable",
            "Unparsable",
            "Blank",
        ]
    );
}

#[test]
fn irssis_log_is_read_over_its_days() {
    let read = read(
        Form::Irssi,
        None,
        &[
            "12:00 <ann> of which day?",
            "--- Log opened Fri Mar 01 12:00:00 2024",
            "12:00 -!- ann [~ann@host] has joined #tea",
            "12:34 <@ann> hello",
            "12:34 < bob> hello > you",
            "12:35  * bob waves",
            "12:35 -bot:#tea- a notice",
            "12:36 !server a notice",
            "12:36:07 <+cy:#tea> with seconds",
            "[12:37] <dee> in brackets",
            "--- Day changed Sat Mar 02 2024",
            "00:00 <ann> good night",
            "2024-03-05 07:08 <ann> a day of its own",
            "--- Log closed Sat Mar 02 00:01:00 2024",
            "--- Log opened sam. mars 02 12:00:00 2024",
            "12:00 <ann> bonjour",
            "12:00 ann says",
            "25:00 <ann> late",
        ],
    );
    assert_eq!(
        read,
        [
            "Unparsable",
            "Channel",
            "Channel",
            "2024-03-01T12:34:00Z ann: hello",
            "2024-03-01T12:34:00Z bob: hello > you",
            "2024-03-01T12:35:00Z bob* waves",
            "Channel",
            "Channel",
            "2024-03-01T12:36:07Z cy: with seconds",
            "2024-03-01T12:37:00Z dee: in brackets",
            "Channel",
            "2024-03-02T00:00:00Z ann: good night",
            "2024-03-05T07:08:00Z ann: a day of its own",
            "Channel",
            "Channel",
            "Unparsable",
            "Unparsable",
            "Unparsable",
        ]
    );
}

#[test]
fn a_log_of_one_day_without_its_day_says_nothing() {
    let line = ["[09:14] <ann> hi"];
    assert_eq!(read(Form::Channel, None, &line), ["Unparsable"]);
    assert_eq!(
        read(Form::Channel, Some("2004-12-25"), &line),
        ["2004-12-25T09:14:00Z ann: hi"]
    );
}

#[test]
fn the_first_line_that_tells_it_tells_the_form() {
    let of = |lines: &[&str]| Form::of(&lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>());
    assert_eq!(of(&[]), None);
    assert_eq!(of(&["", "words of no form", "12 o'clock"]), None);
    assert_eq!(of(&["", "=== ann has joined"]), Some(Form::Channel));
    assert_eq!(of(&["[09:14] <ann> x", "09:14 <ann> x"]), Some(Form::Channel));
    assert_eq!(of(&["cut off", "09:14 <ann> x"]), Some(Form::Irssi));
    assert_eq!(of(&["09:14  * ann waves"]), Some(Form::Irssi));
    assert_eq!(
        of(&["--- Log opened ven. mars 01 12:00:00 2024"]),
        Some(Form::Irssi)
    );
    assert_eq!(
        of(&["--- Log opened Fri Mar 01 12:00:00 2024", "[12:00] <a> x"]),
        Some(Form::Irssi)
    );
    assert_eq!(of(&["2024-03-01 12:34:56\tann\thi"]), Some(Form::Weechat));
    assert_eq!(of(&["12:34 says\ttab", "a\tb\tc"]), None);
}

#[test]
fn bold_and_colours_are_left_out_and_nothing_else() {
    for (written, meant) in [
        ("\u{2}bold\u{f} \u{1d}so\u{1d}", "bold so"),
        ("\u{3}4,12red\u{3} 5 \u{3}04,x \u{3}123", "red 5 ,x 3"),
        ("\u{4}ff0000,00FF00x\u{4}ff00 y", "xff00 y"),
        ("\u{1b}[1;31mred\u{1b}[0m \u{1b}[2J", "red \u{1b}[2J"),
        ("tab\tand\u{7}bell", "tab\tand\u{7}bell"),
    ] {
        assert_eq!(plain(written), meant);
    }
}
