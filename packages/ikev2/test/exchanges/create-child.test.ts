import { Ke } from '@ipsec-kit/crypto';
import { ExchangeType, NotifyType, notify, type Payload } from '@ipsec-kit/ikev2-codec';
import { formatSelector, parseSelector, type TrafficSelector } from '@ipsec-kit/ip';
import { describe, expect, it } from 'vitest';
import { MAX_POSTPONEMENTS } from '../../src/collisions/retry-pause.ts';
import { FIRST_RESPONDER_SESSION_ID } from '../../src/index.ts';
import { CLIENT_4500, child, type Host, Pair, SERVER_4500, selector } from '../pair.ts';
import { RawPeer } from '../raw-peer.ts';

function net(name: string, address: string): ReturnType<typeof child> {
  const both = [selector(address)];
  return child({ name, localSelectors: both, remoteSelectors: both });
}

const CHILDREN = [
  net('one', '10.0.0.0/8'),
  net('two', '172.16.0.0/12'),
  net('three', '192.168.0.0/16'),
];
const WITH_THREE = { client: { children: CHILDREN }, server: { children: CHILDREN } };

function packetSelector(text: string): TrafficSelector {
  const parsed = parseSelector(text);
  if (!parsed) throw new Error(text);
  return parsed;
}

function sessionOf(host: Host): number {
  return host.seen('session-opened')[0]?.sessionId ?? -1;
}

function namesOf(host: Host): string[] {
  return [...host.children.values()].map(({ config }) => config.name).sort();
}

/** Answers the client's next CREATE_CHILD_SA request in the server's place.
 * @returns the selectors that the client has offered for its own side, request by request.
 */
function answerFirst(pair: Pair, payloads: readonly Payload[]): string[] {
  const raw = new RawPeer(pair, 'server');
  const offers: string[] = [];
  let refusedId = -1;
  pair.wire = (flight) => {
    const { data, from } = flight;
    const messageId = data[23] ?? 0;
    const exchangeType = data[18];
    if (from === 'client' && exchangeType === ExchangeType.CREATE_CHILD_SA) {
      const offer = raw.open(data, 'client').find(({ type }) => type === 'TSi');
      const selectors = offer?.type === 'TSi' ? offer.selectors : [];
      const texts = selectors.map((each) => ('protocol' in each ? formatSelector(each) : ''));
      offers.push(texts.join(' '));
      if (refusedId >= 0) return [{ flight }];
      refusedId = messageId;
      // The server sees an empty request in its place, so that message ids stay in step.
      const message = { exchangeType: ExchangeType.INFORMATIONAL, messageId };
      return [{ flight: { ...flight, data: raw.seal([], message, 'client') } }];
    }
    if (from === 'client' || messageId !== refusedId) return [{ flight }];
    const message = { exchangeType: ExchangeType.CREATE_CHILD_SA, messageId, isResponse: true };
    return [{ flight: { ...flight, data: raw.seal(payloads, message, 'server') } }];
  };
  return offers;
}

