import { addMs, VirtualClock } from '@ipsec-kit/clock';
import type { PairActivity } from '@ipsec-kit/datapath';
import type {
  Answer,
  ChildInstallation,
  EndpointDeadline,
  EndpointInput,
  EndpointOutput,
} from '@ipsec-kit/ikev2';
import { type Path, parseAddress } from '@ipsec-kit/ip';
import type { SaPairCounters } from '@ipsec-kit/ipsec';
import { createScheduler } from '@ipsec-kit/scheduler';
import { describe, expect, it } from 'vitest';
import type { InstalledChild } from '../src/child-installer.ts';
import { createDriver } from '../src/driver.ts';
import type { EndpointMachine } from '../src/driver-contract.ts';

const address = parseAddress('192.0.2.1');
if (!address) throw new Error('a test value cannot be parsed');
const path: Path = { local: { address, port: 4500 }, remote: { address, port: 4501 } };
const send = (byte: number): EndpointOutput => ({
  kind: 'send',
  path,
  data: Uint8Array.of(byte),
  marker: true,
});
const install = (requestId: number): EndpointOutput => ({
  kind: 'request',
  requestId,
  blocking: true,
  request: { kind: 'install-child', child: { childId: requestId } as ChildInstallation },
});
const generate = (requestId: number): EndpointOutput => ({
  kind: 'request',
  requestId,
  blocking: false,
  request: { kind: 'generate-key', method: 31 },
});
const nothing: SaPairCounters = {
  inPackets: 0,
  inBytes: 0,
  outPackets: 0,
  outBytes: 0,
  replayedPackets: 0,
};
const installedAnswer: Answer = { kind: 'install-child', ok: true };

/** A driver around a scripted machine: `script` says what each input puts out; `log` is what was performed, in order. */
function bench(
  script: (input: EndpointInput) => readonly EndpointOutput[],
  parts: {
    install?: () => Answer | Promise<Answer>;
    work?: () => Answer | Promise<Answer>;
    onSend?: () => void;
  } = {},
) {
  const clock = new VirtualClock();
  const log: string[] = [];
  const inputs: EndpointInput[] = [];
  const children = new Map<number, InstalledChild>();
  const counters = new Map<number, SaPairCounters>();
  const activities = new Map<number, PairActivity>();
  const released: unknown[] = [];
  let deadline: EndpointDeadline | undefined;
  const endpoint: EndpointMachine = {
    handle(input) {
      inputs.push(input);
      log.push(`in ${input.kind}`);
      if (input.kind === 'timeout') deadline = undefined;
      return script(input);
    },
    nextDeadline: (wake) => (wake === undefined || deadline?.wake === wake ? deadline : undefined),
  };
  const driver = createDriver({
    endpoint,
    clock,
    scheduler: createScheduler({ clock }),
    control: {
      sendIke(message) {
        log.push(`send ${message[0]}`);
        parts.onSend?.();
      },
      sendKeepalive: () => log.push('keepalive'),
      sendEspKeepalive: (pairId) => log.push(`esp keepalive ${pairId}`),
      pairCounters: (id) => counters.get(id),
      pairActivity: (id) => activities.get(id),
      async openScratchPort(remote) {
        log.push(`open scratch port towards ${remote.port}`);
        return path.local;
      },
      closeScratchPort: (local) => log.push(`close scratch port ${local.port}`),
    },
    installer: {
      children,
      prepare: async () => undefined,
      refresh: () => undefined,
      install(child) {
        log.push(`install ${child.childId}`);
        return parts.install?.() ?? installedAnswer;
      },
      remove: (childId) => log.push(`remove ${childId}`),
      move: (childId) => log.push(`move ${childId}`),
      activate: (childId) => log.push(`activate ${childId}`),
      deactivate: (childId) => log.push(`deactivate ${childId}`),
      reserve: (spi) => log.push(`reserve ${spi}`),
      release: (spi) => log.push(`release ${spi}`),
      changeOuterMtu: () => undefined,
      probeBytes: () => undefined,
    },
    requests: () => parts.work?.() ?? { kind: 'failed', reason: 'nobody works here' },
    pools: { release: (lease) => released.push(lease) },
    onEvent: (event) => log.push(`event ${event.kind}`),
  });
  const setDeadline = (inMs: number | undefined): void => {
    deadline =
      inMs === undefined
        ? undefined
        : { name: 'dpd', at: addMs(clock.now(), inMs), toleranceMs: 0, wake: 'device' };
  };
  const datagram = (byte: number): void => driver.receive(Uint8Array.of(byte), path, true);
  return {
    clock,
    driver,
    log,
    inputs,
    children,
    counters,
    activities,
    released,
    setDeadline,
    datagram,
  };
}

