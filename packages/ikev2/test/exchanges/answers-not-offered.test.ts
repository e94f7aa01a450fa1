import { Encr, TransformType } from '@ipsec-kit/crypto';
import {
  ConfigAttributeType,
  ConfigType,
  ExchangeType,
  NotifyType,
  notify,
  type Payload,
  type SaPayload,
  type TsPayload,
} from '@ipsec-kit/ikev2-codec';
import { describe, expect, it } from 'vitest';
import { child, type Flight, Pair, type PairOptions, selector } from '../pair.ts';
import { RawClient } from '../raw-peer.ts';

const AUTH_ID = 1;

interface Header {
  exchangeType?: number;
  messageId?: number;
  isResponse?: boolean;
  from?: 'client' | 'server';
}

/** A pair whose IKE_AUTH response is replaced, under the right keys, by what `change` makes of its payloads. */
function answered(
  change: (payloads: readonly Payload[]) => readonly Payload[],
  options: PairOptions = {},
  header: Header = {},
): Pair {
  const pair = new Pair(options);
  const peer = new RawClient(pair);
  pair.wire = (flight) => {
    if (flight.from !== 'server' || !isAuth(flight)) return [{ flight }];
    const { from = 'server', ...message } = header;
    const fields = { exchangeType: ExchangeType.IKE_AUTH, messageId: AUTH_ID, isResponse: true };
    const content = change(peer.open(flight.data, 'server'));
    return [{ flight: { ...flight, data: peer.seal(content, { ...fields, ...message }, from) } }];
  };
  return pair.open();
}

const isAuth = ({ data }: Flight): boolean => data[18] === ExchangeType.IKE_AUTH;

const withSa = (payloads: readonly Payload[], change: (sa: SaPayload) => SaPayload): Payload[] =>
  payloads.map((payload) => (payload.type === 'SA' ? change(payload) : payload));

const withTransform =
  (type: number, transform: Partial<{ id: number; keyBits: number }> | undefined) =>
  (sa: SaPayload): SaPayload => ({
    ...sa,
    proposals: sa.proposals.map((proposal) => ({
      ...proposal,
      transforms: proposal.transforms.flatMap((own) => {
        if (own.type !== type) return [own];
        return transform ? [{ ...own, ...transform }] : [];
      }),
    })),
  });

const narrow = {
  client: {
    children: [
      child({
        localSelectors: [selector('10.1.0.0/16')],
        remoteSelectors: [selector('10.2.0.0/16')],
      }),
    ],
  },
  server: {
    children: [
      child({
        localSelectors: [selector('10.2.0.0/16')],
        remoteSelectors: [selector('10.1.0.0/16')],
      }),
    ],
  },
};

const withTs = (payloads: readonly Payload[], type: 'TSi' | 'TSr', text: string): Payload[] => {
  const wider = selector(text);
  if (wider.kind !== 'fixed') throw new Error(text);
  return payloads.map((payload) =>
    payload.type === type ? ({ type, selectors: [wider.selector] } as TsPayload) : payload,
  );
};

describe('an answer for the Child SA that was not offered (RFC 7296 §2.9, §3.3.6)', () => {
  it('is a control: the answer as it was, sealed again, opens the child', () => {
    expect(answered((payloads) => payloads).client.children.size).toBe(1);
  });

  it('is refused with other algorithms, another key length, without ESN, or with a bad SPI', () => {
    const bad: ((sa: SaPayload) => SaPayload)[] = [
      withTransform(TransformType.ENCR, { id: Encr.ENCR_CHACHA20_POLY1305 }),
      withTransform(TransformType.ENCR, { keyBits: 128 }),
      withTransform(TransformType.ESN, undefined),
      withTransform(TransformType.ESN, { id: 1 }),
      (sa) => ({ ...sa, proposals: [...sa.proposals, ...sa.proposals] }),
      (sa) => ({ ...sa, proposals: sa.proposals.map((one) => ({ ...one, number: 7 })) }),
      (sa) => ({
        ...sa,
        proposals: sa.proposals.map((one) => ({ ...one, spi: Uint8Array.of(0, 0, 0, 255) })),
      }),
    ];
    for (const change of bad) {
      const pair = answered((payloads) => withSa(payloads, change));
      expect(pair.client.children.size).toBe(0);
      expect(pair.client.seen('child-failed')).toHaveLength(1);
      expect(pair.server.closeCode).toBe('peer-deleted');
    }
  });

  it('is refused when either selector is wider than the offer', () => {
    const cases = [
      ['TSi', '10.0.0.0/8'],
      ['TSr', '0.0.0.0/0'],
      ['TSr', '10.3.0.0/16'],
    ] as const;
    for (const [type, text] of cases) {
      const pair = answered((payloads) => withTs(payloads, type, text), narrow);
      expect(pair.client.children.size).toBe(0);
      expect(pair.client.seen('child-failed')[0]?.failure.sentence).toContain('outside our offer');
    }
    expect(
      answered((payloads) => withTs(payloads, 'TSr', '10.2.7.0/24'), narrow).client.children.size,
    ).toBe(1);
  });

  it('puts no address on this host that nobody asked for (RFC 7296 §2.19)', () => {
    const attributes = [
      { type: ConfigAttributeType.INTERNAL_IP4_ADDRESS, value: Uint8Array.of(10, 9, 9, 9) },
      { type: ConfigAttributeType.INTERNAL_IP4_DNS, value: Uint8Array.of(10, 9, 9, 53) },
    ];
    const reply: Payload = { type: 'CP', configType: ConfigType.CFG_REPLY, attributes };
    const pair = answered((payloads) => [...payloads, reply], narrow);
    const [installed] = pair.client.children.values();
    expect(installed?.virtualAddresses).toEqual([]);
    expect(installed?.dns).toEqual([]);
  });
});

describe('INVALID_SYNTAX beside an AUTH that verifies', () => {
  it('ends the IKE SA without a DELETE that the peer could not answer (RFC 7296 §2.21.2)', () => {
    const syntax = notify(NotifyType.INVALID_SYNTAX);
    const pair = answered((payloads) => [
      ...payloads.filter(({ type }) => type === 'IDr' || type === 'AUTH'),
      syntax,
    ]);
    const { client } = pair;
    expect(client.seen('session-closed').map(({ failure }) => failure.notify)).toEqual([
      NotifyType.INVALID_SYNTAX,
    ]);
    expect(client.seen('session-closed')[0]?.failure.sentence).toMatch(/childless = prefer/);
    expect(client.story.filter((line) => line.startsWith('sent INFORMATIONAL'))).toEqual([]);
  });
});

describe('a response that answers no request (RFC 7296 §2.1, §2.2, §3.1)', () => {
  const wrong: readonly [string, Header][] = [
    ['another message id', { messageId: 2 }],
    ['another exchange type', { exchangeType: ExchangeType.INFORMATIONAL }],
    ['the flag of a request', { isResponse: false }],
    ['the flag and the keys of the initiator', { from: 'client' }],
  ];
  for (const [name, header] of wrong) {
    it(`is ignored: ${name}`, () => {
      const pair = answered((payloads) => payloads, {}, header);
      expect(pair.client.children.size).toBe(0);
      expect(pair.client.seen('session-closed')).toEqual([]);
      pair.wire = (flight) => [{ flight }];
      pair.drive(10_000);
      expect(pair.client.children.size).toBe(1);
    });
  }
});
