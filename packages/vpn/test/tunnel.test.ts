import { answerIcmpEcho, buildIcmpEcho, type IpAddress, readIcmpEcho } from '@ipsec-kit/ip';
import { createMemoryTun } from '@ipsec-kit/tun-adapter/memory';
import { describe, expect, it } from 'vitest';
import { createClient } from '../src/client.ts';
import type { PacketPort } from '../src/packet-port.ts';
import {
  address,
  clientOn,
  clientOptions,
  createMemoryWorld,
  eventOf,
  serverOn,
  serverOptions,
} from './memory-world.ts';

/** Lets a host answer pings. */
function answerPings(port: PacketPort): void {
  port.onPacket((packet) => {
    const answer = answerIcmpEcho(packet);
    if (answer) port.send(answer);
  });
}

/** One ping; resolves with the sequence number of the answer. */
function ping(port: PacketPort, source: IpAddress, destination: IpAddress): Promise<number> {
  return new Promise((resolve) => {
    port.onPacket((packet) => {
      const echo = readIcmpEcho(packet);
      if (echo?.kind === 'reply') resolve(echo.sequence);
    });
    const data = new Uint8Array(56);
    port.send(
      buildIcmpEcho({ kind: 'request', source, destination, identifier: 1, sequence: 7, data }),
    );
  });
}

describe('a client and a server', () => {
  it('open a tunnel, carry packets both ways, and close it with a DELETE', async () => {
    const { hostAt } = createMemoryWorld();
    const s = serverOn(hostAt('192.0.2.1'));
    await s.server.open();
    const c = clientOn(hostAt('192.0.2.7'));
    await c.client.open();
    expect(c.port.addresses).toEqual([address('10.88.0.1')]);
    expect(c.client.status()).toMatchObject({ role: 'client', state: 'open' });
    expect(c.client.status().sessions[0]?.path).toMatchObject({
      state: 'in-use',
      lastInIkeSeconds: 0,
      lastOutIkeSeconds: 0,
      updates: 0,
    });

    answerPings(s.port);
    expect(await ping(c.port, address('10.88.0.1'), address('10.77.0.1'))).toBe(7);
    answerPings(c.port);
    expect(await ping(s.port, address('10.77.0.1'), address('10.88.0.1'))).toBe(7);
    expect(await c.client.checkLiveness()).toBeGreaterThanOrEqual(0);
    expect(s.server.status().sessions).toMatchObject([
      { state: 'open', remoteIdentity: 'client', children: [{ inPackets: 2, outPackets: 2 }] },
    ]);

    await c.client.close();
    expect(await c.client.ended).toBeUndefined();
    expect(c.client.status().state).toBe('closed');
    expect(eventOf(s.events, 'session-closed')?.code).toBe('peer-deleted');
    expect(s.server.status().sessions).toEqual([]);
    await s.server.close();
  });

  it('count the datagrams that are nothing, by what was wrong with them', async () => {
    const { hostAt } = createMemoryWorld();
    const s = serverOn(hostAt('192.0.2.1'));
    await s.server.open();
    const before = s.server.status().datagrams;
    const [endpoint] = s.server.endpoints;
    if (!endpoint) throw new Error('the server is bound to nothing');
    const local = { address: address('192.0.2.9'), port: 500 };
    const stranger = await hostAt('192.0.2.9').createUdp?.([local]);
    stranger?.sendOne(new Uint8Array(40), local, endpoint);
    await new Promise((resolve) => setImmediate(resolve));
    expect(before).toMatchObject({ ikeReceived: 0, ikeRejected: 0 });
    expect(s.server.status().datagrams).toMatchObject({ ikeReceived: 1, ikeRejected: 1 });
    await stranger?.close();
    await s.server.close();
  });

  it('go from port 500 to 4500 with encapsulation forced where there is no NAT (RFC 7296 §2.23)', async () => {
    const { hostAt } = createMemoryWorld();
    const s = serverOn(hostAt('192.0.2.1'));
    await s.server.open();
    const c = clientOn(hostAt('192.0.2.7'));
    await c.client.open();
    const remotes = c.events.flatMap((event) => (event.kind === 'message' ? [event.remote] : []));
    expect(remotes[0]).toBe('192.0.2.1:500');
    expect(remotes.at(-1)).toBe('192.0.2.1:4500');
    expect(eventOf(c.events, 'ike-sa-keyed')?.nat).toEqual({
      local: false,
      remote: false,
      forced: true,
    });
    await c.client.close();
    await s.server.close();
  });

  it('close while packets flow', async () => {
    const { hostAt } = createMemoryWorld();
    const s = serverOn(hostAt('192.0.2.1'));
    await s.server.open();
    answerPings(s.port);
    const c = clientOn(hostAt('192.0.2.7'));
    await c.client.open();
    const flood = setInterval(() => {
      void ping(c.port, address('10.88.0.1'), address('10.77.0.1'));
    }, 1);
    await s.server.close();
    expect((await c.client.ended)?.code).toBe('peer-deleted');
    clearInterval(flood);
    expect(c.port.addresses).toEqual([]);
  });

  it('end the client when the server closes, with a reason', async () => {
    const { hostAt } = createMemoryWorld();
    const s = serverOn(hostAt('192.0.2.1'));
    await s.server.open();
    const c = clientOn(hostAt('192.0.2.7'));
    await c.client.open();
    await s.server.close();
    expect(await c.client.ended).toMatchObject({ code: 'peer-deleted' });
  });

  it('end without a failure when the client is closed as its child is going', async () => {
    const { hostAt } = createMemoryWorld();
    const s = serverOn(hostAt('192.0.2.1'));
    await s.server.open();
    const c = clientOn(hostAt('192.0.2.7'), {
      onEvent: ({ kind }) => {
        if (kind === 'child-closed') queueMicrotask(() => void c.client.close());
      },
    });
    await c.client.open();
    await s.server.perform({ action: 'terminate', child: 'net' });
    expect(await c.client.ended).toBeUndefined();
    await s.server.close();
  });

  it('give up in bounded time on a peer that is gone', async () => {
    let isCut = false;
    const { hostAt } = createMemoryWorld({ lose: () => isCut });
    const s = serverOn(hostAt('192.0.2.1'));
    await s.server.open();
    const c = clientOn(hostAt('192.0.2.7'));
    await c.client.open();
    isCut = true;
    await c.client.close({ patienceMs: 50 });
    expect(await c.client.ended).toBeUndefined();
    await s.server.close({ patienceMs: 0 });
  });

  it('work where the server asks for a virtual address and the client holds the pool', async () => {
    const { hostAt } = createMemoryWorld();
    const s = serverOn(hostAt('192.0.2.1'), {
      options: serverOptions({
        pools: [],
        vips: ['0.0.0.0'],
        children: { net: { remoteTs: ['10.66.0.0/16'] } },
      }),
    });
    await s.server.open();
    const c = clientOn(hostAt('192.0.2.7'), {
      options: clientOptions(
        {
          vips: [],
          localAddrs: ['192.0.2.7'],
          children: { net: { localTs: ['10.66.0.0/16'], remoteTs: ['192.0.2.1'] } },
        },
        { pools: { guests: { addrs: '10.88.0.0/24' } } },
      ),
    });
    await c.client.open();
    expect(c.client.status().sessions[0]?.children).toHaveLength(1);
    await c.client.close();
    await s.server.close();
  });
});

