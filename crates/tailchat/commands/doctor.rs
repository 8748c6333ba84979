//! `doctor`: what is wrong, and the command that mends it. Gathers what the node says of itself and what only a program
//! beside it can see; judges neither rooms nor peers.

mod firewall;
mod machine;
mod tools;

use anyhow::Result;
use tailchat_core::text;
use tailchat_node::client::Config;
use tailchat_node::control::{Area, Code, Failure, FindingItem, Item, Level, NodeItem, Request};

use crate::args::Everywhere;
use crate::print::{Output, Told, counted};
use crate::reach::{Online, config, gather, with_node};

/// What is looked at beside the node.
struct Beside<'a> {
    config: &'a Config,
    node: &'a NodeItem,
}

/// `tailchat doctor`.
pub(crate) async fn doctor(everywhere: &Everywhere, out: &mut Output) -> Result<()> {
    let config = config(everywhere, Online::No)?;
    let (mut findings, mut opened) = (machine::of_folder(&config.data), false);
    let done = with_node(config.clone(), async |client| {
        opened = true;
        let node = client.hello().await?;
        findings.push(of_node(&node, client.is_remote()));
        let told = gather(client, Request::Doctor, |item| match item {
            Item::Finding(finding) => Some(finding),
            _ => None,
        });
        findings.extend(told.await?);
        let beside = Beside {
            config: &config,
            node: &node,
        };
        findings.extend(beside.look().await);
        Ok(())
    })
    .await;
    if let Err(error) = done {
        // A folder that cannot be opened is what was asked about.
        match error.downcast::<Failure>() {
            Ok(failure) if !opened => findings.push(unopened(&failure)),
            Ok(failure) => return Err(failure.into()),
            Err(error) => return Err(error),
        }
    }
    tell(findings, out)
}

impl Beside<'_> {
    async fn look(&self) -> Vec<FindingItem> {
        let mut findings = machine::of_disk(&self.config.data);
        findings.extend(machine::of_socket(&self.config.data));
        findings.extend(machine::dial_ourselves(self.node).await);
        findings.extend(firewall::look(self.node).await);
        findings
    }
}

fn of_node(node: &NodeItem, runs: bool) -> FindingItem {
    let ours = env!("CARGO_PKG_VERSION");
    if !runs {
        let what = "no tailchat runs for this data folder";
        let why = "nobody reaches it and nothing is sent or fetched; what is written waits here";
        return FindingItem::wrong(Area::Node, what)
            .since(why)
            .mended_by("tailchat serve");
    }
    if node.version != ours {
        let what = format!(
            "the tailchat that runs is version {}, this is {ours}",
            node.version
        );
        let why = "what only the newer one can is missing until it is started again";
        return FindingItem::note(Area::Node, what).since(why);
    }
    FindingItem::fine(
        Area::Node,
        format!("a tailchat runs for this data folder, version {ours}"),
    )
}

/// Why the folder could not be opened and no node be reached.
fn unopened(failure: &Failure) -> FindingItem {
    let finding = match failure.code {
        Code::Damaged => FindingItem::wrong(Area::Folder, "the data folder is damaged or not ours"),
        _ => FindingItem::wrong(
            Area::Socket,
            "the data folder can neither be opened nor its tailchat be asked",
        ),
    };
    finding.since(&failure.why)
}

/// Prints all, the worst last, where a person looks first.
fn tell(mut findings: Vec<FindingItem>, out: &mut Output) -> Result<()> {
    findings.sort_by_key(|finding| (finding.level, finding.area));
    for finding in &findings {
        match out.is_json() {
            true => out.object(finding)?,
            false => lines(finding).iter().try_for_each(|line| out.line(line))?,
        }
    }
    let wrong = findings
        .iter()
        .filter(|finding| finding.level == Level::Wrong)
        .count();
    out.flush()?;
    if wrong == 0 {
        out.note("Nothing is wrong.");
        return Ok(());
    }
    let verb = if wrong == 1 { "is" } else { "are" };
    out.note(&format!("{} {verb} wrong.", counted(wrong as u64, "thing")));
    Err(Told(Code::Failed).into())
}

fn lines(finding: &FindingItem) -> Vec<String> {
    let mark = match finding.level {
        Level::Fine => "ok   ",
        Level::Note => "note ",
        Level::Wrong => "WRONG",
    };
    let one_line = |text: &str| text::visible(text).replace('\n', " / ");
    let mut lines = vec![format!("{mark} {}", one_line(&finding.what))];
    lines.extend(finding.why.iter().map(|why| format!("        {}", one_line(why))));
    lines.extend(
        finding
            .mend
            .iter()
            .map(|mend| format!("        mend: {}", one_line(mend))),
    );
    lines
}
