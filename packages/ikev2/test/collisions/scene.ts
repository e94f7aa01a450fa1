import { createSeededRandom, Ke } from '@ipsec-kit/crypto';
import { createNodeProvider } from '@ipsec-kit/crypto/node';
import {
  ExchangeType,
  isErrorNotify,
  NotifyType,
  notify,
  notifyTypeName,
  type Payload,
  ProtocolId,
} from '@ipsec-kit/ikev2-codec';
import { spiBytes } from '../../src/child/child-offer.ts';
import type { OwnWork, PeerRequest } from '../../src/collisions/table.ts';
import type { ChildInstallation } from '../../src/index.ts';
import { hybrid } from '../hybrid/hybrid-pair.ts';
import { child, ESP_GCM, type Host, ikeProposal, Pair, selector } from '../pair.ts';
import { RawPeer } from '../raw-peer.ts';

export type Side = 'client' | 'server';

const CHILDREN = [
  child({
    name: 'one',
    localSelectors: [selector('10.0.0.0/8')],
    remoteSelectors: [selector('10.0.0.0/8')],
  }),
  child({
    name: 'two',
    localSelectors: [selector('172.16.0.0/12')],
    remoteSelectors: [selector('172.16.0.0/12')],
  }),
];

/** A pair with two children, `own` under test, and the other side's place taken by hand-made requests. */
export class Scene {
  readonly pair: Pair;
  readonly own: Host;
  readonly raw: RawPeer;
  readonly #sessionId: number;
  readonly #first: ChildInstallation;
  readonly #second: ChildInstallation;
  #spi = 0x1000;

  constructor(side: Side, work?: OwnWork) {
    const isHybrid = work === 'following-up-ike';
    const proposals = [isHybrid ? hybrid(Ke.ML_KEM_768) : ikeProposal()];
    const config = { children: CHILDREN, proposals };
    this.pair = new Pair({ client: config, server: config }).open();
    this.own = this.pair[side];
    this.#sessionId = this.own.seen('session-opened')[0]?.sessionId ?? -1;
    // From the client always, so that message ids are the same for both sides under test.
    this.pair.client.command({ kind: 'create-child', sessionId: 1, child: 'two' });
    this.pair.drive(1_000);
    const [first, second] = [...this.own.children.values()];
    if (!first || !second) throw new Error('two children expected');
    this.#first = first;
    this.#second = second;
    const next = isHybrid ? 4 : 3;
    this.raw =
      side === 'server' ? new RawPeer(this.pair, 'client', next) : new RawPeer(this.pair, 'server');
  }

