#!/usr/bin/env bash
# Installs the servers of this folder, exactly as package-lock.json names them.
# Run it again at any time: it does nothing while node_modules matches the lock file.
set -eu

cd "$(dirname "$0")"

say_what_to_install() {
    echo "tests/peers: $1" >&2
    echo "Install Node.js 20 or later with npm; on Debian 13: apt-get install nodejs npm" >&2
    exit 1
}

command -v node >/dev/null || say_what_to_install "node is missing."
command -v npm >/dev/null || say_what_to_install "npm is missing."
# oidc-provider needs URL.parse and crypto.hash, which Node.js 18 (Debian 12) does not have.
node -e 'process.exit(URL.parse && require("node:crypto").hash ? 0 : 1)' ||
    say_what_to_install "node $(node --version) is too old for oidc-provider."

stamp=node_modules/.lock-digest
digest=$(node -e '
    const { createHash } = require("node:crypto");
    const { readFileSync } = require("node:fs");
    const hash = createHash("sha256");
    for (const file of ["package.json", "package-lock.json"]) hash.update(readFileSync(file));
    console.log(hash.digest("hex"));')

if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$digest" ]; then
    echo "tests/peers: node_modules is up to date." >&2
    exit 0
fi

npm ci
# Written last: an install that was interrupted leaves no stamp and is done again.
printf '%s\n' "$digest" >"$stamp"
