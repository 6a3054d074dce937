//! How a program is made: a script for the build host, its inputs, and the key under which the result is kept.

use super::{ArtifactError, Catalogue, Input};
use crate::cluster::{Arch, InstallMethod, Os, sha256};
use crate::component::{ComponentName, Program};

/// How one program is made for one operating system and architecture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipe {
    /// What it makes.
    pub program: Program,
    /// The script, run as an unprivileged user: `SCRIPT INPUT VERSION WORKDIR OUT.tar.gz [MORE INPUTS]`.
    pub script: &'static str,
    /// Files to download for it, in the order of its arguments.
    pub inputs: Vec<Input>,
    /// Texts that come before them (Patroni's pinned requirements).
    pub own_inputs: Vec<String>,
    /// The system that the result is for, such as `debian-13-amd64`: it stands in the archive.
    pub system: String,
    /// The key of the result: it changes with anything that could change the result.
    pub key: String,
}

impl Recipe {
    /// The recipe of a program.
    ///
    /// # Errors
    /// [`ArtifactError::Unknown`] when the version is not pinned.
    pub fn of(program: &Program, os: &Os, arch: Arch, catalogue: &Catalogue) -> Result<Self, ArtifactError> {
        let version = program.version;
        let (script, section) = match (program.component, program.method) {
            (ComponentName::Etcd, InstallMethod::Release) => {
                (include_str!("../../templates/build/etcd-release.sh"), format!("etcd-linux-{arch}"))
            }
            (ComponentName::Etcd, _) => (include_str!("../../templates/build/etcd.sh"), "etcd-source".to_owned()),
            (ComponentName::Haproxy, _) => (include_str!("../../templates/build/haproxy.sh"), "haproxy".to_owned()),
            (ComponentName::Keepalived, _) => {
                (include_str!("../../templates/build/keepalived.sh"), "keepalived".to_owned())
            }
            (ComponentName::Patroni | ComponentName::Postgresql | ComponentName::Firewalld, _) => {
                return Self::patroni(program, os, arch, catalogue);
            }
        };
        let mut inputs = vec![catalogue.find(&section, version)?.clone()];
        inputs.extend(catalogue.also(&format!("{section}-patches-{os}"), version).cloned());
        Ok(Self::keyed(program, os, arch, script, inputs, Vec::new()))
    }

    fn patroni(program: &Program, os: &Os, arch: Arch, catalogue: &Catalogue) -> Result<Self, ArtifactError> {
        let script = include_str!("../../templates/build/patroni.sh");
        let requirements = catalogue.requirements(program.version)?.to_owned();
        let build = include_str!("../../templates/build/patroni-build.txt").to_owned();
        Ok(Self::keyed(program, os, arch, script, Vec::new(), vec![requirements, build]))
    }

    fn keyed(
        program: &Program,
        os: &Os,
        arch: Arch,
        script: &'static str,
        inputs: Vec<Input>,
        own_inputs: Vec<String>,
    ) -> Self {
        let mut all = script.to_owned();
        for input in &inputs {
            all.push_str(&input.sha256);
        }
        for own in &own_inputs {
            all.push_str(own);
        }
        all.extend(program.interpreter.as_deref());
        let sum = sha256(all.as_bytes());
        let system = system(os, arch);
        let key = format!("{system}/{}-{}-{}", program.component, program.version, sum.get(..12).unwrap_or_default());
        Self { program: program.clone(), script, inputs, own_inputs, system, key }
    }
}

/// The name of a system that a build is for: builds for one run on no other.
pub fn system(os: &Os, arch: Arch) -> String {
    format!("{os}-{arch}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::{OsFamily, Version};

    #[test]
    fn a_build_for_another_interpreter_is_another_build() {
        let key = |interpreter: &str| {
            let program = Program {
                component: ComponentName::Patroni,
                method: InstallMethod::Source,
                version: Version::new(4, 1, 5),
                interpreter: Some(interpreter.to_owned()),
                root: "/opt/quorate/patroni-4.1.5".to_owned(),
                links: Vec::new(),
            };
            let os = Os { family: OsFamily::Rhel, id: "rhel".to_owned(), version: Version::parse("8.10").unwrap() };
            Recipe::of(&program, &os, Arch::Amd64, &Catalogue::embedded().unwrap()).unwrap().key
        };
        assert_eq!(key("/usr/bin/python3.11"), key("/usr/bin/python3.11"));
        assert_ne!(key("/usr/bin/python3.11"), key("/usr/bin/python3.12"));
    }
}