describe('further Child SAs (RFC 7296 §1.3.1)', () => {
  for (const side of ['client', 'server'] as const) {
    it(`are created and closed by the ${side}`, () => {
      const pair = new Pair(WITH_THREE).open();
      const host = pair[side];
      const sessionId = sessionOf(host);
      for (const name of ['two', 'three']) {
        host.command({ kind: 'create-child', sessionId, child: name });
      }
      pair.drive(1_000);
      expect(namesOf(pair.client)).toEqual(['one', 'three', 'two']);
      expect(namesOf(pair.server)).toEqual(['one', 'three', 'two']);
      expect(pair.client.seen('child-opened')).toHaveLength(3);
      expect(pair.server.seen('child-opened')).toHaveLength(3);
      for (const installed of [...host.children.values()]) {
        if (installed.config.name === 'one') continue;
        const { childId } = installed;
        host.command({ kind: 'close-child', sessionId, childId, reason: 'done' });
      }
      pair.drive(1_000);
      expect(namesOf(pair.client)).toEqual(['one']);
      expect(namesOf(pair.server)).toEqual(['one']);
    });
  }

  it('are narrowed to what both sides have (RFC 7296 §2.9)', () => {
    const server = { children: [net('one', '10.0.0.0/8'), net('two', '172.16.4.0/24')] };
    const pair = new Pair({ ...WITH_THREE, server }).open();
    pair.client.command({ kind: 'create-child', sessionId: 1, child: 'two' });
    pair.drive(1_000);
    const opened = pair.client.seen('child-opened')[1];
    expect(opened?.localSelectors.map(formatSelector)).toEqual(['172.16.4.0/24']);
    const childId = opened?.childId ?? -1;
    pair.client.command({ kind: 'rekey-child', sessionId: 1, childId });
    pair.drive(10_000);
    const [rekeyed] = pair.server.seen('child-rekeyed');
    expect(rekeyed?.remoteSelectors.map(formatSelector)).toEqual(['172.16.4.0/24']);
  });

  it('ask for the packet that wanted them first (RFC 7296 §2.9)', () => {
    const pair = new Pair(WITH_THREE).open();
    const packet = {
      local: packetSelector('172.16.0.5/32[tcp/40000]'),
      remote: packetSelector('172.16.9.9/32[tcp/443]'),
    };
    pair.client.command({ kind: 'create-child', sessionId: 1, child: 'two', packet });
    pair.drive(1_000);
    const opened = pair.server.seen('child-opened')[1];
    expect(opened?.name).toBe('two');
    expect(opened?.localSelectors.map(formatSelector)).toContain('172.16.0.0/12');
  });

  it('are those of the first selectors, where another child comes before it (RFC 7296 §2.9)', () => {
    const client = { children: [net('one', '192.168.0.0/16'), net('wide', '10.0.0.0/8')] };
    const server = {
      children: [
        net('one', '192.168.0.0/16'),
        net('east', '10.1.0.0/16'),
        net('west', '10.2.0.0/16'),
      ],
    };
    const pair = new Pair({ client, server }).open();
    const packet = {
      local: packetSelector('10.2.0.5/32[tcp/40000]'),
      remote: packetSelector('10.2.9.9/32[tcp/443]'),
    };
    pair.client.command({ kind: 'create-child', sessionId: 1, child: 'wide', packet });
    pair.drive(1_000);
    expect(namesOf(pair.server)).toEqual(['one', 'west']);
    pair.client.command({ kind: 'create-child', sessionId: 1, child: 'wide' });
    pair.drive(1_000);
    expect(namesOf(pair.server)).toEqual(['east', 'one', 'west']);
  });

  it('are asked for with the packet alone where the peer wants one pair of addresses (RFC 7296 §2.9)', () => {
    const pair = new Pair(WITH_THREE).open();
    const offers = answerFirst(pair, [notify(NotifyType.SINGLE_PAIR_REQUIRED)]);
    const packet = {
      local: packetSelector('172.16.0.5/32[tcp/40000]'),
      remote: packetSelector('172.16.9.9/32[tcp/443]'),
    };
    pair.client.command({ kind: 'create-child', sessionId: 1, child: 'two', packet });
    pair.drive(1_000);
    expect(offers).toEqual(['172.16.0.5/32[tcp/40000] 172.16.0.0/12', '172.16.0.5/32[tcp/40000]']);
    expect(pair.client.seen('child-opened').at(-1)?.localSelectors).toEqual([packet.local]);
    expect(pair.server.children.size).toBe(2);
  });

  it('follow where the peer wants one pair of addresses in IKE_AUTH already (RFC 7296 §2.9, §1.2)', () => {
    const pair = new Pair(WITH_THREE);
    const raw = new RawPeer(pair, 'server');
    const refused = notify(NotifyType.SINGLE_PAIR_REQUIRED);
    const requests: Payload[][] = [];
    pair.wire = (flight) => {
      const { from, data } = flight;
      const exchangeType = data[18] ?? 0;
      const messageId = data[23] ?? 0;
      if (from === 'client' && exchangeType === ExchangeType.CREATE_CHILD_SA) {
        requests.push([...raw.open(data, 'client')]);
      }
      const isFirst = exchangeType === ExchangeType.IKE_AUTH || messageId === 2;
      if (from === 'client' || !isFirst || exchangeType === ExchangeType.IKE_SA_INIT) {
        return [{ flight }];
      }
      // Twice: in IKE_AUTH, and to the packet with all that is configured.
      const proof = raw
        .open(data, 'server')
        .filter(({ type }) => type === 'IDr' || type === 'AUTH');
      const message = { exchangeType, messageId, isResponse: true };
      return [{ flight: { ...flight, data: raw.seal([...proof, refused], message, 'server') } }];
    };
    const packet = {
      local: packetSelector('10.0.0.5/32[tcp/40000]'),
      remote: packetSelector('10.9.9.9/32[tcp/443]'),
    };
    pair.client.command({
      kind: 'initiate',
      sessionId: 1,
      connection: 'home',
      path: { local: CLIENT_4500, remote: SERVER_4500 },
      marker: true,
      packet,
    });
    pair.drive(1_000);
    const asked = requests.map((payloads) => {
      const offer = payloads.find(({ type }) => type === 'TSi');
      return offer?.type === 'TSi' ? offer.selectors.length : 0;
    });
    expect(asked).toEqual([2, 1]);
    expect(pair.client.seen('child-opened')).toMatchObject([{ localSelectors: [packet.local] }]);
    expect(pair.client.seen('session-closed')).toEqual([]);
  });

  it('fail where the peer wants one pair of addresses and no packet says which', () => {
    const pair = new Pair(WITH_THREE).open();
    const offers = answerFirst(pair, [notify(NotifyType.SINGLE_PAIR_REQUIRED)]);
    pair.client.command({ kind: 'create-child', sessionId: 1, child: 'two' });
    pair.drive(1_000);
    expect(offers).toEqual(['172.16.0.0/12']);
    const [failed] = pair.client.seen('child-failed');
    expect(failed?.failure.notify).toBe(NotifyType.SINGLE_PAIR_REQUIRED);
  });

  it('fail where the peer wants a key exchange that is none of ours, and the IKE SA lives on (RFC 7296 §1.3)', () => {
    const pair = new Pair(WITH_THREE).open();
    const wanted = Uint8Array.of(0, Ke.ECP_384);
    const offers = answerFirst(pair, [notify(NotifyType.INVALID_KE_PAYLOAD, wanted)]);
    pair.client.command({ kind: 'create-child', sessionId: 1, child: 'two' });
    pair.drive(60_000);
    expect(offers).toHaveLength(1);
    const [failed] = pair.client.seen('child-failed');
    expect(failed).toMatchObject({ name: 'two', failure: { code: 'invalid-ke-payload' } });
    expect(failed?.failure.sentence).toContain('ECP_384');
    expect(namesOf(pair.client)).toEqual(['one']);
    expect(pair.client.seen('session-closed')).toEqual([]);
  });

  it('say of any other refusal what was asked for', () => {
    const pair = new Pair(WITH_THREE).open();
    answerFirst(pair, [notify(NotifyType.FAILED_CP_REQUIRED)]);
    pair.client.command({ kind: 'create-child', sessionId: 1, child: 'two' });
    pair.drive(1_000);
    const sentence = pair.client.seen('child-failed')[0]?.failure.sentence;
    for (const part of ['FAILED_CP_REQUIRED', '172.16.0.0/12', 'ENCR_AES_GCM_16']) {
      expect(sentence).toContain(part);
    }
  });

  it('are refused with TS_UNACCEPTABLE where the peer has nothing like it, and the IKE SA lives on', () => {
    const pair = new Pair({ ...WITH_THREE, server: { children: CHILDREN.slice(0, 1) } }).open();
    pair.client.command({ kind: 'create-child', sessionId: 1, child: 'two' });
    pair.drive(1_000);
    expect(pair.client.seen('child-failed')[0]?.failure.code).toBe('ts-unacceptable');
    expect(pair.server.seen('child-failed')[0]?.failure.code).toBe('ts-unacceptable');
    expect(namesOf(pair.client)).toEqual(['one']);
  });

  it('are the mistake of the caller when there is none of that name', () => {
    const pair = new Pair(WITH_THREE).open();
    const command = { kind: 'create-child', sessionId: 1, child: 'four' } as const;
    expect(() => pair.client.command(command)).toThrow('one, two, three');
  });

  it('are deleted at the peer when the packet path here does not take them', () => {
    const pair = new Pair(WITH_THREE).open();
    pair.client.installRefusal = 'no room';
    pair.client.command({ kind: 'create-child', sessionId: 1, child: 'two' });
    pair.drive(1_000);
    expect(pair.client.seen('child-failed')[0]?.failure.code).toBe('install-failed');
    expect(namesOf(pair.server)).toEqual(['one']);
  });

  it('are put off by a peer whose packet path does not take them, and asked for again', () => {
    const pair = new Pair({ ...WITH_THREE, jitters: true }).open();
    pair.server.installRefusal = 'no room';
    pair.client.command({ kind: 'create-child', sessionId: 1, child: 'two' });
    pair.drive(5_000);
    expect(namesOf(pair.client)).toEqual(['one']);
    pair.server.installRefusal = undefined;
    pair.drive(30_000);
    expect(namesOf(pair.client)).toEqual(['one', 'two']);
    expect(namesOf(pair.server)).toEqual(['one', 'two']);
  });
});

