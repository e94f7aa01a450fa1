import { Ke } from '@ipsec-kit/crypto';
import {
  decodeMessage,
  ExchangeType,
  encodeMessage,
  findNotify,
  type IkeMessage,
  NotifyType,
  notify,
} from '@ipsec-kit/ikev2-codec';
import { describe, expect, it } from 'vitest';
import { child, type Flight, ikeProposal, Pair, selector } from '../pair.ts';

const P256_FIRST = ikeProposal(Ke.ECP_256, Ke.CURVE25519);
const X25519 = ikeProposal(Ke.CURVE25519);

function decode(flight: Flight): IkeMessage {
  const message = decodeMessage(flight.data);
  if (!message.ok) throw new Error(message.error.detail);
  return message.value;
}

/** A forged, unauthenticated answer to an IKE_SA_INIT request. */
function forge(request: Flight, type: number, data?: Uint8Array): Flight {
  const { header } = decode(request);
  const reply = { ...header, isInitiator: false, isResponse: true };
  return {
    ...request,
    from: 'server',
    path: { local: request.path.remote, remote: request.path.local },
    data: encodeMessage({ header: reply, payloads: [notify(type, data)] }),
  };
}

describe('INVALID_KE_PAYLOAD (RFC 7296 §1.2, §2.7)', () => {
  it('as responder asks for a method of its own, and as initiator retries with it', () => {
    const pair = new Pair({ client: { proposals: [P256_FIRST] }, server: { proposals: [X25519] } });
    pair.open();
    expect(pair.client.story.slice(0, 2)).toEqual([
      expect.stringContaining('sent IKE_SA_INIT request: SA KE'),
      'received IKE_SA_INIT response: N(INVALID_KE_PAYLOAD)',
    ]);
    expect(pair.client.children.size).toBe(1);
    expect(pair.server.seen('ike-sa-keyed')[0]?.transforms.at(-1)?.id).toBe(Ke.CURVE25519);
  });

  it('keeps all its methods in the proposal of the retry, against a downgrade (RFC 7296 §3.3.6)', () => {
    const pair = new Pair({ client: { proposals: [P256_FIRST] }, server: { proposals: [X25519] } });
    pair.open();
    const requests = pair.flights
      .filter(({ from }) => from === 'client')
      .slice(0, 2)
      .map(decode);
    const [first, second] = requests.map(({ payloads }) =>
      payloads.find(({ type }) => type === 'SA'),
    );
    expect(second).toEqual(first);
  });

  it('never takes a method that it did not propose, nor one twice', () => {
    for (const method of [Ke.MODP_2048, Ke.ECP_256]) {
      const pair = new Pair({ client: { proposals: [P256_FIRST] } });
      pair.wire = redirectForgeries(pair, NotifyType.INVALID_KE_PAYLOAD, Uint8Array.of(0, method));
      pair.open().drive(5_000);
      expect(pair.client.closeCode).toBe('invalid-ke-payload');
    }
  });

  it('is not refused by a late copy of the answer that it follows, while the one that counts is lost', () => {
    const pair = new Pair({ client: { proposals: [P256_FIRST] }, server: { proposals: [X25519] } });
    let responses = 0;
    pair.wire = (flight) => {
      if (flight.from === 'client') return [{ flight }];
      responses += 1;
      if (responses === 1) return [{ flight }, { flight, delayMs: 500 }];
      return responses === 2 ? [] : [{ flight }];
    };
    pair.open().drive(10_000);
    expect(pair.client.closeCode).toBeUndefined();
    expect(pair.client.children.size).toBe(1);
  });

  it('takes the method of the KE payload where both sides allow it, and saves the round trip', () => {
    const proposals = [ikeProposal(Ke.CURVE25519, Ke.ECP_256)];
    const pair = new Pair({ client: { proposals: [P256_FIRST] }, server: { proposals } }).open();
    expect(pair.flights).toHaveLength(4);
  });
});

/** Every request of the client is answered by a forger at once, and the server never sees it. */
function redirectForgeries(pair: Pair, type: number, data?: Uint8Array): Pair['wire'] {
  return (flight) => {
    if (flight.from === 'client') {
      pair.schedule(1, () => pair.deliver(forge(flight, type, data)));
    }
    return [];
  };
}

