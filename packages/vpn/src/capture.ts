import { chmodSync, createWriteStream, openSync } from 'node:fs';
import {
  buildUdpPacket,
  type Endpoint,
  type PacketBatch,
  type Path,
  readPackedPath,
} from '@ipsec-kit/ip';
import {
  encodeEnhancedPacket,
  encodeInterface,
  encodeSectionHeader,
  LinkType,
} from '@ipsec-kit/ip/pcapng';
import type { BoundUdp } from './platform.ts';
import { vpnErrorFrom } from './vpn-error.ts';

/** A capture file that takes UDP datagrams. */
export interface Capture {
  /** @param path - as this host sees it: a received datagram went from the remote to the local end. */
  note(direction: 'inbound' | 'outbound', path: Path, datagram: Uint8Array): void;
  /** Datagrams that are not in the file, because the disk was slower than the network. */
  readonly dropped: number;
  /** Writes what is left and closes the file. */
  close(): Promise<void>;
}

const BACKLOG_LIMIT_BYTES = 32 * 1024 * 1024;
const CLOCK_STEP_MS = 1_000;

/** Opens a pcapng file (mode 0600) of whole IP packets with the real addresses and ports; an old file is replaced.
 * @throws VpnError when it cannot be written.
 */
export function openCapture(file: string): Capture {
  const fd = openFile(file);
  const stream = createWriteStream(file, { fd });
  let dropped = 0;
  let isBroken = false;
  stream.on('error', () => {
    isBroken = true;
  });
  stream.write(encodeSectionHeader('ipsec-kit'));
  stream.write(encodeInterface({ linkType: LinkType.RAW, name: 'udp' }));
  const wallNs = createWallClock();
  return {
    get dropped() {
      return dropped;
    },
    note(direction, path, datagram) {
      if (isBroken || stream.writableLength > BACKLOG_LIMIT_BYTES) {
        dropped += 1;
        return;
      }
      const { local, remote } = path;
      const way = direction === 'outbound' ? path : { local: remote, remote: local };
      const data = buildUdpPacket(way, datagram);
      stream.write(encodeEnhancedPacket({ timestampNs: wallNs(), data, direction }));
    },
    close: () =>
      new Promise((resolve) => {
        if (isBroken) resolve();
        else stream.once('error', () => resolve()).end(resolve);
      }),
  };
}

/** Sockets whose traffic, both ways, also goes into a capture. */
export function tapUdp(udp: BoundUdp, capture: Capture): BoundUdp {
  const noteBatch = (direction: 'inbound' | 'outbound', batch: PacketBatch): void => {
    for (let i = 0; i < batch.count; i += 1) {
      const offset = batch.offsets[i] ?? 0;
      const datagram = batch.memory.subarray(offset, offset + (batch.lengths[i] ?? 0));
      capture.note(direction, readPackedPath(batch.paths, i), datagram);
    }
  };
  return {
    get endpoints() {
      return udp.endpoints;
    },
    get ports() {
      return udp.ports;
    },
    counters: udp.counters,
    onDatagrams: (handler) =>
      udp.onDatagrams((batch) => {
        noteBatch('inbound', batch);
        handler(batch);
      }),
    onError: (handler) => udp.onError(handler),
    send(batch) {
      noteBatch('outbound', batch);
      return udp.send(batch);
    },
    sendOne(datagram: Uint8Array, local: Endpoint, remote: Endpoint) {
      capture.note('outbound', { local, remote }, datagram);
      udp.sendOne(datagram, local, remote);
    },
    ...(udp.onRefused ? { onRefused: (handler) => udp.onRefused?.(handler) } : {}),
    ...(udp.takeRefused ? { takeRefused: udp.takeRefused } : {}),
    ...(udp.refresh ? { refresh: udp.refresh } : {}),
    ...(udp.suspend && udp.resume ? { suspend: udp.suspend, resume: udp.resume } : {}),
    close: () => udp.close(),
  };
}

function openFile(file: string): number {
  try {
    const fd = openSync(file, 'w', 0o600);
    // The file may have been there, with another mode.
    chmodSync(file, 0o600);
    return fd;
  } catch (error) {
    throw vpnErrorFrom(error, `write the capture ${file}`, 'file-failed');
  }
}

/** Wall-clock time in nanoseconds, as fine as the monotonic clock and right again after a sleep or a step. */
function createWallClock(): () => bigint {
  let anchorMs = Date.now() - performance.now();
  return () => {
    const driftMs = Date.now() - performance.now() - anchorMs;
    if (Math.abs(driftMs) > CLOCK_STEP_MS) anchorMs += driftMs;
    return BigInt(Math.round((anchorMs + performance.now()) * 1000)) * 1000n;
  };
}
