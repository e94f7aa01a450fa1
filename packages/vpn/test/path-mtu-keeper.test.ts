import { addMs, VirtualClock } from '@ipsec-kit/clock';
import type { SessionEvent } from '@ipsec-kit/ikev2';
import { formatAddress, type IpAddress, parseAddress, parseSelector } from '@ipsec-kit/ip';
import type { PathProbe } from '@ipsec-kit/ipsec';
import { createScheduler } from '@ipsec-kit/scheduler';
import { describe, expect, it } from 'vitest';
import type { InstalledChild } from '../src/child-installer.ts';
import type { VpnEvent } from '../src/events.ts';
import { createPathMtuKeeper } from '../src/path-mtu-keeper.ts';
import { probeEnds } from '../src/probe-ends.ts';

function address(text: string): IpAddress {
  const parsed = parseAddress(text);
  if (!parsed) throw new Error(`not an address: ${text}`);
  return parsed;
}

function selectors(...texts: string[]) {
  return texts.map((text) => {
    const parsed = parseSelector(text);
    if (!parsed) throw new Error(`not a selector: ${text}`);
    return parsed;
  });
}

const SESSION = 7;
/** What ESP and the outer header add in this world. */
const OVERHEAD = 60;

function child(remote: readonly string[], overrides: Partial<InstalledChild> = {}): InstalledChild {
  const path = { address: address('198.51.100.1'), port: 4500 };
  return {
    sessionId: SESSION,
    name: 'net',
    localSelectors: selectors('10.88.0.1'),
    remoteSelectors: selectors(...remote),
    virtualAddresses: [address('10.88.0.1')],
    dns: [],
    path: { local: path, remote: path },
    mode: 'tunnel',
    shape: undefined,
    takesProbes: true,
    innerMtu: 1400,
    isMtuKnown: false,
    ...overrides,
  };
}

/** A keeper whose probes cross a path that carries `pathBytes`, to those hosts that are there. */
class World {
  readonly clock = new VirtualClock();
  readonly scheduler = createScheduler({ clock: this.clock });
  readonly children = new Map<number, InstalledChild>();
  readonly events: VpnEvent[] = [];
  readonly used: number[] = [];
  readonly fragments: number[] = [];
  readonly asked: string[] = [];
  readonly wantSource = new Set<number>();
  pathBytes = 1500;
  hosts = new Set(['10.77.0.1']);
  outPackets = 0;
  #random: () => number = () => 1;
  #loss = 0;
  readonly keeper = createPathMtuKeeper({
    isOn: true,
    clock: this.clock,
    scheduler: this.scheduler,
    packets: {
      sendProbe: (pairId, probe) => this.#carry(pairId, probe),
      askForSource: (pairId) => this.wantSource.add(pairId),
      pairCounters: () => ({
        inPackets: 0,
        inBytes: 0,
        outPackets: this.outPackets,
        outBytes: 0,
        replayedPackets: 0,
      }),
    },
    installer: {
      children: this.children,
      changeOuterMtu: (_, bytes) => this.used.push(bytes),
      probeBytes: (_, bytes) => bytes - OVERHEAD,
    },
    hostAddresses: () => [],
    identifier: 4711,
    onBytes: (_, bytes) => this.fragments.push(bytes),
    onEvent: (event) => this.events.push(event),
  });

  open(childId: number, remote: readonly string[] = ['10.77.0.0/16']): this {
    this.children.set(childId, child(remote));
    this.note('child-opened', { childId });
    return this;
  }

  note(kind: SessionEvent['kind'], facts: object = {}): void {
    this.keeper.note({ kind, sessionId: SESSION, ...facts } as SessionEvent);
  }

  seconds(count: number): void {
    this.clock.advanceBy(count * 1000);
  }

  /** Loses this share of all packets from now on, either way, whatever their size. */
  lose(loss: number, seed: number): void {
    let state = seed;
    this.#loss = loss;
    this.#random = () => {
      state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
      return state / 2 ** 31;
    };
  }

  /** Packets pass both ways all the time. */
  underLoad(seconds: number): void {
    const source = address('10.77.0.1');
    for (let ms = 0; ms < seconds * 1000; ms += 50) {
      this.outPackets += 50;
      if (this.wantSource.delete(1)) {
        this.keeper.noteFacts([{ kind: 'inbound-source', pairId: 1, source }]);
      }
      this.clock.advanceBy(50);
    }
  }

  get found(): number[] {
    return this.events.flatMap((event) =>
      event.kind === 'path-mtu-changed' && event.reason === 'found' ? [event.bytes] : [],
    );
  }

  #carry(pairId: number, { destination, sequence, bytes, identifier }: PathProbe): void {
    expect(identifier).toBe(4711);
    this.outPackets += 1;
    this.asked.push(formatAddress(destination));
    if (bytes + OVERHEAD > this.pathBytes || !this.hosts.has(formatAddress(destination))) return;
    if (this.#random() < this.#loss) return;
    const answer = { kind: 'probe-answered', pairId, sequence } as const;
    const at = addMs(this.clock.now(), 20);
    const deadline = { name: 'answer', at, toleranceMs: 0, wake: 'process' } as const;
    this.scheduler.schedule(`answer ${sequence}`, deadline, () => this.keeper.noteFacts([answer]));
  }
}

