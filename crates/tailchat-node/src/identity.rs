//! Who writes with a data folder, and the devices that it is linked with: the fact on disk. Decides nothing.

use serde::{Deserialize, Serialize};
use tailchat_core::engine::Identity;
use tailchat_core::ids::{DeviceId, LinkToken, PersonId};
use tailchat_store::folder::Folder;

use crate::control::{Code, Failure};
use crate::node::random;

/// The fact that says who writes here.
const FACT: &str = "identity";

/// Who writes here, as it is on disk.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Known {
    pub(crate) person: PersonId,
    pub(crate) device: DeviceId,
    pub(crate) name: String,
    /// What a version before did not have yet is empty.
    #[serde(default)]
    pub(crate) links: Vec<KnownLink>,
}

/// Another device of the same person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KnownLink {
    /// What both know.
    pub(crate) token: LinkToken,
    /// Which; none as long as nobody came with the code.
    pub(crate) device: Option<DeviceId>,
    /// Whether the code was theirs: then this device speaks first.
    pub(crate) taken: bool,
}

impl Known {
    pub(crate) fn identity(&self) -> Identity {
        Identity {
            person: self.person,
            device: self.device,
            name: self.name.clone(),
        }
    }

    pub(crate) fn save(&self, folder: &mut Folder) -> Result<(), String> {
        let bytes = serde_json::to_vec(self).map_err(|err| err.to_string())?;
        folder.write_fact(FACT, &bytes).map_err(|err| err.to_string())
    }
}

/// Who writes with a folder, made up if nobody has yet.
///
/// # Errors
/// [`Code::Damaged`] if it cannot be read, [`Code::Failed`] if it cannot be written.
pub(crate) fn open(folder: &mut Folder, name: Option<&str>, default_name: &str) -> Result<Known, Failure> {
    let fact = folder
        .read_fact(FACT)
        .map_err(|err| Failure::new(Code::Damaged, unknown_self(folder, &err)))?;
    let known = match fact {
        Some(fact) => Some(
            serde_json::from_slice::<Known>(&fact)
                .map_err(|err| Failure::new(Code::Damaged, unknown_self(folder, &err)))?,
        ),
        None => None,
    };
    let renamed = name.is_some_and(|name| known.as_ref().is_none_or(|known| known.name != name));
    let fresh = known.is_none();
    let mut known = known.unwrap_or_else(|| Known {
        person: PersonId(random()),
        device: DeviceId(random()),
        name: default_name.to_owned(),
        links: Vec::new(),
    });
    if let Some(name) = name {
        name.clone_into(&mut known.name);
    }
    if fresh || renamed {
        known
            .save(folder)
            .map_err(|why| Failure::new(Code::Failed, why))?;
    }
    Ok(known)
}

fn unknown_self(folder: &Folder, err: &dyn std::error::Error) -> String {
    format!(
        "who you are cannot be read ({err}); restore the file from a backup, or remove it from {} to go on with your \
         rooms as a new member",
        folder.path().join("facts").display()
    )
}
