import { execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { interopGate } from '../../../.ci/interop-gate.ts';
import {
  type Bench,
  expectIkeBothWays,
  far,
  IKE,
  near,
  openBench,
  pair,
  sealedByPeer,
} from './worker-bench.ts';

const gate = interopGate(['root', 'tun', 'netns'], 'a packet worker with a TUN device');

let stateDirectory = '';
beforeAll(() => {
  stateDirectory = mkdtempSync(join(tmpdir(), 'ipsec-kit-worker-'));
});
afterAll(() => rmSync(stateDirectory, { recursive: true, force: true }));

const bench = (): Promise<Bench> => openBench({ stateDirectory });

const openDescriptors = (): number => readdirSync('/proc/self/fd').length;

describe.skipIf(gate.skip)('a worker that carries packets', () => {
  it('hands IKE over without its marker, and sends it with one (RFC 3948 §2.2)', async () => {
    const one = await bench();
    const came = await expectIkeBothWays(one);
    one.path.sendKeepalive(one.way('marked'));
    await vi.waitFor(() => expect(came).toHaveLength(3));
    expect(came).toContainEqual(Uint8Array.of(0xff));
    await vi.waitFor(() =>
      expect(one.path.counters).toMatchObject({
        ikeReceived: 2,
        ikeSent: 2,
        keepalivesSent: 1,
        defects: 0,
      }),
    );
    await one.close();
  });

  it('tells where a NAT-keepalive came from, however many come no more than it can take (RFC 3948 §2.3)', async () => {
    const one = await bench();
    const { local } = one.way('marked');
    for (let i = 0; i < 200; i += 1) one.peer.send(Uint8Array.of(0xff), local.port, '127.0.0.1');
    await vi.waitFor(() => expect(one.path.counters.keepalivesReceived).toBe(200));
    await vi.waitFor(() => expect(one.facts.length).toBeGreaterThan(0));
    expect(one.facts[0]).toEqual({ kind: 'keepalive-received', path: one.way('marked') });
    expect(one.facts.length).toBeLessThanOrEqual(200);
    expect(one.path.counters.defects).toBe(0);
    await one.close();
  });

  it('tells an unknown SPI once, and keeps what comes for a reserved one until its SA stands', async () => {
    const one = await bench();
    const { local } = one.way('marked');
    const send = (datagram: Uint8Array): void => one.peer.send(datagram, local.port, '127.0.0.1');
    one.path.reserveSpi(0x1001);
    const [first, second, third] = sealedByPeer(1, 3);
    if (!first || !second || !third) throw new Error('nothing was sealed');
    send(first);
    send(second);
    for (let i = 0; i < 3; i += 1) send(Uint8Array.from({ length: 64 }, () => 0x77));
    await vi.waitFor(() => expect(one.path.engineCounters().drops['unknown-spi']).toBe(3));
    expect(one.path.engineCounters()).toMatchObject({ heldPackets: 2, inPackets: 0 });
    await vi.waitFor(() => expect(one.facts).toHaveLength(1));
    expect(one.facts[0]).toMatchObject({ kind: 'unknown-spi', spi: 0x77777777 });
    await one.path.install(pair(1, one.way('marked')));
    await vi.waitFor(() => expect(one.facts).toContainEqual({ kind: 'first-inbound', pairId: 1 }));
    send(third);
    send(third);
    await vi.waitFor(() =>
      expect(one.path.pairCounters(1)).toMatchObject({ inPackets: 3, replayedPackets: 1 }),
    );
    expect(one.path.engineCounters()).toMatchObject({ inPackets: 3, heldPackets: 0 });
    one.path.remove(1);
    expect(one.path.pairCounters(1)).toBeUndefined();
    expect(one.errors).toEqual([]);
    await one.close();
  });

  it('tells how long ago packets of a pair passed, of each direction by itself', async () => {
    const one = await bench();
    await one.path.install(pair(1, one.way('marked')));
    await one.path.install(pair(2, one.way('marked')));
    const [datagram] = sealedByPeer(1, 1);
    if (!datagram) throw new Error('nothing was sealed');
    expect(one.path.pairActivity(1)).toEqual({});
    one.peer.send(datagram, one.way('marked').local.port, '127.0.0.1');
    const before = performance.now();
    await vi.waitFor(() => expect(one.path.pairActivity(1)).not.toEqual({}));
    await new Promise((resolve) => setTimeout(resolve, 50));
    one.path.sendDummy(2, 0);
    await vi.waitFor(() => expect(one.path.pairActivity(2)).not.toEqual({}));
    const { lastInboundAgoMs = -1, ...others } = one.path.pairActivity(1) ?? {};
    expect(others).toEqual({});
    expect(lastInboundAgoMs).toBeGreaterThan(50);
    expect(lastInboundAgoMs).toBeLessThan(performance.now() - before + 1);
    const { lastOutboundAgoMs = -1, ...rest } = one.path.pairActivity(2) ?? {};
    expect(rest).toEqual({});
    expect(lastOutboundAgoMs).toBeLessThan(lastInboundAgoMs - 45);
    expect(one.path.pairActivity(9)).toBeUndefined();
    await one.close();
  });

  it('answers an installation that cannot be, and leaves the keys of the caller alone', async () => {
    const one = await bench();
    const sa = pair(1, one.way('marked'));
    await one.path.install(sa);
    await expect(one.path.install(sa)).rejects.toThrow(
      '"pair.id" expected one that is not installed',
    );
    expect(sa.inbound.encryptionKey.reveal()).toEqual(new Uint8Array(36).fill(7));
    await one.close();
  });

  it('tells a command that makes no sense as a defect, and goes on', async () => {
    const one = await bench();
    one.path.activateOutbound(99);
    await vi.waitFor(() => expect(one.errors).toHaveLength(1));
    expect(one.errors[0]?.message).toContain('"pairId" expected an installed pair');
    one.peer.send(IKE, one.way('plain').local.port, '127.0.0.1');
    await vi.waitFor(() => expect(one.ike).toHaveLength(1));
    await one.close();
  });

  it('keeps no descriptor and no port, again and again, also when it ends while datagrams come', async () => {
    // The first may load libraries, which stay.
    await (await bench()).close();
    const before = openDescriptors();
    for (let i = 0; i < 3; i += 1) {
      const one = await bench();
      const { local } = one.way('marked');
      for (let k = 0; k < 500; k += 1)
        one.peer.send(new Uint8Array(1000).fill(k), local.port, '127.0.0.1');
      await one.close();
      const again = createSocket('udp4');
      again.bind(local.port, '127.0.0.1');
      await once(again, 'listening');
      again.close();
      await once(again, 'close');
    }
    expect(openDescriptors()).toBeLessThanOrEqual(before);
  });

  it('ends at once when it is idle, and refuses nothing that comes afterwards', async () => {
    const one = await bench();
    const from = performance.now();
    await one.path.stop();
    expect(performance.now() - from).toBeLessThan(1_500);
    one.path.sendIke(IKE, one.way('plain'), false);
    await expect(one.path.install(pair(1, one.way('marked')))).resolves.toBeUndefined();
    await one.close();
  });

  it('carries 200 pairs on one socket, and counts each by itself', async () => {
    const one = await bench();
    const ids = Array.from({ length: 200 }, (_, i) => i + 1);
    await Promise.all(ids.map((id) => one.path.install(pair(id, one.way('marked')))));
    for (const id of ids) {
      for (const datagram of sealedByPeer(id, 2)) {
        one.peer.send(datagram, one.way('marked').local.port, '127.0.0.1');
      }
    }
    await vi.waitFor(() =>
      expect(ids.filter((id) => one.path.pairCounters(id)?.inPackets !== 2)).toEqual([]),
    );
    for (const id of ids) one.path.remove(id);
    await vi.waitFor(() => expect(one.path.engineCounters().inPackets).toBe(400));
    expect(one.errors).toEqual([]);
    await one.close();
  });

  it('sends dummies and probes of the size that it is told, and lets a pair have another MTU (RFC 8899 §4.1)', async () => {
    const one = await bench();
    const datagrams: number[] = [];
    one.peer.on('message', (datagram) => datagrams.push(datagram.length));
    await one.path.install(pair(1, one.way('marked')));
    if (!near || !far) throw new Error('no selectors');
    one.path.sendDummy(1, 1000);
    const ends = { source: near.start, destination: far.start };
    one.path.sendProbe(1, { ...ends, identifier: 5, sequence: 6, bytes: 1400 });
    one.path.changeInnerMtu(1, 1200);
    one.path.sendDummy(9, 1000);
    // SPI, number and IV, two bytes of trailer in alignment, ICV.
    await vi.waitFor(() => expect(datagrams).toEqual([1036, 1436]));
    // A burst is one flow that begins.
    await vi.waitFor(() => expect(one.facts).toEqual([{ kind: 'outbound-resumed', pairId: 1 }]));
    expect(one.errors).toEqual([]);
    one.path.changeInnerMtu(9, 1200);
    await vi.waitFor(() =>
      expect(one.errors.map(({ message }) => message).join()).toMatch(/"pairId"/),
    );
    await one.close();
  });

  it('tells that the device is gone, and goes on with IKE', async () => {
    const one = await bench();
    const told: Error[] = [];
    one.worker.tun.onError((error) => told.push(error));
    execFileSync('ip', ['link', 'del', one.worker.tun.name]);
    await vi.waitFor(() => expect(told).toHaveLength(1));
    expect(told[0]).toMatchObject({ code: 'EBADFD' });
    one.peer.send(IKE, one.way('plain').local.port, '127.0.0.1');
    await vi.waitFor(() => expect(one.ike).toHaveLength(1));
    await one.close();
  });

  it('says in one sentence that the worker has failed, answers what waits, and leaves no port taken', async () => {
    const started: Promise<[Worker]> = once(process, 'worker') as Promise<[Worker]>;
    const before = openDescriptors();
    const one = await bench();
    const [thread] = await started;
    await one.path.install(pair(1, one.way('marked')));
    const told: Error[] = [];
    one.worker.tun.onError((error) => told.push(error));
    const waiting = expect(
      Promise.all([thread.terminate(), one.path.install(pair(2, one.way('marked')))]),
    ).rejects.toThrow('the packet worker has ended');
    await waiting;
    await vi.waitFor(() => expect(told).toHaveLength(1));
    expect(told[0]).toMatchObject({ code: 'EBADFD' });
    expect(told[0]?.message).toMatch(
      new RegExp(`${one.worker.tun.name} carries no packets any more: the packet worker has ended`),
    );
    one.path.sendIke(IKE, one.way('plain'), false);
    const { port } = one.way('marked').local;
    await one.close();
    const again = createSocket('udp4');
    again.bind(port, '127.0.0.1');
    await once(again, 'listening');
    again.close();
    await once(again, 'close');
    expect(openDescriptors()).toBeLessThanOrEqual(before);
  });
});
