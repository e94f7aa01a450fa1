import { execFileSync } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createNodeProvider, systemRandom } from '@ipsec-kit/crypto/node';
import {
  createPacketBatch,
  type Path,
  parsePrefix,
  readUint32,
  writePackedPath,
} from '@ipsec-kit/ip';
import { createPacketEngine, type SaPair } from '@ipsec-kit/ipsec';
import { loadSystemCalls, SO_ATTACH_REUSEPORT_CBPF, type SystemCalls } from '@ipsec-kit/posix';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { interopGate } from '../../../../.ci/interop-gate.ts';
import { createSharedDevice } from '../../src/workers/create-shared-device.ts';
import { type Bench, expectIkeBothWays, openBench, pair, sealedByPeer } from '../worker-bench.ts';

const gate = interopGate(['root', 'tun', 'netns'], 'several packet workers with a TUN device');
const WORKERS = 2;
const FLOWS = 24;
const ROUNDS = 12;

let stateDirectory = '';
beforeAll(() => {
  stateDirectory = mkdtempSync(join(tmpdir(), 'ipsec-kit-workers-'));
});
afterAll(() => rmSync(stateDirectory, { recursive: true, force: true }));

const open: Bench[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

async function bench(): Promise<Bench> {
  const one = await openBench({ stateDirectory, workers: WORKERS });
  one.peer.setRecvBufferSize(4 << 20);
  open.push(one);
  return one;
}

/** Gives the device the address that pairs select, and a way to their peers. */
async function configure({ worker }: Bench): Promise<void> {
  const [own, peers] = [parsePrefix('10.201.0.1/32'), parsePrefix('10.202.0.0/24')];
  if (!own || !peers) throw new Error('a test value cannot be parsed');
  await worker.tun.configure({
    addresses: [own],
    routes: [peers],
    mtu: 1400,
    dns: [],
    excluded: [],
  });
}

/** Sends datagrams of many flows through the device, each with its flow and its number, one round after the other. */
async function sendFlows(from: number, to: number): Promise<void> {
  const sockets: Socket[] = [];
  for (let flow = 0; flow < FLOWS; flow += 1) {
    const socket = createSocket('udp4');
    socket.bind(0, '10.201.0.1');
    await once(socket, 'listening');
    sockets.push(socket);
  }
  for (let number = from; number < to; number += 1) {
    const sent = sockets.map((socket, flow) => {
      const data = Buffer.alloc(8);
      data.writeUInt32BE(flow, 0);
      data.writeUInt32BE(number, 4);
      return new Promise((resolve) => socket.send(data, 9_000, '10.202.0.1', resolve));
    });
    await Promise.all(sent);
  }
  for (const socket of sockets) socket.close();
}

/** Opens what the peer of a pair gets. @returns `flow:number` of each packet. */
function openedByPeer(own: SaPair, datagrams: readonly Uint8Array[]): string[] {
  const engine = createPacketEngine({ crypto: createNodeProvider(), random: systemRandom() });
  engine.install({
    ...own,
    inbound: own.outbound,
    outbound: own.inbound,
    localSelectors: own.remoteSelectors,
    remoteSelectors: own.localSelectors,
  });
  return datagrams.flatMap((datagram) => {
    const batch = createPacketBatch({ capacity: 1, slotBytes: 2048, headroom: 64 });
    batch.memory.set(datagram, 64);
    batch.offsets[0] = 64;
    batch.lengths[0] = datagram.length;
    writePackedPath(batch.paths, 0, own.path);
    batch.count = 1;
    engine.inbound(batch);
    const at = (batch.offsets[0] ?? 0) + 28;
    if (batch.count === 0) return ['lost'];
    // Other packets of the host may come along.
    if (batch.memory[at - 5] !== 9_000 % 256) return [];
    return [`${readUint32(batch.memory, at)}:${readUint32(batch.memory, at + 4)}`];
  });
}

const openDescriptors = (): number => readdirSync('/proc/self/fd').length;

describe.skipIf(gate.skip)('several workers', () => {
  it('hand IKE over and send it, whoever gets ESP (RFC 3948 §2.2)', async () => {
    const one = await bench();
    await expectIkeBothWays(one);
    expect(one.worker.notes.filter((note) => note.includes('one worker'))).toEqual([]);
  });

  it('have their own pairs, and what comes for each of them counts once', async () => {
    const one = await bench();
    const ids = Array.from({ length: 40 }, (_, i) => i + 1);
    await Promise.all(ids.map((id) => one.path.install(pair(id, one.way('marked')))));
    const send = (datagram: Uint8Array): void =>
      one.peer.send(datagram, one.way('marked').local.port, '127.0.0.1');
    for (const id of ids) {
      const [first, second, third] = sealedByPeer(id, 3);
      if (!first || !second || !third) throw new Error('nothing was sealed');
      send(first);
      send(second);
      send(second);
      send(Uint8Array.from(third, (byte, at) => (at === 20 ? byte ^ 1 : byte)));
    }
    await vi.waitFor(() =>
      expect(
        ids.filter((id) => {
          const counters = one.path.pairCounters(id);
          return counters?.inPackets !== 2 || counters.replayedPackets !== 1;
        }),
      ).toEqual([]),
    );
    await vi.waitFor(() =>
      expect(one.path.engineCounters()).toMatchObject({
        inPackets: 80,
        drops: { replayed: 40, 'bad-icv': 40, 'unknown-spi': 0, 'handover-full': 0 },
      }),
    );
    const each = { pairs: 20, inPackets: 40, handedOver: 0 };
    expect(one.path.workers?.()).toMatchObject([each, each]);
    await vi.waitFor(() =>
      expect(one.facts.filter(({ kind }) => kind === 'first-inbound')).toHaveLength(40),
    );
    for (const id of ids) one.path.remove(id);
    expect(one.path.workers?.().map(({ pairs }) => pairs)).toEqual([0, 0]);
    expect(one.errors).toEqual([]);
  });

  it('keep the packets for an SPI that is promised, whichever of them it belongs to', async () => {
    const one = await bench();
    for (const id of [1, 2]) {
      one.path.reserveSpi(0x1000 + id);
      await new Promise((resolve) => setTimeout(resolve, 30));
      for (const datagram of sealedByPeer(id, 2)) {
        one.peer.send(datagram, one.way('marked').local.port, '127.0.0.1');
      }
    }
    await vi.waitFor(() => expect(one.path.engineCounters().heldPackets).toBe(4));
    for (const id of [1, 2]) {
      await one.path.install(pair(id, one.way('marked')));
      await vi.waitFor(() => expect(one.path.pairCounters(id)?.inPackets).toBe(2));
    }
  });

  for (const [id, owner] of [
    [1, 'second'],
    [2, 'first'],
  ] as const) {
    it(`hand what they read to the ${owner}, whose pair it is: every flow in its order, no number used twice (RFC 4303 §3.3.3)`, async () => {
      const one = await bench();
      await configure(one);
      const datagrams: Uint8Array[] = [];
      one.peer.on('message', (datagram) => datagrams.push(Uint8Array.from(datagram)));
      const own = pair(id, one.way('marked'));
      await one.path.install(own);
      await sendFlows(0, ROUNDS);
      await vi.waitFor(() => expect(datagrams.length).toBeGreaterThanOrEqual(FLOWS * ROUNDS));
      const numbers = datagrams.map((datagram) => readUint32(datagram, 4));
      expect(numbers).toEqual(numbers.map((_, i) => i + 1));
      const opened = openedByPeer(own, datagrams);
      for (let flow = 0; flow < FLOWS; flow += 1) {
        const seen = opened.filter((text) => text.startsWith(`${flow}:`));
        expect(seen).toEqual(Array.from({ length: ROUNDS }, (_, n) => `${flow}:${n}`));
      }
      expect(opened).not.toContain('lost');
      const workers = one.path.workers?.() ?? [];
      const [mine, other] = owner === 'first' ? workers : workers.toReversed();
      expect(mine).toMatchObject({ pairs: 1, outPackets: datagrams.length, handedOver: 0 });
      expect(other).toMatchObject({ pairs: 0, outPackets: 0, handoverDrops: 0 });
      expect(other?.handedOver).toBeGreaterThan(0);
      expect(other?.handedOver).toBeLessThan(datagrams.length);
      expect(one.errors).toEqual([]);
    });
  }

  it('hold what a trap caught until its pair stands, wherever that is, and send it before anything newer (RFC 4301 §5.1)', async () => {
    const one = await bench();
    await configure(one);
    const datagrams: Uint8Array[] = [];
    one.peer.on('message', (datagram) => datagrams.push(Uint8Array.from(datagram)));
    const own = { ...pair(1, one.way('marked')), outboundActive: false };
    const { localSelectors, remoteSelectors } = own;
    one.path.installTrap({ id: 1, localSelectors, remoteSelectors });
    await sendFlows(0, 5);
    await vi.waitFor(() => expect(one.facts.map(({ kind }) => kind)).toContain('acquire'));
    await one.path.install(own);
    one.path.activateOutbound(1);
    await sendFlows(5, 10);
    await vi.waitFor(() => expect(datagrams.length).toBeGreaterThanOrEqual(FLOWS * 10));
    const opened = openedByPeer(own, datagrams);
    expect(opened).toHaveLength(FLOWS * 10);
    // The sockets of both times are others; packets of one port are one flow to the kernel.
    for (let flow = 0; flow < FLOWS; flow += 1) {
      const numbers = opened
        .filter((text) => text.startsWith(`${flow}:`))
        .map((text) => Number(text.split(':')[1]));
      expect(numbers.filter((n) => n < 5)).toEqual([0, 1, 2, 3, 4]);
      expect(numbers.filter((n) => n >= 5)).toEqual([5, 6, 7, 8, 9]);
    }
  });

  it('send a move of the peer to its owner, and tell of one that was seen', async () => {
    const one = await bench();
    const elsewhere = createSocket('udp4');
    elsewhere.bind(0, '127.0.0.1');
    await once(elsewhere, 'listening');
    const got: number[] = [];
    elsewhere.on('message', (datagram) => got.push(datagram.length));
    const way = one.way('marked');
    const moved: Path = { ...way, remote: { ...way.remote, port: elsewhere.address().port } };
    for (const id of [1, 2]) {
      await one.path.install(pair(id, way));
      const [first, second] = sealedByPeer(id, 2);
      if (!first || !second) throw new Error('nothing was sealed');
      one.peer.send(first, way.local.port, '127.0.0.1');
      await vi.waitFor(() => expect(one.path.pairCounters(id)?.inPackets).toBe(1));
      elsewhere.send(second, way.local.port, '127.0.0.1');
      await vi.waitFor(() =>
        expect(one.facts).toContainEqual(
          expect.objectContaining({ kind: 'peer-moved', pairId: id, path: moved }),
        ),
      );
      one.path.movePeer(id, moved);
      one.path.sendDummy(id, 100 * id);
      await vi.waitFor(() => expect(got).toHaveLength(id));
    }
    elsewhere.close();
  });

  it('rest and go on together, and let go of everything, again and again', async () => {
    const bench = (): Promise<Bench> => openBench({ stateDirectory, workers: WORKERS });
    await (await bench()).close();
    const before = openDescriptors();
    for (let round = 0; round < 2; round += 1) {
      const one = await bench();
      const { port } = one.way('marked').local;
      for (const id of [1, 2]) await one.path.install(pair(id, one.way('marked')));
      await one.sockets.suspend();
      const other = createSocket('udp4');
      other.bind(port, '127.0.0.1');
      await once(other, 'listening');
      other.close();
      await once(other, 'close');
      await one.sockets.resume();
      for (const id of [1, 2]) {
        for (const datagram of sealedByPeer(id, 2)) one.peer.send(datagram, port, '127.0.0.1');
        await vi.waitFor(() => expect(one.path.pairCounters(id)?.inPackets).toBe(2));
      }
      const scratch = await one.sockets.openScratchPort(one.way('marked').local.address);
      const [, , third] = sealedByPeer(1, 3);
      if (!third) throw new Error('nothing was sealed');
      one.peer.send(third, scratch.port, '127.0.0.1');
      await vi.waitFor(() => expect(one.path.pairCounters(1)?.inPackets).toBe(3));
      await one.close();
    }
    expect(openDescriptors()).toBeLessThanOrEqual(before);
  });

  it('are one where the kernel shares no port among them, which one line says', async () => {
    const loaded = loadSystemCalls();
    if (!loaded.ok) throw new Error(loaded.reason);
    const refusing: SystemCalls = {
      ...loaded.calls,
      setsockopt: (fd, level, option, value, bytes) =>
        option === SO_ATTACH_REUSEPORT_CBPF
          ? -92
          : loaded.calls.setsockopt(fd, level, option, value, bytes),
    };
    const { device, notes } = await createSharedDevice(refusing, { stateDirectory, workers: 4 });
    expect(device.fds).toHaveLength(1);
    expect(notes).toEqual([
      'one worker carries packets instead of 4: the kernel has no sockets that share a port by SPI (ENOPROTOOPT)',
    ]);
    await device.close();
  });

  it('are one where the device has a single queue, which one line says, and everything is carried', async () => {
    const name = `ikw${process.pid % 10000}`;
    execFileSync('ip', ['tuntap', 'add', 'dev', name, 'mode', 'tun', 'vnet_hdr']);
    try {
      const one = await openBench({ stateDirectory, name, workers: 2 });
      expect(one.worker.notes.filter((note) => note.startsWith('one worker'))).toEqual([
        expect.stringMatching(/^one worker carries packets instead of 2: /),
      ]);
      expect(one.path.workers).toBeUndefined();
      await one.path.install(pair(1, one.way('marked')));
      for (const datagram of sealedByPeer(1, 2)) {
        one.peer.send(datagram, one.way('marked').local.port, '127.0.0.1');
      }
      await vi.waitFor(() => expect(one.path.pairCounters(1)?.inPackets).toBe(2));
      await one.close();
    } finally {
      execFileSync('ip', ['tuntap', 'del', 'dev', name, 'mode', 'tun', 'vnet_hdr']);
    }
  });
});
