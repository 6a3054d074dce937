# Sorts the arguments into lists of quoted words, so that any path survives.
paths= files= accounts= wanted= programs= links= units= data= identities= labels= trees= booleans=
while [ $# -gt 1 ]; do
    # A fork for each word would cost more than all answers together.
    case $2 in *\'*) word=$(printf "%s" "$2" | sed "s/'/'\\\\''/g") ;; *) word=$2 ;; esac
    case $1 in
    path) paths="$paths '$word'" ;;
    file) files="$files '$word'" ;;
    account) accounts="$accounts '$word'" ;;
    package) wanted="$wanted '$word'" ;;
    program) programs="$programs '$word'" ;;
    link) links="$links '$word'" ;;
    unit) units="$units '$word'" ;;
    service) units="$units '$word'" ;;
    data) data="$data '$word'" ;;
    identity) identities="$identities '$word'" ;;
    label) labels="$labels '$word'" ;;
    tree) trees="$trees '$word'" ;;
    boolean) booleans="$booleans '$word'" ;;
    esac
    shift 2
done
newline='
'
# Which of its arguments hold something, into $held. Only a folder that surely is empty counts as empty: one that can't be read may
# hold anything.
hold() {
    held= empty=$(find -H "$@" -maxdepth 0 -type d -empty 2>/dev/null)
    for d; do
        case "$newline$empty$newline" in *"$newline$d$newline"*) continue ;; esac
        [ ! -e "$d" ] || held="$held$d$newline"
    done
}
# The mark of its archive in each program's folder.
mark() {
    marked=
    for p; do
        if { read -r sum <"$p/.quorate-sum"; } 2>/dev/null; then marked="$marked$sum $p$newline"; fi
    done
}
# What SELinux's policy would label otherwise; nothing is changed. The last " from " is the tool's own.
mislabelled() { restorecon -n -v -i "$@" | sed -n 's/^Would relabel \(.*\) from [^ ]* to [^ ]*$/\1/p'; }
off() { for b; do case $(getsebool "$b") in *' on') ;; *) echo "$b" ;; esac; done; }
if [ -z "${surveyed:-}" ]; then
    clocks
    # shellcheck disable=SC2086,SC2154 # a list of words, from the lines before this script
    files $kept
fi
# Beside what is asked for: when we last made a unit reload, since when a restart of it is due, what a change under way replaced, and
# the journal, which grows with every run that changes something here.
also='/run/quorate/reloaded/* /run/quorate/restart/* /var/lib/quorate/undo/* /var/lib/quorate/journal'
eval "section entries stat -c '%U %G %a %s %F|%.9Y|%n' -- $paths $also"
eval "section sums sha256sum -- $files"
[ -z "$accounts" ] || eval "section accounts getent passwd $accounts"
[ -z "$wanted" ] || eval "section packages packages $wanted"
eval "mark $programs"
say programs "$marked"
eval "section units systemctl show -p Id,LoadState,ActiveState,UnitFileState,MainPID,NRestarts,NeedDaemonReload,ExecMainStartTimestampMonotonic $units"
# What each unit's process was started from: the program, or for a script its interpreter by the name it was called with.
set -f
IFS=$newline
processes=
# shellcheck disable=SC2154 # the output of the section before, which `section` leaves behind
for line in $s_out; do
    case $line in MainPID=0) ;; MainPID=*) processes="$processes /proc/${line#*=}/exe" ;; esac
done
# Where links lead: ours, the one to the current generation, and the kernel's from a process to its program.
eval "section links find $links /var/lib/quorate/generations/current $processes -maxdepth 0 -type l -printf '%p -> %l\\n'"
for line in $s_out; do
    # Its words are ended by NULs, which a shell drops; -v shows them.
    case $line in /proc/*' -> '*/python*) line=${line%%/exe *} && section "words:$line" cat -v "$line/cmdline" ;; esac
done
# What a database was made as, by its Patroni's file; nothing where its data folder is empty.
folder= made=
[ -z "$identities" ] || made=$(eval "grep -hE '^(scope|namespace|name|  data_dir|  bin_dir): ' $identities" 2>/dev/null)
for line in $made; do
    case $line in "  data_dir: '"*"'") folder=${line#*\'} folder=${folder%\'} ;; esac
done
set +f
unset IFS
eval "hold $data \"\$folder\""
say data "$held"
case "$newline$held" in *"$newline$folder$newline"*) say identity "$made" ;; esac
[ -z "$labels" ] || eval "section labels mislabelled -- $labels"
[ -z "$trees" ] || eval "section trees mislabelled -R -- $trees"
[ -z "$booleans" ] || eval "section booleans off $booleans"
