import { createSecretStore } from '@ipsec-kit/auth';
import { addMs, type Clock, msBetween } from '@ipsec-kit/clock';
import { createSystemClock } from '@ipsec-kit/clock/system';
import { createNodeProvider, systemRandom } from '@ipsec-kit/crypto/node';
import {
  createAddressPools,
  createIkeEndpoint,
  createRequestHandler,
  type Delegation,
  type EndpointInput,
  type EndpointOutput,
  type SessionEvent,
} from '@ipsec-kit/ikev2';
import type { Path } from '@ipsec-kit/ip';
import { prependMarker } from '@ipsec-kit/nat-t';
import { compileOptions } from '@ipsec-kit/vpn';
import { type IkeSocket, openSocket } from './ike-socket.ts';

const clock: Clock = createSystemClock();
const crypto = createNodeProvider();
const random = systemRandom();

/** A session with a server, and no packet path: IKE alone. */
export class Owner {
  readonly #endpoint: ReturnType<typeof createIkeEndpoint>;
  readonly #answer: ReturnType<typeof createRequestHandler>;
  readonly #onEvent: (event: SessionEvent) => void;
  #socket: IkeSocket | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(server: string, secret: string, onEvent: (event: SessionEvent) => void) {
    const compiled = compileOptions({
      connections: {
        home: {
          remoteAddrs: [server],
          vips: ['0.0.0.0'],
          local: { id: 'client' },
          remote: {},
          children: { net: { remoteTs: ['10.77.0.0/16'] } },
        },
      },
      secrets: [{ secret }],
    });
    if (!compiled.ok) throw new Error(compiled.errors.map((error) => error.message).join('\n'));
    const { connections, settings, secrets } = compiled.value;
    const pools = createAddressPools([]);
    this.#onEvent = onEvent;
    this.#endpoint = createIkeEndpoint({
      connections,
      settings,
      crypto,
      random,
      jitter: Math.random,
    });
    this.#answer = createRequestHandler({
      crypto,
      random,
      pools,
      secrets: createSecretStore(secrets),
    });
  }

  async open(path: Path): Promise<Path> {
    this.#socket = await this.#listen(path.local);
    const own = { ...path, local: this.#socket.local };
    // A server on another port than 500 is spoken to with the non-ESP marker from the start.
    this.#handle({
      kind: 'command',
      now: clock.now(),
      command: { kind: 'initiate', sessionId: 1, connection: 'home', path: own, marker: true },
    });
    return own;
  }

  command(kind: 'check-liveness' | 'rekey-ike' | 'close'): void {
    const giveUp = kind === 'close' ? { giveUpAt: addMs(clock.now(), 2_000) } : {};
    this.#handle({
      kind: 'command',
      now: clock.now(),
      command: { kind, sessionId: 1, ...giveUp },
    });
  }

  /** Gives the session out of the hand, and its port with it. */
  async delegate(): Promise<Delegation> {
    const result = this.#endpoint.delegate(1, clock.now());
    if (!result.ok) throw new Error(`The session cannot be delegated: ${result.code}.`);
    await this.stop();
    return result.delegation;
  }

  /** Goes on with the session, and with the datagram that was too much for the delegate. */
  async takeBack(local: Path['local'], report: unknown, datagram?: EndpointInput): Promise<void> {
    this.#socket = await this.#listen(local);
    const { outputs, ...result } = this.#endpoint.takeBack(1, report, clock.now());
    if (!result.ok) throw new Error(`The session cannot be taken back: ${result.code}.`);
    this.#perform(outputs);
    if (datagram) this.#handle(datagram);
    this.#arm();
  }

  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#socket?.close();
    this.#socket = undefined;
  }

  #listen(local: Path['local']): Promise<IkeSocket> {
    return openSocket(local, (data, path) =>
      this.#handle({ kind: 'datagram', now: clock.now(), path, data, marker: true }),
    );
  }

  #handle(input: EndpointInput): void {
    this.#perform(this.#endpoint.handle(input));
    this.#arm();
  }

  #perform(outputs: readonly EndpointOutput[]): void {
    for (const output of outputs) {
      if (output.kind === 'send') this.#socket?.send(prependMarker(output.data), output.path);
      else if (output.kind === 'send-keepalive')
        this.#socket?.send(Uint8Array.of(0xff), output.path);
      else if (output.kind === 'event') this.#onEvent(output.event);
      else if (output.kind === 'request') void this.#work(output);
    }
  }

  async #work({ request, requestId }: Extract<EndpointOutput, { kind: 'request' }>): Promise<void> {
    const answer =
      request.kind === 'install-child'
        ? ({ kind: 'install-child', ok: true } as const)
        : request.kind === 'open-scratch-port'
          ? ({ kind: 'open-scratch-port', local: undefined } as const)
          : await this.#answer(request);
    this.#handle({ kind: 'answer', now: clock.now(), requestId, answer });
  }

  #arm(): void {
    clearTimeout(this.#timer);
    const next = this.#endpoint.nextDeadline();
    if (!next || !this.#socket) return;
    const now = clock.now();
    this.#timer = setTimeout(
      () => this.#handle({ kind: 'timeout', now: clock.now() }),
      Math.min(Math.max(0, msBetween(now, next.at)), 60_000),
    );
  }
}
