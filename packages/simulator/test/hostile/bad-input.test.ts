import {
  addMs,
  createHostClock,
  msBetween,
  type VirtualClock,
  wallSleepMeter,
} from '@ipsec-kit/clock';
import { describe, expect, it } from 'vitest';
import {
  type Datagram,
  disagreements,
  type Middlebox,
  type Passage,
  type SimulationOptions,
} from '../../src/index.ts';
import { address, HostileScene, VICTIMS } from './hostile-scene.ts';
import { type Keys, resealed, withWrongCookie2 } from './keyed-forger.ts';

const SEEDS = [1, 2, 3, 4, 5];
const MOBIKE = {
  client: { connection: { mobike: true } },
  server: { connection: { mobike: true } },
} as const satisfies Omit<SimulationOptions, 'seed'>;
const [VICTIM = address('192.0.2.66')] = VICTIMS;

function expectWorking({ simulation }: HostileScene): void {
  expect(simulation.ping('to-server', { tries: 3 })).toBeDefined();
  expect(simulation.ping('to-client', { tries: 3 })).toBeDefined();
  expect(simulation.client.ended).toEqual([]);
  expect(simulation.server.ended).toEqual([]);
  expect(disagreements(simulation)).toEqual([]);
}

/** IKE messages of both hosts during something. */
function messagesDuring(scene: HostileScene, something: () => void): number {
  const before = scene.ikeMessages.client + scene.ikeMessages.server;
  something();
  return scene.ikeMessages.client + scene.ikeMessages.server - before;
}

