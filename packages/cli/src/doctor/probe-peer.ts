import { createSocket, type Socket } from 'node:dgram';
import type { CryptoProvider, RandomSource } from '@ipsec-kit/crypto';
import { formatTransforms, TransformType } from '@ipsec-kit/crypto';
import {
  decodeMessage,
  ExchangeType,
  encodeMessage,
  type IkeMessage,
  isErrorNotify,
  NotifyType,
  notify,
  notifyTypeName,
  ProtocolId,
} from '@ipsec-kit/ikev2-codec';
import { type Endpoint, formatAddress } from '@ipsec-kit/ip';
import type { CompiledVpn } from '@ipsec-kit/vpn';

type Proposals = CompiledVpn['connections'][number]['proposals'];

/** What a peer said to a first message. */
export type ProbeResult =
  | { readonly kind: 'accepted'; readonly suite: string; readonly roundTripMs: number }
  /** It is there; the name of the notify with which it answered. */
  | { readonly kind: 'answered'; readonly notify: string; readonly roundTripMs: number }
  | { readonly kind: 'silent' }
  /** The system's code: `ECONNREFUSED`, `ENETUNREACH`, ... */
  | { readonly kind: 'unreachable'; readonly code: string };

/** What is sent to whom. */
export interface Probe {
  readonly remote: Endpoint;
  /** Whether the four zero bytes stand before the message, as on port 4500. @see RFC 3948 §2.2 */
  readonly marker: boolean;
  /** What is offered; none offers what nobody has, so that the peer refuses and keeps no state. */
  readonly proposals: Proposals;
}

const SENDS_AT_MS: readonly number[] = [0, 700, 2_000];
/** All in all. */
export const PROBE_MS = 4_000;
const MARKER_BYTES = 4;
const NONCE_BYTES = 32;
const HASH_BYTES = 20;
/** Of the private use: nobody has it, so that the answer is NO_PROPOSAL_CHOSEN. @see RFC 7296 §3.3.2 */
const NOBODYS_TRANSFORMS = [
  { type: TransformType.ENCR, id: 65_000 },
  { type: TransformType.PRF, id: 65_000 },
  { type: TransformType.KE, id: 31 },
] as const;

/** Sends an IKE_SA_INIT request up to three times and waits for an answer, {@link PROBE_MS} at most. What answers is not authenticated,
 * and nothing goes on from there: a peer that accepted forgets the half-open IKE SA by itself. Never rejects.
 */
export async function probePeer(
  probe: Probe,
  crypto: CryptoProvider,
  random: RandomSource,
): Promise<ProbeResult> {
  const request = await firstMessage(probe, crypto, random);
  const { address, port } = probe.remote;
  const socket = createSocket(address.version === 4 ? 'udp4' : 'udp6');
  const timers: NodeJS.Timeout[] = [];
  try {
    return await new Promise<ProbeResult>((resolve) => {
      const startedMs = performance.now();
      socket.on('error', (error) => resolve(unreachable(error)));
      socket.on('message', (datagram) => {
        const answer = answerIn(datagram, probe.marker, request);
        const roundTripMs = performance.now() - startedMs;
        if (answer) resolve({ ...answer, roundTripMs });
      });
      const bytes = wrapped(request, probe.marker);
      // A connected socket hears of ICMP errors, and of nobody else.
      socket.connect(port, formatAddress(address), () => {
        for (const atMs of SENDS_AT_MS) timers.push(setTimeout(() => send(socket, bytes), atMs));
      });
      timers.push(setTimeout(() => resolve({ kind: 'silent' }), PROBE_MS));
    });
  } finally {
    for (const timer of timers) clearTimeout(timer);
    socket.close();
  }
}

function send(socket: Socket, bytes: Uint8Array): void {
  // An error comes as the event of the socket.
  socket.send(bytes);
}

function unreachable(error: Error): ProbeResult {
  return { kind: 'unreachable', code: 'code' in error ? String(error.code) : error.message };
}

async function firstMessage(
  { proposals }: Probe,
  crypto: CryptoProvider,
  random: RandomSource,
): Promise<IkeMessage> {
  const offered = proposals.length === 0 ? [{ transforms: NOBODYS_TRANSFORMS }] : proposals;
  const methods = offered.flatMap(({ transforms }) =>
    transforms.filter(({ type }) => type === TransformType.KE).map(({ id }) => id),
  );
  const [method = 31] = methods;
  const { publicValue } = await crypto.generate(method, random);
  const spi = new BigUint64Array(1);
  random.fill(new Uint8Array(spi.buffer));
  const nonce = new Uint8Array(NONCE_BYTES);
  random.fill(nonce);
  return {
    header: {
      initiatorSpi: (spi[0] ?? 0n) | 1n,
      responderSpi: 0n,
      majorVersion: 2,
      minorVersion: 0,
      exchangeType: ExchangeType.IKE_SA_INIT,
      isInitiator: true,
      isResponse: false,
      higherVersion: false,
      messageId: 0,
    },
    payloads: [
      {
        type: 'SA',
        proposals: offered.map(({ transforms }, index) => ({
          number: index + 1,
          protocol: ProtocolId.IKE,
          spi: new Uint8Array(0),
          transforms,
        })),
      },
      { type: 'KE', method, data: publicValue },
      { type: 'Nonce', data: nonce },
      ...natDetection(random),
    ],
  };
}

/** Hashes that match no address, as with `encap = yes`: some peers do without UDP encapsulation no more than this side.
 * @see RFC 7296 §2.23
 */
function natDetection(random: RandomSource): IkeMessage['payloads'] {
  const types = [NotifyType.NAT_DETECTION_SOURCE_IP, NotifyType.NAT_DETECTION_DESTINATION_IP];
  return types.map((type) => {
    const hash = new Uint8Array(HASH_BYTES);
    random.fill(hash);
    return notify(type, hash);
  });
}

function wrapped(message: IkeMessage, marker: boolean): Uint8Array {
  const bytes = encodeMessage(message);
  if (!marker) return bytes;
  const datagram = new Uint8Array(MARKER_BYTES + bytes.length);
  datagram.set(bytes, MARKER_BYTES);
  return datagram;
}

function answerIn(
  datagram: Uint8Array,
  marker: boolean,
  request: IkeMessage,
):
  | { readonly kind: 'accepted'; readonly suite: string }
  | { readonly kind: 'answered'; readonly notify: string }
  | undefined {
  const decoded = decodeMessage(Uint8Array.from(datagram.subarray(marker ? MARKER_BYTES : 0)));
  if (!decoded.ok) return undefined;
  const { header, payloads } = decoded.value;
  const isOurs = header.isResponse && header.initiatorSpi === request.header.initiatorSpi;
  if (!isOurs || header.exchangeType !== ExchangeType.IKE_SA_INIT) return undefined;
  for (const payload of payloads) {
    if (payload.type === 'SA') {
      return { kind: 'accepted', suite: formatTransforms(payload.proposals[0]?.transforms ?? []) };
    }
    const isAnswer =
      payload.type === 'N' &&
      (isErrorNotify(payload.notify) || payload.notify === NotifyType.COOKIE);
    if (isAnswer) return { kind: 'answered', notify: notifyTypeName(payload.notify) };
  }
  return { kind: 'answered', notify: 'an answer without SA' };
}
