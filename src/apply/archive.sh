# Judges an archive before anything of it is written: what it names, and what kinds of things it would make. The one place of
# these rules on a host; src/artifact/archive.rs has those for the operator's side.
#
#   judge_archive ARCHIVE source|built
#
# source: links may lead around below the archive's top folder. built: only what our recipes make; a virtual environment's
# Python is the host's own. Says what is wrong, naming the entry, and ends with 1.
judge_archive() {
    tar --list --verbose --absolute-names --numeric-owner --full-time --quoting-style=escape --file "$1" 2>/dev/null | LC_ALL=C awk -v strictness="$2" '
        function wrong(why) { print "unsafe archive: its entry " name " " why; failed = 1; exit 1 }
        # Whether a path leads above where it starts.
        function leaves(path,    parts, count, depth, i) {
            count = split(path, parts, "/")
            depth = 0
            for (i = 1; i <= count; i++) {
                if (parts[i] == "..") depth--
                else if (parts[i] != "" && parts[i] != ".") depth++
                if (depth < 0) return 1
            }
            return 0
        }
        {
            kind = substr($1, 1, 1)
            name = $0
            sub(/^[^ ]+ +[^ ]+ +[^ ]+ +[^ ]+ +[^ ]+ /, "", name)
            target = ""
            arrow = kind == "l" ? " -> " : " link to "
            if (kind == "l" || kind == "h") {
                at = index(name, arrow)
                target = substr(name, at + length(arrow))
                name = substr(name, 1, at - 1)
            }
            if (name ~ /^\// || ("/" name "/") ~ /\/\.\.\//) wrong("leaves its folder")
            if (kind !~ /^[-dlh]$/ || (kind == "h" && strictness == "built")) wrong("is of a kind that no program needs: " $1)
            if ($1 ~ /[sS]/ && kind == "-" || $1 ~ /[sStT]/ && strictness == "built") wrong("is setuid, setgid or sticky")
            path = name
            while (sub(/^\.\//, "", path)) { }
            sub(/\/$/, "", path)
            parent = path
            while (match(parent, /\/[^\/]*$/)) {
                parent = substr(parent, 1, RSTART - 1)
                if (parent in links) wrong("lies below a link")
            }
            if (kind == "l") {
                folder = path
                if (!sub(/\/[^\/]*$/, "", folder)) folder = ""
                if (strictness == "built") {
                    if (!(path ~ /^bin\/python/ && target ~ /^\/usr\/bin\/python3[0-9.]*$/) &&
                        (target ~ /^\// || ("/" target "/") ~ /\/\.\.\//)) wrong("is a link out of its folder: " target)
                } else {
                    # The top folder is taken away when it is unpacked.
                    if (!sub(/^[^\/]*\/?/, "", folder)) folder = ""
                    if (target ~ /^\// || leaves(folder "/" target)) wrong("is a link out of its folder: " target)
                }
                links[path] = 1
            }
            if (kind == "h" && (target ~ /^\// || ("/" target "/") ~ /\/\.\.\//)) wrong("is a link out of its folder: " target)
        }
        END {
            if (!failed && NR == 0) { print "it is no archive, or an empty one"; exit 1 }
        }' >&2
}
