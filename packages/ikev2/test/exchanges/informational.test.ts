import { ExchangeType, NotifyType, notify, PayloadType, ProtocolId } from '@ipsec-kit/ikev2-codec';
import { describe, expect, it } from 'vitest';
import { spiBytes } from '../../src/child/child-offer.ts';
import { child, endpoint, Pair, SERVER_4500 } from '../pair.ts';
import { RawClient } from '../raw-peer.ts';

const sessionOf = (pair: Pair) => pair.server.seen('session-opened')[0]?.sessionId ?? -1;

describe('liveness (RFC 7296 §2.4)', () => {
  it('asks only after the span has passed with nothing inbound, and confirms the round trip', () => {
    const pair = new Pair({ client: { dpdDelayMs: 30_000 } }).open();
    pair.drive(28_000);
    expect(pair.client.seen('liveness-confirmed')).toHaveLength(0);
    pair.drive(4_000);
    expect(pair.client.seen('liveness-confirmed')).toEqual([
      { kind: 'liveness-confirmed', sessionId: 1, roundTripMs: 20 },
    ]);
  });

  it('is put off by inbound ESP, not by outbound ESP', () => {
    const asked = (isInbound: boolean): number => {
      const pair = new Pair({ client: { dpdDelayMs: 30_000 } }).open();
      const childId = [...pair.client.children.keys()][0] ?? 0;
      pair.drive(20_000);
      const inbound = isInbound ? { lastInboundAt: pair.now } : {};
      const children = [{ childId, packetsOut: 1, lastOutboundAt: pair.now, ...inbound }];
      pair.client.handle({ kind: 'traffic', now: pair.now, children });
      pair.drive(15_000);
      return pair.client.seen('liveness-confirmed').length;
    };
    expect(asked(true)).toBe(0);
    expect(asked(false)).toBe(1);
  });

  it('finds a dead peer, closes the session and removes the child', () => {
    const pair = new Pair({ client: { dpdDelayMs: 30_000 } }).open();
    pair.wire = () => [];
    pair.drive(300_000);
    expect(pair.client.closeCode).toBe('peer-dead');
    expect(pair.client.children.size).toBe(0);
    expect(pair.client.seen('child-closed')).toHaveLength(1);
    expect(pair.client.machine.nextDeadline()).toBeUndefined();
  });

  it('is answered always, also when the own checks are off, and on command', () => {
    const pair = new Pair().open();
    pair.client.command({ kind: 'check-liveness', sessionId: 1 });
    pair.server.command({ kind: 'check-liveness', sessionId: sessionOf(pair) });
    pair.drive(1_000);
    expect(pair.client.seen('liveness-confirmed')).toHaveLength(1);
    expect(pair.server.seen('liveness-confirmed')).toHaveLength(1);
  });
});

