//! All that a run needs, with every program in the cache already; runs over made-up hosts, and what they said.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use quorate::apply::{
    ApplyError, Destroyed, Event, Events, Observation, Operator, Outcome, Setting, apply, destroy, observe, preflight,
};
use quorate::artifact::{Bundle, Catalogue, Recipe, Store};
use quorate::cluster::{Cluster, Facts, Identifier, NodeName, ParameterValue, Secrets};
use quorate::component::{Desired, Inputs, Templates, desired};
use quorate::plan::{Data, Plan, Survey};
use quorate::verify::Finding;
use serde_json::Value;

use super::{Shared, World};
use crate::common;

/// What a run needs.
pub(crate) struct Bench {
    pub(crate) cluster: Cluster,
    pub(crate) secrets: Secrets,
    pub(crate) templates: Templates,
    pub(crate) catalogue: Catalogue,
    pub(crate) store: Store,
    pub(crate) operator: Operator,
    pub(crate) dcs: Value,
    /// Where packages and programs come from instead of the cache.
    pub(crate) bundle: Option<Bundle>,
    _cache: tempfile::TempDir,
}

/// What a run ended with, and what it told.
pub(crate) struct Ran {
    pub(crate) outcome: Result<Outcome, ApplyError>,
    pub(crate) events: Vec<Event>,
    /// The ids that were shown for approval.
    pub(crate) planned: Vec<String>,
}

impl Ran {
    pub(crate) fn code(&self) -> u8 {
        self.outcome.as_ref().map_or_else(ApplyError::exit_code, |_| 0)
    }

    /// The ids of actions that were done, in order.
    pub(crate) fn done(&self) -> Vec<String> {
        let done = |event: &Event| if let Event::ActionDone { id, .. } = event { Some(id.clone()) } else { None };
        self.events.iter().filter_map(done).collect()
    }
}

impl Bench {
    pub(crate) fn new() -> Self {
        let cluster = common::cluster(3);
        let secrets = common::secrets(&cluster);
        let cache = tempfile::tempdir().unwrap();
        let mut bench = Self {
            secrets,
            templates: Templates::embedded().unwrap(),
            catalogue: Catalogue::embedded().unwrap(),
            store: Store::new(cache.path()),
            operator: operator("aki"),
            dcs: Value::Null,
            bundle: None,
            cluster,
            _cache: cache,
        };
        bench.dcs = bench.fill();
        bench
    }

    /// What the hosts are.
    pub(crate) fn facts(&self) -> BTreeMap<NodeName, Facts> {
        let nodes = self.cluster.nodes.iter();
        nodes
            .map(|node| {
                let survey = Survey::parse(super::survey(&node.address.to_string(), 1e9).as_bytes()).unwrap();
                (node.name.clone(), survey.facts(self.cluster.vip.address, None, None).unwrap())
            })
            .collect()
    }

    /// What the inventory asks for.
    pub(crate) fn desired(&self) -> Desired {
        let inputs = Inputs { cluster: &self.cluster, facts: &self.facts(), secrets: &self.secrets };
        desired(&inputs, &self.templates).unwrap()
    }

    /// Puts every program that the inventory asks for into the cache; the settings that it asks for.
    pub(crate) fn fill(&self) -> Value {
        let (wanted, facts) = (self.desired(), self.facts());
        for (name, node) in &wanted.nodes {
            for program in &node.programs {
                let recipe = Recipe::of(program, &facts[name].os, facts[name].arch, &self.catalogue).unwrap();
                self.store.write(&self.store.built(&recipe.key), &archive(&recipe.system)).unwrap();
            }
        }
        wanted.dcs
    }

    /// What the preflight says.
    pub(crate) fn preflight(&self, world: &Shared) -> Result<Vec<Finding>, ApplyError> {
        self.within(world, async |setting| preflight(setting, &world.fleet(), &Events::channel().0).await)
    }

    /// Bare hosts.
    pub(crate) fn world(&self) -> Shared {
        Shared::bare(&self.cluster, self.dcs.clone())
    }

    /// Hosts that the article's inventory was applied to.
    pub(crate) fn installed() -> Shared {
        static INSTALLED: OnceLock<World> = OnceLock::new();
        Shared::of(INSTALLED.get_or_init(|| Self::new().install().with(|world| world.clone())).clone())
    }

    /// Hosts that this inventory was applied to.
    pub(crate) fn install(&self) -> Shared {
        let world = self.world();
        self.run(&world).outcome.unwrap();
        world.with(|world| world.seen.clear());
        world
    }