describe('a peer that makes no further Child SAs (RFC 7296 §1.3, §2.8)', () => {
  for (const makeBeforeBreak of [true, false]) {
    it(`gets a new IKE SA in place of a rekey, ${makeBeforeBreak ? 'before' : 'after'} the old one ends`, () => {
      const { client, server } = WITH_THREE;
      const pair = new Pair({ server, client: { ...client, makeBeforeBreak } }).open();
      answerFirst(pair, [notify(NotifyType.NO_ADDITIONAL_SAS)]);
      const before = pair.client.seen('ike-sa-keyed').length;
      const [childId] = pair.client.children.keys();
      pair.client.command({ kind: 'rekey-child', sessionId: 1, childId: childId ?? -1 });
      pair.drive(10_000);
      expect(pair.client.seen('ike-sa-keyed')).toHaveLength(before + 1);
      expect(pair.client.seen('session-closed')).toHaveLength(0);
      expect(namesOf(pair.client)).toEqual(['one']);
      expect(namesOf(pair.server)).toEqual(['one']);
      expect([...pair.client.children.keys()]).not.toContain(childId);
    });
  }
});

describe('TEMPORARY_FAILURE for minutes (RFC 7296 §2.25)', () => {
  it('is asked about ever more rarely, and ends the IKE SA after minutes; another takes its place', () => {
    const pair = new Pair({ ...WITH_THREE, jitters: true }).open();
    pair.server.installRefusal = 'no room';
    const at: number[] = [];
    pair.wire = (flight) => {
      if (flight.from === 'client' && flight.data[18] === 36) at.push(pair.now);
      return [{ flight }];
    };
    const [childId] = pair.client.children.keys();
    pair.client.command({ kind: 'rekey-child', sessionId: 1, childId: childId ?? -1 });
    pair.drive(60_000);
    expect(pair.client.closeCode).toBeUndefined();
    pair.drive(600_000);
    expect(at).toHaveLength(MAX_POSTPONEMENTS + 1);
    const pauses = at.slice(1).map((time, index) => time - (at[index] ?? 0));
    expect(Math.min(...pauses)).toBeGreaterThanOrEqual(500);
    expect((at.at(-1) ?? 0) - (at[0] ?? 0)).toBeGreaterThan(120_000);
    expect(pair.client.seen('session-closed')).toHaveLength(0);
    expect(pair.client.seen('session-interrupted')[0]?.failure).toMatchObject({
      code: 'out-of-step',
      notify: NotifyType.TEMPORARY_FAILURE,
    });
    expect(pair.server.closeCode).toBe('peer-deleted');
    expect(notify(NotifyType.TEMPORARY_FAILURE).notify).toBe(43);
  });
});

