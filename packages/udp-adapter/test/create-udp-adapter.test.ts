import { networkInterfaces } from 'node:os';
import { formatAddress, loopbackAddress, parseEndpoint } from '@ipsec-kit/ip';
import { afterEach, describe, expect, it } from 'vitest';
import { createUdpAdapter, type SocketUdpAdapter } from '../src/index.ts';
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

describeUdpAdapter('node:dgram on 127.0.0.1', (bind) => createUdpAdapter({ bind }), {
  version: 4,
  bytes: Uint8Array.of(127, 0, 0, 1),
});
describeRefusals('node:dgram', (bind) => createUdpAdapter({ bind }));
describeScratchPorts('node:dgram', (bind) => createUdpAdapter({ bind }), loopbackAddress(4));
if (hasIpv6) {
  describeUdpAdapter('node:dgram on ::1', (bind) => createUdpAdapter({ bind }), loopbackAddress(6));
}

describe('createUdpAdapter', () => {
  const open: SocketUdpAdapter[] = [];
  const make = async (
    options: Parameters<typeof createUdpAdapter>[0],
  ): Promise<SocketUdpAdapter> => {
    const adapter = await createUdpAdapter(options);
    open.push(adapter);
    return adapter;
  };
  const endpoint = (text: string) => {
    const parsed = parseEndpoint(text);
    if (!parsed) throw new Error(`not an endpoint: ${text}`);
    return parsed;
  };
  afterEach(async () => {
    await Promise.all(open.splice(0).map((adapter) => adapter.close()));
  });

  it('names the address that is not of this machine and what to do', async () => {
    await expect(createUdpAdapter({ bind: [endpoint('192.0.2.1:0')] })).rejects.toThrow(
      '192.0.2.1 is not an address of this machine',
    );
  });

  it('names the likely holder of an IKE port', async () => {
    const bind = [endpoint('127.0.0.77:4500')];
    await make({ bind });
    await expect(createUdpAdapter({ bind })).rejects.toThrow('another IKE daemon');
  });

  it('refuses a wildcard address, which hides the local end of a datagram', async () => {
    await expect(createUdpAdapter({ bind: [endpoint('0.0.0.0:500')] })).rejects.toThrow(
      '{ ports: [500] }',
    );
  });

  it('opens every address of the machine on one and the same free port', async () => {
    const adapter = await make({ bind: { ports: [0, 0] } });
    const [first, second] = adapter.ports;
    const texts = adapter.endpoints.map(({ address, port }) => `${formatAddress(address)} ${port}`);
    expect(texts).toContain(`127.0.0.1 ${first}`);
    expect(texts).toContain(`127.0.0.1 ${second}`);
    expect(new Set(adapter.endpoints.map(({ port }) => port))).toEqual(new Set(adapter.ports));
  });

  it('opens only the families and interfaces that are asked for', async () => {
    const adapter = await make({
      bind: { ports: [0], families: [4], skip: (name) => name !== 'lo' },
    });
    expect(adapter.endpoints.map(({ address }) => formatAddress(address))).toEqual(['127.0.0.1']);
  });

  it('follows addresses that come and go when it is refreshed', async () => {
    let isThere = false;
    const skip = (name: string): boolean => name !== 'lo' || !isThere;
    isThere = true;
    const adapter = await make({ bind: { ports: [0], families: [4], skip } });
    const before = adapter.endpoints;
    isThere = false;
    expect(await adapter.refresh()).toEqual({ added: [], removed: before, failed: [] });
    expect(adapter.endpoints).toEqual([]);
    isThere = true;
    expect(await adapter.refresh()).toEqual({ added: before, removed: [], failed: [] });
    const came = collect(adapter);
    const [local] = adapter.endpoints;
    if (!local) throw new Error('nothing was bound');
    adapter.sendOne(Uint8Array.of(5), local, local);
    expect((await came.count(1))[0]?.data).toEqual(Uint8Array.of(5));
  });

  it('opens nothing twice when two refreshes run at once', async () => {
    const adapter = await make({ bind: { ports: [0] } });
    const changes = await Promise.all([adapter.refresh(), adapter.refresh()]);
    expect(changes).toEqual(Array(2).fill({ added: [], removed: [], failed: [] }));
  });

  it('reports a port that is taken on a new address and keeps the others', async () => {
    let isThere = true;
    const skip = (name: string): boolean => name !== 'lo' || !isThere;
    const adapter = await make({ bind: { ports: [0], families: [4], skip } });
    const [port = 0] = adapter.ports;
    isThere = false;
    await adapter.refresh();
    await make({ bind: [endpoint(`127.0.0.1:${port}`)] });
    isThere = true;
    const { failed } = await adapter.refresh();
    expect(failed.map((error) => error.code)).toEqual(['EADDRINUSE']);
  });

  it('counts what the system refuses and remembers why', async () => {
    const adapter = await make({ bind: [endpoint('127.0.0.1:0')] });
    const [local] = adapter.endpoints;
    if (!local) throw new Error('nothing was bound');
    // A loopback address cannot be the source of a packet to another machine.
    adapter.sendOne(Uint8Array.of(1), local, endpoint('192.0.2.1:4500'));
    await new Promise((resolve) => setImmediate(resolve));
    expect(adapter.counters).toMatchObject({ sent: 0, sendDrops: 1 });
    expect(adapter.lastSendError).toBeInstanceOf(Error);
  });

  it('drops what goes to port 0 or to the other family', async () => {
    const adapter = await make({ bind: [endpoint('127.0.0.1:0')] });
    const [local] = adapter.endpoints;
    if (!local) throw new Error('nothing was bound');
    const one = [Uint8Array.of(1)];
    expect(adapter.send(batchOf(one, { local, remote: endpoint('127.0.0.1:0') }))).toBe(0);
    expect(adapter.send(batchOf(one, { local, remote: endpoint('[::1]:500') }))).toBe(0);
    expect(adapter.counters.sendDrops).toBe(2);
  });

  it('hands over together what arrived together', async () => {
    const adapter = await make({ bind: [endpoint('127.0.0.1:0')] });
    const [local] = adapter.endpoints;
    if (!local) throw new Error('nothing was bound');
    const counts: number[] = [];
    const done = new Promise<void>((resolve) => {
      adapter.onDatagrams((batch) => {
        counts.push(batch.count);
        if (counts.reduce((sum, count) => sum + count, 0) === 16) resolve();
      });
    });
    adapter.send(batchOf(Array(16).fill(Uint8Array.of(1)), { local, remote: local }));
    await done;
    expect(counts.length).toBeLessThan(16);
  });
});
