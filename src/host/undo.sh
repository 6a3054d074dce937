# Puts back what a change of one unit replaced: what lies in the folder of this script. quorate runs it when the change fails
# its gate; a timer of the host runs it when nobody confirmed the change. Running it twice does no harm.
main() {
    umask 077
    undo=${0%/*}
    unit=${undo##*/}
    due=/run/quorate/restart/$unit mark=/run/quorate/reloaded/$unit
    mkdir -p /run/quorate/undone /run/quorate/reloaded && exec 9>>"/run/quorate/undo-$unit.lock" && flock 9 || exit 1
    # Confirmed, or undone, while we waited.
    [ -d "$undo" ] || exit 0
    systemctl stop "quorate-undo-${unit%.service}.timer" 2>/dev/null
    mode=$(get mode none) daemon=$(get daemon no) was=$(get was active) run=$(get run "")
    case $was in active | activating | reloading) ran=yes ;; *) ran=no ;; esac
    if [ "$mode" = start ] && [ "$ran" = no ]; then
        # While its unit is still there.
        systemctl stop "$unit"
        [ "$(get enabled "")" = enabled ] || systemctl disable "$unit" 2>/dev/null
        mode=none
    elif [ "$mode" = start ]; then
        mode=restart
    fi
    # A process that never read the change goes on undisturbed, and its files keep their former date: nothing is due.
    fresh=yes
    if [ "$mode" = none ] || { [ "$mode" = restart ] && ! may_have_read; }; then fresh=no; fi
    # Due until it is made, whatever becomes of us.
    if [ "$mode$fresh" = restartyes ]; then mkdir -p "${due%/*}" && touch "$due"; fi
    ok=true
    if [ -e "$undo/paths" ]; then
        while read -r kind path; do
            [ "$kind" = mark ] || restore "$kind" "$path" || ok=false
        done <"$undo/paths"
    fi
    touch "$mark.new"
    [ "$daemon" = no ] || systemctl daemon-reload || ok=false
    case $mode$fresh in
        reloadyes)
            if systemctl is-active --quiet "$unit"; then
                reload "$unit" && mv -f "$mark.new" "$mark" || ok=false
            elif [ "$ran" = yes ]; then
                systemctl reset-failed "$unit" 2>/dev/null
                systemctl restart "$unit" || ok=false
            fi
            ;;
        restartyes)
            systemctl reset-failed "$unit" 2>/dev/null
            systemctl restart "$unit" || ok=false
            ;;
    esac
    rm -f "$mark.new"
    if [ -e /var/lib/quorate/journal ]; then
        exec 8>>/run/quorate/journal.lock && flock 8
        [ -z "$(tail -c 1 /var/lib/quorate/journal)" ] || echo >>/var/lib/quorate/journal
        printf '{"run":"%s","event":"undone","at":"%s","unit":"%s","ok":%s}\n' \
            "$run" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$unit" "$ok" >>/var/lib/quorate/journal
        sync /var/lib/quorate/journal
    fi
    # What failed can be tried again: everything is still here.
    [ "$ok" = true ] || exit 1
    [ "$mode" != restart ] || restore mark "$due"
    : >"/run/quorate/undone/$unit"
    gone=${undo%/*}/.gone-$unit
    rm -rf "$gone" && mv -T "$undo" "$gone" && rm -rf "$gone"
    exit
}

# firewalld's unit tells it by a signal and does not wait; its own client waits, and says how it went.
reload() { case $1 in firewalld.service) firewall-cmd -q --reload ;; *) systemctl reload "$1" ;; esac; }

get() { cat "$undo/$1" 2>/dev/null || echo "$2"; }

# Whether the process that runs now began after the change went live; if in doubt, yes.
may_have_read() {
    read -r boot since 2>/dev/null <"$undo/since" || return 0
    [ "$boot" = "$(cat /proc/sys/kernel/random/boot_id)" ] && systemctl is-active --quiet "$unit" || return 0
    began=$(systemctl show -p ExecMainStartTimestampMonotonic --value "$unit")
    case $began in "" | 0 | *[!0-9]*) return 0 ;; esac
    # Microseconds, and seconds with two decimals: both in hundredths.
    [ "$((began / 10000))" -ge "${since%.*}${since#*.}" ]
}

restore() {
    kept=$undo/files$2 back=${2%/*}/.quorate-undo-${2##*/}~
    if [ -L "$kept" ]; then
        rm -f "$back" && cp -P "$kept" "$back" && mv -fT "$back" "$2" || return 1
    elif [ -e "$kept" ]; then
        rm -f "$back" && cp -p "$kept" "$back" || return 1
        case $1$fresh in dateyes | removeyes) touch "$back" ;; esac
        sync "$back" && mv -fT "$back" "$2" || return 1
    elif [ -e "$undo/absent$2" ]; then
        rm -f "$2" || return 1
    fi
    [ ! -d "${2%/*}" ] || sync "${2%/*}"
}

main
