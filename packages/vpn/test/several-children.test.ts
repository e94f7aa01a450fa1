import { describe, expect, it } from 'vitest';
import { eventually } from './eventually.ts';
import { createMemoryWorld } from './memory-world.ts';
import { childNames, clientChildren, count, ping, twoNetworks } from './two-networks.ts';

describe('a connection with several children (RFC 7296 §1.3.1)', () => {
  it('has all of them open over one IKE SA, with a route for each', async () => {
    const { c, s } = await twoNetworks();
    await c.client.open();
    await eventually(() => childNames(c)).toEqual(['one', 'two']);
    expect(count(c.events, 'session-opened')).toBe(1);
    expect(count(c.events, 'warning-raised')).toBe(0);
    expect(c.events.findLast(({ kind }) => kind === 'tun-configured')).toMatchObject({
      routes: ['10.77.0.0/16', '10.78.0.0/16'],
    });
    expect(await ping(c.port, '10.77.0.1')).toBe(1);
    expect(await ping(c.port, '10.78.0.1')).toBe(1);
    await c.client.close();
    await s.server.close();
  });

  it('begins childless with all of them (RFC 6023 §3)', async () => {
    const { c, s } = await twoNetworks({ childless: 'force' });
    await c.client.open();
    await eventually(() => childNames(c)).toEqual(['one', 'two']);
    expect(c.client.status().sessions).toHaveLength(1);
    await c.client.close();
    await s.server.close();
  });

  it('has only the one that was asked for', async () => {
    const { c, s } = await twoNetworks({}, { child: 'two' });
    await c.client.open();
    expect(childNames(c)).toEqual(['two']);
    await c.client.close();
    await s.server.close();
  });

  it('leaves those to their traffic that have start_action = trap', async () => {
    const { one, two } = clientChildren();
    const { c, s } = await twoNetworks({
      children: { one: { ...one, startAction: 'trap' }, two: { ...two } },
    });
    await c.client.open();
    expect(childNames(c)).toEqual(['two']);
    expect(await ping(c.port, '10.77.0.1')).toBe(1);
    expect(childNames(c)).toEqual(['one', 'two']);
    await c.client.close();
    await s.server.close();
  });

  it('refuses a child that does not exist, and names those that do', async () => {
    await expect(twoNetworks({}, { child: 'three' })).rejects.toMatchObject({
      code: 'config',
      message: 'The connection home has no child "three"; there are: one, two.',
    });
  });

  for (const side of ['client', 'server'] as const) {
    it(`goes on with the other when the ${side} closes one, which can be opened again`, async () => {
      const { c, s } = await twoNetworks();
      await c.client.open();
      await eventually(() => childNames(c)).toEqual(['one', 'two']);
      const closing = side === 'client' ? c.client : s.server;
      expect(await closing.perform({ action: 'terminate', child: 'one' })).toMatch(
        /^Child SA one with .*: closed\.$/,
      );
      await eventually(() => childNames(c)).toEqual(['two']);
      expect(await ping(c.port, '10.78.0.1')).toBe(1);
      const routes = c.events.findLast(({ kind }) => kind === 'tun-configured');
      expect(routes).toMatchObject({ routes: ['10.78.0.0/16'] });
      expect(await closing.perform({ action: 'initiate', child: 'one' })).toBe(
        'Child SA one is open.',
      );
      await eventually(() => childNames(c)).toEqual(['one', 'two']);
      expect(await ping(c.port, '10.77.0.1')).toBe(1);
      await c.client.close();
      await s.server.close();
    });
  }

  it('has all of them again after a reauthentication', async () => {
    const { c, s } = await twoNetworks();
    await c.client.open();
    await eventually(() => childNames(c)).toEqual(['one', 'two']);
    expect(await c.client.perform({ action: 'reauth' })).toBe(
      'IKE SA with server: reauthenticated.',
    );
    await eventually(() => childNames(c)).toEqual(['one', 'two']);
    expect(await ping(c.port, '10.78.0.1')).toBe(1);
    expect(c.client.status().state).toBe('open');
    await c.client.close();
    await s.server.close();
  });
});

describe('a client that is closed', () => {
  it('leaves no SA at the peer, after whatever datagram that is (RFC 7296 §1.4.1)', async () => {
    for (let after = 1; after <= 10; after += 1) {
      let seen = 0;
      let close: () => void = () => undefined;
      const world = createMemoryWorld({
        lose: () => {
          seen += 1;
          if (seen === after) queueMicrotask(close);
          return false;
        },
      });
      const { c, s } = await twoNetworks({}, {}, world);
      const closed = new Promise<void>((resolve) => {
        close = () => void c.client.close().then(resolve);
      });
      await c.client.open().catch(() => undefined);
      // The whole conversation may be over before.
      if (seen < after) close();
      await closed;
      // What was not authenticated yet cannot be deleted, and is no SA: it is forgotten in time.
      const open = (): number =>
        s.server.status().sessions.filter(({ state }) => state === 'open').length;
      await eventually(open).toBe(0);
      await s.server.close();
    }
  });

  for (const action of ['rekey', 'reauth'] as const) {
    it(`leaves no SA at the peer while a ${action} runs`, async () => {
      const { c, s } = await twoNetworks();
      await c.client.open();
      await eventually(() => childNames(c)).toEqual(['one', 'two']);
      const performed = c.client.perform({ action, timeoutMs: 1_000 }).catch(() => 'failed');
      await c.client.close();
      expect(s.server.status().sessions).toEqual([]);
      expect(await performed).toBeTypeOf('string');
      await s.server.close();
    });
  }

  it('does not wait when it is told so a second time', async () => {
    let isCut = false;
    const world = createMemoryWorld({ lose: () => isCut });
    const { c, s } = await twoNetworks({}, {}, world);
    await c.client.open();
    isCut = true;
    const first = c.client.close();
    await c.client.close({ patienceMs: 0 });
    await first;
    expect(c.client.status().state).toBe('closed');
    await s.server.close({ patienceMs: 0 });
  });
});