describe('a failed connection', () => {
  const attempt = async (
    client: Parameters<typeof clientOptions>,
    server: Parameters<typeof serverOptions>,
  ) => {
    const { hostAt } = createMemoryWorld();
    const s = serverOn(hostAt('192.0.2.1'), { options: serverOptions(...server) });
    await s.server.open();
    const c = clientOn(hostAt('192.0.2.7'), { options: clientOptions(...client) });
    const error: unknown = await c.client.open().catch((reason: unknown) => reason);
    await s.server.close({ patienceMs: 100 });
    return { error, sentence: error instanceof Error ? error.message : '', server: s };
  };

  it('with another secret is an authentication failure, and names no secret', async () => {
    const { error, sentence } = await attempt([{}, { secrets: [{ secret: 'wrong' }] }], [{}]);
    expect(error).toMatchObject({ code: 'authentication-failed' });
    expect(sentence).not.toMatch(/wrong|horse/);
  });

  it('with no proposal in common names what was offered', async () => {
    const { error, sentence } = await attempt(
      [{ proposals: ['aes128-sha256-x25519'] }],
      [{ proposals: ['aes256-sha384-modp2048'] }],
    );
    expect(error).toMatchObject({ code: 'no-proposal-chosen' });
    expect(sentence).toMatch(/AES_CBC.128/);
  });

  it('with selectors that the peer does not take names them', async () => {
    const { error, sentence } = await attempt(
      [{ children: { net: { remoteTs: ['10.78.0.0/16'] } } }],
      [{}],
    );
    expect(error).toMatchObject({ code: 'ts-unacceptable' });
    expect(sentence).toContain('10.78.0.0/16');
  });

  it('with an exhausted pool is an INTERNAL_ADDRESS_FAILURE (RFC 7296 §3.15.4)', async () => {
    const { hostAt } = createMemoryWorld();
    const s = serverOn(hostAt('192.0.2.1'), {
      options: serverOptions({}, { pools: { guests: { addrs: '10.88.0.1-10.88.0.1' } } }),
    });
    await s.server.open();
    const first = clientOn(hostAt('192.0.2.7'));
    await first.client.open();
    const second = clientOn(hostAt('192.0.2.8'), {
      options: clientOptions({ local: { id: 'another' } }),
    });
    await expect(second.client.open()).rejects.toMatchObject({ code: 'internal-address-failure' });
    await first.client.close();
    await s.server.close();
  });

  it('with a peer that does not answer ends after the retransmissions', async () => {
    const { hostAt } = createMemoryWorld();
    const c = clientOn(hostAt('192.0.2.7'));
    await expect(c.client.open()).rejects.toMatchObject({
      code: 'peer-unreachable',
      message: expect.stringContaining('192.0.2.1'),
    });
    expect(await c.client.ended).toMatchObject({ code: 'peer-unreachable' });
  });

  it('leaves nothing open when it is given up while its device is made', async () => {
    const { hostAt } = createMemoryWorld();
    let make: () => void = () => undefined;
    const made = new Promise<void>((resolve) => {
      make = resolve;
    });
    const device = createMemoryTun();
    const client = createClient({
      options: clientOptions(),
      platform: { ...hostAt('192.0.2.7'), createTun: () => made.then(() => device) },
    });
    const opening = client.open();
    await new Promise((resolve) => setImmediate(resolve));
    const closing = client.close();
    make();
    await closing;
    expect(device.isClosed).toBe(true);
    await expect(opening).rejects.toMatchObject({ code: 'closed-by-user' });
  });

  it('can be given up before it is decided', async () => {
    const { hostAt } = createMemoryWorld();
    const c = clientOn(hostAt('192.0.2.7'));
    const opening = c.client.open();
    await c.client.close();
    await expect(opening).rejects.toMatchObject({ code: 'closed-by-user' });
  });
});

