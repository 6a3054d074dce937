# Downloads one pinned file on a host, by whatever it has. Arguments: the order (its sum, its name, then addresses, one a line),
# where to put it. Ends with 97 when it can't be had, and leaves nothing then. Proxies and certificates are the environment's.
order=$1 out=$2
exec 3<"$order"
read -r sum <&3 && read -r name <&3 || exit 97
largest=536870912
get() {
    if command -v curl >/dev/null 2>&1; then
        curl -fsSL --proto =http,https --connect-timeout 10 --speed-limit 1 --speed-time 30 --max-time 1800 --retry 2 \
            --max-filesize "$largest" -o "$out" -- "$1"
    elif command -v wget >/dev/null 2>&1; then
        wget -q --tries=3 --timeout=30 ${SSL_CERT_FILE:+"--ca-certificate=$SSL_CERT_FILE"} -O "$out" -- "$1"
    else
        python3 - "$1" "$out" <<'END'
import shutil, sys, urllib.request
with urllib.request.urlopen(sys.argv[1], timeout=30) as answer, open(sys.argv[2], "wb") as file:
    shutil.copyfileobj(answer, file)
END
    fi
}
said=
while read -r address <&3; do
    rm -f "$out"
    if ! reason=$(get "$address" 2>&1 >/dev/null); then
        said="$said$address: $(printf '%s\n' "$reason" | tail -n 1)
"
        continue
    fi
    got=$(sha256sum <"$out" | cut -d ' ' -f 1)
    [ "$got" != "$sum" ] || exit 0
    looks=
    if head -c 64 "$out" | grep -qi -e '<html' -e '<!doctype html'; then looks=', but a web page (HTML)'
    elif [ "$(head -c 2 "$out" | od -An -tx1 | tr -d ' ')" = 1f8b ] && ! gzip -t "$out" 2>/dev/null; then looks=', but truncated or damaged'
    fi
    rm -f "$out"
    # Wrong bytes end the search: somebody serves another file under this name, and that must be looked at.
    echo "$name from $address is not the pinned file$looks: its sha256 is $got, $sum is pinned; nothing was unpacked" >&2
    exit 97
done
rm -f "$out"
printf '%s' "${said:-no address of $name is known}" >&2
exit 97
