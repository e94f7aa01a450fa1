import { addMs, type Deadline, type Instant, type Machine } from '@ipsec-kit/clock';
import type { KeyMaterial, RandomSource } from '@ipsec-kit/crypto';
import { encodeRadiusEapRequest, type RadiusEapReply, readRadiusEapReply } from './radius-eap.ts';

const DEFAULT_FIRST_TIMEOUT_MS = 1_000;
const DEFAULT_TRANSMISSIONS = 3;
const DEFAULT_QUARANTINE_MS = 60_000;
const IDENTIFIERS = 256;
const TOLERANCE_MS = 100;

/** Settings of a client. */
export interface RadiusClientOptions {
  /** In the order in which they are asked. At least one; the transport knows their addresses. */
  readonly servers: readonly { readonly secret: KeyMaterial }[];
  /** What this gateway calls itself, 1 to 253 bytes. */
  readonly nasIdentifier: Uint8Array;
  readonly random: RandomSource;
  /** Wait for the first answer; doubled each time. Default 1 s. */
  readonly firstTimeoutMs?: number;
  /** How often a request goes to one server; default 3. */
  readonly transmissions?: number;
  /** How long a server that is silent is asked last; default a minute. */
  readonly quarantineMs?: number;
}

/** What is asked of a server: one response of a peer. */
export interface RadiusAsk {
  /** At most 253 bytes. */
  readonly userName: Uint8Array;
  /** At most 3500 bytes. */
  readonly eap: Uint8Array;
  /** From the last challenge. */
  readonly state?: Uint8Array;
  /** Who sent it: a conversation goes on with the server with which it began. */
  readonly server?: number;
}

/** A fact, and when it was learnt. */
export type RadiusClientInput = { readonly now: Instant } & (
  | { readonly kind: 'ask'; readonly request: number; readonly ask: RadiusAsk }
  | { readonly kind: 'cancel'; readonly request: number }
  | { readonly kind: 'datagram'; readonly server: number; readonly datagram: Uint8Array }
  | { readonly kind: 'timeout' }
);

/** What is to be done, in this order. */
export type RadiusClientOutput =
  | { readonly kind: 'send'; readonly server: number; readonly datagram: Uint8Array }
  | {
      readonly kind: 'reply';
      readonly request: number;
      readonly server: number;
      readonly reply: Exclude<RadiusEapReply, { readonly kind: 'ignored' }>;
    }
  | {
      readonly kind: 'failed';
      readonly request: number;
      /** `busy`: 256 requests are open at every server that would do; `too-long`: it does not fit into a packet. */
      readonly reason: 'no-answer' | 'busy' | 'too-long';
    };

interface Pending {
  readonly request: number;
  readonly ask: RadiusAsk;
  readonly server: number;
  readonly identifier: number;
  readonly datagram: Uint8Array;
  /** Servers that are left when this one is silent. */
  readonly others: readonly number[];
  transmissions: number;
  deadline: Instant;
}

/** Largest EAP packet that fits, with all else. */
const MAX_EAP_BYTES = 3_500;
const MAX_NAME_BYTES = 253;

/** A client of RADIUS servers: requests that are sent again, servers in their order, answers that are checked. What is silent ends
 * in a bounded time: 7 s a server by default.
 * @throws RangeError for settings out of bounds. @see RFC 2865 §2.4, §2.5, RFC 5080 §2.2.1
 */
