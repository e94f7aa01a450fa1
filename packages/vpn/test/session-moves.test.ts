import { formatAddress } from '@ipsec-kit/ip';
import { describe, expect, it } from 'vitest';
import type { Client } from '../src/client-contract.ts';
import type { Platform } from '../src/platform.ts';
import type { SessionRequest } from '../src/session-request.ts';
import {
  address,
  type ClientBench,
  clientOn,
  clientOptions,
  createMemoryWorld,
  type MemoryWorld,
  type ServerBench,
  serverOn,
  serverOptions,
} from './memory-world.ts';

const WIFI = '192.0.2.7';
const LTE = '192.0.2.8';

/** A host with two addresses, the first preferred, that hears of its network. */
function hostWithTwo({ network, hostAt }: MemoryWorld): Partial<Platform> {
  const both = [WIFI, LTE].map(address);
  return {
    ...hostAt(WIFI),
    async createUdp(bind) {
      const [ike = 0, natT = 0] = 'ports' in bind ? bind.ports : [];
      const ports = [ike || 40_500, natT || 44_500];
      const udp = network.bind(
        both.flatMap((own) => ports.map((port) => ({ address: own, port }))),
      );
      return Object.assign(udp, { ports });
    },
    hostAddresses: () => both,
    watchNetwork({ onChange }) {
      onChange({ preferredAddresses: both, networkKey: 'home' });
      return { refresh: async () => undefined, stop: () => undefined };
    },
  };
}

interface Bench extends ClientBench {
  readonly s: ServerBench;
  readonly lost: Set<string>;
}

async function open(mobike = true): Promise<Bench> {
  const lost = new Set<string>();
  const world = createMemoryWorld({
    lose: (_, { local }) => lost.has(formatAddress(local.address)),
  });
  const s = serverOn(world.hostAt('192.0.2.1'), { options: serverOptions({ mobike }) });
  await s.server.open();
  const c = clientOn(hostWithTwo(world), { options: clientOptions() });
  await c.client.open();
  return { ...c, s, lost };
}

async function refusal(client: Client, request: SessionRequest): Promise<unknown> {
  return client.perform(request).then(
    (sentence) => ({ sentence }),
    (error: unknown) => ({
      code: Reflect.get(Object(error), 'code'),
      message: Reflect.get(Object(error), 'message'),
    }),
  );
}

async function close({ client, s }: Bench): Promise<void> {
  await client.close({ patienceMs: 0 });
  await s.server.close({ patienceMs: 0 });
}

describe('move (RFC 4555 §3.5)', () => {
  it('goes to an address of this host and back to the best, and says from where to where in how long', async () => {
    const bench = await open();
    const { client, s } = bench;
    expect(await client.perform({ action: 'move', local: LTE })).toMatch(
      /^IKE SA with server: moved from 192\.0\.2\.7:44500 \(peer 192\.0\.2\.1:4500\) to 192\.0\.2\.8:44500 \(peer 192\.0\.2\.1:4500\) in \d+\.\d ms\.$/,
    );
    expect(client.status().sessions[0]?.local).toBe(`${LTE}:44500`);
    expect(s.server.status().sessions[0]?.remote).toBe(`${LTE}:44500`);
    expect(await client.perform({ action: 'move' })).toMatch(
      /moved from 192\.0\.2\.8:44500 .* to 192\.0\.2\.7:44500 /,
    );
    expect(await client.perform({ action: 'move' })).toMatch(
      /: stays at 192\.0\.2\.7:44500 \(peer 192\.0\.2\.1:4500\), the best path, where the peer answered in \d+\.\d ms\.$/,
    );
    await close(bench);
  });

  it('says that the peer was not reached from there, and where the session is instead', async () => {
    const bench = await open();
    bench.lost.add(LTE);
    expect(await refusal(bench.client, { action: 'move', local: LTE })).toMatchObject({
      code: 'command-failed',
      message: expect.stringMatching(
        /not moved to 192\.0\.2\.8, from where the peer was not reached or did not want it: it is at 192\.0\.2\.7:44500/,
      ),
    });
    await close(bench);
  });

  it('names the addresses that there are, and takes nothing that is no address', async () => {
    const bench = await open();
    expect(await refusal(bench.client, { action: 'move', local: '10.0.0.9' })).toEqual({
      code: 'command-failed',
      message:
        'IKE SA with server: it cannot go to 10.0.0.9, which is no address that it may use; those are: 192.0.2.7, 192.0.2.8.',
    });
    expect(await refusal(bench.client, { action: 'move', local: 'lte' })).toMatchObject({
      code: 'config',
    });
    expect(await refusal(bench.client, { action: 'move', child: 'net' })).toMatchObject({
      code: 'config',
    });
    await close(bench);
  });

  it('is one clear sentence where MOBIKE was not negotiated', async () => {
    const bench = await open(false);
    expect(await refusal(bench.client, { action: 'move', local: LTE })).toEqual({
      code: 'command-failed',
      message:
        'IKE SA with server: it cannot be moved, because MOBIKE was not negotiated with this peer: `ipsec-kit reauth` opens a new IKE SA from where this host is.',
    });
    await close(bench);
  });

  it('of a server with one address says that it is at its best', async () => {
    const bench = await open();
    expect(await bench.s.server.perform({ action: 'move' })).toBe(
      'IKE SA with client: is at its best address already, 192.0.2.1:4500 (peer 192.0.2.7:44500).',
    );
    await close(bench);
  });
});