describe('cookies (RFC 7296 §2.6)', () => {
  it('asks for a cookie above the threshold, and the initiator repeats its request with it first', () => {
    const pair = new Pair({ serverSettings: { cookieThreshold: 1 } });
    const stranger = new Pair({ seed: 'stranger' });
    stranger.wire = () => [];
    stranger.initiate();
    const [halfOpen] = stranger.flights;
    if (!halfOpen) throw new Error('no request');
    pair.deliver(halfOpen);
    pair.open();
    expect(pair.client.story[1]).toBe('received IKE_SA_INIT response: N(COOKIE)');
    expect(pair.client.story[2]).toContain('sent IKE_SA_INIT request: N(COOKIE) SA KE');
    expect(pair.client.children.size).toBe(1);
  });

  it('combines COOKIE and INVALID_KE_PAYLOAD, keeping the cookie in all retries (RFC 7296 §2.6.1)', () => {
    const pair = new Pair({
      client: { proposals: [P256_FIRST] },
      server: { proposals: [X25519] },
      serverSettings: { cookieThreshold: 1 },
    });
    const stranger = new Pair({ seed: 'stranger' });
    stranger.wire = () => [];
    stranger.initiate();
    const [halfOpen] = stranger.flights;
    if (!halfOpen) throw new Error('no request');
    pair.deliver(halfOpen);
    pair.open();
    expect(pair.client.children.size).toBe(1);
    const inits = pair.client.story.filter((line) => line.includes('IKE_SA_INIT'));
    expect(inits).toHaveLength(6);
    expect(inits[4]).toContain('request: N(COOKIE) SA KE');
  });

  it('keeps SPI and nonce in the retry, so that nothing but the cookie changes', () => {
    const pair = new Pair();
    pair.wire = () => [];
    pair.initiate();
    const [first] = pair.flights;
    if (!first) throw new Error('no request');
    pair.deliver(forge(first, NotifyType.COOKIE, Uint8Array.of(1, 2, 3)));
    const second = pair.flights[1];
    if (!second) throw new Error('no retry');
    const [before, after] = [decode(first), decode(second)];
    expect(after.header).toEqual(before.header);
    expect(after.payloads.slice(1)).toEqual(before.payloads);
    expect(findNotify(after.payloads, NotifyType.COOKIE)?.data).toEqual(Uint8Array.of(1, 2, 3));
  });

  it('is not led round in circles by a forger who sends cookie after cookie', () => {
    const pair = new Pair();
    pair.wire = redirectForgeries(pair, NotifyType.COOKIE, Uint8Array.of(1));
    pair.initiate();
    pair.drive(200_000);
    expect(pair.flights.length).toBeLessThan(30);
    expect(pair.client.closeCode).toBe('peer-unreachable');
  });
});

describe('unauthenticated refusals (RFC 7296 §2.21.1)', () => {
  it('ends with NO_PROPOSAL_CHOSEN, saying what was offered', () => {
    const pair = new Pair({
      client: { proposals: [ikeProposal(Ke.ECP_256)] },
      server: { proposals: [X25519] },
    });
    pair.open().drive(5_000);
    expect(pair.client.closeCode).toBe('no-proposal-chosen');
    const [closed] = pair.client.seen('session-closed');
    expect(closed?.failure.sentence).toContain('ENCR_AES_CBC-256');
    const [rejected] = pair.server.seen('message-rejected');
    expect(rejected?.reason).toContain('No IKE SA proposal in common');
  });

  it('waits for a better answer before it believes a forged refusal', () => {
    for (const type of [NotifyType.NO_PROPOSAL_CHOSEN, NotifyType.AUTHENTICATION_FAILED, 1234]) {
      const pair = new Pair();
      pair.initiate();
      const [request] = pair.flights;
      if (!request) throw new Error('no request');
      pair.deliver(forge(request, type));
      pair.drive(1_000);
      expect(pair.client.children.size).toBe(1);
    }
  });

  it('ends when the peer speaks another version only (RFC 7296 §2.5)', () => {
    const pair = new Pair();
    pair.wire = redirectForgeries(pair, NotifyType.INVALID_MAJOR_VERSION, Uint8Array.of(1));
    pair.open().drive(2_000);
    expect(pair.client.closeCode).toBe('invalid-major-version');
  });

  it('ignores a response with an unknown critical payload and takes the true one (RFC 7296 §2.5)', () => {
    const pair = new Pair();
    pair.initiate();
    const [request] = pair.flights;
    if (!request) throw new Error('no request');
    const { header } = decode(request);
    const data = encodeMessage({
      header: { ...header, isInitiator: false, isResponse: true },
      payloads: [{ type: 'unknown', payloadType: 200, critical: true, data: new Uint8Array(4) }],
    });
    pair.deliver({ ...forge(request, NotifyType.COOKIE), data });
    pair.drive(1_000);
    expect(pair.client.children.size).toBe(1);
  });
});

