# The other arguments: packages. Prints the files of that folder that installing them here takes; the index alone says so. dnf has no option for
# that, but the library that it is made of does.
python=$(sed -n '1s/^#![[:space:]]*\([^[:space:]]*\).*/\1/p' "$(command -v dnf)")
# shellcheck disable=SC2154 # set above
"$python" - "$folder" "$@" <<'END'
import sys
import dnf
folder, wanted = sys.argv[1], sys.argv[2:]
try:
    base = dnf.Base()
    base.conf.read()
    # No address of ours has it in, but the library stops without one.
    base.conf.releasever = base.conf.releasever or "none"
    base.conf.cachedir = folder + "/.dnf"
    base.conf.logdir = folder + "/.dnf"
    base.conf.install_weak_deps = False
    base.conf.disable_excludes = ["all"]
    base.repos.add_new_repo("quorate-bundle", base.conf, baseurl=["file://" + folder], module_hotfixes=True, gpgcheck=False, repo_gpgcheck=False)
    base.fill_sack()
    base.install_specs(wanted)
    base.resolve()
    for package in base.transaction.install_set:
        print(package.relativepath)
except (dnf.exceptions.Error, OSError) as error:
    sys.exit(str(error))
END