describe('the path MTU of a session (RFC 8899)', () => {
  it('is found within a round trip or two where the path carries everything', () => {
    const world = new World().open(1);
    world.seconds(2);
    expect(world.found).toEqual([1500]);
    expect(world.keeper.bytesOf(SESSION)).toBe(1500);
    expect(world.used.at(-1)).toBe(1500);
    expect(world.fragments.at(-1)).toBe(1500);
  });

  it('is at the base size as soon as something is known to be too large, and at what comes through soon after', () => {
    const world = new World();
    world.pathBytes = 1400;
    world.open(1);
    world.clock.advanceBy(700);
    // IKE messages must arrive, and lose nothing by it.
    expect([world.used, world.fragments]).toEqual([[], [1280]]);
    world.seconds(5);
    expect(world.used[0]).toBe(1280);
    world.seconds(60);
    expect(world.found.at(-1)).toBeGreaterThan(1390);
    expect(Math.max(...world.used)).toBeLessThanOrEqual(1400);
  });

  it('is what a router says as soon as that has come through, and never because it says so (RFC 8899 §4.6)', () => {
    const world = new World();
    world.pathBytes = 1400;
    world.open(1);
    const hint = (mtu: number): void =>
      world.keeper.noteFacts([{ kind: 'too-big-outside', pairId: 1, mtu, by: 'router' }]);
    // Nobody has answered yet: nothing can be proven.
    hint(1350);
    expect(world.used).toEqual([]);
    world.clock.advanceBy(25);
    hint(1400);
    world.clock.advanceBy(25);
    expect(world.used).toEqual([1400]);
    world.seconds(60);
    hint(1290);
    world.seconds(1);
    expect(world.keeper.bytesOf(SESSION)).toBe(1400);
  });

  it('is at once what the own link says that refused a probe', () => {
    const world = new World().open(1);
    world.seconds(2);
    world.keeper.noteFacts([{ kind: 'too-big-outside', pairId: 1, mtu: 1420, by: 'link' }]);
    expect(world.used.at(-1)).toBe(1420);
    world.keeper.noteFacts([{ kind: 'too-big-outside', pairId: 1, mtu: 9000, by: 'link' }]);
    world.seconds(2);
    expect(world.used.at(-1)).toBe(1500);
  });

  it('shrinks when large packets are lost that came through before, and IKE messages with it', () => {
    const world = new World().open(1);
    world.seconds(2);
    world.pathBytes = 1300;
    for (let second = 0; second < 150; second += 1) {
      world.outPackets += 10;
      world.seconds(1);
    }
    expect(world.events).toContainEqual(
      expect.objectContaining({ kind: 'path-mtu-changed', reason: 'lost' }),
    );
    expect(world.keeper.bytesOf(SESSION)).toBeLessThanOrEqual(1300);
    expect(world.keeper.bytesOf(SESSION)).toBeGreaterThan(1290);
    expect(world.fragments).toContain(1280);
  });

  it('is not known while nobody answers; one that has sent something is asked first', () => {
    const world = new World();
    world.hosts = new Set(['10.77.9.9']);
    world.open(1);
    world.seconds(3);
    expect(world.keeper.bytesOf(SESSION)).toBeUndefined();
    expect(world.used).toEqual([]);
    expect(world.wantSource.has(1)).toBe(true);
    world.keeper.noteFacts([{ kind: 'inbound-source', pairId: 1, source: address('10.77.9.9') }]);
    world.seconds(2);
    expect(world.asked).toContain('10.77.9.9');
    expect(world.found).toEqual([1500]);
  });

  it('is found while packets of whoever answers keep coming, with no more probes than on a silent path', () => {
    const world = new World();
    world.hosts = new Set(['10.77.9.9']);
    world.open(1);
    for (let ms = 0; ms < 3000; ms += 5) {
      if (world.wantSource.delete(1)) {
        const source = address('10.77.9.9');
        world.keeper.noteFacts([{ kind: 'inbound-source', pairId: 1, source }]);
      }
      world.clock.advanceBy(5);
    }
    expect(world.found).toEqual([1500]);
    expect(world.asked.length).toBeLessThan(10);
  });

  it.each([
    [0.5, 1500],
    [0.8, 1500],
    [0.95, 1500],
    [0, 1400],
    [0.33, 1400],
  ])(
    'is looked for with few probes in a load that loses %d of all packets, and lowered only where %d bytes are carried',
    (loss, pathBytes) => {
      let lowered = 0;
      for (let seed = 1; seed <= 20; seed += 1) {
        const world = new World();
        world.lose(loss, seed);
        world.pathBytes = pathBytes;
        world.open(1);
        world.underLoad(60);
        expect(world.asked.length).toBeLessThan(150);
        if (world.used.some((bytes) => bytes < 1500)) lowered += 1;
        world.lose(0, seed);
        world.underLoad(700);
        expect(world.keeper.bytesOf(SESSION)).toBe(pathBytes);
      }
      if (pathBytes === 1500) expect(lowered).toBeLessThan(2);
      else expect(lowered).toBe(20);
    },
  );

  it('asks hosts without end only so often, when many show up and none answers', () => {
    const world = new World();
    world.hosts.clear();
    world.open(1);
    for (let second = 0; second < 600; second += 1) {
      world.outPackets += 1;
      for (const part of [0, 1, 2]) {
        const source = address(`10.77.${1 + part}.${1 + (second % 250)}`);
        if (world.wantSource.delete(1)) {
          world.keeper.noteFacts([{ kind: 'inbound-source', pairId: 1, source }]);
        }
        world.clock.advanceBy(333);
      }
    }
    expect(world.asked.length).toBeLessThan(80);
  });

  it('costs nothing on a path that nobody uses and nobody answers on', () => {
    const world = new World();
    world.hosts.clear();
    world.open(1);
    world.seconds(10);
    const { length } = world.asked;
    world.seconds(3600);
    expect(world.asked).toHaveLength(length);
    world.outPackets += 1;
    world.seconds(600);
    expect(world.asked.length).toBeGreaterThan(length);
  });

  it('is asked for soon when a path is used again that was idle for an hour', () => {
    const world = new World().open(1);
    world.seconds(3_600);
    world.outPackets += 10;
    world.pathBytes = 1400;
    world.keeper.noteFacts([{ kind: 'outbound-resumed', pairId: 1 }]);
    // Ten seconds, and then it takes three lost probes.
    world.seconds(20);
    expect(world.used.at(-1)).toBeLessThanOrEqual(1400);
  });

  it('begins anew on another path, at the base size, with who has answered before', () => {
    const world = new World().open(1);
    world.seconds(2);
    world.pathBytes = 1400;
    world.note('peer-path-changed');
    expect(world.used.at(-1)).toBe(1280);
    world.seconds(60);
    expect(world.keeper.bytesOf(SESSION)).toBeGreaterThan(1390);
    expect(world.keeper.bytesOf(SESSION)).toBeLessThanOrEqual(1400);
  });

  it('goes on through the Child SA that replaces another, and is told anew to an IKE SA that does', () => {
    const world = new World().open(1);
    world.seconds(2);
    world.children.set(2, child(['10.77.0.0/16']));
    world.note('child-rekeyed', { oldChildId: 1, newChildId: 2 });
    world.children.delete(1);
    world.fragments.length = 0;
    world.note('session-reauthenticated');
    expect(world.fragments).toEqual([1500]);
    world.outPackets += 1;
    world.seconds(120);
    expect(world.keeper.bytesOf(SESSION)).toBe(1500);
    world.note('child-closed', { childId: 2 });
    expect(world.keeper.bytesOf(SESSION)).toBeUndefined();
    expect(world.scheduler.nextWake()).toBeUndefined();
  });

  it('is not probed through a Child SA that takes no padding, nor after the end', () => {
    const world = new World();
    world.children.set(1, child(['10.77.0.0/16'], { takesProbes: false }));
    world.note('child-opened', { childId: 1 });
    expect(world.asked).toEqual([]);
    world.keeper.stop();
    world.open(2);
    expect(world.asked).toEqual([]);
    expect(world.scheduler.nextWake()).toBeUndefined();
  });
});