    fn within<T>(&self, world: &Shared, work: impl AsyncFnOnce(&Setting<'_>) -> T) -> T {
        let Self { cluster, secrets, templates, catalogue, store, operator, .. } = self;
        let bundle = self.bundle.as_ref();
        let ignored = BTreeSet::new();
        let setting = Setting { cluster, secrets, templates, catalogue, store, operator, ignored: &ignored, bundle };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        world.with(World::begin);
        runtime.block_on(work(&setting))
    }

    /// One run over the fakes.
    pub(crate) fn run(&self, world: &Shared) -> Ran {
        self.run_if(world, |_| Ok(()))
    }

    /// One run, if what it would do is approved.
    pub(crate) fn run_if(&self, world: &Shared, approve: impl FnOnce(&Observation) -> Result<(), ApplyError>) -> Ran {
        self.within(world, async |setting| {
            let (events, received) = Events::channel();
            run(setting, world, &events, approve, received).await
        })
    }

    /// Two runs at the same time, each with its own operator; the other one begins later by a while.
    pub(crate) fn race(&self, other: &Self, world: &Shared, late: std::time::Duration) -> [Ran; 2] {
        self.within(world, async |mine| {
            let ignored = BTreeSet::new();
            let theirs = Setting {
                cluster: &other.cluster,
                secrets: &other.secrets,
                templates: &other.templates,
                catalogue: &other.catalogue,
                store: &other.store,
                operator: &other.operator,
                ignored: &ignored,
                bundle: None,
            };
            let ((one, told), (two, said)) = (Events::channel(), Events::channel());
            let second = async {
                tokio::time::sleep(late).await;
                run(&theirs, world, &two, |_| Ok(()), said).await
            };
            let (first, second) = tokio::join!(run(mine, world, &one, |_| Ok(()), told), second);
            [first, second]
        })
    }

    /// Takes the cluster away.
    pub(crate) fn destroy(&self, world: &Shared, data: Data) -> Result<Destroyed, ApplyError> {
        self.removal(world, data, Ok(()))
    }

    /// Takes it away, data too, if that is approved.
    pub(crate) fn destroy_if(&self, world: &Shared, approved: Result<(), ApplyError>) -> Result<Destroyed, ApplyError> {
        self.removal(world, Data::Goes, approved)
    }

    fn removal(&self, world: &Shared, data: Data, approved: Result<(), ApplyError>) -> Result<Destroyed, ApplyError> {
        self.within(world, async |setting| {
            let mut fleet = world.fleet();
            let done = destroy(setting, &mut fleet, &Events::channel().0, data, async |_| approved).await;
            fleet.close().await;
            done
        })
    }

    /// What a run would do now.
    pub(crate) fn plan(&self, world: &Shared) -> Result<Plan, ApplyError> {
        self.within(world, async |setting| {
            observe(setting, &world.fleet(), &Events::channel().0, false).await.map(|seen| seen.plan)
        })
    }
}

async fn run(
    setting: &Setting<'_>,
    world: &Shared,
    events: &Events,
    approve: impl FnOnce(&Observation) -> Result<(), ApplyError>,
    mut received: tokio::sync::mpsc::UnboundedReceiver<Event>,
) -> Ran {
    let mut planned = Vec::new();
    let mut fleet = world.fleet();
    let approve = async |seen: &Observation| {
        planned = seen.plan.actions.iter().map(|action| action.id.clone()).collect();
        approve(seen)
    };
    let outcome = apply(setting, &mut fleet, events, approve).await;
    fleet.close().await;
    let mut all = Vec::new();
    while let Ok(event) = received.try_recv() {
        all.push(event);
    }
    Ran { outcome, events: all, planned }
}

/// The smallest archive that is shipped to a host of that system.
pub(crate) fn archive(system: &str) -> Vec<u8> {
    let mut archive = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    let text = format!("{system}\n");
    let mut header = tar::Header::new_gnu();
    header.set_size(text.len() as u64);
    header.set_mode(0o644);
    archive.append_data(&mut header, quorate::artifact::MARK, text.as_bytes()).unwrap();
    archive.into_inner().unwrap().finish().unwrap()
}

pub(crate) fn operator(user: &str) -> Operator {
    Operator {
        user: user.to_owned(),
        machine: "ws1".to_owned(),
        command: "apply".to_owned(),
        inventory: "cluster: ha\n".to_owned(),
    }
}

/// A bench whose inventory is changed.
pub(crate) fn changed(change: impl FnOnce(&mut Cluster)) -> Bench {
    let mut bench = Bench::new();
    change(&mut bench.cluster);
    bench.fill();
    bench
}

/// Sets a parameter of PostgreSQL.
pub(crate) fn set(cluster: &mut Cluster, parameter: &str, value: i64) {
    cluster.postgresql.parameters.insert(Identifier::new(parameter).unwrap(), ParameterValue::Integer(value));
}