export function createRadiusClient(
  options: RadiusClientOptions,
): Machine<RadiusClientInput, RadiusClientOutput> {
  const {
    servers,
    nasIdentifier,
    random,
    firstTimeoutMs = DEFAULT_FIRST_TIMEOUT_MS,
    transmissions = DEFAULT_TRANSMISSIONS,
    quarantineMs = DEFAULT_QUARANTINE_MS,
  } = options;
  requireWithin('servers', servers.length, 1, 16);
  requireWithin('nasIdentifier', nasIdentifier.length, 1, MAX_NAME_BYTES);
  requireWithin('transmissions', transmissions, 1, 10);
  requireWithin('firstTimeoutMs', firstTimeoutMs, 1, 60_000);
  const pending = new Map<number, Pending>();
  /** By server: who uses which identifier. */
  const identifiers = servers.map(() => new Map<number, Pending>());
  const nextIdentifier = servers.map(() => 0);
  const silentUntil = new Map<number, Instant>();

  const freeIdentifier = (server: number): number | undefined => {
    const used = identifiers[server];
    const start = nextIdentifier[server] ?? 0;
    if (used === undefined || used.size === IDENTIFIERS) return undefined;
    let identifier = start;
    while (used.has(identifier)) identifier = (identifier + 1) % IDENTIFIERS;
    // The one that was used last comes last again: a late answer finds nobody.
    nextIdentifier[server] = (identifier + 1) % IDENTIFIERS;
    return identifier;
  };

  const begin = (
    request: number,
    ask: RadiusAsk,
    candidates: readonly number[],
    now: Instant,
    reason: 'no-answer' | 'busy',
  ): readonly RadiusClientOutput[] => {
    const [server, ...others] = candidates;
    const secret = server === undefined ? undefined : servers[server]?.secret;
    if (server === undefined || secret === undefined) return [{ kind: 'failed', request, reason }];
    const identifier = freeIdentifier(server);
    if (identifier === undefined) return begin(request, ask, others, now, 'busy');
    const { userName, eap, state } = ask;
    const wish = { identifier, secret, random, userName, nasIdentifier, eap };
    const datagram = encodeRadiusEapRequest(state ? { ...wish, state } : wish);
    const deadline = addMs(now, firstTimeoutMs);
    const one = { request, ask, server, identifier, datagram, others, transmissions: 1, deadline };
    pending.set(request, one);
    identifiers[server]?.set(identifier, one);
    return [{ kind: 'send', server, datagram }];
  };

  const end = ({ request, server, identifier }: Pending): void => {
    pending.delete(request);
    identifiers[server]?.delete(identifier);
  };

  /** Those that were silent lately come last. */
  const inOrder = (now: Instant): readonly number[] => {
    const all = [...servers.keys()];
    const isSilent = (server: number): boolean => (silentUntil.get(server) ?? now) > now;
    return [...all.filter((server) => !isSilent(server)), ...all.filter(isSilent)];
  };

  const onAsk = (request: number, ask: RadiusAsk, now: Instant): readonly RadiusClientOutput[] => {
    const isTooLong =
      ask.userName.length > MAX_NAME_BYTES ||
      ask.eap.length > MAX_EAP_BYTES ||
      (ask.state?.length ?? 0) > MAX_NAME_BYTES;
    if (isTooLong) return [{ kind: 'failed', request, reason: 'too-long' }];
    const old = pending.get(request);
    if (old) end(old);
    const candidates = ask.server === undefined ? inOrder(now) : [ask.server];
    return begin(request, ask, candidates, now, 'no-answer');
  };

  const onDatagram = (server: number, datagram: Uint8Array): readonly RadiusClientOutput[] => {
    const one = identifiers[server]?.get(datagram[1] ?? -1);
    const secret = servers[server]?.secret;
    if (one === undefined || secret === undefined) return [];
    const reply = readRadiusEapReply(one.datagram, datagram, secret);
    if (reply.kind === 'ignored') return [];
    end(one);
    silentUntil.delete(server);
    return [{ kind: 'reply', request: one.request, server, reply }];
  };

  const onTimeout = (now: Instant): readonly RadiusClientOutput[] =>
    [...pending.values()].flatMap((one): readonly RadiusClientOutput[] => {
      if (one.deadline > now) return [];
      if (one.transmissions < transmissions) {
        one.deadline = addMs(now, firstTimeoutMs * 2 ** one.transmissions);
        one.transmissions += 1;
        return [{ kind: 'send', server: one.server, datagram: one.datagram }];
      }
      end(one);
      silentUntil.set(one.server, addMs(now, quarantineMs));
      return begin(one.request, one.ask, one.others, now, 'no-answer');
    });

  return {
    handle(input) {
      switch (input.kind) {
        case 'ask':
          return onAsk(input.request, input.ask, input.now);
        case 'cancel': {
          const one = pending.get(input.request);
          if (one) end(one);
          return [];
        }
        case 'datagram':
          return onDatagram(input.server, input.datagram);
        case 'timeout':
          return onTimeout(input.now);
        default:
          return input satisfies never;
      }
    },
    nextDeadline(): Deadline | undefined {
      let at: Instant | undefined;
      for (const { deadline } of pending.values()) {
        if (at === undefined || deadline < at) at = deadline;
      }
      return at === undefined
        ? undefined
        : { name: 'RADIUS', at, toleranceMs: TOLERANCE_MS, wake: 'process' };
    },
  };
}

function requireWithin(argument: string, got: number, least: number, most: number): void {
  if (got >= least && got <= most) return;
  throw new RangeError(`"${argument}" expected ${least} to ${most}, got ${got}`);
}
