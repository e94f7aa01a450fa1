import { ExchangeType, type Payload, PayloadType, ProtocolId } from '@ipsec-kit/ikev2-codec';
import { describe, expect, it } from 'vitest';
import { spiBytes } from '../../src/child/child-offer.ts';
import { FIRST_RESPONDER_SESSION_ID } from '../../src/index.ts';
import { child, ESP_GCM, type Host, Pair, selector } from '../pair.ts';
import { RawClient } from '../raw-peer.ts';

const CHILDREN = ['one', 'two', 'three'].map((name, index) => {
  const both = [selector(`10.${index}.0.0/16`)];
  return child({ name, localSelectors: both, remoteSelectors: both });
});

/** A pair with three Child SAs, and the client's place taken by hand-made requests. */
function withThree(): { readonly pair: Pair; readonly raw: RawClient } {
  const pair = new Pair({ client: { children: CHILDREN }, server: { children: CHILDREN } }).open();
  for (const name of ['two', 'three']) {
    pair.client.command({ kind: 'create-child', sessionId: 1, child: name });
  }
  pair.drive(1_000);
  return { pair, raw: new RawClient(pair, 4) };
}

function esp(...spis: number[]): Payload {
  return { type: 'D', protocol: ProtocolId.ESP, spis: spis.map(spiBytes) };
}

const namesOf = (host: Host): string[] =>
  [...host.children.values()].map(({ config }) => config.name);

describe('DELETE of Child SAs as others write it (RFC 7296 §1.4.1, §3.11)', () => {
  it('names several, some unknown, some twice, in several payloads: each known one goes, once', () => {
    const { pair, raw } = withThree();
    const [one, two] = [...pair.server.children.values()];
    const [first, second] = [one?.outboundSpi ?? 0, two?.outboundSpi ?? 0];
    const answer = raw.request([esp(first, 0xdead_beef, first), esp(second), esp(0)]);
    expect(answer?.payloads).toEqual([esp(one?.inboundSpi ?? 0, two?.inboundSpi ?? 0)]);
    expect(namesOf(pair.server)).toEqual(['three']);
    expect(pair.server.removedTwice).toBe(0);
  });

  it('means nothing with the SPIs that we receive with, with those of AH, or with none', () => {
    const { pair, raw } = withThree();
    const [one] = [...pair.server.children.values()];
    const ah = { ...esp(one?.outboundSpi ?? 0), protocol: ProtocolId.AH };
    for (const payload of [esp(one?.inboundSpi ?? 0), ah, esp()]) {
      expect(raw.request([payload])?.payloads).toEqual([]);
    }
    expect(namesOf(pair.server)).toHaveLength(3);
  });

  it('ends everything beside a DELETE of the IKE SA, whose response is empty', () => {
    const { pair, raw } = withThree();
    const [one] = [...pair.server.children.values()];
    const ike = { type: 'D', protocol: ProtocolId.IKE, spis: [] } as const;
    expect(raw.request([esp(one?.outboundSpi ?? 0), ike])?.payloads).toEqual([]);
    expect(pair.server.closeCode).toBe('peer-deleted');
    expect(pair.server.children.size).toBe(0);
    expect(pair.server.seen('child-closed')).toHaveLength(3);
    expect(pair.server.removedTwice).toBe(0);
  });

  it('with SPIs of another size is malformed: INVALID_SYNTAX', () => {
    for (const bytes of [
      [0, 0, 0, 12, ProtocolId.ESP, 2, 0, 2, 1, 2, 3, 4],
      [0, 0, 0, 16, ProtocolId.IKE, 8, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8],
    ]) {
      const { pair, raw } = withThree();
      const content = { firstPayload: PayloadType.D, bytes: Uint8Array.from(bytes) };
      expect(raw.request(content)?.payloads).toMatchObject([{ notify: 7 }]);
      expect(pair.server.closeCode).toBe('invalid-syntax');
    }
  });
});

