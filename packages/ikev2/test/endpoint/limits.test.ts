import { Ke } from '@ipsec-kit/crypto';
import {
  decodeMessage,
  encodeMessage,
  type IkeHeader,
  NotifyType,
  notify,
} from '@ipsec-kit/ikev2-codec';
import { describe, expect, it } from 'vitest';
import { CLIENT_500, endpoint, type Flight, ikeProposal, Pair, SERVER_500 } from '../pair.ts';

/** The first request of another client, from an address of its own. */
function request(seed: string, from = CLIENT_500): Flight {
  const stranger = new Pair({ seed });
  stranger.wire = () => [];
  stranger.initiate(1, from);
  const [flight] = stranger.flights;
  if (!flight) throw new Error('no request');
  return flight;
}

function answersTo(pair: Pair, flight: Flight): Flight['data'][] {
  const before = pair.flights.length;
  pair.deliver(flight);
  return pair.flights.slice(before).map(({ data }) => data);
}

function notifyOf(data: Uint8Array | undefined): number | undefined {
  const message = data && decodeMessage(data);
  const payload = message?.ok ? message.value.payloads[0] : undefined;
  return payload?.type === 'N' ? payload.notify : undefined;
}

const HEADER: IkeHeader = {
  initiatorSpi: 0x1111n,
  responderSpi: 0x2222n,
  majorVersion: 2,
  minorVersion: 0,
  exchangeType: 37,
  isInitiator: true,
  isResponse: false,
  higherVersion: false,
  messageId: 5,
};

function flightOf(data: Uint8Array): Flight {
  return {
    from: 'client',
    index: 0,
    path: { local: CLIENT_500, remote: SERVER_500 },
    data,
    marker: false,
  };
}

describe('half-open IKE SAs (RFC 7296 §2.6)', () => {
  it('asks one address for cookies above its threshold, others not', () => {
    const pair = new Pair({ serverSettings: { cookieThresholdPerAddress: 2 } });
    const other = endpoint('192.0.2.77:500');
    expect(notifyOf(answersTo(pair, request('a'))[0])).toBeUndefined();
    expect(notifyOf(answersTo(pair, request('b'))[0])).toBeUndefined();
    expect(notifyOf(answersTo(pair, request('c'))[0])).toBe(NotifyType.COOKIE);
    expect(notifyOf(answersTo(pair, request('d', other))[0])).toBeUndefined();
  });

  it('drops what one address sends above the block threshold, and all above the limit', () => {
    const pair = new Pair({
      serverSettings: { blockThreshold: 1, cookieThresholdPerAddress: 0, initLimitHalfOpen: 2 },
    });
    const addresses = ['192.0.2.1:500', '192.0.2.1:501', '192.0.2.2:500', '192.0.2.3:500'];
    const answered = addresses.map(
      (address, index) => answersTo(pair, request(`${index}`, endpoint(address))).length,
    );
    expect(answered).toEqual([1, 0, 1, 0]);
    pair.drive(31_000);
    expect(answersTo(pair, request('later')).length).toBe(1);
  });

  it('keeps no more sessions than it may', () => {
    const pair = new Pair({ serverSettings: { maxSessions: 1 } }).open();
    expect(answersTo(pair, request('more'))).toEqual([]);
  });

  it('does not count what is authenticated', () => {
    const pair = new Pair({ serverSettings: { cookieThreshold: 1 } }).open();
    expect(pair.client.story.some((line) => line.includes('COOKIE'))).toBe(false);
    expect(notifyOf(answersTo(pair, request('next'))[0])).toBeUndefined();
  });

  it('answers a repeated IKE_SA_INIT with the same bytes, without a second session (RFC 7296 §2.1)', () => {
    const pair = new Pair();
    const flight = request('a');
    const [first] = answersTo(pair, flight);
    const [second] = answersTo(pair, flight);
    expect(second).toEqual(first);
    expect(pair.server.seen('ike-sa-keyed')).toHaveLength(1);
  });

  it('takes a cookie of the previous secret, and none that is older', () => {
    const pair = new Pair({ serverSettings: { cookieThreshold: 1, halfOpenTimeoutMs: 1e9 } });
    answersTo(pair, request('half-open'));
    const stranger = new Pair({ seed: 'late' });
    stranger.wire = () => [];
    stranger.initiate();
    const [first] = stranger.flights;
    if (!first) throw new Error('no request');
    const [cookie] = answersTo(pair, first);
    if (!cookie) throw new Error('no cookie');
    const path = { local: SERVER_500, remote: CLIENT_500 };
    stranger.deliver({ from: 'server', index: 0, path, data: cookie, marker: false });
    const retry = stranger.flights[1];
    if (!retry) throw new Error('no retry');
    pair.drive(121_000);
    expect(notifyOf(answersTo(pair, request('rotate'))[0])).toBe(NotifyType.COOKIE);
    expect(notifyOf(answersTo(pair, retry)[0])).toBeUndefined();
    pair.drive(241_000);
    const stale = { ...retry, data: retry.data.slice() };
    stale.data[stale.data.length - 1] = (stale.data.at(-1) ?? 0) ^ 1;
    expect(notifyOf(answersTo(pair, stale)[0])).toBe(NotifyType.COOKIE);
  });
});