describe.each(SEEDS)('a tunnel with seed %i', (seed) => {
  it.each([
    ['and is lost itself', false],
    ['and arrives later', true],
  ])(
    'stays when UPDATE_SA_ADDRESSES seems to come from elsewhere %s (RFC 4555 §3.7, §5.3)',
    (_, keepsOriginal) => {
      const scene = new HostileScene(seed, MOBIKE).open();
      const { simulation } = scene;
      simulation.runFor(500 * seed);
      const messages = messagesDuring(scene, () => {
        scene.roam();
        // The request, and what is sent again of it.
        const diversion = { of: 'client', as: VICTIM, keepsOriginal } as const;
        scene.divert(...Array.from({ length: seed }, () => diversion));
        // The sixth transmission comes after 50 seconds.
        simulation.runFor(60_000);
      });
      expectWorking(scene);
      // One update and one check, each over up to three ways, until both ends know.
      expect(messages).toBeLessThanOrEqual(30);
      expect(scene.bytesToVictims).toBeGreaterThan(0);
      expect(scene.amplified()).toEqual([]);
    },
  );

  it.each(['client', 'server'] as const)(
    'is closed by the %s when COOKIE2 comes back as another (RFC 4555 §3.7)',
    (closer) => {
      const keys = new Map<string, Keys>();
      const observer = (name: string) => ({
        event: (event: Keys | { readonly kind: string }) => {
          if (isKeyed(event)) keys.set(name, event);
        },
      });
      const scene = new HostileScene(seed, {
        client: { ...MOBIKE.client, observer },
        server: { ...MOBIKE.server, observer },
      }).open();
      const { simulation } = scene;
      const known = keys.get('client');
      if (!known) throw new Error('no keys');
      const liar = closer === 'client' ? 'server' : 'client';
      scene.tamper(liar, (data) => resealed(known, data, withWrongCookie2));
      scene.roam();
      simulation.runFor(10_000);
      expect(simulation[closer].ended[0]?.failure?.sentence).toContain('COOKIE2');
      // The other end hears nothing of it (RFC 7296 §2.21.2) and finds nobody there any more.
      simulation.runFor(300_000);
      expect(simulation.client.sessions.size).toBe(0);
      expect(simulation.server.sessions.size).toBe(0);
      expect(simulation.server.children.size).toBe(0);
    },
  );

  it('goes nowhere for ESP that was seen before and comes again from elsewhere (RFC 7296 §2.23)', () => {
    const scene = new HostileScene(seed, seed % 2 === 0 ? MOBIKE : {}).open();
    const { simulation } = scene;
    for (let i = 0; i < 20; i += 1) simulation.ping(i % 2 === 0 ? 'to-server' : 'to-client');
    const esp = scene.recorded.filter(
      ({ data }) =>
        data.length > 60 && data.some((byte, i) => i < 4 && byte !== 0) && data[17] !== 0x20,
    );
    const messages = messagesDuring(scene, () => {
      for (let i = 0; i < 1_000; i += 1) {
        const { to, data } = esp[(i * seed) % esp.length] as Datagram;
        scene.sendAs({ address: VICTIM, port: 4500 + (i % 3) }, to, data);
        if (i % 20 === 0) simulation.runFor(50);
      }
      simulation.runFor(1_000);
    });
    expect(messages).toBe(0);
    expect(scene.bytesToVictims).toBe(0);
    expectWorking(scene);
  });

  it('is found by fresh ESP that a man in the middle sends on from elsewhere where it was, a round trip later', () => {
    const scene = new HostileScene(seed, seed % 2 === 0 ? MOBIKE : {}).open();
    const { simulation } = scene;
    simulation.runFor(5_000);
    const messages = messagesDuring(scene, () => {
      for (let i = 0; i < 20; i += 1) {
        scene.divert({ of: 'client', as: VICTIM, keepsOriginal: i % 2 === 0 });
        simulation.ping('to-server', { timeoutMs: 500 });
        simulation.ping('to-client', { timeoutMs: 500 });
      }
      simulation.runFor(5_000);
    });
    // For each packet that was sent on one question there, the same where the peer was, another there to be sure, and the answers.
    expect(messages).toBeLessThanOrEqual(20 * 6);
    expect(scene.amplified()).toEqual([]);
    expectWorking(scene);
  });

  it('carries on behind a NAT that changes the port with every packet, and makes no storm (RFC 4555 §3.8)', () => {
    const scene = new HostileScene(seed, {
      client: { connection: { mobike: seed % 2 === 0 }, middleboxes: () => [restlessNat(seed)] },
      server: { connection: { mobike: seed % 2 === 0 } },
    }).open();
    const { simulation } = scene;
    let replies = 0;
    const messages = messagesDuring(scene, () => {
      for (let i = 0; i < 300; i += 1) {
        const direction = i % 2 === 0 ? 'to-server' : 'to-client';
        if (simulation.ping(direction, { timeoutMs: 200 }) !== undefined) replies += 1;
        simulation.runFor(100);
      }
    });
    expect(replies).toBe(300);
    // Half a minute: at most one exchange about the path in a second, and its answer.
    expect(messages).toBeLessThanOrEqual(60);
    expectWorking(scene);
  });

  it('stays while the addresses flap ten times a second for a minute (RFC 4555 §3.5)', () => {
    const scene = new HostileScene(seed, MOBIKE).open();
    const { simulation } = scene;
    const messages = messagesDuring(scene, () => {
      for (let i = 0; i < 600; i += 1) {
        scene.roam();
        if (i % 7 === 0) simulation.client.sendEcho(address('10.2.0.1'), address('10.1.0.1'), i);
        simulation.runFor(100);
      }
    });
    simulation.runFor(15_000);
    // One move in two seconds, and of each an update and a check with their answers, sent again twice a second at most.
    expect(messages).toBeLessThanOrEqual(60 * 8);
    expectWorking(scene);
  });

  it('stays while the clock of the client jumps an hour back and forth (RFC 7296 §2.4)', () => {
    let jumpMs = 0;
    const scene = new HostileScene(seed, {
      ...MOBIKE,
      client: {
        ...MOBIKE.client,
        clock: (world) => jumpingClock(world as VirtualClock, () => jumpMs),
      },
    }).open();
    const { simulation } = scene;
    const messages = messagesDuring(scene, () => {
      for (let i = 0; i < 60; i += 1) {
        jumpMs = i % 2 === 0 ? (seed % 2 === 0 ? 3_600_000 : -3_600_000) : 0;
        expect(
          simulation.ping(i % 3 === 0 ? 'to-client' : 'to-server', { tries: 2 }),
        ).toBeDefined();
        simulation.runFor(900);
      }
    });
    // The hour is counted once at most: what fell due in it, and then no more than a minute has by itself.
    expect(messages).toBeLessThanOrEqual(30);
    expectWorking(scene);
  });
});

function isKeyed(event: { readonly kind: string }): event is Keys {
  return event.kind === 'ike-sa-keyed';
}

/** A port for every single packet outward, and back in on all of them. */
function restlessNat(seed: number): Middlebox {
  let port = 20_000 + seed * 1_000;
  const inside = new Map<number, number>();
  return {
    name: 'restless NAT',
    pass(datagram, direction): readonly Passage[] {
      if (direction === 'outward') {
        port = port >= 60_000 ? 20_000 : port + 1;
        inside.set(port, datagram.from.port);
        return [{ datagram: { ...datagram, from: { ...datagram.from, port } }, delayMs: 0 }];
      }
      const own = inside.get(datagram.to.port);
      if (own === undefined) return [];
      return [{ datagram: { ...datagram, to: { ...datagram.to, port: own } }, delayMs: 0 }];
    },
  };
}

/** The clock of a host whose wall clock somebody sets. */
function jumpingClock(world: VirtualClock, jumpMs: () => number) {
  const begin = world.now();
  const elapsed = (): number => msBetween(begin, world.now());
  return createHostClock({
    host: {
      monotonicMs: elapsed,
      otherMs: () => elapsed() + jumpMs(),
      startTimer: (delayMs, fire) => world.wakeAt(addMs(world.now(), delayMs), fire),
    },
    meter: wallSleepMeter(0, 0),
  });
}
