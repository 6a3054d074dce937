# Builds a lab's RPM repository and the layer that belongs to it: builder.sh IMAGE WORK OUT FILES MAJOR MINOR BOOKWORM
#
# Runs in a mount namespace of its own, so that nothing stays mounted whatever happens.
#
# IMAGE     the image of the hosts
# WORK      an empty folder for the builder's own layer
# OUT       gets www, tls, artifacts, names, key.asc, and layer: what is put over the image on every host
# FILES     the programs in this folder of quorate's source
# BOOKWORM  the line of apt's sources for Debian 12
set -e
image=$1 work=$2 out=$3 files=$4 major=$5 minor=$6 bookworm=$7
root=$work/root

# over UPPER: mounts the image at `root`, with what is written going to UPPER.
over() {
    mkdir -p "$1" "$1.work" "$root"
    # Folders of the image are renamed: that needs redirect_dir.
    mount -t overlay overlay -o "lowerdir=$image,upperdir=$1,workdir=$1.work,redirect_dir=on" "$root"
    mount -t proc proc "$root/proc"
    mount --rbind /dev "$root/dev"
    mkdir -p "$root/lab/out"
    mount --bind "$out" "$root/lab/out"
}

over "$work/upper"
lab=$root/opt/lab/debian
cp -a "$root/var/lib/dpkg/status" "$root/lab/guest.status"
for tool in "$lab"/apt* "$lab"/dpkg* "$lab"/deb-*; do cp -a "$tool" "$root/usr/bin/"; done
for tool in "$lab"/update-rc.d "$lab"/invoke-rc.d; do cp -a "$tool" "$root/usr/sbin/"; done
cp -a "$lab/etc/apt" "$root/etc/apt"
echo "$bookworm" >"$root/lab/bookworm.list"
[ ! -e /usr/share/keyrings/debian-archive-keyring.gpg ] ||
    cp /usr/share/keyrings/debian-archive-keyring.gpg "$root/etc/apt/trusted.gpg.d/"
for file in resolv.conf hosts; do rm -f "$root/etc/$file"; cp "/etc/$file" "$root/etc/$file"; done
mkdir "$root/lab/world"
cp "$files"/*.py "$root/lab/world/"
extra=
[ "$major" != 8 ] || extra=patchelf
chroot "$root" apt-get --quiet update
# shellcheck disable=SC2086 # nothing or one name
chroot "$root" apt-get --quiet -y --no-install-recommends install createrepo-c $extra
chroot "$root" env PYTHONDONTWRITEBYTECODE=1 /usr/libexec/platform-python /lab/world/world.py "$major" "$minor" /lab/out
# gpg's agent stays behind and stands in /dev.
chroot "$root" gpgconf --kill all
umount -R --lazy "$root"

# The layer: what the hosts know of the repositories, and the names in their package database.
over "$out/layer"
mkdir -p "$root/etc/yum.repos.d" "$root/etc/pki/rpm-gpg"
cp "$out/key.asc" "$root/etc/pki/rpm-gpg/RPM-GPG-KEY-redhat-release"
cp "$out/tls/ca.crt" "$root/etc/pki/ca-trust/source/anchors/quorate-lab.crt"
chroot "$root" update-ca-trust
arch=$(uname -m)
# section ID NAME FOLDER ENABLED: one repository of the distribution's own; dnf fills in what begins with a dollar sign.
section() {
    cat <<END
[$1]
name = Red Hat Enterprise Linux $major for \$basearch - $2 (RPMs)
baseurl = https://cdn.redhat.com/content/dist/rhel$major/\$releasever/\$basearch/$3/os
enabled = $4
gpgcheck = 1
gpgkey = file:///etc/pki/rpm-gpg/RPM-GPG-KEY-redhat-release

END
}
{
    section "rhel-$major-for-$arch-baseos-rpms" BaseOS baseos 1
    section "rhel-$major-for-$arch-appstream-rpms" AppStream appstream 1
    section "codeready-builder-for-rhel-$major-$arch-rpms" 'CodeReady Linux Builder' codeready-builder 0
} >"$root/etc/yum.repos.d/redhat.repo"
# Plugins of dnf's that the image's release lacks.
[ ! -d "$out/plugins" ] || cp -a "$out/plugins/." "$root/usr/lib/python3/dist-packages/"
# The paths in that list are those of the builder.
# shellcheck disable=SC2046 # one word each
chroot "$root" sh -c 'rpm --import /lab/out/key.asc && rpm -i --justdb --nodeps $(cat /lab/out/installed) && rpm -e gpg-pubkey'
umount -R "$root"
rm -rf "$out/layer/lab" "$out/layer.work" "$out/installed" "$out/plugins"
