//! A service as systemd and launchd want it written down. Knows no file and no process.
//!
//! Source: systemd.service(5) and systemd.syntax(7), "Quoting"; launchd.plist(5).

use std::ffi::OsStr;

use anyhow::Result;
use tailchat_node::control::{Code, Failure};

use super::{AGENT, OURS, Service};

/// A unit of systemd's for the user's own manager.
pub(super) fn unit(service: &Service) -> Result<String> {
    let mut words = vec![quoted(service.program.as_os_str(), "%$")?];
    for arg in &service.args {
        words.push(quoted(arg, "%$")?);
    }
    let mut variables = String::new();
    for (name, value) in &service.variables {
        let mut both = std::ffi::OsString::from(format!("{name}="));
        both.push(value);
        variables.push_str(&format!("Environment={}\n", quoted(&both, "%")?));
    }
    Ok(format!(
        "# {OURS}; `tailchat service remove` removes it.\n\
         [Unit]\n\
         Description=tailchat, a peer without a screen\n\
         # Another tailchat may have the folder for a while.\n\
         StartLimitIntervalSec=0\n\
         \n\
         [Service]\n\
         {variables}\
         ExecStart={}\n\
         Restart=on-failure\n\
         RestartSec=5\n\
         # Wrong usage, and a folder that is damaged or not ours, stay what they are.\n\
         RestartPreventExitStatus=2 5\n\
         UMask=0077\n\
         \n\
         [Install]\n\
         WantedBy=default.target\n",
        words.join(" ")
    ))
}

/// A word as it is. What begins something else there has to be doubled: `%` everywhere, `$` in command lines.
fn quoted(word: &OsStr, doubled: &str) -> Result<String> {
    let mut quoted = String::from("\"");
    for c in text(word)?.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if doubled.contains(c) => quoted.extend([c, c]),
            // What ends a line there would begin another setting.
            c if c.is_ascii_control() => quoted.push_str(&format!("\\x{:02x}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    Ok(quoted)
}

/// An agent of launchd's.
pub(super) fn plist(service: &Service) -> Result<String> {
    let mut words = String::new();
    for word in [service.program.as_os_str()]
        .into_iter()
        .chain(service.args.iter().map(AsRef::as_ref))
    {
        words.push_str(&format!("    <string>{}</string>\n", escaped(text(word)?)));
    }
    let mut variables = String::new();
    for (name, value) in &service.variables {
        let value = escaped(text(value)?);
        variables.push_str(&format!("    <key>{name}</key><string>{value}</string>\n"));
    }
    Ok(format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n\
         <!-- {OURS}; `tailchat service remove` removes it. -->\n\
         <plist version=\"1.0\">\n\
         <dict>\n  \
         <key>Label</key><string>{AGENT}</string>\n  \
         <key>ProgramArguments</key>\n  \
         <array>\n{words}  </array>\n  \
         <key>EnvironmentVariables</key>\n  \
         <dict>\n{variables}  </dict>\n  \
         <key>RunAtLoad</key><true/>\n  \
         <key>KeepAlive</key><dict><key>SuccessfulExit</key><false/></dict>\n  \
         <key>Umask</key><integer>63</integer>\n\
         </dict>\n\
         </plist>\n"
    ))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

fn text(word: &OsStr) -> Result<&str, Failure> {
    word.to_str().ok_or_else(|| {
        let why = format!("{} is not UTF-8, and a service cannot name it", word.display());
        Failure::new(Code::Usage, why)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service() -> Service {
        Service {
            program: "/opt/my \"chat\"/tail$chat".into(),
            args: ["serve", "--data", "/srv/ann/50% & <more>\\x"]
                .map(Into::into)
                .to_vec(),
            variables: vec![("XDG_CONFIG_HOME", "/srv/ann/my config".into())],
        }
    }

    #[test]
    fn a_unit_names_each_path_as_it_is() {
        let unit = unit(&service()).unwrap();
        let line = |begins: &str| unit.lines().find(|line| line.starts_with(begins)).unwrap();
        let runs = r#"ExecStart="/opt/my \"chat\"/tail$$chat" "serve" "--data" "/srv/ann/50%% & <more>\\x""#;
        assert_eq!(line("ExecStart="), runs);
        assert_eq!(
            line("Environment="),
            "Environment=\"XDG_CONFIG_HOME=/srv/ann/my config\""
        );
        assert!(unit.starts_with(&format!("# {OURS}")));
    }

    #[test]
    fn a_path_is_one_word_whatever_is_in_it() {
        let odd = OsStr::new("a\rExecStartPre=/bin/true\n\t\u{1b}b");
        assert_eq!(
            quoted(odd, "%$").unwrap(),
            r#""a\x0dExecStartPre=/bin/true\x0a\x09\x1bb""#
        );
    }

    #[test]
    fn an_agent_names_each_path_as_it_is() {
        let plist = plist(&service()).unwrap();
        assert!(
            plist.contains("<string>/srv/ann/50% &amp; &lt;more&gt;\\x</string>"),
            "{plist}"
        );
        assert!(plist.contains("<key>XDG_CONFIG_HOME</key><string>/srv/ann/my config</string>"));
        assert!(plist.contains(OURS));
    }
}