describe('DELETE (RFC 7296 §1.4.1)', () => {
  it('closes the session on both sides when the initiator asks', () => {
    const pair = new Pair().open();
    pair.client.command({ kind: 'close', sessionId: 1 });
    pair.drive(1_000);
    expect(pair.client.closeCode).toBe('closed-by-user');
    expect(pair.server.closeCode).toBe('peer-deleted');
    expect(pair.client.children.size + pair.server.children.size).toBe(0);
  });

  it('closes the session on both sides when the responder asks', () => {
    const pair = new Pair().open();
    pair.server.command({ kind: 'close', sessionId: sessionOf(pair) });
    pair.drive(1_000);
    expect(pair.server.closeCode).toBe('closed-by-user');
    expect(pair.client.closeCode).toBe('peer-deleted');
  });

  it('closes when both ask at once', () => {
    const pair = new Pair().open();
    pair.client.command({ kind: 'close', sessionId: 1 });
    pair.server.command({ kind: 'close', sessionId: sessionOf(pair) });
    pair.drive(1_000);
    for (const host of [pair.client, pair.server]) {
      expect(host.seen('session-closed').map(({ failure }) => failure.code)).toEqual([
        'closed-by-user',
      ]);
    }
  });

  it('survives the loss of the response to the DELETE: the retransmission is answered from the cache', () => {
    const pair = new Pair().open();
    let lost = 0;
    pair.wire = (flight) => {
      if (flight.from === 'server' && lost === 0) {
        lost += 1;
        return [];
      }
      return [{ flight }];
    };
    pair.client.command({ kind: 'close', sessionId: 1 });
    pair.drive(6_000);
    expect(pair.client.closeCode).toBe('closed-by-user');
    expect(pair.client.machine.nextDeadline()).toBeUndefined();
  });

  it('gives up at the instant that the command names', () => {
    const pair = new Pair().open();
    pair.wire = () => [];
    const giveUpAt = pair.now;
    pair.client.command({ kind: 'close', sessionId: 1, giveUpAt });
    pair.drive(1);
    expect(pair.client.closeCode).toBe('closed-by-user');
  });

  it('waits for a running exchange before it deletes, and for the establishment too', () => {
    const pair = new Pair();
    pair.initiate();
    pair.drive(25);
    pair.client.command({ kind: 'close', sessionId: 1 });
    pair.drive(2_000);
    expect(pair.client.closeCode).toBe('closed-by-user');
    expect(pair.server.closeCode).toBe('peer-deleted');
  });

  it('ends silently before IKE_AUTH, where there is nothing to delete', () => {
    const pair = new Pair();
    pair.initiate();
    pair.client.command({ kind: 'close', sessionId: 1 });
    expect(pair.client.closeCode).toBe('closed-by-user');
    expect(pair.flights).toHaveLength(1);
  });

  it('closes one child on both sides and keeps the IKE SA', () => {
    const pair = new Pair().open();
    const childId = [...pair.client.children.keys()][0] ?? 0;
    const command = { kind: 'close-child', sessionId: 1, childId, reason: 'sequence end' } as const;
    pair.client.command(command);
    pair.client.command(command);
    pair.drive(1_000);
    expect(pair.client.seen('child-closed')[0]?.reason).toBe('sequence end');
    expect(pair.client.story.filter((line) => line.endsWith('request: D'))).toHaveLength(1);
    expect(pair.client.story.at(-1)).toBe('received INFORMATIONAL response: D');
    expect(pair.server.children.size).toBe(0);
    expect(pair.client.seen('session-closed')).toHaveLength(0);
  });

  it('leaves a child out of the response that both sides delete at once', () => {
    const pair = new Pair().open();
    const [client] = pair.client.children.keys();
    const [server] = pair.server.children.keys();
    const reason = 'crossing';
    pair.client.command({ kind: 'close-child', sessionId: 1, childId: client ?? 0, reason });
    const sessionId = sessionOf(pair);
    pair.server.command({ kind: 'close-child', sessionId, childId: server ?? 0, reason });
    pair.drive(1_000);
    expect(pair.client.story.filter((line) => line.endsWith('response: D'))).toHaveLength(0);
    expect(pair.client.seen('child-closed')).toHaveLength(1);
    expect(pair.server.seen('child-closed')).toHaveLength(1);
  });

  it('ignores SPIs that it does not know', () => {
    const pair = new Pair().open();
    const answer = new RawClient(pair).request([
      { type: 'D', protocol: ProtocolId.ESP, spis: [spiBytes(0xdeadbeef), spiBytes(0)] },
    ]);
    expect(answer?.payloads).toEqual([]);
    expect(pair.server.children.size).toBe(1);
  });

  it('deletes a child at the end of its hard lifetime (RFC 4301 §4.4.2.1)', () => {
    const children = [child({ hardLifetimeMs: 60_000 })];
    const pair = new Pair({ client: { children } }).open();
    pair.drive(61_000);
    expect(pair.client.seen('child-closed')[0]?.reason).toContain('lifetime');
    expect(pair.server.children.size).toBe(0);
  });
});

