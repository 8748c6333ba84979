//! Questions on their way to the node and back: two connections beside the watch, one for what only looks and one for
//! what a person does, each question answered before the next is asked. Knows no answer's meaning.

use std::time::Duration;

use tailchat_node::client::Client;
use tailchat_node::control::{Code, Failure, Item};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

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
    task: JoinHandle<()>,
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
        let lane = match question.only_reads() {
            true => &self.looking,
            false => &self.doing,
        };
        if let Err(error) = lane.questions.try_send(question) {
            self.refused.push(error.into_inner());
        }
    }

    /// The next answer. Cancel-safe.
    pub(super) async fn answer(&mut self) -> Answered {
        if let Some(question) = self.refused.pop() {
            let why = "the node is too busy to be asked; try again in a moment";
            return (question, Err(Failure::new(Code::Failed, why)));
        }
        match self.answers.recv().await {
            Some(answered) => answered,
            // Both connections are gone; the watch says so.
            None => std::future::pending().await,
        }
    }

    /// Lets what a person did reach the node, within bounds.
    pub(super) async fn finish(self, patience: Duration) {
        let Self {
            looking,
            doing,
            mut answers,
            ..
        } = self;
        looking.task.abort();
        drop((looking.questions, doing.questions));
        let answered = async {
            while answers.recv().await.is_some() {}
            // The task has nothing to say any more; however it ended, that was all.
            let _ = doing.task.await;
        };
        // Who does not answer in time does not answer before the end.
        let _ = timeout(patience, answered).await;
    }
}

impl Lane {
    fn open(mut client: Client, answers: mpsc::Sender<Answered>) -> Self {
        let (questions, mut asked) = mpsc::channel::<Question>(QUESTIONS_MAX);
        let task = tokio::spawn(async move {
            while let Some(question) = asked.recv().await {
                let answer = client.ask(question.request()).await;
                if answers.send((question, answer)).await.is_err() {
                    break;
                }
            }
        });
        Self { questions, task }
    }
}
