//! What a room is called and what it is about: for everybody, or here only. Knows no disk: a room is called so when the
//! node tells so.

use tailchat_node::control::Describing;

use crate::command::{Command, Question};
use crate::model::Model;
use crate::model::overlay::Overlay;
use crate::panes::Panes;

/// Gives the open room a topic, or none; without a word for it, says what it is.
pub(super) fn topic(model: &mut Model, topic: Option<String>) -> Vec<Command> {
    match topic {
        Some(topic) => describe(model, Describing::Topic(topic)),
        None => {
            tell(model);
            Vec::new()
        }
    }
}

/// Says what the topic is: in the status line, or where that would not be all of it, on a screen of its own.
fn tell(model: &mut Model) {
    let Some(room) = model.room() else { return };
    let (name, topic) = (room.name.clone(), room.topic.clone());
    if topic.is_empty() {
        return model.say(format!(
            "{name} has no topic; /topic TEXT gives it one, for everybody"
        ));
    }
    let before = model.said.take();
    model.say(format!("{name}: {topic}"));
    if Panes::says_all(model) {
        return;
    }
    model.said = before;
    model.overlay = Some(Overlay::Details {
        of: None,
        title: format!("{name} is about"),
        rows: vec![topic],
        scrolled: 0,
    });
}

/// Lets everybody see this of the open room.
pub(super) fn describe(model: &Model, what: Describing) -> Vec<Command> {
    let room = model.open.iter().map(|open| open.key.clone());
    room.map(|room| {
        Command::Ask(Question::Describe {
            room,
            what: what.clone(),
        })
    })
    .collect()
}

/// Calls the open room so here; as everybody does if that is empty.
pub(super) fn alias(model: &Model, name: &str) -> Vec<Command> {
    let room = model.open.iter().map(|open| open.key.clone());
    room.map(|room| {
        Command::Ask(Question::Alias {
            room,
            name: name.to_owned(),
        })
    })
    .collect()
}

/// The node has done what was asked.
pub(super) fn described(model: &mut Model, what: &Describing) {
    model.say(match what {
        Describing::Name(name) => {
            format!(
                "everybody calls this room {} from now on",
                tailchat_core::text::name(name)
            )
        }
        Describing::Topic(topic) if topic.is_empty() => "this room has no topic any more".to_owned(),
        Describing::Topic(_) => "everybody sees this topic from now on".to_owned(),
    });
}

pub(super) fn aliased(model: &mut Model, name: &str) {
    model.say(match name {
        "" => "you call this room as everybody does again".to_owned(),
        name => format!(
            "you call this room {} here; the others do not",
            tailchat_core::text::name(name)
        ),
    });
}
