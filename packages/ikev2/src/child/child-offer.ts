import { type Payload, type Proposal, ProtocolId } from '@ipsec-kit/ikev2-codec';
import { type TrafficSelector, unspecifiedAddress } from '@ipsec-kit/ip';
import type { ChildConfig, ConnectionConfig } from '../config.ts';
import { requestedFamilies } from '../negotiate/config-payload.ts';
import { firstChildProposals, offerProposals } from '../negotiate/proposals.ts';
import { resolveSelectors } from '../negotiate/selectors.ts';
import type { IkeSession } from '../session/ike-session.ts';

/** What the initiator asks for in a Child SA. */
export interface ChildOffer {
  readonly config: ChildConfig;
  readonly proposals: readonly Proposal[];
  readonly local: readonly TrafficSelector[];
  readonly remote: readonly TrafficSelector[];
}

/** The child that a session opens first, or `undefined` when the connection has none of that name. */
export function firstChildConfig(
  connection: ConnectionConfig,
  name: string | undefined,
): ChildConfig | undefined {
  return name === undefined
    ? connection.children[0]
    : connection.children.find((child) => child.name === name);
}

/** The offer of the first Child SA. Where we ask for virtual addresses, our `dynamic` selectors are all addresses of
 * their families, also when we wish for a certain one: the responder MAY give another, and narrows to what it gives.
 * @see RFC 7296 §2.19, §3.15.1
 */
export function firstChildOffer(
  session: IkeSession,
  connection: ConnectionConfig,
  config: ChildConfig,
  inboundSpi: number,
): ChildOffer {
  const wanted = requestedFamilies(connection.virtualAddresses);
  const hosts = wanted.length > 0 ? wanted.map(unspecifiedAddress) : [session.path.local.address];
  const proposals = firstChildProposals(config.proposals);
  return {
    config,
    proposals: offerProposals(proposals, ProtocolId.ESP, spiBytes(inboundSpi)),
    local: resolveSelectors(config.localSelectors, hosts),
    remote: resolveSelectors(config.remoteSelectors, [session.path.remote.address]),
  };
}

/** The payloads of an offer, in the order of RFC 7296 §1.2. */
export function childOfferPayloads(offer: ChildOffer): Payload[] {
  return [
    { type: 'SA', proposals: offer.proposals },
    { type: 'TSi', selectors: offer.local },
    { type: 'TSr', selectors: offer.remote },
  ];
}

/** An SPI of ESP as it stands in a payload: 4 bytes. */
export function spiBytes(spi: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, spi);
  return bytes;
}

/** The SPI of ESP in a payload; `undefined` when it is not 4 bytes or is one of the reserved 0-255. @see RFC 4303 §2.1 */
export function readChildSpi(bytes: Uint8Array): number | undefined {
  if (bytes.length !== 4) return undefined;
  const spi = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0);
  return spi > 255 ? spi : undefined;
}