  /** Brings the side under test to where it does `work`, its request lost on the way. */
  begin(work: OwnWork): void {
    const { own, pair } = this;
    const sessionId = this.#sessionId;
    const childId = this.#first.childId;
    const isReplied = work === 'rekeyed-ike' || work === 'rekeyed-same-child';
    if (!isReplied) pair.wire = () => [];
    switch (work) {
      case 'idle':
        return;
      case 'creating-child':
        own.command({ kind: 'create-child', sessionId, child: 'two' });
        return;
      case 'rekeying-same-child':
        own.command({ kind: 'rekey-child', sessionId, childId });
        return;
      case 'rekeyed-same-child':
        own.holdsInstallations = true;
        own.command({ kind: 'rekey-child', sessionId, childId });
        pair.drive(100);
        own.holdsInstallations = false;
        pair.wire = () => [];
        return;
      case 'rekeying-other-child':
        own.command({ kind: 'rekey-child', sessionId, childId: this.#second.childId });
        return;
      case 'both-rekeying-same-child':
        own.command({ kind: 'rekey-child', sessionId, childId });
        this.ask('rekey-child');
        return;
      case 'peer-rekeyed-same-child':
        this.ask('rekey-child');
        return;
      case 'closing-same-child':
        own.command({ kind: 'close-child', sessionId, childId, reason: 'test' });
        return;
      case 'closing-other-child': {
        const other = this.#second.childId;
        own.command({ kind: 'close-child', sessionId, childId: other, reason: 'test' });
        return;
      }
      case 'rekeying-ike':
        own.command({ kind: 'rekey-ike', sessionId });
        return;
      case 'both-rekeying-ike':
        own.command({ kind: 'rekey-ike', sessionId });
        this.ask('rekey-ike');
        return;
      case 'following-up-ike':
        pair.wire = (flight) =>
          flight.data[18] === ExchangeType.IKE_FOLLOWUP_KE ? [] : [{ flight }];
        own.command({ kind: 'rekey-ike', sessionId });
        pair.drive(100);
        return;
      case 'rekeyed-ike':
        pair.wire = (flight) =>
          flight.data[18] === ExchangeType.INFORMATIONAL ? [] : [{ flight }];
        own.command({ kind: 'rekey-ike', sessionId });
        pair.drive(100);
        return;
      case 'closing-ike':
        own.command({ kind: 'close', sessionId });
        return;
    }
  }

  /** Sends a request of the peer and names the kind of its answer. */
  ask(request: PeerRequest): string {
    const isInformational = request.startsWith('delete');
    const exchangeType = isInformational
      ? ExchangeType.INFORMATIONAL
      : ExchangeType.CREATE_CHILD_SA;
    const answer = this.raw.request(this.#payloads(request), { exchangeType });
    if (!answer) return 'silence';
    const error = answer.payloads.find(
      (payload) => payload.type === 'N' && isErrorNotify(payload.notify),
    );
    if (error?.type === 'N') return notifyTypeName(error.notify);
    if (request === 'delete-ike') return answer.payloads.length === 0 ? 'as-usual' : 'not empty';
    if (isInformational) {
      return answer.payloads.some(({ type }) => type === 'D') ? 'as-usual' : 'without-delete';
    }
    return answer.payloads.some(({ type }) => type === 'SA') ? 'as-usual' : 'no SA';
  }

  #payloads(request: PeerRequest): Payload[] {
    const missing = spiBytes(0xdead0000);
    const named = spiBytes(this.#first.outboundSpi);
    switch (request) {
      case 'create-child':
        return this.#childOffer(this.#second);
      case 'rekey-child':
        return [rekeyOf(named), ...this.#childOffer(this.#first)];
      case 'rekey-missing-child':
        return [rekeyOf(missing), ...this.#childOffer(this.#first)];
      case 'delete-child':
        return [{ type: 'D', protocol: ProtocolId.ESP, spis: [named] }];
      case 'delete-missing-child':
        return [{ type: 'D', protocol: ProtocolId.ESP, spis: [missing] }];
      case 'rekey-ike':
        return ikeOffer();
      case 'delete-ike':
        return [{ type: 'D', protocol: ProtocolId.IKE, spis: [] }];
    }
  }

  #childOffer(like: ChildInstallation): Payload[] {
    this.#spi += 1;
    const proposal = { number: 1, protocol: ProtocolId.ESP, spi: spiBytes(this.#spi) };
    return [
      { type: 'SA', proposals: [{ ...proposal, transforms: ESP_GCM.transforms }] },
      { type: 'Nonce', data: new Uint8Array(32).fill(this.#spi) },
      { type: 'TSi', selectors: like.remoteSelectors },
      { type: 'TSr', selectors: like.localSelectors },
    ];
  }
}

function rekeyOf(spi: Uint8Array): Payload {
  return notify(NotifyType.REKEY_SA, new Uint8Array(0), { protocol: ProtocolId.ESP, spi });
}

function ikeOffer(): Payload[] {
  const secret = createNodeProvider().generate(Ke.CURVE25519, createSeededRandom('raw'));
  if (secret instanceof Promise) throw new Error('a synchronous provider expected');
  const spi = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
  const { transforms } = ikeProposal();
  return [
    { type: 'SA', proposals: [{ number: 1, protocol: ProtocolId.IKE, spi, transforms }] },
    { type: 'Nonce', data: new Uint8Array(32).fill(7) },
    { type: 'KE', method: Ke.CURVE25519, data: secret.publicValue },
  ];
}