describe('the driver', () => {
  it('hands on where a NAT-keepalive came from, of whatever peer', () => {
    const { driver, inputs, clock } = bench(() => []);
    driver.noteFacts([{ kind: 'keepalive-received', path }]);
    expect(inputs).toEqual([{ kind: 'keepalive-received', path, now: clock.now() }]);
  });

  it('performs outputs in order, and feeds the answer of a request after them', () => {
    const { log, datagram } = bench((input) =>
      input.kind === 'datagram' ? [send(1), generate(7), send(2)] : [send(3)],
    );
    datagram(0);
    expect(log).toEqual(['in datagram', 'send 1', 'send 2', 'in answer', 'send 3']);
  });

  it('lets what follows an installation wait until the SA stands', async () => {
    let stand: (answer: Answer) => void = () => undefined;
    const { log, datagram } = bench(
      (input) => (input.kind === 'datagram' ? [install(7), send(1)] : [send(2)]),
      {
        install: () =>
          new Promise((resolve) => {
            stand = resolve;
          }),
      },
    );
    datagram(0);
    expect(log).toEqual(['in datagram', 'install 7']);
    stand(installedAnswer);
    await Promise.resolve();
    await Promise.resolve();
    expect(log).toEqual(['in datagram', 'install 7', 'send 1', 'in answer', 'send 2']);
  });

  it('goes on with other peers while one installation takes its time', () => {
    let count = 0;
    const { log, datagram } = bench(() => (count++ === 0 ? [install(7), send(1)] : [send(2)]), {
      install: () => new Promise(() => undefined),
    });
    datagram(0);
    datagram(1);
    expect(log).toEqual(['in datagram', 'install 7', 'in datagram', 'send 2']);
  });

  it('handles an input that comes while outputs are performed after them', () => {
    const b = bench((input) => (input.kind === 'command' ? [send(1), send(2)] : [send(3)]), {
      onSend() {
        if (b.log.at(-1) === 'send 1') b.datagram(9);
      },
    });
    b.driver.command({ kind: 'check-liveness', sessionId: 1 });
    expect(b.log).toEqual(['in command', 'send 1', 'send 2', 'in datagram', 'send 3']);
  });

  it('turns a worker that throws or rejects into a failed answer', async () => {
    for (const work of [
      (): Answer => {
        throw new Error('the token was unplugged');
      },
      (): Promise<Answer> => Promise.reject(new Error('the token was unplugged')),
    ]) {
      const { inputs, datagram } = bench(
        (input) => (input.kind === 'datagram' ? [generate(7)] : []),
        { work },
      );
      datagram(0);
      await new Promise((resolve) => setImmediate(resolve));
      expect(inputs.at(-1)).toMatchObject({
        kind: 'answer',
        requestId: 7,
        answer: { kind: 'failed', reason: 'the token was unplugged' },
      });
    }
  });

  it('samples traffic before every timeout, and tells only what moved since the last time', () => {
    const b = bench(() => []);
    const counted = (inPackets: number, outPackets: number): SaPairCounters => ({
      ...nothing,
      inPackets,
      outPackets,
    });
    b.children.set(4, {} as InstalledChild);
    b.setDeadline(1000);
    b.counters.set(4, counted(3, 0));
    b.activities.set(4, { lastInboundAgoMs: 400 });
    b.datagram(0);
    b.clock.advanceBy(1000);
    expect(b.log.slice(1)).toEqual(['in traffic', 'in timeout']);
    expect(b.inputs[1]).toMatchObject({
      children: [{ childId: 4, packetsOut: 0, lastInboundAt: 600 }],
    });
    b.counters.set(4, counted(3, 1));
    // The clock of whoever carries packets is a little off: nothing came in, all the same.
    b.activities.set(4, { lastInboundAgoMs: 1_399.99, lastOutboundAgoMs: 250 });
    b.setDeadline(1000);
    b.datagram(0);
    b.clock.advanceBy(1000);
    expect(b.inputs.at(-2)).toHaveProperty('children', [
      { childId: 4, packetsOut: 1, lastOutboundAt: 1_750 },
    ]);
    b.setDeadline(1000);
    b.datagram(0);
    b.clock.advanceBy(1000);
    expect(b.inputs.at(-2)).toMatchObject({ kind: 'traffic', children: [] });
  });

  it('tells the traffic of a child as soon as it sends again', () => {
    const b = bench(() => []);
    for (const childId of [4, 5]) {
      b.children.set(childId, {} as InstalledChild);
      b.counters.set(childId, { ...nothing, outPackets: 1 });
      b.activities.set(childId, { lastOutboundAgoMs: 0 });
    }
    b.driver.noteFacts([
      { kind: 'outbound-resumed', pairId: 5 },
      { kind: 'outbound-resumed', pairId: 6 },
    ]);
    expect(b.inputs).toMatchObject([
      { kind: 'traffic', children: [{ childId: 5, packetsOut: 1, lastOutboundAt: 0 }] },
    ]);
  });

  it('tells of a sleep before what was sent since, and of the network as it is', () => {
    const b = bench(() => []);
    b.driver.tell({ kind: 'slept', sleptMs: 6_000 });
    b.driver.tell({ kind: 'local-addresses', addresses: [address] });
    expect(b.inputs).toMatchObject([
      { kind: 'slept', sleptMs: 6_000 },
      { kind: 'traffic' },
      { kind: 'local-addresses', addresses: [address] },
    ]);
  });

  it('opens and closes scratch ports, and sends ESP keepalives', async () => {
    const b = bench((input) =>
      input.kind === 'datagram'
        ? [
            { kind: 'send-esp-keepalive', childId: 4 },
            {
              kind: 'request',
              requestId: 7,
              blocking: false,
              request: { kind: 'open-scratch-port', remote: path.remote },
            },
            { kind: 'close-scratch-port', local: path.local },
          ]
        : [],
    );
    b.datagram(0);
    await new Promise((resolve) => setImmediate(resolve));
    expect(b.log).toEqual([
      'in datagram',
      'esp keepalive 4',
      'open scratch port towards 4501',
      'close scratch port 4500',
      'in answer',
    ]);
    expect(b.inputs.at(-1)).toMatchObject({
      answer: { kind: 'open-scratch-port', local: path.local },
    });
  });

  it('tells the IKE machine of a child whose sequence numbers or lifetime end (RFC 4303 §3.3.3)', () => {
    const b = bench(() => []);
    b.children.set(4, { sessionId: 2 } as InstalledChild);
    b.driver.noteFacts([
      { kind: 'soft-limit', pairId: 4 },
      { kind: 'hard-limit', pairId: 4 },
      { kind: 'hard-limit', pairId: 5 },
    ]);
    expect(b.inputs).toMatchObject([
      { kind: 'child-limit', childId: 4, limit: 'soft' },
      { kind: 'child-limit', childId: 4, limit: 'hard' },
    ]);
  });

  it('tells the IKE machine of a peer that moved (RFC 7296 §2.23)', () => {
    const b = bench(() => []);
    b.children.set(4, { sessionId: 2 } as InstalledChild);
    b.driver.noteFacts([
      { kind: 'unknown-spi', spi: 300, path },
      { kind: 'first-inbound', pairId: 4 },
      { kind: 'peer-moved', pairId: 4, path, bytes: 120 },
    ]);
    expect(b.inputs).toMatchObject([
      { kind: 'child-first-inbound', childId: 4 },
      { kind: 'peer-moved', childId: 4, path, bytes: 120 },
    ]);
  });

  it('performs every other kind of output', () => {
    const b = bench(() => [
      { kind: 'send-keepalive', path },
      { kind: 'remove-child', childId: 1 },
      { kind: 'move-child', childId: 2, path },
      { kind: 'activate-child', childId: 3 },
      { kind: 'deactivate-child', childId: 4 },
      { kind: 'reserve-spi', spi: 300 },
      { kind: 'release-spi', spi: 301 },
      { kind: 'release-lease', lease: { addresses: [], dns: [], attributes: [] } },
      { kind: 'event', event: { kind: 'liveness-confirmed', sessionId: 1, roundTripMs: 5 } },
    ]);
    b.datagram(0);
    expect(b.log.slice(1)).toEqual([
      'keepalive',
      'remove 1',
      'move 2',
      'activate 3',
      'deactivate 4',
      'reserve 300',
      'release 301',
      'event liveness-confirmed',
    ]);
    expect(b.released).toHaveLength(1);
  });

  it('does nothing any more once it is stopped', () => {
    const b = bench(() => [send(1)]);
    b.setDeadline(1000);
    b.datagram(0);
    b.driver.stop();
    b.clock.advanceBy(5000);
    b.datagram(0);
    b.driver.noteFacts([{ kind: 'peer-moved', pairId: 4, path, bytes: 120 }]);
    expect(b.log).toEqual(['in datagram', 'send 1']);
  });
});
