# Gives a Debian root the face of Enterprise Linux: image.sh ROOT FILES MAJOR MINOR
#
# ROOT   where mmdebstrap has just put Debian's packages
# FILES  a folder with the small programs of the lab's own (rpm.sh, selinux.sh, update-ca-trust.sh)
#
# What is Debian's and would give it away (apt, dpkg, /etc/apt …) is moved to /opt/lab/debian, from where the builder of the RPM
# repository takes it back.
set -e
root=$1 files=$2 major=$3 minor=$4
cd "$root"
lab=opt/lab/debian
units=usr/lib/systemd/system
mkdir -p "$lab/etc"

# --- What it says it is.
rm -f etc/os-release etc/debian_version
cat >usr/lib/os-release <<END
NAME="Red Hat Enterprise Linux"
VERSION="$major.$minor"
ID="rhel"
ID_LIKE="fedora"
VERSION_ID="$major.$minor"
PLATFORM_ID="platform:el$major"
PRETTY_NAME="Red Hat Enterprise Linux $major.$minor (quorate lab)"
CPE_NAME="cpe:/o:redhat:enterprise_linux:$major::baseos"
END
ln -s ../usr/lib/os-release etc/os-release
echo "Red Hat Enterprise Linux release $major.$minor (quorate lab)" >etc/redhat-release
ln -s redhat-release etc/system-release
printf '\\S\nKernel \\r on an \\m\n\n' >etc/issue
cp etc/issue etc/issue.net

# --- rpm and dnf: one database for all (Debian's is one per user), EL's defaults (Debian's are the reverse), EL's plugins.
mkdir -p etc/rpm etc/yum.repos.d etc/pki/rpm-gpg var/lib/rpm
cat >etc/rpm/macros.el <<END
%_dbpath /var/lib/rpm
%_libdir /usr/lib64
%_unitdir /usr/lib/systemd/system
%_tmpfilesdir /usr/lib/tmpfiles.d
%rhel $major
%el$major 1
%dist .el$major
END
printf '[main]\ngpgcheck=1\ninstallonly_limit=3\nclean_requirements_on_remove=True\nbest=True\nskip_if_unavailable=False\n' \
    >etc/dnf/dnf.conf
ln -sf dnf/dnf.conf etc/yum.conf
ln -sf dnf-3 usr/bin/dnf
ln -sf dnf-3 usr/bin/yum
for plugin in local show_leaves leaves versionlock post-transaction-actions modulesync; do
    rm -f usr/lib/python3*/*-packages/dnf-plugins/"$plugin".py
done
mv usr/bin/rpm "$lab/rpm"
install -m 0755 "$files/rpm.sh" usr/bin/rpm
chroot . rpm --initdb

# --- The shell, and Python as `pip install` for root works with it on EL.
ln -sf bash usr/bin/sh
rm -f usr/lib/python3*/EXTERNALLY-MANAGED

