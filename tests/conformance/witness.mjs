// Loaded into the suite's own process (`node --import`): writes down every request that its servers receive
// and which program sent it, as the kernel knows it. What a request says about itself could be forged; the
// owner of its socket cannot. One line of JSON for each request goes to the file WITNESS.
//
// Limit: Linux, and a sender that is still there, which it is while it waits for the answer.

import { appendFileSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { subscribe } from 'node:diagnostics_channel';

const file = process.env.WITNESS;

// The inode of the socket that stands at the other end of `socket`.
function inodeOfPeer({ remotePort, localPort }) {
  const hex = (port) => port.toString(16).toUpperCase().padStart(4, '0');
  for (const table of ['/proc/net/tcp6', '/proc/net/tcp']) {
    for (const line of readFileSync(table, 'utf8').split('\n').slice(1)) {
      const [, local, remote, , , , , , , inode] = line.trim().split(/\s+/);
      if (local?.endsWith(`:${hex(remotePort)}`) && remote?.endsWith(`:${hex(localPort)}`)) return inode;
    }
  }
  return undefined;
}

// The process that holds a socket: its executable and its arguments.
function holderOf(inode) {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  // The newest first: the sender has just been started.
  for (const pid of pids.sort((one, other) => other - one)) {
    try {
      for (const descriptor of readdirSync(`/proc/${pid}/fd`)) {
        if (link(`/proc/${pid}/fd/${descriptor}`) !== `socket:[${inode}]`) continue;
        const args = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
        return { executable: link(`/proc/${pid}/exe`), args };
      }
    } catch {
      // A process that has ended, or another user's.
    }
  }
  return undefined;
}

function link(path) {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

subscribe('http.server.request.start', ({ request }) => {
  const { method, url, headers, socket } = request;
  const inode = inodeOfPeer(socket);
  const sender = (inode && holderOf(inode)) ?? {};
  const seen = { method, path: url.split('?')[0], agent: headers['user-agent'], ...sender };
  appendFileSync(file, `${JSON.stringify(seen)}\n`);
});