describe('a Child SA that the peer does not know any more (RFC 7296 §2.25)', () => {
  it('is created anew', () => {
    const pair = new Pair(WITH_THREE).open();
    const [childId] = pair.server.children.keys();
    const sessionId = sessionOf(pair.server);
    // The server deletes it, and the client never hears: as if it had lost its state.
    pair.wire = (flight) => (flight.from === 'server' ? [] : [{ flight }]);
    pair.server.command({ kind: 'close-child', sessionId, childId: childId ?? -1, reason: 'lost' });
    pair.drive(100);
    const [known] = pair.client.children.keys();
    pair.wire = (flight) => [{ flight }];
    pair.client.command({ kind: 'rekey-child', sessionId: 1, childId: known ?? -1 });
    pair.drive(60_000);
    expect(namesOf(pair.client)).toEqual(namesOf(pair.server));
  });
});

describe('a Child SA that the peer asks for (RFC 7296 §2.8, §2.25.2)', () => {
  function asked(): Pair {
    const pair = new Pair({ answerDelayMs: 30 }).open();
    pair.client.command({ kind: 'create-child', sessionId: 1, child: 'net' });
    // It is being installed.
    return pair.drive(20);
  }

  it('is sent on when the answer leaves', () => {
    const pair = asked();
    expect([...pair.server.children.keys()]).toEqual([1, 2]);
    expect(pair.server.children.get(2)?.outboundActive).toBe(false);
    expect(pair.server.activations).toEqual([]);
    pair.drive(25);
    expect(pair.server.story.at(-1)).toContain('sent CREATE_CHILD_SA response: SA');
    expect(pair.server.activations).toEqual([2]);
  });

  it('is never sent on where it has to be refused in the end', () => {
    const pair = new Pair({ answerDelayMs: 30, jitters: true }).open();
    const sessionId = FIRST_RESPONDER_SESSION_ID;
    pair.server.command({ kind: 'rekey-ike', sessionId });
    // Its request leaves, its key made, while what the peer asks for is being installed.
    pair.drive(5);
    pair.client.command({ kind: 'create-child', sessionId: 1, child: 'net' });
    pair.drive(40);
    expect(pair.server.story.at(-1)).toContain('N(TEMPORARY_FAILURE)');
    expect(pair.server.activations).toEqual([]);
    pair.drive(60_000);
    expect([pair.client.children.size, pair.server.children.size]).toEqual([2, 2]);
  });
});
