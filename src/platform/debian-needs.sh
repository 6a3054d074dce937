# The other arguments: packages. Prints the files of the folder that installing them here takes; the index alone says so.
# shellcheck disable=SC2086,SC2154 # options, set above
apt-get -qq $only -y --no-install-recommends --print-uris install -- "$@" </dev/null >"$folder/.apt/uris" || exit 1
# The second word is the name that apt would keep the file under: package, version with its epoch, architecture.
sed -n "/^'file:/{s/^[^ ]* \([^ ]*\) .*/\1/;s/_[0-9]*%3a/_/;p}" "$folder/.apt/uris"
