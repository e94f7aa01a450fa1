import { createSeededRandom, Ke, TransformType } from '@ipsec-kit/crypto';
import { createNodeProvider } from '@ipsec-kit/crypto/node';
import {
  ExchangeType,
  findNotify,
  NotifyType,
  notify,
  type Payload,
  ProtocolId,
  type Transform,
} from '@ipsec-kit/ikev2-codec';
import { formatSelector, parseSelector, type TrafficSelector } from '@ipsec-kit/ip';
import { describe, expect, it } from 'vitest';
import { spiBytes } from '../../src/child/child-offer.ts';
import type { ChildConfig } from '../../src/index.ts';
import { child, ESP_GCM, ikeProposal, Pair, type PairOptions, selector } from '../pair.ts';
import { type Answered, RawClient } from '../raw-peer.ts';

const NET = {
  localSelectors: [selector('10.0.0.0/8')],
  remoteSelectors: [selector('10.0.0.0/8')],
};

function range(text: string): TrafficSelector {
  const parsed = parseSelector(text);
  if (!parsed) throw new Error(text);
  return parsed;
}

/** A server of ours with one Child SA, and hand-made requests of its client. */
class Rekeyer {
  readonly pair: Pair;
  readonly raw: RawClient;
  #spi = 0x2000;

  constructor(
    config: Partial<ChildConfig> = {},
    serverSettings: PairOptions['serverSettings'] & object = {},
  ) {
    const children = [child({ ...NET, ...config })];
    this.pair = new Pair({ client: { children }, server: { children }, serverSettings }).open();
    this.raw = new RawClient(this.pair);
  }

  /** The newest Child SA of the server. */
  get newest(): { readonly inboundSpi: number; readonly outboundSpi: number } {
    const newest = [...this.pair.server.children.values()].at(-1);
    if (!newest) throw new Error('no child');
    return newest;
  }