describe('an answer to the rekey of the IKE SA that is nonsense (RFC 7296 §1.3.2, §1.4.1)', () => {
  it('ends the IKE SA with DELETE: the peer may never have replaced it', () => {
    const pair = new Pair().open();
    const raw = new RawClient(pair);
    pair.wire = (flight) => {
      const messageId = flight.data[23] ?? 0;
      if (messageId !== 2) return [{ flight }];
      const message = { exchangeType: ExchangeType.INFORMATIONAL, messageId };
      if (flight.from === 'client')
        return [{ flight: { ...flight, data: raw.seal([], message, 'client') } }];
      const answer = { ...message, exchangeType: 36, isResponse: true };
      return [{ flight: { ...flight, data: raw.seal([], answer, 'server') } }];
    };
    pair.client.command({ kind: 'rekey-ike', sessionId: 1 });
    pair.drive(2_000);
    expect(pair.client.closeCode).toBe('invalid-syntax');
    expect(pair.server.closeCode).toBe('peer-deleted');
    expect(pair.client.machine.nextDeadline()).toBeUndefined();
  });
});

describe('a peer that opens and deletes without end (RFC 7296 §1.4.1)', () => {
  it('is asked for one Child SA of a name all the same', () => {
    const children = CHILDREN.slice(0, 2);
    const server = { children, closeAction: 'start' } as const;
    const pair = new Pair({ client: { children }, server }).open();
    const raw = new RawClient(pair);
    const [one] = pair.server.children.values();
    const offer = (spi: number): Payload[] => [
      {
        type: 'SA',
        proposals: [
          {
            number: 1,
            protocol: ProtocolId.ESP,
            spi: spiBytes(spi),
            transforms: ESP_GCM.transforms,
          },
        ],
      },
      { type: 'Nonce', data: new Uint8Array(32).fill(spi) },
      { type: 'TSi', selectors: one?.remoteSelectors ?? [] },
      { type: 'TSr', selectors: one?.localSelectors ?? [] },
    ];
    pair.wire = (flight) => {
      const isRequest = ((flight.data[19] ?? 0) & 0x20) === 0;
      return flight.from === 'server' && !isRequest ? [] : [{ flight }];
    };
    for (let round = 0; round < 40; round += 1) {
      const spi = 0x4000 + round;
      raw.request(offer(spi), { exchangeType: ExchangeType.CREATE_CHILD_SA });
      raw.request([esp(spi)]);
    }
    pair.drive(10_000);
    const asked = pair.server.story.filter((line) => line.startsWith('sent CREATE_CHILD_SA'));
    expect(asked.filter((line) => line.includes('request'))).toHaveLength(1);
  });
});

describe('a Child SA whose DELETE is out, when what has replaced it is deleted too (RFC 7296 §1.4.1)', () => {
  it('carries nothing any more: the peer may have forgotten it', () => {
    const pair = new Pair().open();
    const [old] = [...pair.server.children.keys()];
    // The peer deletes the old one, and its answer is lost each time.
    let responses = 0;
    pair.wire = (flight) => {
      const isResponse = ((flight.data[19] ?? 0) & 0x20) !== 0;
      if (flight.from !== 'client' || !isResponse) return [{ flight }];
      responses += 1;
      return responses === 1 ? [{ flight }] : [];
    };
    const sessionId = FIRST_RESPONDER_SESSION_ID;
    pair.server.command({ kind: 'rekey-child', sessionId, childId: old ?? 0 });
    pair.drive(500);
    expect(pair.server.children.size).toBe(2);
    expect(pair.server.deactivations).toEqual([]);
    const [fresh = 0] = [...pair.client.children.keys()].slice(-1);
    pair.client.command({
      kind: 'close-child',
      sessionId: 1,
      childId: fresh,
      reason: 'it is not wanted',
    });
    pair.drive(500);
    expect([...pair.server.children.keys()]).toEqual([old]);
    expect(pair.server.deactivations).toEqual([old]);
  });
});