# --- Accounts: EL's wheel is 10 and its postgres 26; in Debian others have these numbers.
chroot . groupmod --gid 914 uucp
chroot . usermod --gid 914 uucp
chroot . groupmod --gid 933 tape
chroot . groupdel sudo
chroot . groupadd --system --gid 10 wheel
sed -i '/^#*CREATE_HOME/d; $aCREATE_HOME yes' etc/login.defs
sed -i 's,^SHELL=.*,SHELL=/bin/bash,' etc/default/useradd
rm -f usr/sbin/adduser usr/sbin/addgroup usr/sbin/deluser usr/sbin/delgroup
ln -s useradd usr/sbin/adduser
cat >etc/sudoers <<'END'
Defaults    !visiblepw
Defaults    always_set_home
Defaults    match_group_by_gid
Defaults    env_reset
Defaults    env_keep =  "COLORS DISPLAY HOSTNAME HISTSIZE KDEDIR LS_COLORS"
Defaults    env_keep += "MAIL PS1 PS2 QTDIR USERNAME LANG LC_ADDRESS LC_CTYPE"
Defaults    env_keep += "LC_COLLATE LC_IDENTIFICATION LC_MEASUREMENT LC_MESSAGES"
Defaults    env_keep += "LC_MONETARY LC_NAME LC_NUMERIC LC_PAPER LC_TELEPHONE"
Defaults    env_keep += "LC_TIME LC_ALL LANGUAGE LINGUAS _XKB_CHARSET XAUTHORITY"
Defaults    secure_path = /sbin:/bin:/usr/sbin:/usr/bin
root    ALL=(ALL)       ALL
%wheel  ALL=(ALL)       ALL
#includedir /etc/sudoers.d
END
chmod 0440 etc/sudoers
rm -f etc/sudoers.d/*
chroot . useradd --create-home --shell /bin/bash --uid 1000 ops
printf 'ops ALL=(ALL) NOPASSWD: ALL\n' >etc/sudoers.d/ops
chmod 0440 etc/sudoers.d/ops
install -d -m 0700 -o 1000 -g 1000 home/ops/.ssh

# --- EL's folders and file names.
mkdir -p etc/sysconfig etc/profile.d usr/libexec/openssh etc/pki/tls/certs etc/pki/tls/private etc/pki/ca-trust/source/anchors
: >etc/sysconfig/network
: >etc/sysconfig/sshd
printf 'LANG=C.UTF-8\n' >etc/locale.conf
# What a command by ssh finds on EL.
printf 'PATH=/usr/local/bin:/usr/bin:/usr/local/sbin:/usr/sbin\n' >etc/environment
rm -f etc/default/locale
ln -sf /usr/lib/openssh/sftp-server usr/libexec/openssh/sftp-server
ln -sf /usr/bin/update-alternatives usr/sbin/update-alternatives
ln -sf /usr/bin/update-alternatives usr/sbin/alternatives
for file in system-auth password-auth; do
    printf '%s include common-%s\n' auth auth account account password password session session >"etc/pam.d/$file"
done

# --- Authorities: this machine's own, and from the next layer on the lab's.
for path in etc/pki/tls/certs/ca-bundle.crt etc/pki/tls/cert.pem usr/lib/ssl/cert.pem; do
    ln -sf /etc/ssl/certs/ca-certificates.crt "$path"
done
authorities=/etc/ssl/certs/ca-certificates.crt
[ -s "$authorities" ] || authorities=etc/ssl/certs/ca-certificates.crt
install -m 0644 "$authorities" opt/lab/authorities.crt
rm -f usr/sbin/update-ca-certificates
install -m 0755 "$files/update-ca-trust.sh" usr/bin/update-ca-trust
chroot . update-ca-trust
printf '[global]\ncert = /etc/ssl/certs/ca-certificates.crt\n' >etc/pip.conf

# --- Units under EL's names. Scripts of the old kind would come back as units of Debian's names and take sshd's port.
sed 's/^Alias=.*//; s,/etc/default/ssh,/etc/sysconfig/sshd,' "$units/ssh.service" >"$units/sshd.service"
sed 's/^Alias=.*//; s,/etc/default/chrony,/etc/sysconfig/chronyd,' "$units/chrony.service" >"$units/chronyd.service"
for name in ssh chrony; do rm -f "$units/$name.service" "$units/$name.socket" etc/systemd/system/*.wants/"$name".*; done
rm -f etc/systemd/system/sshd.service etc/systemd/system/chronyd.service
rm -rf etc/init.d etc/rc?.d "$units"/apt-* "$units"/dpkg-* etc/systemd/system/timers.target.wants/apt-* \
    etc/systemd/system/timers.target.wants/dpkg-* etc/default/ssh etc/default/chrony
ln -s chrony/chrony.conf etc/chrony.conf
# A container can't set its clock: chronyd measures and leaves it alone.
mkdir -p "etc/systemd/system/chronyd.service.d"
printf '[Unit]\nConditionCapability=\n[Service]\nExecStart=\nExecStart=!/usr/sbin/chronyd -x -F 0\n' \
    >etc/systemd/system/chronyd.service.d/lab.conf
chroot . systemctl enable --quiet systemd-networkd.service sshd.service chronyd.service firewalld.service
# In place of NetworkManager, which tells firewalld the interface's zone on EL.
chroot . firewall-offline-cmd --zone=public --add-interface=eth0 >/dev/null

# --- SELinux: its tools and policy store under EL's names, and off, as this kernel has none. The first boot must not ask for
#     new labels: without SELinux the second boot would wait for them for ever.
sed -i 's/^SELINUXTYPE=.*/SELINUXTYPE=targeted/' etc/selinux/config
ln -s ../selinux/config etc/sysconfig/selinux
ln -sfn default etc/selinux/targeted
rm -rf var/lib/selinux/targeted
ln -s default var/lib/selinux/targeted
rm -f usr/lib/systemd/system-generators/selinux-autorelabel-generator* "$units"/*.wants/selinux-autorelabel-mark.service \
    .autorelabel
for name in getenforce setenforce selinuxenabled sestatus getsebool setsebool restorecon; do
    for folder in usr/sbin usr/bin; do
        # One of them is a link to a program of several names, beside it.
        if [ -L "$folder/$name" ]; then
            ln -sf "$(chroot . readlink -f "/$folder/$name")" "$lab/$name"
            rm "$folder/$name"
        elif [ -e "$folder/$name" ]; then
            mv "$folder/$name" "$lab/$name"
        fi
    done
    install -m 0755 "$files/selinux.sh" "usr/sbin/$name"
done

# --- A minimal EL 8 has no python3, only the platform's own.
ln -sf ../bin/python3 usr/libexec/platform-python
if [ "$major" = 8 ]; then
    python=$(readlink usr/bin/python3)
    rm usr/bin/python3
    mv "usr/bin/$python" usr/libexec/platform-python.real
    ln -sf platform-python.real usr/libexec/platform-python
    grep -lIE '^#! ?/usr/bin/python3' usr/bin/* usr/sbin/* 2>/dev/null | while read -r script; do
        [ -L "$script" ] || sed -i '1s,/usr/bin/python3,/usr/libexec/platform-python,' "$script"
    done
fi

# --- Debian's tools are put away, last.
mv etc/apt "$lab/etc/apt"
for name in apt apt-get apt-cache apt-cdrom apt-config apt-key apt-mark dpkg dpkg-deb dpkg-divert dpkg-query dpkg-split \
    dpkg-statoverride dpkg-trigger dpkg-maintscript-helper dpkg-realpath deb-systemd-helper deb-systemd-invoke make; do
    [ ! -e "usr/bin/$name" ] || mv "usr/bin/$name" "$lab/"
done
for name in update-rc.d invoke-rc.d dpkg-preconfigure dpkg-reconfigure service; do
    [ ! -e "usr/sbin/$name" ] || mv "usr/sbin/$name" "$lab/"
done

rm -f etc/ssh/ssh_host_* var/lib/dbus/machine-id
: >etc/machine-id
