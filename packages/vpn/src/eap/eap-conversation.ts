import type { Identity } from '@ipsec-kit/auth';
import type { CryptoProvider, KeyMaterial, RandomSource } from '@ipsec-kit/crypto';
import {
  createEapAuthenticator,
  createEapPeer,
  createRadiusRelay,
  type EapAnswer,
  type EapAuthenticator,
  type EapAuthenticatorOutput,
  type EapMethod,
  type EapPeer,
  type EapPeerOutput,
  EapType,
  type EapWork,
  type RadiusRelay,
  type RadiusRelayOutput,
  type TlsEngine,
} from '@ipsec-kit/eap';
import type { NodeRadiusBackend } from '@ipsec-kit/eap/node';
import type { EapProgress, EapStepRequest } from '@ipsec-kit/ikev2';
import type { EapMethodOptions, EapPasswordQuestion } from '../options.ts';
import type { EapConnection } from './compiled-eap.ts';
import { eapFailureText } from './eap-failure-text.ts';
import { eapMethods } from './eap-methods.ts';
import { identityOf, nameOf, printable, textOf } from './eap-names.ts';
import type { EapPasswords } from './eap-passwords.ts';
import type { TtlsInner } from './eap-setting.ts';
import type { EapTlsPeer } from './eap-tls-engine.ts';
import { type ForeignRun, foreignWork } from './foreign-method.ts';

/** What conversations of one connection are made with. */
export interface EapConversationOptions {
  readonly connection: EapConnection;
  readonly passwords: EapPasswords;
  /** Methods of others, by their names. */
  readonly methods: ReadonlyMap<string, EapMethodOptions>;
  readonly crypto: CryptoProvider;
  readonly random: RandomSource;
  readonly createEngine: (peer: EapTlsPeer) => TlsEngine;
  /** There where RADIUS servers are configured. */
  readonly radius: NodeRadiusBackend | undefined;
}

type Output = EapPeerOutput | EapAuthenticatorOutput | RadiusRelayOutput;
type Machine =
  | { readonly side: 'peer'; readonly machine: EapPeer }
  | { readonly side: 'authenticator'; readonly machine: EapAuthenticator }
  | { readonly side: 'radius'; readonly machine: RadiusRelay; readonly backend: NodeRadiusBackend };

/** What one conversation may use. */
interface RunMethods {
  /** As the configuration has them. */
  readonly names: readonly string[];
  readonly usable: readonly EapMethod[];
  readonly foreign: ForeignRun;
}

/** What the outputs of one step come to. */
interface Step {
  packet: Uint8Array | undefined;
  end: Extract<Output, { readonly kind: 'success' | 'failure' }> | undefined;
}

/** Where the type stands in a packet. @see RFC 3748 §4.1 */
const TYPE_AT = 4;
/** Types that are no method: Identity, Notification, Nak. */
const LAST_COMMON_TYPE = 3;

/** One EAP conversation inside IKE_AUTH: a machine of `@ipsec-kit/eap`, and whoever does its work. */
export class EapConversation {
  readonly #options: EapConversationOptions;
  readonly #first: EapStepRequest;
  readonly #run: Machine;
  readonly #methods: RunMethods;
  #engine: TlsEngine | undefined;
  /** Who the peer is, as far as is known. */
  #user: Uint8Array;
  #identity: Identity;
  #lastType: number | undefined;
  #detail: string | undefined;
  #isClosed = false;

  constructor(
    options: EapConversationOptions,
    first: EapStepRequest,
    run: Machine,
    methods: RunMethods,
  ) {
    const { connection } = options;
    this.#options = options;
    this.#first = first;
    this.#run = run;
    this.#methods = methods;
    this.#identity = first.role === 'peer' ? first.local : first.remote;
    this.#user = connection.peer?.identity ?? nameOf(this.#identity);
    if (first.role === 'authenticator') this.#user = nameOf(first.remote);
  }

  /** Takes a packet of the other end, or begins. Never rejects. */
  async step(packet: Uint8Array | undefined): Promise<EapProgress> {
    const type = packet?.[TYPE_AT];
    if (type !== undefined && type > LAST_COMMON_TYPE) this.#lastType = type;
    const step: Step = { packet: undefined, end: undefined };
    await this.#perform(this.#feed(packet), step);
    return this.#progressOf(step);
  }

  /** Frees what it holds; harmless when repeated. */
  close(): void {
    this.#isClosed = true;
    this.#engine?.close();
  }