describe('whom a path is probed with', () => {
  const ends = (one: InstalledChild, seen: string[] = [], hosts: string[] = []) =>
    probeEnds(one, seen.map(address), hosts.map(address)).map(
      ({ source, destination }) => `${formatAddress(source)} ${formatAddress(destination)}`,
    );

  it('is who has sent something, then DNS servers, then the first host of each network', () => {
    const one = child(['10.77.0.0/16', '10.78.0.0/24'], { dns: [address('10.77.0.53')] });
    expect(ends(one, ['10.77.5.5', '192.0.2.1'])).toEqual([
      '10.88.0.1 10.77.5.5',
      '10.88.0.1 10.77.0.53',
      '10.88.0.1 10.77.0.1',
      '10.88.0.1 10.78.0.1',
    ]);
  });

  it('is the peer itself where everything goes through the tunnel', () => {
    expect(ends(child(['0.0.0.0/0']))).toEqual(['10.88.0.1 198.51.100.1']);
  });

  it('is the only host that there is, from an address of this one', () => {
    const server = child(['10.88.0.9'], {
      localSelectors: selectors('10.77.0.0/16'),
      virtualAddresses: [],
    });
    expect(ends(server, [], ['192.0.2.1', '10.77.3.3'])).toEqual(['10.77.3.3 10.88.0.9']);
    expect(ends(server)).toEqual(['10.77.0.1 10.88.0.9']);
  });

  it('is nobody where the selectors have no place for an echo', () => {
    expect(ends(child(['10.77.0.0/16[tcp/80]']))).toEqual([]);
    expect(ends(child(['2001:db8::/64']))).toEqual([]);
  });
});
