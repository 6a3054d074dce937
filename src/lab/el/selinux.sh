#!/bin/sh
# The lab's SELinux tools. This kernel has no SELinux, and the real tools say so. A test that wants to see what quorate does where
# it is enforced writes the mode into /opt/lab/selinux:
#
#   echo Enforcing >/opt/lab/selinux      (or Permissive; removing the file brings the real tools back)
#
# Then getenforce, setenforce, selinuxenabled, sestatus and getsebool answer for that mode, setsebool keeps a boolean's value in
# /opt/lab/selinux.booleans, and restorecon only notes in /opt/lab/selinux.log what it was asked for. semanage and the policy
# store are real at all times. Nothing is ever enforced.
mode_file=/opt/lab/selinux booleans=/opt/lab/selinux.booleans log=/opt/lab/selinux.log
name=${0##*/}
if [ ! -s "$mode_file" ]; then
    exec "/opt/lab/debian/$name" "$@"
fi
mode=$(cat "$mode_file")
# value BOOLEAN: what setsebool kept, or off.
value() { tac "$booleans" 2>/dev/null | sed -n "s/^$1=//p" | head -n 1 | grep . || echo off; }
case $name in
    getenforce) echo "$mode" ;;
    selinuxenabled) ;;
    setenforce)
        case $1 in
            1 | [Ee]nforcing) echo Enforcing >"$mode_file" ;;
            0 | [Pp]ermissive) echo Permissive >"$mode_file" ;;
            *) echo 'usage:  setenforce [ Enforcing | Permissive | 1 | 0 ]' >&2; exit 1 ;;
        esac ;;
    sestatus)
        low=$(echo "$mode" | tr '[:upper:]' '[:lower:]')
        printf '%-32s%s\n' 'SELinux status:' enabled 'SELinuxfs mount:' /sys/fs/selinux 'SELinux root directory:' /etc/selinux \
            'Loaded policy name:' targeted 'Current mode:' "$low" 'Mode from config file:' "$low" ;;
    getsebool)
        for boolean in "$@"; do
            case $boolean in -*) continue ;; esac
            echo "$boolean --> $(value "$boolean")"
        done ;;
    setsebool)
        while [ $# -gt 0 ]; do
            case $1 in -*) shift; continue ;; esac
            case $1 in *=*) boolean=${1%%=*} to=${1#*=}; shift ;; *) boolean=$1 to=$2; shift; [ $# -eq 0 ] || shift ;; esac
            case $to in 1 | on | true) to=on ;; 0 | off | false) to=off ;; *) echo "setsebool: illegal value $to for boolean $boolean" >&2; exit 1 ;; esac
            echo "$boolean=$to" >>"$booleans"
        done ;;
    restorecon) echo "restorecon $*" >>"$log" ;;
esac
