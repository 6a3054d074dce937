//! The codes of findings: stable, so that a search or a script can rely on them. A code is never used again for
//! something else; new ones go to the end of their group.

use std::fmt;

/// A finding's code, such as `Q0201`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(u16);

impl fmt::Display for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Q{:04}", self.0)
    }
}

/// Declares the codes with the text that `quorate explain` shows.
macro_rules! codes {
    ($($name:ident = $number:literal, $title:literal, $text:literal;)*) => {
        impl Code {
            $(#[doc = $title] pub(super) const $name: Self = Self($number);)*
            /// All codes of the inventory, in order.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// What the code means, and what to do about it: a title and a paragraph.
            pub fn explain(self) -> Option<(&'static str, &'static str)> {
                match self {
                    $(Self::$name => Some(($title, $text)),)*
                    _ => None,
                }
            }

            /// Reads `Q0201` (or `q0201`, `0201`); only codes that exist.
            pub fn parse(text: &str) -> Option<Self> {
                let digits = text.trim_start_matches(['Q', 'q']);
                let number: u16 = digits.parse().ok().filter(|_| digits.len() == 4)?;
                Self::ALL.iter().copied().find(|code| code.0 == number)
            }
        }
    };
}

codes! {
    UNREADABLE = 101, "The inventory can't be read", "The file is missing, is a folder, or may not be read by you. `-i FILE` names another one; `quorate init` writes a starter.";
    TOO_BIG = 102, "The inventory is too big", "An inventory has at most 1 MiB. A larger file is most likely not an inventory at all.";
    NOT_UTF8 = 103, "The inventory is not UTF-8", "YAML is read as UTF-8. Convert the file, for example with `iconv -f SHIFT_JIS -t UTF-8`.";
    CHARACTER = 104, "A character that must not stand in an inventory", "Control characters, invisible characters and those that turn the direction of text make a file read otherwise than it looks. Delete them.";
    SYNTAX = 105, "The inventory is not valid YAML", "Most often the indentation is wrong, a colon or a blank behind it is missing, a quote is open, or a tab stands where blanks must. The place is where the reader noticed; the cause may stand one line above.";
    EMPTY = 106, "The inventory is empty", "The smallest inventory names the cluster, three nodes with addresses, and the VIP.";
    DOCUMENTS = 107, "More than one YAML document", "One inventory describes one cluster. What stands behind a second `---` would be ignored.";
    ALIAS = 108, "Anchors, aliases and merge keys are not allowed", "An inventory is read line by line by people. What all nodes share is written at the top level (`ssh:`, `vip:`); nodes override it.";
    TAG = 109, "YAML tags are not allowed", "Each key has one type, which the schema knows; a tag could only contradict it.";
    TOO_DEEP = 110, "Nested too deep", "No key of an inventory lies deeper than six levels.";
    DUPLICATE_KEY = 111, "A key is written twice", "YAML leaves open which of the two counts, and readers differ. Keep one.";
    KEY = 112, "This can't be a key", "Keys are plain words. Braces and brackets at the beginning of a value open a mapping or list in YAML; templates are not replaced in an inventory.";

    UNKNOWN_KEY = 201, "An unknown key", "A key that quorate doesn't know is refused, since a misspelt one would silently have no effect. `quorate schema` and docs/inventory.md list all keys.";
    MISSING_KEY = 202, "A required key is missing", "`cluster`, `nodes` and `vip` are required, and each node has a `name` and an `address`.";
    WRONG_TYPE = 203, "A value of the wrong type", "The key takes another kind of value: a list where a single value stands, a number where text stands, or the like.";
    OUT_OF_RANGE = 204, "A value outside its range", "The limits are those of the program that uses the value, or those below which a cluster can't be kept safe.";
    CHOICE = 205, "Not one of the choices", "The key takes one word of a fixed list.";
    NAME = 206, "Not a valid name", "Names go into file names, units, URLs and SQL; each kind has an alphabet that is safe in all of these.";
    ADDRESS = 207, "Not an address", "Write four numbers, such as 192.168.13.45. Names are not resolved: the systems need addresses that don't depend on a resolver.";
    VERSION = 208, "Not a version", "Write up to three numbers, such as 3.5.16: no `v`, no pre-release.";
    QUANTITY = 209, "Not a size or duration", "Sizes: `512kB`, `16MB`, `2GB` (1024 each) or plain bytes. Durations: `30s`, `15min`, `8h`, `1d` or plain seconds.";
    LITERAL_SECRET = 210, "A secret stands in the inventory", "Inventories are shared and committed, so secrets live elsewhere: in the secrets file, in a file, in the file that an environment variable names, or in what a command prints. A secret that stood in a committed file must be changed.";
    TEXT = 211, "Text that could be misread", "Newlines, leading dashes and the like would be read as something else by a program further down.";
    NO_VALUE = 212, "A key without a value", "Write a value, or delete the key to get the default.";
    PATH = 213, "A dangerous path", "Data folders are absolute, without `..`, and folders of their own.";

    VOTERS = 301, "The number of nodes is not three or five", "A majority must be able to agree. Two nodes survive no loss, four survive no more than three do, and beyond five each commit of the DCS waits for more machines.";
    DUPLICATE_NAME = 302, "Two nodes have the same name", "The name is the member's name in etcd, Patroni and HAProxy.";
    DUPLICATE_ADDRESS = 303, "Two nodes have the same address", "Each node is a host of its own.";
    VIP_IS_NODE = 305, "The VIP is a node's own address", "The VIP moves between nodes, so it must be an address that nobody has.";
    SUBNET = 306, "An address lies outside the VIP's subnet", "A VIP moves by ARP, which works within one subnet only.";
    UNUSABLE_ADDRESS = 307, "An address that no host can have", "Loopback, multicast, broadcast and network addresses can't be reached by the other nodes.";
    PORTS = 308, "Two services on one port", "All services share the node, and HAProxy listens on all addresses.";
    ORDER = 309, "The order of nodes is not complete", "`keepalived.order` names every node exactly once, the most preferred first.";
    SAME_HOST = 310, "Two nodes are reached at the same ssh host", "Each node is a host of its own.";

    LEASE = 401, "The leader's lease is too short", "Patroni renews its lease every `loop_wait` seconds and may retry twice for `retry_timeout`: ttl must be at least loop_wait + 2 × retry_timeout, or a slow DCS costs a failover.";
    ELECTION = 402, "etcd's election is too fast for its heartbeat", "etcd wants an election timeout of at least five heartbeats, and advises ten.";
    SYNC_COUNT = 403, "More synchronous standbys than there can be", "One node is the leader, so at most all others can be synchronous.";
    QUORUM_PATRONI = 404, "Quorum commit needs Patroni 4.0", "`durability: quorum` is `synchronous_mode: quorum`, which came with Patroni 4.0.";
    NO_CANDIDATE = 405, "No node may take over", "Tags exclude so many nodes that a failover or a synchronous commit has none left.";
    ETCD_LEASE = 406, "etcd's election takes too long for Patroni", "While etcd elects, Patroni can't renew its lease; the election must end well before `retry_timeout` does.";

    TOO_OLD = 501, "A version that is too old", "quorate renders what these versions read: etcd 3.4, Patroni 3.3, HAProxy 2.2, keepalived 2.2 and PostgreSQL 13 or later.";
    PATRONI_POSTGRESQL = 502, "This Patroni does not know this PostgreSQL", "Each release of PostgreSQL needs a Patroni that knows it: 17 needs 4.0, 18 needs 4.0.7.";

    OWNED_PARAMETER = 601, "A parameter that Patroni or quorate sets", "Patroni derives it from the cluster's state, or quorate from another key; a value here would be dropped, or break failover.";
    DROPPED_PARAMETER = 602, "A parameter that this PostgreSQL no longer has", "PostgreSQL refuses to start with a parameter that it doesn't know.";
    FUTURE_PARAMETER = 603, "A parameter that this PostgreSQL does not have yet", "PostgreSQL refuses to start with a parameter that it doesn't know.";
    PARAMETER_MINIMUM = 604, "A value that Patroni would not take", "Below its own minimum Patroni logs a warning and silently uses its default.";
    UNIT = 605, "A number whose unit is easily mistaken", "A bare number is read in the parameter's own unit, which differs from one to the next. Write the unit.";
    CONNECTIONS = 606, "Connection limits that do not fit each other", "HAProxy must not let more clients through than PostgreSQL has slots for them.";
    HBA_TRUST = 607, "`trust` lets anyone in", "Whoever reaches the port would be whoever they say they are, the superuser included.";
    HBA_METHOD = 608, "An authentication method that is not offered", "`md5` and `password` are broken or clear text; PostgreSQL 18 warns of md5. Passwords are stored as scram-sha-256.";
    HBA_REPLICATION = 609, "A replication line", "quorate writes the lines that replication needs, for the nodes alone.";
    HBA_LINE = 610, "Not a line of `pg_hba.conf`", "Write `host DATABASE USER ADDRESS METHOD`, or `local DATABASE USER METHOD`.";
    BUILT_IN_ROLE = 611, "A role that every cluster has", "postgres, replicator, rewind_user and quorate_probe are made by quorate; names with `pg_` belong to PostgreSQL.";
    BUILT_IN_DATABASE = 612, "A database that every cluster has", "postgres, template0 and template1 exist from the start.";
    UNKNOWN_OWNER = 613, "A database's owner is not among the roles", "The owner must exist before the database is created.";
    DUPLICATE_ENTRY = 614, "Written twice", "A role, database or line of the list stands there more than once.";
    PARAMETER_NAME = 615, "Not the name of a parameter", "Names of parameters are lower-case words; those of extensions have one dot: `pg_stat_statements.max`.";
    PARAMETER_VALUE = 616, "Not a value of a parameter", "Write one value: a number, `on` or `off`, or text without a line break.";
    CLUSTER_WIDE = 617, "A parameter that must be equal on all nodes", "Patroni takes it from the cluster's settings alone; a value for one node would have no effect.";
    DURABILITY = 618, "A parameter that gives up what was promised", "Commits that were confirmed could be lost, or a replica could be damaged, whatever `durability` says.";
    UNKNOWN_PARAMETER = 619, "A misspelt parameter", "The name is no parameter of PostgreSQL, and one letter or two away from one. Patroni would drop it with no more than a warning.";
    ARCHIVE = 620, "Archiving that can't work", "With `archive_mode` on, PostgreSQL keeps every WAL segment until it is archived: without a command the disk fills and the database stops. A command and a library together are refused by PostgreSQL.";

    SECRET_SOURCE = 701, "A secret with no or several sources", "A secret is read from one place: `file`, `env_file` or `command`.";
    SECRET_COMMAND = 702, "Not a command", "A command is a list of words, run without a shell: `[pass, show, pg/superuser]`.";

    SUM = 801, "Not a sha256 sum", "A sum has 64 hexadecimal digits, as `sha256sum FILE` prints them. It is what a download is judged by, so take it from the publisher, not from the download itself.";
    PIN = 802, "A pin that can't be used", "`source` is for etcd, HAProxy and keepalived, `release` (with its architecture) for etcd, `requirements` for Patroni. A download has a plain file name and a sum; a file of requirements has its own sums in it.";
    PIN_UNUSED = 803, "No pin is of the version that is asked for", "The component's `version` and `install` say what is installed; pins of that component are there, but none of that version and kind.";
    ARTIFACT_FILE = 804, "A file for downloads can't be read", "The CA's certificates and a file of requirements are read on your machine; relative paths start at the inventory's folder.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_ordered_and_explained() {
        assert!(Code::ALL.windows(2).all(|pair| matches!(pair, [a, b] if a < b)));
        for &code in Code::ALL {
            assert!(code.explain().is_some_and(|(title, text)| !title.ends_with('.') && text.ends_with('.')), "{code}");
            assert_eq!(Code::parse(&code.to_string()), Some(code));
        }
        assert_eq!(Code::parse("Q9999"), None);
    }
}
