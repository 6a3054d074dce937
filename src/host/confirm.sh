# Argument: unit. Its change stays: disarms the timer, forgets what was kept.
undo=/var/lib/quorate/undo/$1 timer=quorate-undo-${1%.service}
mkdir -p /run/quorate && exec 9>>"/run/quorate/undo-$1.lock" && flock -w 60 9 || exit 1
if [ ! -d "$undo" ]; then
    [ ! -e "/run/quorate/undone/$1" ] || { echo "the change of $1 was undone before it was confirmed" >&2; exit 92; }
    exit 0
fi
# The service too: it may wait for our lock.
systemctl stop "$timer.timer" "$timer.service" 2>/dev/null
gone=${undo%/*}/.gone-$1
rm -rf "$gone" && mv -T "$undo" "$gone" && rm -rf "$gone"
