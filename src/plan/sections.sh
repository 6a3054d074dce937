# section NAME COMMAND…: runs a command and frames what it prints, which stays in $s_out.
section() {
    s_name=$1
    shift
    s_out=$("$@" 2>/dev/null)
    printf '=%s %s %s\n%s\n' "$s_name" $? "${#s_out}" "$s_out"
}
# say NAME TEXT: frames what the shell knows itself.
say() { printf '=%s 0 %s\n%s\n' "$1" "${#2}" "$2"; }
# files NAME PATH NAME PATH…: a section for each file that can be read, all by one process; a name that is given again goes on.
files() {
    awk 'BEGIN {
        for (i = 1; i < ARGC; i += 2) {
            if (ARGV[i] != name) tell()
            name = ARGV[i]
            while ((getline line <ARGV[i + 1]) > 0) text = text line "\n"
            close(ARGV[i + 1])
        }
        tell()
    }
    function tell() {
        if (text == "") return
        print "=" name " 0 " length(text)
        print text
        text = ""
    }' "$@" 2>/dev/null && return
    # awk gives up at a disk that does not answer, or a folder in a file's place: then each by itself, so that only that one is lost.
    while [ $# -gt 1 ]; do
        section "$1" cat "$2"
        shift 2
    done
}
# What time it is, and since when this host runs: together they tell when a process started, to be held against the dates of its files. Nothing
# may come between: on a busy host that much would be missing, and a file be taken for newer than the process that has read it.
clocks() {
    read -r s_up _ </proc/uptime
    section clock date +%s.%N
    say uptime "$s_up"
}
# What both questions ask for, of this host itself and of what was applied to it last.
kept='owner /var/lib/quorate/cluster applied /var/lib/quorate/generations/current/sums
settings /var/lib/quorate/generations/current/dcs.json record /var/lib/quorate/generations/current/record.json'
