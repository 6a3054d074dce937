//! Brings everything a host lacks, on all hosts at once, up to files that stand checked beside their places.

use std::time::Duration;

use super::build::Programs;
use super::{ApplyError, Run, failure, on_all, step};
use crate::artifact::system;
use crate::component::{CheckStage, ComponentName, File};
use crate::host::{CHECK_FAILED, Candidate, Command, Host, discard, stage};
use crate::plan::{NodePlan, Verb};
use crate::platform::{self, Platform};

/// Packages come over whatever line the site has.
pub(super) const PACKAGES_LIMIT: Duration = Duration::from_secs(1800);

/// Marks the host as this cluster's, before the first thing is made on it that another run could take for foreign.
const CLAIM: &str =
    r#"mkdir -p /var/lib/quorate && chmod 0700 /var/lib/quorate && printf '%s\n' "$1" >/var/lib/quorate/cluster"#;

/// Names what is made here before it is made, so that `destroy` takes away that and nothing else.
macro_rules! made {
    ($script:literal) => {
        concat!(
            "made() { mkdir -p /var/lib/quorate && chmod 0700 /var/lib/quorate && printf '%s\\n' \"$1 $2\" >>/var/lib/quorate/made; }\n",
            $script
        )
    };
}

/// Masks units; those that are masked already were not given.
const MASK: &str = made!(
    r#"
for unit; do made mask "$unit" || exit 1; done
systemctl mask -- "$@" 2>&1"#
);

