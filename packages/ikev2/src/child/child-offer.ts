import { NotifyType, notify, type Payload, ProtocolId } from '@ipsec-kit/ikev2-codec';
import { addressesEqual, type IpAddress, unspecifiedAddress } from '@ipsec-kit/ip';
import type { ChildConfig, ConnectionConfig } from '../config.ts';
import type { PacketSelectors } from '../endpoint-io.ts';
import { requestedFamilies } from '../negotiate/config-payload.ts';
import {
  firstChildProposals,
  furtherChildProposals,
  offerProposals,
} from '../negotiate/proposals.ts';
import { resolveSelectors } from '../negotiate/selectors.ts';
import { atHost, hostSelectors } from '../negotiate/transport-mode.ts';
import type { IkeSession } from '../session/ike-session.ts';
import type { ChildSa } from './child-sa.ts';
import type { ChildOffer } from './offered-child.ts';

export type { ChildOffer } from './offered-child.ts';

/** A TS payload counts its selectors in one byte. @see RFC 7296 §3.13 */
const MAX_OFFERED_SELECTORS = 255;

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
 * What triggered it goes first. In transport mode it is between the outer addresses, whatever virtual ones there are.
 * @see RFC 7296 §2.9, §2.19, §3.15.1
 */
export function firstChildOffer(
  session: IkeSession,
  connection: ConnectionConfig,
  config: ChildConfig,
  inboundSpi: number,
): ChildOffer {
  const wanted = requestedFamilies(connection.virtualAddresses);
  const path = session.authSent?.path ?? session.path;
  const hosts = wanted.length > 0 ? wanted.map(unspecifiedAddress) : [path.local.address];
  const proposals = firstChildProposals(config.proposals);
  const transport = transportOffer({ path, nat: session.nat }, config, undefined);
  return {
    config,
    proposals: offerProposals(proposals, ProtocolId.ESP, spiBytes(inboundSpi)),
    ...withPacket(
      session.firstPacket,
      transport ?? {
        local: resolveSelectors(config.localSelectors, hosts),
        remote: resolveSelectors(config.remoteSelectors, [path.remote.address]),
      },
    ),
  };
}

/** The addresses that `dynamic` selectors of an established session stand for: virtual ones that were given, or the
 * addresses of the path.
 */
export function sessionHosts(session: IkeSession): {
  readonly local: readonly IpAddress[];
  readonly remote: readonly IpAddress[];
} {
  const { virtualAddresses, lease, path } = session;
  const leased = lease?.addresses.map(({ address }) => address) ?? [];
  return {
    local: virtualAddresses.length > 0 ? virtualAddresses : [path.local.address],
    remote: leased.length > 0 ? leased : [path.remote.address],
  };
}

/** The offer of a further Child SA, or of one that replaces another.
 * @param current - the one to replace: its selectors are asked for again, so that none in use is lost.
 * @param packet - what triggered it goes first, as specific as it is.
 * @see RFC 7296 §1.3.1, §1.3.3, §2.9, §2.9.2
 */
export function furtherChildOffer(
  session: IkeSession,
  config: ChildConfig,
  inboundSpi: number,
  current?: Pick<ChildSa, 'localSelectors' | 'remoteSelectors' | 'mode'>,
  packet?: PacketSelectors,
): ChildOffer {
  const hosts = sessionHosts(session);
  const local = current?.localSelectors ?? resolveSelectors(config.localSelectors, hosts.local);
  const remote = current?.remoteSelectors ?? resolveSelectors(config.remoteSelectors, hosts.remote);
  const proposals = furtherChildProposals(config.proposals);
  return {
    config,
    proposals: offerProposals(proposals, ProtocolId.ESP, spiBytes(inboundSpi)),
    ...withPacket(packet, transportOffer(session, config, current) ?? { local, remote }),
  };
}

/** The part of an offer that transport mode decides: asked for where it is configured and possible, and in a rekey where
 * it is in use. @see RFC 7296 §1.3.1, §1.3.3, §2.23.1
 */
function transportOffer(
  { path, nat }: Pick<IkeSession, 'path' | 'nat'>,
  config: ChildConfig,
  current: Pick<ChildSa, 'localSelectors' | 'remoteSelectors' | 'mode'> | undefined,
): Pick<ChildOffer, 'local' | 'remote' | 'transport'> | undefined {
  if ((current ?? config).mode !== 'transport') return undefined;
  const [local, remote] = [path.local.address, path.remote.address];
  const selectors = current
    ? {
        local: atHost(current.localSelectors, local),
        remote: atHost(current.remoteSelectors, remote),
      }
    : hostSelectors(config.localSelectors, config.remoteSelectors, path);
  return selectors && { ...selectors, transport: { local, remote, nat } };
}

/** Both lists with the packet that wants the Child SA in front; in transport mode a packet between the two hosts.
 * @see RFC 7296 §2.9
 */
function withPacket(
  packet: PacketSelectors | undefined,
  offer: Pick<ChildOffer, 'local' | 'remote' | 'transport'>,
): Pick<ChildOffer, 'local' | 'remote' | 'transport'> {
  const { local, remote, transport } = offer;
  if (!packet) return offer;
  if (transport && !addressesEqual(packet.local.start, transport.local)) return offer;
  if (transport && !addressesEqual(packet.remote.start, transport.remote)) return offer;
  return {
    ...offer,
    local: [packet.local, ...local].slice(0, MAX_OFFERED_SELECTORS),
    remote: [packet.remote, ...remote].slice(0, MAX_OFFERED_SELECTORS),
  };
}

/** The payloads of an offer, in the order of RFC 7296 §1.2. */
export function childOfferPayloads(offer: ChildOffer): Payload[] {
  return [
    ...modeNotifies(offer.transport),
    { type: 'SA', proposals: offer.proposals },
    { type: 'TSi', selectors: offer.local },
    { type: 'TSr', selectors: offer.remote },
  ];
}

/** The payloads of an offer or an answer with nonce and key exchange behind the SA payload. @see RFC 7296 §1.3.1 */
export function withNonce(payloads: readonly Payload[], nonce: readonly Payload[]): Payload[] {
  const behind = payloads.findIndex(({ type }) => type === 'SA') + 1;
  return [...payloads.slice(0, behind), ...nonce, ...payloads.slice(behind)];
}

/** What says that a Child SA is to be, or is, in transport mode; a tunnel needs no word. Padding behind the end of a packet
 * is told by its IP header, which transport mode does not carry: there we take none.
 * @see RFC 7296 §1.3.1, §3.10.1; RFC 4303 §2.7
 */
export function modeNotifies(transport: object | undefined): Payload[] {
  if (!transport) return [];
  return [notify(NotifyType.ESP_TFC_PADDING_NOT_SUPPORTED), notify(NotifyType.USE_TRANSPORT_MODE)];
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
