import { describe, expect, it } from 'vitest';
import type { SessionRequest } from '../src/session-request.ts';
import { eventually } from './eventually.ts';
import {
  clientOn,
  clientOptions,
  createMemoryWorld,
  serverOn,
  serverOptions,
} from './memory-world.ts';

/** A server, and two clients of it. */
async function twoClients() {
  let isCut = false;
  const world = createMemoryWorld({ lose: () => isCut });
  const s = serverOn(world.hostAt('192.0.2.1'));
  await s.server.open();
  const clients = ['anna', 'bert'].map((id, index) =>
    clientOn(world.hostAt(`192.0.2.${7 + index}`), { options: clientOptions({ local: { id } }) }),
  );
  for (const { client } of clients) await client.open();
  const cut = (): void => {
    isCut = true;
  };
  return { s, clients, cut, server: s.server };
}

async function refusal(
  performer: { perform(request: SessionRequest): Promise<string> },
  request: SessionRequest,
): Promise<{ code: unknown; message: unknown }> {
  const error: unknown = await performer.perform(request).catch((reason: unknown) => reason);
  return {
    code: Reflect.get(Object(error), 'code'),
    message: Reflect.get(Object(error), 'message'),
  };
}

describe('a command', () => {
  it('of a server is for all its sessions, or for those that are chosen', async () => {
    const { server, clients, s } = await twoClients();
    expect(await server.perform({ action: 'rekey' })).toBe(
      'IKE SA with anna: rekeyed, and so with 1 more.',
    );
    expect(await server.perform({ action: 'rekey', peer: 'bert' })).toBe(
      'IKE SA with bert: rekeyed.',
    );
    const [first] = server.status().sessions;
    expect(await server.perform({ action: 'rekey', session: first?.id ?? 0, ike: 'office' })).toBe(
      'IKE SA with anna: rekeyed.',
    );
    const rekeys = clients.map(
      ({ events }) => events.filter(({ kind }) => kind === 'session-rekeyed').length,
    );
    expect(rekeys).toEqual([2, 2]);
    expect(s.events.filter(({ kind }) => kind === 'session-rekeyed')).toHaveLength(4);
    for (const { client } of clients) await client.close();
    await server.close();
  });

  it('rekeys Child SAs and tells their SPIs (RFC 7296 §1.3.3)', async () => {
    const { server, clients } = await twoClients();
    const [anna] = clients;
    const sentence = await anna?.client.perform({ action: 'rekey', child: 'net' });
    const [child] = anna?.client.status().sessions[0]?.children ?? [];
    expect(sentence).toBe(
      `Child SA net with server: rekeyed, SPI in ${child?.inboundSpi}, out ${child?.outboundSpi}.`,
    );
    expect(await server.perform({ action: 'rekey', child: 'net' })).toMatch(
      /^Child SA net with anna: rekeyed, SPI in \w{8}, out \w{8}, and so with 1 more\.$/,
    );
    for (const { client } of clients) await client.close();
    await server.close();
  });

  it('names what there is when nothing fits', async () => {
    const { server, clients } = await twoClients();
    expect(await refusal(server, { action: 'rekey', child: 'lan' })).toEqual({
      code: 'config',
      message: 'There is no child "lan"; there are: net.',
    });
    expect(await refusal(server, { action: 'rekey', ike: 'home' })).toEqual({
      code: 'config',
      message: 'There is no connection "home"; there are: office.',
    });
    const { code, message } = await refusal(server, { action: 'rekey', peer: 'carl' });
    expect(code).toBe('no-such-target');
    expect(message).toMatch(
      /^No session with carl stands; there are: \d+ with anna, \d+ with bert\.$/,
    );
    expect(await refusal(server, { action: 'reauth', child: 'net' })).toMatchObject({
      code: 'config',
    });
    for (const { client } of clients) await client.close();
    await eventually(() => server.status().sessions).toEqual([]);
    expect(await refusal(server, { action: 'reauth' })).toEqual({
      code: 'no-such-target',
      message: 'No session stands.',
    });
    await server.close();
  });

  it('tells why it failed: a server cannot reauthenticate whom it gave an address', async () => {
    const { server, clients } = await twoClients();
    const { code, message } = await refusal(server, { action: 'reauth', peer: 'anna' });
    expect(code).toBe('command-failed');
    expect(message).toMatch(/^IKE SA with anna: not reauthenticated: .*\.$/);
    for (const { client } of clients) await client.close();
    await server.close();
  });

  it('says so when there is no outcome in time', async () => {
    const { server, clients, cut } = await twoClients();
    cut();
    const [anna] = clients;
    if (!anna) throw new Error('no client');
    expect(await refusal(anna.client, { action: 'rekey', timeoutMs: 20 })).toEqual({
      code: 'command-failed',
      message: 'IKE SA with server: it was begun, and there is no outcome after 1 s: see status.',
    });
    for (const { client } of clients) await client.close({ patienceMs: 0 });
    await server.close({ patienceMs: 0 });
  });

  it('terminate --ike ends a client, without a failure', async () => {
    const { server, clients } = await twoClients();
    const [anna, bert] = clients;
    expect(await anna?.client.perform({ action: 'terminate' })).toBe('IKE SA with server: closed.');
    expect(await anna?.client.ended).toBeUndefined();
    expect(await server.perform({ action: 'terminate', peer: 'bert' })).toBe(
      'IKE SA with bert: closed.',
    );
    expect(await bert?.client.ended).toMatchObject({ code: 'peer-deleted' });
    await server.close();
  });

  it('initiate says when a child is open already, and asks which session is meant', async () => {
    const { server, clients } = await twoClients();
    expect(await clients[0]?.client.perform({ action: 'initiate', child: 'net' })).toBe(
      'Child SA net is open already.',
    );
    expect(await refusal(server, { action: 'initiate', child: 'net' })).toEqual({
      code: 'config',
      message: 'Several sessions could open net: choose one with --session ID, as status shows it.',
    });
    for (const { client } of clients) await client.close();
    await eventually(() => server.status().sessions).toEqual([]);
    expect(await refusal(server, { action: 'initiate', child: 'net' })).toMatchObject({
      code: 'command-failed',
      message: expect.stringContaining('remote_addrs'),
    });
    await server.close();
  });

  it('is refused where nothing is open', async () => {
    const { hostAt } = createMemoryWorld();
    const { client } = clientOn(hostAt('192.0.2.7'));
    expect(await refusal(client, { action: 'rekey' })).toMatchObject({ code: 'no-such-target' });
    const { server } = serverOn(hostAt('192.0.2.1'), { options: serverOptions() });
    expect(await refusal(server, { action: 'rekey' })).toMatchObject({ code: 'no-such-target' });
  });
});