describe('requests that are refused (RFC 7296 §2.21.3)', () => {
  it('answers a Child SA beyond the limit with NO_ADDITIONAL_SAS and lives on (RFC 7296 §1.3)', () => {
    const pair = new Pair({ serverSettings: { maxChildren: 1 } }).open();
    const childName = 'net';
    pair.client.command({ kind: 'create-child', sessionId: 1, child: childName });
    pair.drive(1_000);
    const [failed] = pair.client.seen('child-failed');
    expect(failed?.failure).toMatchObject({ notify: NotifyType.NO_ADDITIONAL_SAS });
    expect(pair.client.children.size).toBe(1);
    expect(pair.server.seen('session-closed')).toHaveLength(0);
  });

  it('answers CREATE_CHILD_SA without SA with INVALID_SYNTAX, which ends the IKE SA', () => {
    const pair = new Pair().open();
    const payloads = [{ type: 'Nonce' as const, data: new Uint8Array(32) }];
    const exchangeType = ExchangeType.CREATE_CHILD_SA;
    const answer = new RawClient(pair).request(payloads, { exchangeType });
    expect(answer?.payloads).toMatchObject([{ notify: NotifyType.INVALID_SYNTAX }]);
    expect(pair.server.closeCode).toBe('invalid-syntax');
  });

  it('names an unknown critical payload, and ignores one that is not critical (RFC 7296 §2.5)', () => {
    const pair = new Pair().open();
    const raw = new RawClient(pair);
    const unknown = { type: 'unknown' as const, payloadType: 199, data: Uint8Array.of(1) };
    expect(raw.request([unknown])?.payloads).toEqual([]);
    const critical = { firstPayload: 199, bytes: Uint8Array.of(0, 0x80, 0, 5, 1) };
    expect(raw.request(critical)?.payloads).toMatchObject([
      { notify: NotifyType.UNSUPPORTED_CRITICAL_PAYLOAD, data: Uint8Array.of(199) },
    ]);
    expect(pair.server.seen('session-closed')).toHaveLength(0);
  });

  it('answers what is malformed inside SK with INVALID_SYNTAX, which ends the IKE SA', () => {
    const pair = new Pair().open();
    const bytes = Uint8Array.of(0, 0, 0, 200, 1, 2, 3);
    const answer = new RawClient(pair).request({ firstPayload: PayloadType.N, bytes });
    expect(answer?.payloads).toMatchObject([{ notify: NotifyType.INVALID_SYNTAX }]);
    expect(pair.server.closeCode).toBe('invalid-syntax');
    expect(pair.server.children.size).toBe(0);
  });

  it('answers an exchange that it does not know with INVALID_SYNTAX', () => {
    const pair = new Pair().open();
    const answer = new RawClient(pair).request([], { exchangeType: 240 });
    expect(answer?.payloads).toMatchObject([{ notify: NotifyType.INVALID_SYNTAX }]);
  });

  it('ignores message ids outside of the window (RFC 7296 §2.3)', () => {
    const pair = new Pair().open();
    const raw = new RawClient(pair);
    expect(raw.request([], { messageId: 3 })).toBeUndefined();
    expect(raw.request([], { messageId: 0 })).toBeUndefined();
    expect(raw.request([], { messageId: 2 })?.payloads).toEqual([]);
  });

  it('answers a repeated request from the cache, bit by bit, to where the copy came from (RFC 7296 §2.1, §2.11)', () => {
    const pair = new Pair().open();
    const raw = new RawClient(pair);
    const first = raw.request([], { messageId: 2 });
    const path = { local: endpoint('203.0.113.5:1234'), remote: SERVER_4500 };
    const second = raw.request([notify(NotifyType.INITIAL_CONTACT)], { messageId: 2, path });
    expect(second?.data).toEqual(first?.data);
    expect(second?.path.remote).toEqual(path.local);
    expect(pair.server.seen('peer-path-changed')).toHaveLength(0);
  });
});

describe('a peer that moves without MOBIKE (RFC 7296 §2.23)', () => {
  const path = { local: endpoint('203.0.113.5:1234'), remote: SERVER_4500 };

  it('is followed by its newest authenticated request, its children when it has answered there', () => {
    const pair = new Pair().open();
    new RawClient(pair).request([], { path });
    expect(pair.server.seen('peer-path-changed')[0]?.to.remote).toEqual(path.local);
    expect(pair.server.moves).toEqual([]);
    pair.drive(100);
    expect(pair.server.moves[0]?.path.remote).toEqual(path.local);
  });

  it('is followed by ESP as the packet path tells', () => {
    const pair = new Pair().open();
    const moved = { local: SERVER_4500, remote: path.local };
    pair.server.hearEsp(moved);
    expect(pair.server.seen('peer-path-changed')).toHaveLength(1);
    pair.server.command({ kind: 'check-liveness', sessionId: sessionOf(pair) });
    expect(pair.flights.at(-1)?.path).toEqual(moved);
  });
});