describe('NAT traversal (RFC 7296 §2.23)', () => {
  const strip = (flight: Flight): Flight => {
    const message = decode(flight);
    if (message.header.exchangeType !== ExchangeType.IKE_SA_INIT) return flight;
    const payloads = message.payloads.filter(
      (payload) =>
        payload.type !== 'N' ||
        (payload.notify !== NotifyType.NAT_DETECTION_SOURCE_IP &&
          payload.notify !== NotifyType.NAT_DETECTION_DESTINATION_IP),
    );
    return { ...flight, data: encodeMessage({ ...message, payloads }) };
  };

  it('refuses a responder that does not support it, with a sentence', () => {
    const pair = new Pair();
    pair.wire = (flight) => [{ flight: flight.from === 'server' ? strip(flight) : flight }];
    pair.open().drive(5_000);
    expect(pair.client.closeCode).toBe('nat-traversal-refused');
    expect(pair.client.seen('session-closed')[0]?.failure.sentence).toContain('NAT traversal');
  });

  it('refuses an initiator that does not support it', () => {
    const pair = new Pair();
    pair.wire = (flight) => [{ flight: flight.from === 'client' ? strip(flight) : flight }];
    pair.open();
    expect(pair.server.seen('message-rejected')[0]?.reason).toContain('NAT traversal');
    expect(pair.server.seen('ike-sa-keyed')).toHaveLength(0);
  });

  it('tells forced encapsulation from a real NAT', () => {
    const pair = new Pair().open();
    const nat = { local: false, remote: false, forced: true };
    expect(pair.client.seen('ike-sa-keyed')[0]?.nat).toEqual(nat);
    expect(pair.server.seen('ike-sa-keyed')[0]?.nat).toEqual(nat);
  });

  it('sends source hashes that no receiver can match, so that every peer encapsulates', () => {
    const pair = new Pair().open();
    const hashes = pair.flights.slice(0, 2).map((flight) => {
      const message = decode(flight);
      return findNotify(message.payloads, NotifyType.NAT_DETECTION_SOURCE_IP)?.data;
    });
    expect(hashes[0]).toHaveLength(20);
    expect(hashes[0]).not.toEqual(hashes[1]);
  });

  it('sees a NAT in front of the client, on both sides', () => {
    const lan = {
      localSelectors: [selector('10.1.0.0/16')],
      remoteSelectors: [selector('10.2.0.0/16')],
    };
    const far = { localSelectors: lan.remoteSelectors, remoteSelectors: lan.localSelectors };
    const pair = new Pair({
      client: { children: [child(lan)] },
      server: { children: [child(far)] },
    });
    const mapped = new Uint8Array([203, 0, 113, 9]);
    const nat = { address: { version: 4 as const, bytes: mapped }, port: 40_000 };
    let inside: Flight['path']['local'] | undefined;
    pair.wire = (flight) => {
      if (flight.from === 'client') {
        inside = flight.path.local;
        return [{ flight: { ...flight, path: { ...flight.path, local: nat } } }];
      }
      const remote = inside ?? flight.path.remote;
      return [{ flight: { ...flight, path: { ...flight.path, remote } } }];
    };
    pair.open();
    expect(pair.client.seen('ike-sa-keyed')[0]?.nat).toMatchObject({ local: true, remote: false });
    expect(pair.server.seen('ike-sa-keyed')[0]?.nat).toMatchObject({ local: false, remote: true });
    expect([...pair.server.children.values()][0]?.path.remote).toEqual(nat);
  });
});