  /** Asks for a replacement of the Child SA that receives at the client with `spi`. */
  rekey(
    changes: {
      readonly spi?: number;
      readonly protocol?: number;
      readonly transforms?: readonly Transform[];
      readonly remote?: readonly string[];
      readonly local?: readonly string[];
      readonly more?: readonly Payload[];
    } = {},
  ): Answered {
    this.#spi += 1;
    const { spi = this.newest.outboundSpi, protocol = ProtocolId.ESP } = changes;
    const { transforms = ESP_GCM.transforms, more = [] } = changes;
    const proposal = { number: 1, protocol: ProtocolId.ESP, spi: spiBytes(this.#spi), transforms };
    const about = { protocol, spi: spiBytes(spi) };
    return this.raw.request(
      [
        notify(NotifyType.REKEY_SA, new Uint8Array(0), about),
        { type: 'SA', proposals: [proposal] },
        { type: 'Nonce', data: new Uint8Array(32).fill(this.#spi) },
        ...more,
        { type: 'TSi', selectors: (changes.remote ?? ['10.0.0.0/8']).map(range) },
        { type: 'TSr', selectors: (changes.local ?? ['10.0.0.0/8']).map(range) },
      ],
      { exchangeType: ExchangeType.CREATE_CHILD_SA },
    );
  }
}

/** Name of the only notification of an answer, or what it has instead. */
function verdictOf(answer: Answered): string {
  if (!answer) return 'silence';
  for (const [name, type] of Object.entries(NotifyType)) {
    if (type < 16_384 && findNotify(answer.payloads, type)) return name;
  }
  return answer.payloads.some(({ type }) => type === 'SA') ? 'replaced' : 'nothing';
}

function keyExchange(method: number): Payload {
  const secret = createNodeProvider().generate(method, createSeededRandom('raw'));
  if (secret instanceof Promise) throw new Error('a synchronous provider expected');
  return { type: 'KE', method, data: secret.publicValue };
}

const withGroups = (...methods: number[]): readonly Transform[] => [
  ...ESP_GCM.transforms,
  ...methods.map((id) => ({ type: TransformType.KE, id })),
];

describe('what a peer may name in REKEY_SA (RFC 7296 §1.3.3, §2.25)', () => {
  it('is the SPI that it receives with, as a control', () => {
    expect(verdictOf(new Rekeyer().rekey())).toBe('replaced');
  });

  it('is not the SPI that it sends with, nor one of AH: CHILD_SA_NOT_FOUND, with what it named', () => {
    const scene = new Rekeyer();
    const { inboundSpi, outboundSpi } = scene.newest;
    for (const [spi, protocol] of [
      [inboundSpi, ProtocolId.ESP],
      [outboundSpi, ProtocolId.AH],
    ] as const) {
      const answer = scene.rekey({ spi, protocol });
      expect(answer?.payloads).toMatchObject([
        { notify: NotifyType.CHILD_SA_NOT_FOUND, protocol, spi: spiBytes(spi) },
      ]);
    }
    expect(scene.pair.server.children.size).toBe(1);
  });

  it('is not what it has just deleted', () => {
    const scene = new Rekeyer();
    const spi = scene.newest.outboundSpi;
    scene.raw.request([{ type: 'D', protocol: ProtocolId.ESP, spis: [spiBytes(spi)] }]);
    expect(verdictOf(scene.rekey({ spi }))).toBe('CHILD_SA_NOT_FOUND');
    expect(scene.pair.server.children.size).toBe(0);
  });
});

describe('the key exchange of a rekey that a peer begins (RFC 7296 §1.3.1, §1.3.3)', () => {
  const config = { proposals: [{ transforms: withGroups(Ke.ECP_256) }] };

  it('is asked for by its method when it comes with another one, or with none', () => {
    const scene = new Rekeyer(config);
    const transforms = withGroups(Ke.CURVE25519, Ke.ECP_256);
    for (const more of [[keyExchange(Ke.CURVE25519)], []]) {
      const answer = scene.rekey({ transforms, more });
      expect(answer?.payloads).toMatchObject([
        { notify: NotifyType.INVALID_KE_PAYLOAD, data: Uint8Array.of(0, Ke.ECP_256) },
      ]);
    }
    const right = scene.rekey({ transforms, more: [keyExchange(Ke.ECP_256)] });
    expect(verdictOf(right)).toBe('replaced');
    expect(right?.payloads.some(({ type }) => type === 'KE')).toBe(true);
  });

  it('cannot be left out of the proposal where ours has one', () => {
    expect(verdictOf(new Rekeyer(config).rekey())).toBe('NO_PROPOSAL_CHOSEN');
  });

  it('is refused by its method when its value is none, and the old Child SA stays', () => {
    const scene = new Rekeyer(config);
    const bad: Payload = { type: 'KE', method: Ke.ECP_256, data: new Uint8Array(64) };
    const answer = scene.rekey({ transforms: withGroups(Ke.ECP_256), more: [bad] });
    expect(verdictOf(answer)).toBe('INVALID_KE_PAYLOAD');
    expect(scene.pair.server.children.size).toBe(1);
  });
});

describe('traffic selectors of a rekey (RFC 7296 §2.9.2)', () => {
  it('that are wider are narrowed to what is allowed, never below what is in use', () => {
    const answer = new Rekeyer().rekey({ remote: ['0.0.0.0/0'], local: ['0.0.0.0/0'] });
    const selectors = answer?.payloads.flatMap((payload) =>
      payload.type === 'TSi' || payload.type === 'TSr' ? payload.selectors : [],
    );
    expect(selectors?.map((each) => ('protocol' in each ? formatSelector(each) : ''))).toEqual([
      '10.0.0.0/8',
      '10.0.0.0/8',
    ]);
  });

  it('that are narrower are refused, and the old Child SA stays in use', () => {
    const scene = new Rekeyer();
    for (const narrow of [{ remote: ['10.1.0.0/16'] }, { local: ['10.0.0.0/8[tcp]'] }]) {
      expect(verdictOf(scene.rekey(narrow))).toBe('TS_UNACCEPTABLE');
    }
    expect(verdictOf(scene.rekey({ remote: ['11.0.0.0/8'] }))).toBe('TS_UNACCEPTABLE');
    expect(scene.pair.server.children.size).toBe(1);
    expect(scene.pair.server.seen('session-closed')).toHaveLength(0);
    expect(verdictOf(scene.rekey({ remote: ['10.0.0.0/9', '10.128.0.0/9'] }))).toBe('replaced');
  });

  it('that a peer narrows in its answer are not taken: the old Child SA stays in use', () => {
    const pair = new Pair({
      client: { children: [child(NET)] },
      server: { children: [child(NET)] },
    });
    pair.open();
    const [before] = pair.client.children.keys();
    const raw = new RawClient(pair);
    pair.wire = (flight) => {
      const isAnswer = flight.from === 'server' && flight.data[18] === ExchangeType.CREATE_CHILD_SA;
      if (!isAnswer || pair.client.seen('rekey-failed').length > 0) return [{ flight }];
      const payloads = raw
        .open(flight.data, 'server')
        .map((payload) =>
          payload.type === 'TSr' ? { ...payload, selectors: [range('10.1.0.0/16')] } : payload,
        );
      const message = { exchangeType: 36, messageId: 2, isResponse: true };
      return [{ flight: { ...flight, data: raw.seal(payloads, message, 'server') } }];
    };
    pair.client.command({ kind: 'rekey-child', sessionId: 1, childId: before ?? -1 });
    pair.drive(300);
    expect(pair.client.seen('rekey-failed')[0]?.failure.code).toBe('ts-unacceptable');
    expect([...pair.client.children.keys()]).toEqual([before]);
    expect(pair.server.children.size).toBe(1);
  });
});

describe('rekeys of a peer that deletes nothing (RFC 7296 §2.8)', () => {
  it('come to an end: there are never more than twice the Child SAs that it may have', () => {
    const scene = new Rekeyer({}, { maxChildren: 3 });
    const verdicts = Array.from({ length: 10 }, () => verdictOf(scene.rekey()));
    expect(verdicts.slice(0, 5)).toEqual(Array.from({ length: 5 }, () => 'replaced'));
    expect(new Set(verdicts.slice(5))).toEqual(new Set(['TEMPORARY_FAILURE']));
    expect(scene.pair.server.children.size).toBe(6);
  });

  it('or deletes each at once, leave a bounded number of old ones that still receive', () => {
    const scene = new Rekeyer();
    for (let round = 0; round < 300; round += 1) {
      const old = scene.newest.outboundSpi;
      expect(verdictOf(scene.rekey())).toBe('replaced');
      scene.raw.request([{ type: 'D', protocol: ProtocolId.ESP, spis: [spiBytes(old)] }]);
    }
    const { server } = scene.pair;
    expect(server.children.size).toBe(129);
    scene.pair.drive(10_000);
    expect(server.children.size).toBe(1);
    expect(server.removedTwice).toBe(0);
  });
});

describe('the IKE SA that a peer rekeys (RFC 7296 §1.3.2)', () => {
  const ike = (spi: Uint8Array, method: number, ...more: Payload[]): Payload[] => [
    {
      type: 'SA',
      proposals: [
        { number: 1, protocol: ProtocolId.IKE, spi, transforms: ikeProposal(method).transforms },
      ],
    },
    { type: 'Nonce', data: new Uint8Array(32).fill(7) },
    ...more,
  ];
  const SPI = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
  const options = { exchangeType: ExchangeType.CREATE_CHILD_SA };

  it('needs an SPI that is not 0, and a method that we have', () => {
    const { pair, raw } = new Rekeyer();
    const ke = keyExchange(Ke.CURVE25519);
    for (const payloads of [
      ike(new Uint8Array(8), Ke.CURVE25519, ke),
      ike(SPI, Ke.ECP_384, keyExchange(Ke.ECP_384)),
    ]) {
      expect(verdictOf(raw.request(payloads, options))).toBe('NO_PROPOSAL_CHOSEN');
    }
    expect(pair.server.seen('session-closed')).toHaveLength(0);
    expect(verdictOf(raw.request(ike(SPI, Ke.CURVE25519, ke), options))).toBe('replaced');
  });

  it('is asked for again with the method of the proposal when the value is of another', () => {
    const { pair, raw } = new Rekeyer();
    const wrong = ike(SPI, Ke.CURVE25519, keyExchange(Ke.ECP_256));
    expect(raw.request(wrong, options)?.payloads).toMatchObject([
      { notify: NotifyType.INVALID_KE_PAYLOAD, data: Uint8Array.of(0, Ke.CURVE25519) },
    ]);
    expect(pair.server.seen('session-rekeyed')).toHaveLength(0);
  });
});
