import { createSocket, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { instantFromMs } from '@ipsec-kit/clock';
import type { KeyMaterial, RandomSource } from '@ipsec-kit/crypto';
import {
  createRadiusClient,
  type RadiusAsk,
  type RadiusClientOptions,
  type RadiusClientOutput,
} from '../radius/radius-client.ts';
import type { RadiusEapReply } from '../radius/radius-eap.ts';

/** A RADIUS server. */
export interface RadiusServer {
  /** An address; names are the matter of the caller. */
  readonly address: string;
  /** Default 1812. */
  readonly port?: number;
  readonly secret: KeyMaterial;
}

/** Settings of a backend. */
export interface NodeRadiusOptions extends Omit<RadiusClientOptions, 'servers' | 'random'> {
  readonly servers: readonly RadiusServer[];
  readonly random: RandomSource;
}

/** The reply of a server; without one none has answered. */
export interface RadiusOutcome {
  readonly server: number;
  readonly reply?: Exclude<RadiusEapReply, { readonly kind: 'ignored' }>;
}

/** RADIUS servers over UDP, for the `ask` of relays. */
export interface NodeRadiusBackend {
  /** Never rejects, and ends in a bounded time: 7 s a server by default. */
  ask(ask: RadiusAsk): Promise<RadiusOutcome>;
  /** Closes the sockets; what is open ends without a reply. */
  close(): void;
}

/** Makes a backend: a connected socket for each server, so that only its datagrams come in.
 * @throws RangeError for settings out of bounds.
 */
export function createNodeRadiusBackend(options: NodeRadiusOptions): NodeRadiusBackend {
  const client = createRadiusClient(options);
  const waiting = new Map<number, (outcome: RadiusOutcome) => void>();
  let lastRequest = 0;
  let timer: NodeJS.Timeout | undefined;

  const now = () => instantFromMs(performance.now());

  const perform = (outputs: readonly RadiusClientOutput[]): void => {
    for (const output of outputs) {
      if (output.kind === 'send') sockets[output.server]?.send(output.datagram);
      else {
        const { request } = output;
        waiting.get(request)?.(
          output.kind === 'reply' ? { server: output.server, reply: output.reply } : { server: -1 },
        );
        waiting.delete(request);
      }
    }
    clearTimeout(timer);
    const deadline = client.nextDeadline();
    if (deadline === undefined) return;
    const wait = Math.max(1, deadline.at - now());
    timer = setTimeout(() => perform(client.handle({ kind: 'timeout', now: now() })), wait);
  };

  const sockets = options.servers.map(({ address, port = 1812 }, server) =>
    openSocket(address, port, (datagram) =>
      perform(client.handle({ kind: 'datagram', server, datagram, now: now() })),
    ),
  );

  return {
    ask(ask) {
      lastRequest += 1;
      const request = lastRequest;
      return new Promise((resolve) => {
        waiting.set(request, resolve);
        perform(client.handle({ kind: 'ask', request, ask, now: now() }));
      });
    },
    close() {
      clearTimeout(timer);
      for (const socket of sockets) socket.close();
      for (const resolve of waiting.values()) resolve({ server: -1 });
      waiting.clear();
    },
  };
}

/** A socket that waits with sending until it is connected. */
function openSocket(
  address: string,
  port: number,
  onDatagram: (datagram: Uint8Array) => void,
): { send(datagram: Uint8Array): void; close(): void } {
  const socket: Socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
  const early: Uint8Array[] = [];
  let state: 'connecting' | 'open' | 'closed' = 'connecting';
  // What is refused or unreachable is as good as silent: it is sent again, and then to the next server.
  const send = (datagram: Uint8Array): void => socket.send(datagram, () => undefined);
  socket.on('error', () => undefined);
  socket.on('message', onDatagram);
  socket.connect(port, address, () => {
    if (state === 'closed') return;
    state = 'open';
    early.splice(0).forEach(send);
  });
  return {
    send(datagram) {
      if (state === 'open') send(datagram);
      else if (state === 'connecting' && early.length < 256) early.push(datagram);
    },
    close() {
      if (state === 'closed') return;
      state = 'closed';
      socket.close();
    },
  };
}
