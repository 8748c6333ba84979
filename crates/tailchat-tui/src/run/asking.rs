//! Questions on their way to the node and back: two connections beside the watch, one for what only looks and one for
//! what a person does, each question answered before the next is asked. Knows no answer's meaning.

use std::future::pending;

use tailchat_node::client::Client;
use tailchat_node::control::{Code, Failure, Item};
use tokio::sync::mpsc;

use crate::command::Question;

/// Questions that wait on one connection; a further one is answered by a word.
const QUESTIONS_MAX: usize = 256;
/// Answers that wait for the loop; when full, the connections wait.
const ANSWERS_MAX: usize = 16;

type Answered = (Question, Result<Vec<Item>, Failure>);

/// The way to the node and back.
pub(super) struct Asking {
    looking: Lane,
    doing: Lane,
    answers: mpsc::Receiver<Answered>,
    /// Questions that could not be asked.
    refused: Vec<Question>,
}

struct Lane {
    questions: mpsc::Sender<Question>,
    /// Questions without an answer that was taken yet.
    under_way: usize,
}

impl Asking {
    pub(super) async fn open(client: &Client) -> Result<Self, Failure> {
        let (sender, answers) = mpsc::channel(ANSWERS_MAX);
        Ok(Self {
            looking: Lane::open(client.another().await?, sender.clone()),
            doing: Lane::open(client.another().await?, sender),
            answers,
            refused: Vec::new(),
        })
    }

    /// Asks, in its turn.
    pub(super) fn ask(&mut self, question: Question) {
        let lane = self.lane_of(&question);
        lane.under_way += 1;
        if let Err(error) = lane.questions.try_send(question) {
            self.refused.push(error.into_inner());
        }
    }

    /// The next answer. Cancel-safe.
    pub(super) async fn answer(&mut self) -> Answered {
        let answered = match self.refused.pop() {
            Some(question) => {
                let why = "the node is too busy to be asked; try again in a moment";
                (question, Err(Failure::new(Code::Failed, why)))
            }
            None => match self.answers.recv().await {
                Some(answered) => answered,
                // Both connections are gone; the watch says so.
                None => pending().await,
            },
        };
        self.lane_of(&answered.0).under_way -= 1;
        answered
    }

    fn lane_of(&mut self, question: &Question) -> &mut Lane {
        match question.only_reads() {
            true => &mut self.looking,
            false => &mut self.doing,
        }
    }

    /// Whether something that a person did is not answered yet.
    pub(super) fn is_doing(&self) -> bool {
        self.doing.under_way > 0
    }

    /// Whether anything is not answered yet.
    pub(super) fn is_asking(&self) -> bool {
        self.looking.under_way + self.doing.under_way > 0
    }
}

impl Lane {
    fn open(mut client: Client, answers: mpsc::Sender<Answered>) -> Self {
        let (questions, mut asked) = mpsc::channel::<Question>(QUESTIONS_MAX);
        // It ends with this lane, or with the last answer that somebody takes.
        tokio::spawn(async move {
            while let Some(question) = asked.recv().await {
                let answer = client.ask(question.request()).await;
                if answers.send((question, answer)).await.is_err() {
                    break;
                }
            }
        });
        Self {
            questions,
            under_way: 0,
        }
    }
}
