#!/usr/bin/env bash
# Installs the servers of this folder, exactly as package-lock.json and python/requirements.txt name them.
# Run it again at any time: it does nothing for what matches already.
set -euo pipefail

cd "$(dirname "$0")"

say_what_to_install() {
    echo "tests/peers: $1" >&2
    echo "Install Node.js 20 or later with npm, Python 3.11 or later with venv, and Chromium;" >&2
    echo "on Debian 13: apt-get install nodejs npm python3 python3-venv chromium" >&2
    exit 1
}

for program in node npm python3; do
    command -v "$program" >/dev/null || say_what_to_install "$program is missing."
done
# oidc-provider needs URL.parse and crypto.hash, which Node.js 18 (Debian 12) does not have.
node -e 'process.exit(URL.parse && require("node:crypto").hash ? 0 : 1)' ||
    say_what_to_install "node $(node --version) is too old for oidc-provider."
python3 -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null ||
    say_what_to_install "$(python3 --version) has no venv or is too old."
command -v chromium >/dev/null || say_what_to_install "chromium is missing."

# up_to_date STAMP FILE...: whether STAMP was written for what these files say now.
up_to_date() {
    local stamp=$1
    shift
    [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(cat "$@" | sha256sum)" ]
}

# A stamp is written last: an install that was interrupted leaves none and is done again.
stamp=node_modules/.lock-digest
if up_to_date $stamp package.json package-lock.json; then
    echo "tests/peers: node_modules is up to date." >&2
else
    rm -f $stamp
    npm ci
    cat package.json package-lock.json | sha256sum >$stamp
fi

venv=../../target/peers/venv
stamp=$venv/.lock-digest
if up_to_date $stamp python/requirements.txt; then
    echo "tests/peers: $venv is up to date." >&2
else
    python3 -m venv --clear "$venv"
    # Byte code is left to the first run: most of these modules are never imported.
    "$venv/bin/pip" install --quiet --disable-pip-version-check --no-compile --no-deps \
        --require-hashes --requirement python/requirements.txt
    sha256sum <python/requirements.txt >$stamp
fi
