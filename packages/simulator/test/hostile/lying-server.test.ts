import { msBetween } from '@ipsec-kit/clock';
import type { IpAddress } from '@ipsec-kit/ip';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HostileScene, MANY_VICTIMS } from './hostile-scene.ts';
import type { Keys } from './keyed-forger.ts';
import { LyingServer } from './lying-server.ts';

type Lie =
  | { readonly kind: 'list'; readonly first: number; readonly count: number }
  | { readonly kind: 'list-from'; readonly which: number; readonly count: number }
  | { readonly kind: 'flap'; readonly seconds: number; readonly count: number }
  | { readonly kind: 'answer-as'; readonly which: number }
  | { readonly kind: 'mute' | 'answer' | 'roam' | 'ask' | 'rekey' | 'ping' }
  | { readonly kind: 'wait'; readonly ms: number };

const which = fc.nat({ max: 99 });
const count = fc.nat({ max: 100 });
const lie: fc.Arbitrary<Lie> = fc.oneof(
  fc.record({ kind: fc.constant('list' as const), first: which, count }),
  fc.record({ kind: fc.constant('list-from' as const), which, count: fc.nat({ max: 3 }) }),
  fc.record({ kind: fc.constant('flap' as const), seconds: fc.integer({ min: 1, max: 4 }), count }),
  fc.record({ kind: fc.constant('answer-as' as const), which }),
  fc
    .constantFrom('mute', 'answer', 'roam', 'ask', 'rekey', 'ping')
    .map((kind) => ({ kind }) as Lie),
  fc.record({ kind: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 20_000 }) }),
);

interface Deceived {
  readonly scene: HostileScene;
  readonly liar: LyingServer;
  /** What is beyond the bound that is stated, in words. */
  excess(): readonly string[];
}

function deceived(seed: number, settings = {}): Deceived {
  const keys: Keys[] = [];
  const scene = new HostileScene(seed, {
    client: {
      connection: { mobike: true },
      settings,
      observer: () => ({
        event: (event) => {
          if (event.kind === 'ike-sa-keyed') keys.push(event);
        },
      }),
    },
    server: { connection: { mobike: true } },
  }).open();
  const beganAt = scene.simulation.now;
  const last = scene.recorded.findLast(({ to }) => to.port === 4500);
  const [keyed] = keys;
  if (!last || !keyed) throw new Error('the tunnel did not open');
  const toServer =
    last.to.address.bytes[0] === 203 ? last : { ...last, from: last.to, to: last.from };
  return {
    scene,
    liar: new LyingServer(scene, keyed, toServer),
    excess() {
      const seconds = msBetween(beganAt, scene.simulation.now) / 1_000;
      return scene.beyond({ one: 3_072 + 10 * seconds, all: 8_192 + 30 * seconds });
    },
  };
}

function someOf(first: number, howMany: number): readonly IpAddress[] {
  return Array.from({ length: howMany }, (_, i) => MANY_VICTIMS[(first + i) % 100]).filter(
    (victim) => victim !== undefined,
  );
}

function perform({ scene, liar }: Deceived, act: Lie): void {
  const { simulation } = scene;
  const [session] = simulation.client.sessions.keys();
  const command = (kind: 'check-liveness' | 'rekey-ike'): void => {
    if (session !== undefined) simulation.client.command({ kind, sessionId: session });
  };
  switch (act.kind) {
    case 'list':
      liar.list(someOf(act.first, act.count));
      return;
    case 'list-from':
      liar.list(someOf(act.which + 1, act.count), MANY_VICTIMS[act.which]);
      return;
    case 'flap':
      for (let i = 0; i < 10 * act.seconds; i += 1) {
        liar.list(someOf(17 * i, act.count));
        simulation.runFor(100);
      }
      return;
    case 'answer-as':
      liar.answersAs = MANY_VICTIMS[act.which];
      return;
    case 'mute':
      liar.isMute = true;
      return;
    case 'answer':
      liar.isMute = false;
      liar.answersAs = undefined;
      return;
    case 'roam':
      scene.roam();
      simulation.runFor(120);
      return;
    case 'ask':
      command('check-liveness');
      return;
    case 'rekey':
      command('rekey-ike');
      return;
    case 'ping':
      simulation.ping('to-server', { timeoutMs: 200 });
      return;
    case 'wait':
      simulation.runFor(act.ms);
      return;
    default:
      throw new Error(`unhandled lie ${JSON.stringify(act satisfies never)}`);
  }
}

describe('a server that has proven who it is and lies about where (RFC 4555 §3.6, §5.3)', () => {
  it('makes its client send no more to others than the bound that is stated, whatever it does', () => {
    let sent = 0;
    fc.assert(
      fc.property(
        fc.nat(),
        fc.boolean(),
        fc.array(lie, { minLength: 5, maxLength: 20 }),
        (seed, keepAliveForced, lies) => {
          const settings = keepAliveForced ? { keepAliveForced, keepaliveMs: 1_000 } : {};
          const world = deceived(seed, settings);
          for (const act of lies) {
            perform(world, act);
            world.scene.simulation.runFor(25);
            expect(world.excess()).toEqual([]);
          }
          world.scene.simulation.runFor(60_000);
          expect(world.excess()).toEqual([]);
          sent += world.scene.bytesToVictims;
        },
      ),
      { numRuns: 20, seed: 4555 },
    );
    // It is not by silence.
    expect(sent).toBeGreaterThan(10_000);
  });

  it.each([false, true])(
    'that lists a hundred addresses of others ten times a second for a minute costs them little, and its client closes nothing (keepalives: %s)',
    (keepAliveForced) => {
      const world = deceived(7, keepAliveForced ? { keepAliveForced, keepaliveMs: 1_000 } : {});
      for (let i = 0; i < 600; i += 1) {
        world.liar.list(someOf(31 * i, 100));
        if (i % 100 === 50) perform(world, { kind: 'ask' });
        world.scene.simulation.runFor(100);
        if (i % 50 === 0) expect(world.excess()).toEqual([]);
      }
      expect(world.scene.simulation.client.ended).toEqual([]);
    },
  );

  it('that is silent for as long as it is waited for causes the whole of the bound at most', () => {
    const world = deceived(11);
    world.liar.list(someOf(0, 15));
    world.scene.simulation.runFor(100);
    world.liar.isMute = true;
    world.scene.roam();
    for (let i = 0; i < 400; i += 1) {
      world.scene.simulation.runFor(1_000);
      expect(world.excess()).toEqual([]);
    }
    expect(world.scene.simulation.client.ended).toHaveLength(1);
    expect(world.scene.bytesToVictims).toBeGreaterThan(5_000);
  });
});