describe('many clients of one server', () => {
  it('200 at once get a tunnel and an address of their own, and can all be reached', async () => {
    const { hostAt } = createMemoryWorld();
    const s = serverOn(hostAt('192.0.2.1'), {
      options: serverOptions({}, { settings: { cookieThresholdIp: 0, blockThreshold: 0 } }),
    });
    await s.server.open();
    const clients = Array.from({ length: 200 }, (_, index) =>
      clientOn(hostAt(`198.51.100.${index + 1}`), {
        options: clientOptions(
          { local: { id: `client-${index}` } },
          { settings: { retransmitTimeoutMs: 4000, retransmitTries: 5 } },
        ),
      }),
    );
    await Promise.all(clients.map(({ client }) => client.open()));
    const addresses = new Set(clients.map(({ port }) => port.addresses[0]?.bytes.join('.')));
    expect(addresses.size).toBe(200);
    expect(s.server.status().sessions).toHaveLength(200);
    const answers = clients.map(async ({ port }) => {
      answerPings(port);
      const [destination] = port.addresses;
      if (!destination) throw new Error('a client has no address');
      return destination;
    });
    for (const destination of await Promise.all(answers)) {
      expect(await ping(s.port, address('10.77.0.1'), destination)).toBe(7);
    }
    await s.server.close();
    for (const { client } of clients)
      expect(await client.ended).toMatchObject({ code: 'peer-deleted' });
  });

  it('a lease goes back to the same identity', async () => {
    const { hostAt } = createMemoryWorld();
    const s = serverOn(hostAt('192.0.2.1'));
    await s.server.open();
    const addressOf = async (id: string): Promise<string | undefined> => {
      const c = clientOn(hostAt('192.0.2.7'), { options: clientOptions({ local: { id } }) });
      await c.client.open();
      const [first] = c.client.status().sessions[0]?.virtualAddresses ?? [];
      await c.client.close();
      return first;
    };
    expect(await addressOf('anna')).toBe('10.88.0.1');
    expect(await addressOf('bert')).toBe('10.88.0.2');
    expect(await addressOf('anna')).toBe('10.88.0.1');
    await s.server.close();
  });

  it('an identity that comes again replaces its older session where uniqueness says so', async () => {
    const { hostAt } = createMemoryWorld();
    const s = serverOn(hostAt('192.0.2.1'), { options: serverOptions({ unique: 'replace' }) });
    await s.server.open();
    const first = clientOn(hostAt('192.0.2.7'), { options: clientOptions({ unique: 'never' }) });
    await first.client.open();
    const second = clientOn(hostAt('192.0.2.8'), { options: clientOptions({ unique: 'never' }) });
    await second.client.open();
    expect(await first.client.ended).toBeDefined();
    expect(second.client.status().state).toBe('open');
    await second.client.close();
    await s.server.close();
  });
});
