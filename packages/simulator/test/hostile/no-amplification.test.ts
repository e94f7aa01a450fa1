import type { IpAddress } from '@ipsec-kit/ip';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HostileScene, VICTIMS } from './hostile-scene.ts';

type Deed =
  | { readonly kind: 'divert'; readonly of: 'client' | 'server'; readonly keepsOriginal: boolean }
  | { readonly kind: 'replay'; readonly which: number; readonly times: number }
  | { readonly kind: 'damage'; readonly which: number }
  | { readonly kind: 'initiate'; readonly which: number; readonly times: number }
  | { readonly kind: 'garbage'; readonly bytes: number }
  | { readonly kind: 'roam' | 'roam-server' | 'join-server' }
  | { readonly kind: 'ping-server' | 'ping-client' | 'rekey' | 'ask' }
  | { readonly kind: 'wait'; readonly ms: number };

const victim = fc.constantFrom(...VICTIMS);
const which = fc.nat({ max: 10_000 });
const times = fc.integer({ min: 1, max: 8 });
const deed: fc.Arbitrary<Deed> = fc.oneof(
  fc.record({
    kind: fc.constant('divert' as const),
    of: fc.constantFrom('client' as const, 'server' as const),
    keepsOriginal: fc.boolean(),
  }),
  fc.record({ kind: fc.constant('replay' as const), which, times }),
  fc.record({ kind: fc.constant('damage' as const), which }),
  fc.record({ kind: fc.constant('initiate' as const), which, times }),
  fc.record({ kind: fc.constant('garbage' as const), bytes: fc.nat({ max: 200 }) }),
  fc
    .constantFrom(
      'roam',
      'roam-server',
      'join-server',
      'ping-server',
      'ping-client',
      'rekey',
      'ask',
    )
    .map((kind) => ({ kind }) as Deed),
  fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 6_000 }) }),
);
const deeds = fc.array(fc.tuple(deed, victim), { minLength: 5, maxLength: 40 });

/** The request that opened the tunnel, as another initiator's: with another SPI. */
function anotherInit(scene: HostileScene): Uint8Array {
  const data = (scene.recorded[0]?.data ?? new Uint8Array(0)).slice();
  data.set(scene.bytes(8), 0);
  return data;
}

function perform(scene: HostileScene, act: Deed, as: IpAddress): void {
  const { simulation, recorded } = scene;
  const from = { address: as, port: 4500 };
  const chosen = 'which' in act ? recorded[act.which % recorded.length] : undefined;
  const [session] = simulation.client.sessions.keys();
  switch (act.kind) {
    case 'divert':
      scene.divert({ of: act.of, as, keepsOriginal: act.keepsOriginal });
      return;
    case 'replay':
      for (let i = 0; chosen && i < act.times; i += 1) scene.sendAs(from, chosen.to, chosen.data);
      return;
    case 'damage': {
      const data = chosen?.data.slice() ?? new Uint8Array(0);
      data[act.which % data.length] = act.which & 0xff;
      if (chosen) scene.sendAs(from, chosen.to, data);
      return;
    }
    case 'initiate': {
      const to = recorded[0]?.to;
      for (let i = 0; to && i < act.times; i += 1) scene.sendAs(from, to, anotherInit(scene));
      return;
    }
    case 'garbage': {
      const to = recorded.at(-1)?.to;
      if (to) scene.sendAs(from, to, scene.bytes(act.bytes));
      return;
    }
    case 'roam':
      scene.roam();
      return;
    case 'roam-server':
      scene.roamServer();
      return;
    case 'join-server':
      scene.joinServer();
      return;
    case 'ping-server':
      simulation.ping('to-server', { timeoutMs: 200 });
      return;
    case 'ping-client':
      simulation.ping('to-client', { timeoutMs: 200 });
      return;
    case 'rekey':
      if (session) simulation.client.command({ kind: 'rekey-ike', sessionId: session });
      return;
    case 'ask':
      if (session) simulation.client.command({ kind: 'check-liveness', sessionId: session });
      return;
    case 'wait':
      simulation.runFor(act.ms);
      return;
    default:
      throw new Error(`unhandled deed ${JSON.stringify(act satisfies never)}`);
  }
}

const small = { settings: { fragmentBytes: 200 } };

describe('what an attacker on the path and a peer that moves do together', () => {
  it.each([
    [
      'with MOBIKE',
      { client: { connection: { mobike: true } }, server: { connection: { mobike: true } } },
    ],
    ['without MOBIKE', {}],
    [
      'with MOBIKE and fragments (RFC 7383)',
      {
        client: { connection: { mobike: true }, ...small },
        server: { connection: { mobike: true }, ...small },
      },
    ],
    [
      'with MOBIKE and a server that roams',
      { client: { connection: { mobike: true } }, server: { connection: { mobike: true } } },
      { serverRoams: true },
    ],
    ['with cookies', { server: { settings: { cookieThreshold: 1 } } }],
  ])(
    'never makes a host send more bytes to an address than came from it, %s (RFC 4555 §5.3, RFC 7296 §2.6)',
    (_, options, world: { readonly serverRoams?: boolean } = {}) => {
      let sent = 0;
      fc.assert(
        fc.property(fc.nat(), fc.boolean(), deeds, (seed, beginsInTheMiddle, acts) => {
          const scene = new HostileScene(seed, options, world);
          if (beginsInTheMiddle) scene.simulation.initiate();
          else scene.open();
          for (const [act, as] of acts) {
            perform(scene, act, as);
            scene.simulation.runFor(25);
            expect(scene.amplified()).toEqual([]);
          }
          scene.simulation.runFor(60_000);
          expect(scene.amplified()).toEqual([]);
          sent += scene.bytesToVictims;
        }),
        { numRuns: 60, seed: 4555 },
      );
      // It is not by silence.
      expect(sent).toBeGreaterThan(10_000);
    },
  );
});
