import { execFileSync } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { createPacketBatch, readUint16, writeIpHeader, writeUint16 } from '@ipsec-kit/ip';
import { loadSystemCalls } from '@ipsec-kit/posix';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { interopGate } from '../../../../.ci/interop-gate.ts';
import { createTunDevice, type TunDevice, type TunQueue, tunQueueFromFd } from '../../src/index.ts';
import { address } from '../settings-fixture.ts';

const { skip } = interopGate(['root', 'tun', 'netns'], 'TUN devices with several queues');
const FLOWS = 64;
const HOST_PORT = 7_777;
const ends = { source: address('10.98.0.2'), destination: address('10.98.0.1'), identification: 1 };

describe.skipIf(skip)('a device with several queues', () => {
  const name = `iks${process.pid % 10000}`;
  let directory = '';
  let device: TunDevice;
  let socket: Socket;
  let came = 0;

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'ipsec-kit-state-'));
    device = await createTunDevice({ name, queues: 2, stateDirectory: directory });
    execFileSync('ip', ['address', 'add', '10.98.0.1/24', 'dev', name]);
    execFileSync('ip', ['link', 'set', name, 'up']);
    came = 0;
    socket = createSocket('udp4');
    socket.on('message', () => {
      came += 1;
    });
    socket.bind(HOST_PORT, '10.98.0.1');
    await once(socket, 'listening');
  });
  afterEach(async () => {
    socket.close();
    await device.close();
    rmSync(directory, { recursive: true });
  });

  /** Ports of the flows that came by each queue before and after an answer to all of them went in through the first one. */
  async function portsByQueue(writeFd: number | undefined): Promise<Set<number>[]> {
    const system = loadSystemCalls();
    if (!system.ok) throw new Error(system.reason);
    const options = { name, keepsOpen: true, ...(writeFd === undefined ? {} : { writeFd }) };
    const queues = device.fds.map((fd) => tunQueueFromFd(system.calls, fd, true, options));
    const [first] = queues;
    if (!first) throw new Error('there are queues');
    const ports = queues.map(() => new Set<number>());
    await askAll(socket);
    for (const [i, queue] of queues.entries()) drain(queue, ports[i]);
    answerAll(first);
    await pause(50);
    expect(came).toBe(FLOWS);
    await askAll(socket);
    for (const [i, queue] of queues.entries()) drain(queue, ports[i]);
    for (const queue of queues) queue.close();
    return ports;
  }

  it('keeps every flow on one queue, whoever of the workers writes to it', async () => {
    const [a, b] = await portsByQueue(device.writeFd);
    expect(a?.size).toBeGreaterThan(0);
    expect(b?.size).toBeGreaterThan(0);
    expect((a?.size ?? 0) + (b?.size ?? 0)).toBe(FLOWS);
  });

  it('would move flows to the queue that is written, where each worker wrote to its own', async () => {
    const [a, b] = await portsByQueue(undefined);
    expect((a?.size ?? 0) + (b?.size ?? 0)).toBeGreaterThan(FLOWS);
  });
});

/** Two datagrams of each flow. */
async function askAll(socket: Socket): Promise<void> {
  for (let flow = 0; flow < 2 * FLOWS; flow += 1) {
    const sent = new Promise((resolve) =>
      socket.send('?', 2_000 + (flow % FLOWS), '10.98.0.2', resolve),
    );
    await sent;
  }
}

function drain(queue: TunQueue, ports: Set<number> | undefined): void {
  for (let more = true; more; ) {
    more = queue.read();
    const { packets } = queue;
    for (let i = 0; i < packets.count; i += 1) {
      const at = packets.offsets[i] ?? 0;
      const isUdp = packets.memory[at] === 0x45 && packets.memory[at + 9] === 17;
      if (isUdp) ports?.add(readUint16(packets.memory, at + 22));
    }
  }
}

function answerAll(queue: TunQueue): void {
  const shape = { capacity: FLOWS, slotBytes: 128, headroom: 64 };
  const batch = createPacketBatch(shape);
  for (let flow = 0; flow < FLOWS; flow += 1) {
    const at = flow * shape.slotBytes + shape.headroom;
    writeIpHeader(batch.memory, at, { ...ends, protocol: 17, dontFragment: false }, 12);
    writeUint16(batch.memory, at + 20, 2_000 + flow);
    writeUint16(batch.memory, at + 22, HOST_PORT);
    // Without a checksum, as IPv4 allows.
    writeUint16(batch.memory, at + 24, 12);
    batch.offsets[flow] = at;
    batch.lengths[flow] = 32;
  }
  batch.count = FLOWS;
  expect(queue.write(batch)).toBe(FLOWS);
}
