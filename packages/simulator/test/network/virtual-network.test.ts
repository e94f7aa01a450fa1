import { VirtualClock } from '@ipsec-kit/clock';
import { type Endpoint, parseEndpoint } from '@ipsec-kit/ip';
import { describe, expect, it } from 'vitest';
import {
  type Attachment,
  createLink,
  type Datagram,
  formatTrace,
  type LinkSettings,
  lan,
  type Middlebox,
  VirtualNetwork,
} from '../../src/index.ts';

const a = endpoint('192.0.2.1:500');
const b = endpoint('203.0.113.1:500');

function endpoint(text: string): Endpoint {
  const parsed = parseEndpoint(text);
  if (!parsed) throw new Error(`${text} is no endpoint`);
  return parsed;
}

interface TwoHosts {
  readonly clock: VirtualClock;
  readonly network: VirtualNetwork;
  readonly hostA: Attachment;
  readonly hostB: Attachment;
  /** What reached b: when, and the first byte. */
  readonly arrivals: { readonly atMs: number; readonly byte: number }[];
  sendNumbered(count: number, everyMs?: number): void;
}

function twoHosts(boxes: readonly Middlebox[] = [], traceEntries?: number): TwoHosts {
  const clock = new VirtualClock();
  const network = new VirtualNetwork({ clock, ...(traceEntries ? { traceEntries } : {}) });
  const arrivals: { atMs: number; byte: number }[] = [];
  const hostA = network.attach({
    name: 'a',
    addresses: [a.address],
    middleboxes: boxes,
    receive: () => undefined,
  });
  const hostB = network.attach({
    name: 'b',
    addresses: [b.address],
    receive: ({ data }) => arrivals.push({ atMs: clock.now(), byte: data[0] ?? -1 }),
  });
  const sendNumbered = (count: number, everyMs = 1): void => {
    for (let i = 0; i < count; i += 1) {
      hostA.send(a, b, Uint8Array.of(i & 0xff));
      clock.advanceBy(everyMs);
    }
    clock.advanceBy(60_000);
  };
  return { clock, network, hostA, hostB, arrivals, sendNumbered };
}

function overLink(settings: Partial<LinkSettings>, seed: number | string = 1): TwoHosts {
  return twoHosts([createLink(lan({ latencyMs: 10, ...settings }), seed)]);
}

describe('a link', () => {
  it('delivers after its latency', () => {
    const { sendNumbered, arrivals } = overLink({});
    sendNumbered(3, 5);
    expect(arrivals.map(({ atMs }) => atMs)).toEqual([10, 15, 20]);
  });

  it('keeps the order under jitter, and delays by no more than it', () => {
    const { sendNumbered, arrivals } = overLink({ jitterMs: 50 });
    sendNumbered(200);
    expect(arrivals.map(({ byte }) => byte)).toEqual(Array.from({ length: 200 }, (_, i) => i));
    for (const { atMs, byte } of arrivals) {
      expect(atMs - byte).toBeGreaterThanOrEqual(10);
      expect(atMs - byte).toBeLessThanOrEqual(60);
    }
  });

  it('loses about as many as it was told', () => {
    const { sendNumbered, arrivals, network } = overLink({ loss: 0.3 });
    sendNumbered(2000);
    expect(network.counters.lost + network.counters.delivered).toBe(2000);
    expect(arrivals.length).toBeGreaterThan(1300);
    expect(arrivals.length).toBeLessThan(1500);
  });

  it('duplicates about as many as it was told', () => {
    const { sendNumbered, arrivals, network } = overLink({ duplication: 0.2 });
    sendNumbered(2000);
    expect(arrivals.length).toBe(2000 + network.counters.duplicated);
    expect(network.counters.duplicated).toBeGreaterThan(330);
    expect(network.counters.duplicated).toBeLessThan(470);
  });

  it('lets some be overtaken when told to reorder', () => {
    const { sendNumbered, arrivals } = overLink({ reordering: 0.1, reorderDelayMs: 20 });
    sendNumbered(250);
    const bytes = arrivals.map(({ byte }) => byte);
    const overtaken = bytes.filter((byte, i) => byte < Math.max(0, ...bytes.slice(0, i)));
    expect(bytes).toHaveLength(250);
    expect(overtaken.length).toBeGreaterThan(10);
  });

  it('does the same for the same seed, and something else for another', () => {
    const run = (seed: number): string => {
      const { sendNumbered, network } = overLink(
        { loss: 0.2, jitterMs: 30, duplication: 0.1, reordering: 0.1, reorderDelayMs: 30 },
        seed,
      );
      sendNumbered(100);
      return formatTrace(network.trace);
    };
    expect(run(7)).toBe(run(7));
    expect(run(7)).not.toBe(run(8));
  });

  it('moves nothing else when only its loss changes', () => {
    const arrivalsWith = (loss: number): Map<number, number> => {
      const { sendNumbered, arrivals } = overLink({
        loss,
        reordering: 1,
        jitterMs: 30,
        reorderDelayMs: 30,
      });
      sendNumbered(200);
      return new Map(arrivals.map(({ byte, atMs }) => [byte, atMs]));
    };
    const without = arrivalsWith(0);
    const some = arrivalsWith(0.5);
    expect(some.size).toBeLessThan(150);
    for (const [byte, atMs] of some) expect(atMs).toBe(without.get(byte));
  });

  it('refuses a probability above 1 and a negative latency', () => {
    expect(() => createLink(lan({ loss: 1.5 }), 1)).toThrow(/"loss" expected a probability/);
    expect(() => createLink(lan({ latencyMs: -1 }), 1)).toThrow(/"latencyMs" expected/);
  });
});

