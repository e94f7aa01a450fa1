import { networkInterfaces } from 'node:os';
import { type Endpoint, loopbackAddress } from '@ipsec-kit/ip';
import { describe, expect, it } from 'vitest';
import {
  createBatchUdpAdapter,
  type SocketUdpAdapter,
  type UdpAdapterOptions,
} from '../src/index.ts';
import { batchSocketsAreHere } from './batch-socket-gate.ts';
import {
  batchOf,
  collect,
  describeRefusals,
  describeScratchPorts,
  describeUdpAdapter,
} from './udp-compliance.ts';

const hasIpv6 = Object.values(networkInterfaces())
  .flat()
  .some((entry) => entry?.address === '::1');

async function open(options: UdpAdapterOptions): Promise<SocketUdpAdapter> {
  const result = await createBatchUdpAdapter(options);
  if (!result.ok) throw new Error(result.reason);
  return result.adapter;
}

if (batchSocketsAreHere()) {
  const bind = (endpoints: readonly Endpoint[]) => open({ bind: endpoints });
  describeUdpAdapter('batched system calls on 127.0.0.1', bind, loopbackAddress(4));
  describeRefusals('batched system calls', bind);
  describeScratchPorts('batched system calls', bind, loopbackAddress(4));
  if (hasIpv6) describeUdpAdapter('batched system calls on ::1', bind, loopbackAddress(6));
}

describe.runIf(batchSocketsAreHere())('createBatchUdpAdapter', () => {
  it('follows addresses that come and go when it is refreshed', async () => {
    let isThere = true;
    const skip = (name: string): boolean => name !== 'lo' || !isThere;
    const adapter = await open({ bind: { ports: [0], families: [4], skip } });
    const before = adapter.endpoints;
    isThere = false;
    expect(await adapter.refresh()).toEqual({ added: [], removed: before, failed: [] });
    isThere = true;
    expect(await adapter.refresh()).toEqual({ added: before, removed: [], failed: [] });
    const came = collect(adapter);
    const [local] = adapter.endpoints;
    if (!local) throw new Error('nothing was bound');
    adapter.sendOne(Uint8Array.of(5), local, local);
    expect((await came.count(1))[0]?.data).toEqual(Uint8Array.of(5));
    await adapter.close();
  });

  it('counts what the system refuses and remembers why', async () => {
    const adapter = await open({ bind: [{ address: loopbackAddress(4), port: 0 }] });
    const [local] = adapter.endpoints;
    if (!local) throw new Error('nothing was bound');
    const remote = {
      address: { version: 4 as const, bytes: Uint8Array.of(192, 0, 2, 1) },
      port: 9,
    };
    expect(adapter.send(batchOf([Uint8Array.of(1)], { local, remote }))).toBe(0);
    expect(adapter.counters).toMatchObject({ sent: 0, sendDrops: 1 });
    expect(adapter.lastSendError).toBeInstanceOf(Error);
    await adapter.close();
  });
});