pub(super) const ACCOUNTS: &str = made!(
    r#"
while [ $# -ge 2 ]; do
    getent passwd "$1" >/dev/null || { made account "$1" && useradd --system --user-group --no-create-home --home-dir "$2" --shell /usr/sbin/nologin "$1"; } || exit 1
    shift 2
done"#
);

/// Folders on the way to one that is not there yet are made too: its owner must be able to pass through them.
const DIRECTORIES: &str = made!(
    r#"
missing() { [ -z "$1" ] || [ -e "$1" ] || [ -L "$1" ] || { missing "${1%/*}" && made folder "$1"; }; }
umask 022
while [ $# -ge 4 ]; do
    missing "$1" && mkdir -p "$1" && chown "$2:$3" "$1" && chmod "$4" "$1" || exit 1
    shift 4
done"#
);

/// Unpacks beside its place and renames, so that a root is whole or absent; the sum is the mark that it is whole. Before that
/// the archive is judged, and the program run once: one that lacks a library here must not be found out when it serves.
/// Arguments: root, sum, system, then the program and its arguments, below the root.
pub(super) const PROGRAM: &str = concat!(
    include_str!("archive.sh"),
    r#"
root=$1 sum=$2 system=$3
shift 3
new="$root.new-$$"
mkdir -p "${root%/*}" && chmod 0755 "${root%/*}" && rm -rf "$new" && mkdir -m 0755 "$new" || exit 1
trap 'rm -rf "$new"' EXIT
cat >"$new/.archive" || exit 1
[ "$(sha256sum <"$new/.archive")" = "$sum  -" ] || { echo "the archive did not arrive whole" >&2; exit 1; }
judge_archive "$new/.archive" built || exit 93
umask 022
tar -xzf "$new/.archive" -C "$new" --no-same-owner && rm "$new/.archive" || exit 1
built=$(cat "$new/.quorate-build") || exit 93
[ "$built" = "$system" ] || { echo "it was built for $built, and this host is $system" >&2; exit 93; }
(cd "$new" && PYTHONDONTWRITEBYTECODE=1 timeout 60 "$@" </dev/null) >"$new/.said" 2>&1 || {
    echo "$* does not run on this host:" >&2
    tail -n 10 "$new/.said" >&2
    exit 93
}
rm -f "$new/.said"
printf '%s\n' "$sum" >"$new/.quorate-sum"
rm -rf "$root" && mv "$new" "$root"
"#
);

/// The exit code of [`PROGRAM`] for what is not fit for the host.
pub(super) const UNFIT: i32 = 93;

/// Links change in one rename, so that a daemon that starts just then finds the one or the other.
const LINKS: &str = r#"
while [ $# -ge 2 ]; do
    mkdir -p "${1%/*}" && ln -sfn "$2" "$1.quorate-new" && mv -fT "$1.quorate-new" "$1" || exit 1
    shift 2
done"#;

/// Arguments: PostgreSQL's program folder, its data folder, then `name=value`.
const PARAMETERS: &str = r#"
bin=$1 data=$2
shift 2
[ -e "$data/PG_VERSION" ] || exit 0
for one; do
    shift
    set -- "$@" -c "$one"
done
setpriv --reuid=postgres --regid=postgres --init-groups "$bin/postgres" -D "$data" "$@" -C max_connections >/dev/null"#;

impl Run<'_> {
    /// Brings packages, accounts, folders and programs, then stages every file that can be judged already: all of them, and
    /// PostgreSQL's parameters too, where the cluster serves.
    pub(super) async fn install(&self, programs: &Programs) -> Result<(), ApplyError> {
        on_all(self.fleet, |host| self.prepare(host, programs)).await?;
        let staged = on_all(self.fleet, |host| async {
            self.stage(host, CheckStage::Installed).await?;
            if self.staged_early() {
                self.stage(host, CheckStage::StoreServing).await?;
                self.judge_parameters(host).await?;
            }
            Ok(())
        })
        .await;
        if staged.is_err() {
            // The other hosts' staged files must not lie about; the failing one has removed its own.
            let _ = on_all(self.fleet, |host| self.unstage(host)).await;
        }
        staged
    }

    fn lacking(&self, host: &Host) -> NodePlan {
        self.observation.plan.nodes.get(&host.name).cloned().unwrap_or_default()
    }

    async fn prepare(&self, host: &Host, programs: &Programs) -> Result<(), ApplyError> {
        let mut actions = self.observation.plan.actions.iter();
        match actions.find(|action| action.verb == Verb::Prepare && action.node.as_ref() == Some(&host.name)) {
            Some(action) => self.events.action(&action.id, self.bring(host, programs)).await,
            None => Ok(()),
        }
    }

    /// Sets up the archives that a host lacks, and installs packages from them.
    async fn bring_packages(&self, host: &Host, platform: &dyn Platform, plan: &NodePlan) -> Result<(), ApplyError> {
        for repository in &plan.repositories {
            let command = Command::new(format!("setting up {}", repository.name), repository.script);
            let command = self.reaching(command.args(&repository.args).timeout(PACKAGES_LIMIT));
            step(self.events, host, command).await?;
        }
        if !plan.packages.is_empty() {
            let title = format!("installing {} packages", plan.packages.len());
            let command = match self.supplies.get(&host.name) {
                Some(supply) => supply.install(title, platform),
                None => self.reaching(Command::new(title, platform.install_script())),
            };
            step(self.events, host, command.args(&plan.packages).timeout(PACKAGES_LIMIT)).await?;
        }
        Ok(())
    }

    async fn bring(&self, host: &Host, programs: &Programs) -> Result<(), ApplyError> {
        let plan = self.lacking(host);
        let Some(facts) = self.observation.facts.get(&host.name) else { return Ok(()) };
        let platform = platform::of(&facts.os).map_err(|error| ApplyError::Bug(error.to_string()))?;
        step(self.events, host, Command::new("claiming the host", CLAIM).arg(self.setting.cluster.name.as_str()))
            .await?;
        if !plan.mask.is_empty() {
            step(self.events, host, Command::new("masking other starters of PostgreSQL", MASK).args(&plan.mask))
                .await?;
        }
        self.with_certificates(host, self.bring_packages(host, platform, &plan)).await?;
        if !plan.accounts.is_empty() {
            let args = plan.accounts.into_iter().flat_map(|account| [account.name, account.home]);
            step(self.events, host, Command::new("making accounts", ACCOUNTS).args(args)).await?;
        }
        for program in &plan.programs {
            let Some(archive) = programs.get(&(host.name.clone(), program.root.clone())) else { continue };
            let title = format!("shipping {} {}", program.component, program.version);
            let command = Command::new(title, PROGRAM)
                .args([program.root.clone(), archive.sha256.clone(), system(&facts.os, facts.arch)])
                .args(trial(program.component).iter().copied())
                .shared_stdin(std::sync::Arc::clone(&archive.bytes))
                .timeout(Duration::from_secs(600));
            step(self.events, host, command).await.map_err(|error| match error {
                ApplyError::Step(failure) if failure.code == UNFIT => ApplyError::Unfit(failure),
                other => other,
            })?;
        }
        if !plan.links.is_empty() {
            let args = plan.links.into_iter().flat_map(|(link, target)| [link, target]);
            step(self.events, host, Command::new("linking programs", LINKS).args(args)).await?;
        }
        if !plan.directories.is_empty() {
            let args = plan
                .directories
                .into_iter()
                .flat_map(|folder| [folder.path, folder.owner, folder.group, format!("{:04o}", folder.mode)]);
            step(self.events, host, Command::new("making folders", DIRECTORIES).args(args)).await?;
        }
        // Last: what has just been brought has the label of wherever it was made.
        let booleans = plan.booleans.into_iter().map(|name| ("boolean".to_owned(), name));
        let labels = plan.labels.into_iter().map(|path| ("path".to_owned(), path));
        let args: Vec<String> = booleans.chain(labels).flat_map(|(kind, what)| [kind, what]).collect();
        if !args.is_empty() {
            let command = Command::new("telling SELinux", platform.selinux_script()).args(args);
            step(self.events, host, command.timeout(Duration::from_secs(300))).await?;
        }
        Ok(())
    }

    /// The files of a host that can be judged at that stage.
    pub(super) fn files(&self, host: &Host, at: CheckStage) -> Vec<File> {
        let stage_of = |file: &File| file.check.as_ref().map_or(CheckStage::Installed, |check| check.stage);
        self.lacking(host).files.into_iter().filter(|file| stage_of(file) == at).collect()
    }

    async fn stage(&self, host: &Host, at: CheckStage) -> Result<(), ApplyError> {
        self.stage_files(host, &self.files(host, at)).await
    }

    /// Stages files on a host; a refusal by a check is [`ApplyError::Check`]: right only as long as nothing is live yet.
    pub(super) async fn stage_files(&self, host: &Host, files: &[File]) -> Result<(), ApplyError> {
        if files.is_empty() {
            return Ok(());
        }
        let candidates: Vec<Candidate> = files.iter().map(candidate).collect();
        let command = stage(&candidates);
        let title = command.step.clone();
        self.events
            .step(host.name.as_str(), &title, async {
                let output = host.run(&command).await.map_err(ApplyError::Lost)?;
                match output.code {
                    0 => Ok(()),
                    CHECK_FAILED => Err(ApplyError::Check(Box::new(failure(host, &command, &output)))),
                    _ => Err(ApplyError::Step(Box::new(failure(host, &command, &output)))),
                }
            })
            .await
    }

    /// PostgreSQL's own judgement of parameters that are to change: it reads them as at a start, and starts nothing.
    async fn judge_parameters(&self, host: &Host) -> Result<(), ApplyError> {
        let (Some(bin), Some(data)) =
            (self.observation.programs.get(&host.name), self.observation.data.get(&host.name))
        else {
            return Ok(());
        };
        // Those of extensions are not known before the extension is loaded.
        let changes = self.observation.plan.settings.parameters().filter(|(name, _)| !name.contains('.'));
        let text = |value: &serde_json::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let parameters: Vec<String> = changes.map(|(name, value)| format!("{name}={}", text(value))).collect();
        if parameters.is_empty() {
            return Ok(());
        }
        let command = Command::new("judging PostgreSQL's parameters", PARAMETERS)
            .args([bin.clone(), data.postgresql.clone()])
            .args(parameters);
        match step(self.events, host, command).await {
            Err(ApplyError::Step(failure)) => Err(ApplyError::Check(failure)),
            other => other.map(drop),
        }
    }

    /// Throws away what was staged and did not go live.
    pub(super) async fn unstage(&self, host: &Host) -> Result<(), ApplyError> {
        let paths: Vec<String> = self.lacking(host).files.into_iter().map(|file| file.path).collect();
        host.run(&discard(paths)).await.map(drop).map_err(ApplyError::Lost)
    }
}

/// What is run once to see that a program runs here at all, below its root.
const fn trial(component: ComponentName) -> &'static [&'static str] {
    match component {
        ComponentName::Etcd => &["bin/etcd", "--version"],
        // Its own first line names the place where it is not yet.
        ComponentName::Patroni | ComponentName::Postgresql => &["bin/python3", "bin/patroni", "--version"],
        ComponentName::Haproxy => &["sbin/haproxy", "-v"],
        ComponentName::Keepalived => &["sbin/keepalived", "--version"],
        // Never a program of ours.
        ComponentName::Firewalld => &[],
    }
}

fn candidate(file: &File) -> Candidate {
    Candidate {
        path: file.path.clone(),
        owner: file.owner.clone(),
        group: file.group.clone(),
        mode: file.mode,
        bytes: file.content.expose().as_bytes().to_vec(),
        sha256: file.content.sha256(),
        check: file.check.as_ref().map(|check| check.argv.clone()),
        check_user: file.check.as_ref().and_then(|check| check.user.clone()),
        keep_name: file.check.as_ref().is_some_and(|check| check.keep_name),
    }
}