describe('the hook on datagrams', () => {
  it('drops exactly the one that it names', () => {
    const { network, sendNumbered, arrivals } = overLink({});
    network.onDatagram(({ index }, decide) => {
      if (index === 1) decide.drop();
    });
    sendNumbered(3);
    expect(arrivals.map(({ byte }) => byte)).toEqual([0, 2]);
  });

  it('delays, duplicates and replaces', () => {
    const { network, sendNumbered, arrivals } = overLink({});
    network.onDatagram(({ index }, decide) => {
      if (index === 0) decide.delay(100);
      if (index === 1) decide.duplicate(50);
      if (index === 2) decide.replace(Uint8Array.of(99));
    });
    sendNumbered(3);
    expect(arrivals).toEqual([
      { atMs: 11, byte: 1 },
      { atMs: 12, byte: 99 },
      { atMs: 61, byte: 1 },
      { atMs: 110, byte: 0 },
    ]);
  });

  it('drops the original and lets a copy through', () => {
    const { network, sendNumbered, arrivals } = overLink({});
    network.onDatagram((_, decide) => {
      decide.drop();
      decide.duplicate(5);
    });
    sendNumbered(1);
    expect(arrivals).toEqual([{ atMs: 15, byte: 0 }]);
  });

  it('refuses a negative delay', () => {
    const { network, hostA } = overLink({});
    network.onDatagram((_, decide) => decide.delay(-1));
    expect(() => hostA.send(a, b, new Uint8Array(1))).toThrow(/"ms" expected a delay/);
  });
});

describe('a network', () => {
  it('takes a datagram through the chain of its sender from the inside out', () => {
    const passed: string[] = [];
    const box = (name: string): Middlebox => ({
      name,
      pass: (datagram: Datagram, direction) => {
        passed.push(`${name} ${direction}`);
        return [{ datagram, delayMs: 1 }];
      },
    });
    const { clock, hostA, hostB } = twoHosts([box('near'), box('far')]);
    hostA.send(a, b, new Uint8Array(1));
    clock.advanceBy(10);
    hostB.send(b, a, new Uint8Array(1));
    clock.advanceBy(10);
    expect(passed).toEqual(['near outward', 'far outward', 'far inward', 'near inward']);
  });

  it('goes by the address that a middlebox wrote', () => {
    const rewrite: Middlebox = {
      name: 'rewrite',
      pass: (datagram) => [{ datagram: { ...datagram, to: b }, delayMs: 0 }],
    };
    const { hostA, arrivals } = twoHosts([rewrite]);
    hostA.send(a, endpoint('198.51.100.9:1'), Uint8Array.of(5));
    expect(arrivals).toEqual([{ atMs: 0, byte: 5 }]);
  });

  it('loses what is sent to nobody or to a host that left', () => {
    const { clock, hostA, hostB, network, arrivals } = overLink({});
    hostA.send(a, endpoint('198.51.100.9:500'), new Uint8Array(1));
    hostA.send(a, b, new Uint8Array(1));
    hostB.detach();
    clock.advanceBy(100);
    expect(arrivals).toEqual([]);
    expect(network.counters).toMatchObject({ sent: 2, lost: 2, delivered: 0, inFlight: 0 });
    expect(formatTrace(network.trace)).toContain('is lost (no such host)');
  });

  it('copies what it is given and gives away copies', () => {
    const { clock, hostA, network, arrivals } = overLink({});
    const data = Uint8Array.of(1);
    hostA.send(a, b, data);
    data[0] = 2;
    clock.advanceBy(100);
    expect(arrivals.map(({ byte }) => byte)).toEqual([1]);
    expect(network.trace[0]).toMatchObject({ kind: 'sent', datagram: { index: 0 } });
  });

  it('counts datagrams and bytes of each host', () => {
    const { clock, hostA, hostB } = overLink({});
    hostA.send(a, b, new Uint8Array(100));
    hostA.send(a, b, new Uint8Array(20));
    clock.advanceBy(100);
    expect(hostA.counters).toMatchObject({ sentDatagrams: 2, sentBytes: 120 });
    expect(hostB.counters).toMatchObject({ receivedDatagrams: 2, receivedBytes: 120 });
  });

  it('keeps only the last entries of the trace', () => {
    const { network, sendNumbered } = twoHosts([], 10);
    sendNumbered(100);
    expect(network.trace).toHaveLength(10);
    expect(network.forgottenEntries).toBe(190);
    expect(network.trace.at(-1)).toMatchObject({ kind: 'delivered', index: 99 });
  });

  it('refuses an address or a name that is taken, and a datagram that UDP cannot carry', () => {
    const { network, hostA } = overLink({});
    const receive = (): void => undefined;
    expect(() => network.attach({ name: 'c', addresses: [a.address], receive })).toThrow(
      /belongs to a already/,
    );
    expect(() => network.attach({ name: 'a', addresses: [b.address], receive })).toThrow(/"name"/);
    expect(() => hostA.send(a, b, new Uint8Array(65_508))).toThrow(/at most 65507 bytes/);
  });
});