  #feed(packet: Uint8Array | undefined): readonly Output[] {
    const { side, machine } = this.#run;
    if (packet) return machine.handle({ kind: 'packet', packet });
    return side === 'peer' ? [] : machine.start();
  }

  async #perform(outputs: readonly Output[], step: Step): Promise<void> {
    for (const output of outputs) {
      switch (output.kind) {
        case 'send':
          step.packet = output.packet;
          break;
        case 'identity':
          this.#user = output.identity;
          this.#identity = identityOf(output.identity);
          break;
        case 'work':
        case 'ask':
          await this.#perform(await this.#answered(output), step);
          break;
        case 'success':
        case 'failure':
          step.end = output;
          break;
        default:
          // What the server has to say to its user, and packets that mean nothing.
          break;
      }
    }
  }

  async #answered(
    output: Extract<Output, { readonly kind: 'work' | 'ask' }>,
  ): Promise<readonly Output[]> {
    if (this.#isClosed) return [];
    if (output.kind === 'work') {
      if (this.#run.side === 'radius') return [];
      const answer = await this.#answer(output.work);
      return this.#run.machine.handle({ kind: 'answer', id: output.id, answer });
    }
    if (this.#run.side !== 'radius') return [];
    const outcome = await this.#run.backend.ask(output.ask);
    return this.#run.machine.handle({ kind: 'answer', id: output.id, ...outcome });
  }

  async #answer(work: EapWork): Promise<EapAnswer> {
    const { passwords } = this.#options;
    switch (work.kind) {
      case 'password': {
        const password = await passwords.find(this.#question(work.user));
        return password ? { kind: 'password', password } : { kind: 'password' };
      }
      case 'check-password': {
        const isRight = await passwords.isRight(this.#question(work.user), work.password);
        work.password.erase();
        return { kind: 'check-password', isRight };
      }
      case 'token': {
        const prompt = textOf(work.prompt);
        const token = await passwords.find({ ...this.#question(this.#user), prompt });
        return token ? { kind: 'token', token } : { kind: 'token' };
      }
      case 'tls':
        return this.#tls(work);
      default:
        return foreignWork(this.#methods.foreign, this.#question(this.#user), work);
    }
  }

  async #tls({ tls }: Extract<EapWork, { readonly kind: 'tls' }>): Promise<EapAnswer> {
    const { connection, createEngine } = this.#options;
    this.#engine ??= createEngine({
      role: tls.role,
      identity: () =>
        tls.role === 'client' ? (connection.peer?.server ?? this.#first.remote) : this.#identity,
      onRefused: (detail) => {
        this.#detail = tls.role === 'client' ? `the EAP server is not believed: ${detail}` : detail;
      },
    });
    const reply = await this.#engine.perform(tls);
    const hasCertificate =
      tls.method === EapType.TLS || connection.authenticator?.ttlsCert === true;
    if (!reply.session || tls.role === 'client' || !hasCertificate) {
      return { kind: 'tls', tls: reply };
    }
    // The certificate vouches for whom the peer says it is: that is who it is.
    return { kind: 'tls', tls: { ...reply, session: { ...reply.session, user: this.#user } } };
  }

  #question(user: Uint8Array): EapPasswordQuestion {
    const { connection, role } = this.#first;
    return { connection, role, user: textOf(user) };
  }

  #progressOf({ packet, end }: Step): EapProgress {
    const sent = packet && this.#run.side !== 'peer' ? { packet } : {};
    if (end?.kind === 'failure') {
      const detail = this.#failureText(end.reason);
      return { kind: 'failure', ...sent, detail };
    }
    if (end?.kind === 'success') {
      const method: EapMethod | undefined = 'method' in end ? end.method : undefined;
      const user: Uint8Array | undefined = 'user' in end ? end.user : undefined;
      const msk: KeyMaterial | undefined = end.msk;
      return {
        kind: 'success',
        ...sent,
        ...(msk ? { msk } : {}),
        ...(user ? { user } : {}),
        isMutual: method?.isMutual ?? false,
      };
    }
    if (packet) return { kind: 'continue', packet };
    // RFC 7296 §2.16: there is nothing to answer with, and without an answer nothing comes any more.
    return { kind: 'failure', detail: this.#failureText('protocol-error') };
  }

  #failureText(reason: Parameters<typeof eapFailureText>[0]['reason']): string {
    return eapFailureText({
      side: this.#run.side,
      user: printable(this.#user),
      methods: this.#methods.names,
      types: this.#methods.usable.map(({ type }) => type),
      reason,
      lastType: this.#lastType,
      detail: this.#detail ?? this.#methods.foreign.fault,
    });
  }
}

/** Makes the conversation that a first step begins; a sentence when the connection has no EAP on that side. */
export function createEapConversation(
  options: EapConversationOptions,
  first: EapStepRequest,
): EapConversation | string {
  const { connection, crypto, random, radius } = options;
  if (first.role === 'peer') {
    const { peer } = connection;
    if (!peer) return 'the connection does not authenticate by EAP on this side';
    const run = methodsOf(options, first, peer.methods, peer.ttlsInner);
    const methods = run.usable;
    if (methods.length === 0) return UNFIT;
    const identity = peer.identity ?? nameOf(first.local);
    const machine = createEapPeer({ identity, methods, crypto, random });
    return new EapConversation(options, first, { side: 'peer', machine }, run);
  }
  const { authenticator } = connection;
  if (!authenticator) return 'the connection does not take EAP of its peer';
  if (authenticator.methods === 'radius') {
    if (!radius) return 'there is no RADIUS server';
    const machine = createRadiusRelay(random);
    const none = methodsOf(options, first, []);
    return new EapConversation(options, first, { side: 'radius', machine, backend: radius }, none);
  }
  const run = methodsOf(options, first, authenticator.methods);
  const methods = run.usable;
  if (methods.length === 0) return UNFIT;
  const known = authenticator.asksIdentity ? {} : { identity: nameOf(first.remote) };
  const machine = createEapAuthenticator({ methods, crypto, random, ...known });
  return new EapConversation(options, first, { side: 'authenticator', machine }, run);
}

const UNFIT = 'no EAP method of the connection can stand alone (RFC 5998 §4)';

function methodsOf(
  { methods: others }: EapConversationOptions,
  { isOnlyProof }: EapStepRequest,
  names: readonly string[],
  ttlsInner?: TtlsInner,
): RunMethods {
  const foreign: ForeignRun = { current: undefined, fault: undefined };
  const all = eapMethods(names, others, foreign, ttlsInner);
  const usable = isOnlyProof ? all.filter(({ isMutual }) => isMutual) : all;
  return { names, usable, foreign };
}
