import { ExchangeType, NotifyType, notify } from '@ipsec-kit/ikev2-codec';
import { parsePrefix } from '@ipsec-kit/ip';
import { describe, expect, it } from 'vitest';
import { FIRST_RESPONDER_SESSION_ID } from '../../src/index.ts';
import { type Flight, Pair, type PairOptions } from '../pair.ts';
import { RawPeer } from '../raw-peer.ts';

const HOUR_MS = 3_600_000;

/** A server that lets an authentication count for an hour, and a client that has no opinion. */
function limited(client: PairOptions['client'] = {}): Pair {
  return new Pair({ client: { makeBeforeBreak: true, ...client }, server: { reauthMs: HOUR_MS } });
}

function times(pair: Pair): number {
  return pair.client.seen('session-reauthenticated').length;
}

/** AUTH_LIFETIME of so many seconds in an INFORMATIONAL request, from the server. */
function announce(pair: Pair, seconds: number): void {
  const data = new Uint8Array(4);
  new DataView(data.buffer).setUint32(0, seconds);
  new RawPeer(pair, 'server').request([notify(NotifyType.AUTH_LIFETIME, data)]);
}

describe('how long the peer lets the authentication count (RFC 4478 §2)', () => {
  it('is said by a responder whose connection limits it, in its last message of IKE_AUTH, and by no other', () => {
    const auth = (pair: Pair): string | undefined =>
      pair.open().server.story.find((line) => line.startsWith('sent IKE_AUTH'));
    expect(auth(limited())).toContain('N(AUTH_LIFETIME)');
    expect(auth(new Pair())).not.toContain('AUTH_LIFETIME');
  });

  it('makes an initiator that has no limit of its own repeat it in time, again and again', () => {
    const pair = limited().open();
    pair.drive(HOUR_MS - 200_000);
    expect(times(pair)).toBe(0);
    pair.drive(200_000);
    expect(times(pair)).toBe(1);
    pair.drive(5 * HOUR_MS);
    expect(times(pair)).toBe(6);
    expect(pair.client.seen('session-interrupted')).toHaveLength(0);
    expect([pair.client.children.size, pair.server.children.size]).toEqual([1, 1]);
  });

  it('does not defer what the initiator wants earlier', () => {
    const pair = limited({ reauthMs: HOUR_MS / 4, rekeyJitterMs: 0 }).open();
    pair.drive(HOUR_MS / 4 + 1_000);
    expect(times(pair)).toBe(1);
  });

  it('may be said anew at any time, 0 for at once, and is asked for no more often than each ten seconds', () => {
    const pair = new Pair({ client: { makeBeforeBreak: true } }).open().drive(60_000);
    announce(pair, 300);
    pair.drive(260_000);
    expect(times(pair)).toBe(0);
    pair.drive(40_000);
    expect(times(pair)).toBe(1);
    const soon = new Pair({ client: { makeBeforeBreak: true } }).open().drive(2_000);
    announce(soon, 0);
    soon.drive(7_000);
    expect(times(soon)).toBe(0);
    soon.drive(3_000);
    expect(times(soon)).toBe(1);
  });

  it('is none of a responder, nor is what is no number of 32 bits', () => {
    const pair = new Pair({ client: { makeBeforeBreak: true } }).open().drive(60_000);
    const bytes = notify(NotifyType.AUTH_LIFETIME, new Uint8Array(3));
    new RawPeer(pair, 'server').request([bytes]);
    new RawPeer(pair, 'client').request([notify(NotifyType.AUTH_LIFETIME, new Uint8Array(4))]);
    pair.drive(60_000);
    expect(times(pair)).toBe(0);
    expect(pair.server.seen('session-reauthenticated')).toHaveLength(0);
  });
});

describe('a peer that deletes the IKE SA when its authentication is over (RFC 4478 §2)', () => {
  it('gets another at once, with the address that it had given, whatever closeAction says of other ends', () => {
    const prefix = parsePrefix('10.0.0.0/24');
    if (!prefix) throw new Error('no prefix');
    const pair = new Pair({
      client: {
        makeBeforeBreak: true,
        virtualAddresses: [{ version: 4, bytes: new Uint8Array(4) }],
      },
      server: { reauthMs: HOUR_MS, pools: ['p'] },
      pools: [{ name: 'p', addresses: { kind: 'prefix', prefix }, dns: [] }],
    }).open();
    const [before] = pair.client.seen('session-opened');
    const { wire } = pair;
    const isInit = ({ data }: Flight): boolean => data[18] === ExchangeType.IKE_SA_INIT;
    pair.wire = (flight) => (isInit(flight) ? [] : [{ flight }]);
    // Its first attempt has failed by then, and the second has not begun.
    pair.drive(HOUR_MS - 10_000);
    expect(pair.client.seen('reauthentication-failed')).toHaveLength(1);
    pair.wire = wire;
    pair.server.command({ kind: 'close', sessionId: FIRST_RESPONDER_SESSION_ID });
    pair.drive(1_000);
    expect(pair.client.seen('session-interrupted')).toMatchObject([{ by: 'local', retryInMs: 0 }]);
    const after = pair.client.seen('session-opened').at(-1);
    expect(pair.client.seen('session-closed')).toHaveLength(0);
    expect(after?.sessionId).toBe(1);
    expect(after?.virtualAddresses).toEqual(before?.virtualAddresses);
    expect(pair.client.children.size).toBe(1);
  });

  it('does not when that is far from over', () => {
    const pair = limited()
      .open()
      .drive(HOUR_MS / 2);
    pair.server.command({ kind: 'close', sessionId: FIRST_RESPONDER_SESSION_ID });
    pair.drive(20_000);
    expect(pair.client.closeCode).toBe('peer-deleted');
  });
});
