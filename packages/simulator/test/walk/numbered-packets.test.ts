import { instantFromMs, VirtualClock } from '@ipsec-kit/clock';
import { parseAddress } from '@ipsec-kit/ip';
import { describe, expect, it } from 'vitest';
import { WALK_CONFIGURATIONS } from '../../src/index.ts';
import { HostLedger } from '../../src/walk/host-ledger.ts';
import { NumberedPackets } from '../../src/walk/numbered-packets.ts';

const SPI = 0x35b9_4e2a;
const AT = instantFromMs(0);
const SENDER = { childId: 4, sessionId: 1_000_000, root: 4, name: 'b', at: AT };
const RECEIVER = { childId: 4, sessionId: 1, root: 4, name: 'b', at: AT };

function selectors(text: string) {
  const start = parseAddress(text);
  if (!start) throw new Error('test address');
  return [{ protocol: 0, startPort: 0, endPort: 65_535, start, end: start }];
}

/** One packet from the server on its way to the client. */
function sent() {
  const clock = new VirtualClock();
  const [configuration] = WALK_CONFIGURATIONS;
  if (!configuration) throw new Error('no configuration');
  const [server, client] = ['server', 'client'].map(
    (name) => new HostLedger(name, clock, configuration, new Map()),
  );
  if (!server || !client) throw new Error('no ledgers');
  const standing = {
    ...SENDER,
    inboundSpi: 1,
    outboundSpi: SPI,
    localSelectors: selectors('10.0.0.1'),
    remoteSelectors: selectors('10.1.0.1'),
  };
  const esp = new Uint8Array(8);
  new DataView(esp.buffer).setUint32(0, SPI);
  const sendInner = (): boolean => {
    flow.onSealed(esp);
    return true;
  };
  const host = { children: new Map([[4, standing]]), isAsleep: false, sendInner };
  const flow = new NumberedPackets(
    clock,
    { ledger: server, host: () => host },
    { ledger: client, host: () => host },
  );
  server.installedOutbound.set(SPI, SENDER);
  expect(flow.send('b')).toBe(1);
  return { flow, client, server, clock, arrive: (): void => flow.onArrived(esp) };
}

/** It has arrived, and its Child SA was about to be installed. */
function arrived() {
  const { flow, client, clock, arrive } = sent();
  arrive();
  clock.advanceBy(10);
  client.installed.set(SPI, { ...RECEIVER, at: clock.now() });
  clock.advanceBy(10);
  return { flow, client };
}

describe('a packet that waits for its Child SA to be installed (RFC 7296 §2.8)', () => {
  it('may be lost when the session ends before that', () => {
    const { flow, client } = arrived();
    client.released(SPI);
    const failure = { code: 'peer-deleted', sentence: 'Gone.' } as const;
    client.note({ kind: 'session-closed', sessionId: 1, connection: 'tunnel', failure });
    expect(flow.faults()).toEqual([]);
  });

  it('may not be lost when the Child SA stands', () => {
    const { flow } = arrived();
    expect(flow.faults()).toEqual(['packet 1 of the server arrived at 0.000 s and was dropped']);
  });
});

describe('a packet through a Child SA that the receiver lets go before its user knows it (RFC 7296 §1.4.1)', () => {
  /** It arrives when the receiver has let go. */
  function tooLate() {
    const { flow, client, server, arrive } = sent();
    client.installed.set(SPI, RECEIVER);
    client.removed(RECEIVER.childId, true);
    arrive();
    return { flow, server };
  }

  it('may be lost when the user of the sender has closed that', () => {
    const { flow, server } = tooLate();
    server.ends.push({ at: AT, sessionId: SENDER.sessionId, root: SENDER.root });
    expect(flow.faults()).toEqual([]);
  });

  it('may not be lost otherwise', () => {
    const { flow } = tooLate();
    expect(flow.faults()).toEqual(['packet 1 of the server arrived at 0.000 s and was dropped']);
  });
});

describe('a packet of a sender whose user closes the session (RFC 7296 §1.4.1)', () => {
  /** It is sent when the receiver's Child SA has stood and is gone, without a word to its user. */
  function behind(closedAfterMs: number) {
    const { flow, client, server, clock, arrive } = sent();
    client.installed.set(SPI, RECEIVER);
    clock.advanceBy(closedAfterMs);
    server.closedAt = clock.now();
    clock.advanceBy(10 - closedAfterMs);
    arrive();
    clock.advanceBy(10);
    return flow.faults();
  }

  it('may be lost behind the command', () => {
    expect(behind(5)).toEqual([]);
  });

  it('may not be lost through a Child SA that was made later', () => {
    expect(behind(0)).toEqual(['packet 1 of the server arrived at 0.010 s and was dropped']);
  });

  it('may not be lost before', () => {
    const { flow, client, server, clock, arrive } = sent();
    client.installed.set(SPI, RECEIVER);
    arrive();
    clock.advanceBy(10);
    server.closedAt = clock.now();
    expect(flow.faults()).toEqual(['packet 1 of the server arrived at 0.000 s and was dropped']);
  });
});
