// The program of the worker that carries packets; started by `startPacketWorker`, never imported.
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { createNodeProvider, systemRandom } from '@ipsec-kit/crypto/node';
import { loadOpenSslProvider } from '@ipsec-kit/crypto-openssl';
import { createPacketEngine, type HandOver } from '@ipsec-kit/ipsec';
import { loadSystemCalls } from '@ipsec-kit/posix';
import { tunQueueFromFd } from '@ipsec-kit/tun-adapter';
import type { FromWorker, PacketWorkerStart, ToWorker } from './worker/messages.ts';
import { PacketLoop } from './worker/packet-loop.ts';
import { sharedCounters } from './worker/shared-counters.ts';
import { warmUp } from './worker/warm-up.ts';
import { Handover } from './workers/handover.ts';
import { HandedOver } from './workers/handover-ring.ts';

const port = parentPort;
const start: PacketWorkerStart = workerData;

function tell(message: FromWorker): void {
  port?.postMessage(message);
}

function nextCommand(): ToWorker | undefined {
  return port ? receiveMessageOnPort(port)?.message : undefined;
}

function prepare(): PacketLoop | undefined {
  const loaded = loadSystemCalls();
  if (!loaded.ok) {
    tell({ kind: 'refused', reason: loaded.reason });
    return undefined;
  }
  const { calls } = loaded;
  const base = createNodeProvider();
  const openssl = loadOpenSslProvider(base);
  const { group, tunWriteFd } = start;
  const queue = tunQueueFromFd(calls, start.tunFd, true, {
    name: start.tunName,
    keepsOpen: true,
    ...(tunWriteFd === undefined ? {} : { writeFd: tunWriteFd }),
  });
  const crypto = openssl.ok ? openssl.provider : base;
  const random = systemRandom();
  warmUp(calls, crypto, random);
  const handover = group && new Handover(group, calls);
  const handOver: HandOver = (owner, batch, index) =>
    handover?.give(owner, batch, index, HandedOver.outbound);
  const engine = createPacketEngine({ crypto, random, ...(handover ? { handOver } : {}) });
  const dropReasons = Object.keys(engine.counters().drops);
  const counters = sharedCounters(dropReasons);
  const notes = openssl.ok ? [] : [`node:crypto seals and opens packets: ${openssl.reason}`];
  tell({ kind: 'ready', counters: counters.memory, dropReasons, notes });
  return new PacketLoop({
    calls,
    queue,
    engine,
    counters,
    wakeFd: start.wakeFd,
    backlog: new Int32Array(start.backlog),
    nextCommand,
    tell,
    ...(handover ? { handover } : {}),
  });
}

try {
  prepare()?.run();
} catch (error) {
  tell({ kind: 'refused', reason: error instanceof Error ? error.message : String(error) });
}
// Nothing is listened to: the thread ends here.
port?.close();