describe('messages outside of any IKE SA (RFC 7296 §2.21.4)', () => {
  const data = encodeMessage({ header: HEADER, payloads: [notify(16_384, new Uint8Array(40))] });

  it('answers a request with INVALID_IKE_SPI, its SPIs and message id, to where it came from', () => {
    const [answer] = answersTo(new Pair(), flightOf(data));
    if (!answer) throw new Error('no answer');
    const message = decodeMessage(answer);
    expect(message.ok && message.value.header).toMatchObject({
      initiatorSpi: HEADER.initiatorSpi,
      responderSpi: HEADER.responderSpi,
      messageId: 5,
      isResponse: true,
      isInitiator: false,
    });
    expect(notifyOf(answer)).toBe(NotifyType.INVALID_IKE_SPI);
  });

  it('never answers a response', () => {
    const response = encodeMessage({ header: { ...HEADER, isResponse: true }, payloads: [] });
    expect(answersTo(new Pair(), flightOf(response))).toEqual([]);
  });

  it('answers a higher major version with INVALID_MAJOR_VERSION, a lower one not (RFC 7296 §2.5)', () => {
    const withVersion = (version: number): Uint8Array => {
      const copy = data.slice();
      copy[17] = version << 4;
      return copy;
    };
    expect(notifyOf(answersTo(new Pair(), flightOf(withVersion(3)))[0])).toBe(
      NotifyType.INVALID_MAJOR_VERSION,
    );
    expect(answersTo(new Pair(), flightOf(withVersion(1)))).toEqual([]);
  });

  it('never sends more bytes than it got', () => {
    const bare = encodeMessage({ header: HEADER, payloads: [] });
    expect(bare.length).toBe(28);
    expect(answersTo(new Pair(), flightOf(bare))).toEqual([]);
  });

  it('limits the rate of answers, and of events about them', () => {
    const pair = new Pair();
    let answers = 0;
    for (let i = 0; i < 1_000; i += 1) answers += answersTo(pair, flightOf(data)).length;
    expect(answers).toBe(100);
    expect(pair.server.seen('message-rejected').length).toBe(100);
    expect(pair.server.machine.rejectedMessages).toBe(1_000);
    pair.drive(1_000);
    expect(answersTo(pair, flightOf(data))).toHaveLength(1);
  });

  it('still asks an honest client for another key exchange while a flood uses up that rate', () => {
    const pair = new Pair({
      client: { proposals: [ikeProposal(Ke.ECP_256, Ke.CURVE25519)] },
      server: { proposals: [ikeProposal(Ke.CURVE25519)] },
    });
    pair.wire = (flight) => {
      const flood = (): void => {
        for (let i = 0; i < 200; i += 1) pair.deliver(flightOf(data));
      };
      if (flight.from === 'client') pair.schedule(pair.latencyMs, flood);
      return [{ flight }];
    };
    pair.open();
    expect(pair.client.story[1]).toContain('N(INVALID_KE_PAYLOAD)');
    expect(pair.client.children.size).toBe(1);
  });

  it('takes INVALID_IKE_SPI as a hint to check for life, at most every 30 s, and changes nothing', () => {
    const pair = new Pair().open();
    const [keyed] = pair.client.seen('ike-sa-keyed');
    if (!keyed) throw new Error('no IKE SA');
    const { initiatorSpi, responderSpi } = keyed;
    const header = { ...HEADER, initiatorSpi, responderSpi, isResponse: true, isInitiator: false };
    const hint = encodeMessage({ header, payloads: [notify(NotifyType.INVALID_IKE_SPI)] });
    const path = { local: SERVER_500, remote: CLIENT_500 };
    for (let i = 0; i < 5; i += 1) {
      pair.deliver({ from: 'server', index: 0, path, data: hint, marker: false });
      pair.drive(100);
    }
    expect(pair.client.seen('liveness-confirmed')).toHaveLength(1);
    expect(pair.client.children.size).toBe(1);
  });
});

describe('misuse by the caller', () => {
  const path = { local: CLIENT_500, remote: SERVER_500 };
  const command = {
    kind: 'initiate',
    sessionId: 1,
    connection: 'home',
    path,
    marker: false,
  } as const;

  it('throws on a connection that is not configured, naming those that are', () => {
    const pair = new Pair();
    expect(() => pair.client.command({ ...command, connection: 'x' })).toThrow(/home, got x/);
  });

  it('throws on a session id that is in use or reserved', () => {
    const pair = new Pair();
    pair.client.command(command);
    expect(() => pair.client.command(command)).toThrow(/not in use/);
    expect(() => pair.client.command({ ...command, sessionId: 1_000_000 })).toThrow(/below/);
  });

  it('forgives commands and answers for sessions that have ended', () => {
    const pair = new Pair();
    pair.client.command({ kind: 'close', sessionId: 99 });
    const answer = { kind: 'failed', reason: 'late' } as const;
    expect(pair.client.handle({ kind: 'answer', now: pair.now, requestId: 77, answer })).toEqual(
      [],
    );
  });
});
