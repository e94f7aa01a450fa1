import { createSecretStore, type Identity, parseIdentity } from '@ipsec-kit/auth';
import { addMs, type Instant, instantFromMs } from '@ipsec-kit/clock';
import {
  type CryptoProvider,
  createSeededRandom,
  Encr,
  Integ,
  Ke,
  KeyMaterial,
  Prf,
  type RandomSource,
  TransformType,
} from '@ipsec-kit/crypto';
import { createNodeProvider } from '@ipsec-kit/crypto/node';
import { type Endpoint, type Path, parseEndpoint, parseSelector } from '@ipsec-kit/ip';
import {
  type AddressPools,
  type Answer,
  type ChildConfig,
  type ChildInstallation,
  type Command,
  type ConfiguredProposal,
  type ConnectionConfig,
  createAddressPools,
  createIkeEndpoint,
  createRequestHandler,
  type EapWork,
  type EndpointInput,
  type EndpointOutput,
  type EndpointSettings,
  type IkeEndpoint,
  type PlaceChildSpi,
  type PoolConfig,
  type Request,
  type SessionEvent,
  type SignatureWork,
} from '../src/index.ts';

export const CLIENT_500: Endpoint = endpoint('192.0.2.1:500');
export const CLIENT_4500: Endpoint = endpoint('192.0.2.1:4500');
export const SERVER_500: Endpoint = endpoint('198.51.100.1:500');
export const SERVER_4500: Endpoint = endpoint('198.51.100.1:4500');

export function endpoint(text: string): Endpoint {
  const parsed = parseEndpoint(text);
  if (!parsed) throw new Error(`not an endpoint: ${text}`);
  return parsed;
}

export function identity(text: string): Identity {
  const parsed = parseIdentity(text);
  if (!parsed.ok) throw new Error(parsed.sentence);
  return parsed.identity;
}

export function selector(text: string): ChildConfig['localSelectors'][number] {
  const parsed = parseSelector(text);
  if (!parsed) throw new Error(`not a selector: ${text}`);
  return { kind: 'fixed', selector: parsed };
}

export const DYNAMIC: ChildConfig['localSelectors'][number] = {
  kind: 'dynamic',
  protocol: 0,
  startPort: 0,
  endPort: 65535,
};

export function ikeProposal(...methods: number[]): ConfiguredProposal {
  return {
    transforms: [
      { type: TransformType.ENCR, id: Encr.ENCR_AES_CBC, keyBits: 256 },
      { type: TransformType.INTEG, id: Integ.AUTH_HMAC_SHA2_256_128 },
      { type: TransformType.PRF, id: Prf.PRF_HMAC_SHA2_256 },
      ...(methods.length > 0 ? methods : [Ke.CURVE25519]).map((id) => ({
        type: TransformType.KE,
        id,
      })),
    ],
  };
}

export const ESP_GCM: ConfiguredProposal = {
  transforms: [
    { type: TransformType.ENCR, id: Encr.ENCR_AES_GCM_16, keyBits: 256 },
    { type: TransformType.ESN, id: 0 },
  ],
};

export const SETTINGS: EndpointSettings = {
  retransmit: { timeoutMs: 4000, base: 1.8, tries: 5, limitMs: 0, jitter: 0 },
  keepaliveMs: 20_000,
  keepaliveDpdMarginMs: 0,
  fragmentBytes: 1280,
  cookieThreshold: 30,
  cookieThresholdPerAddress: 3,
  blockThreshold: 5,
  initLimitHalfOpen: 0,
  halfOpenTimeoutMs: 30_000,
  maxSessions: 0,
  keepAliveForced: false,
};

export function child(overrides: Partial<ChildConfig> = {}): ChildConfig {
  return {
    name: 'net',
    proposals: [ESP_GCM],
    localSelectors: [DYNAMIC],
    remoteSelectors: [DYNAMIC],
    replayWindowPackets: 32,
    ...overrides,
  };
}

export function connection(overrides: Partial<ConnectionConfig> = {}): ConnectionConfig {
  return {
    name: 'home',
    localAddresses: [],
    remoteAddresses: [],
    proposals: [ikeProposal()],
    remoteIdentity: { kind: 'any' },
    children: [child()],
    virtualAddresses: [],
    pools: [],
    fragmentation: 'yes',
    mobike: false,
    dpdDelayMs: 0,
    keyingTries: 1,
    sendInitialContact: true,
    ...overrides,
  };
}

/** A datagram on its way; what a test may drop, delay, repeat or change. */
export interface Flight {
  readonly from: 'client' | 'server';
  readonly index: number;
  readonly path: Path;
  readonly data: Uint8Array;
  readonly marker: boolean;
}

export interface PairOptions {
  readonly client?: Partial<ConnectionConfig>;
  readonly server?: Partial<ConnectionConfig>;
  readonly serverConnections?: readonly ConnectionConfig[];
  readonly clientSettings?: Partial<EndpointSettings>;
  readonly serverSettings?: Partial<EndpointSettings>;
  readonly clientSecret?: string;
  readonly serverSecret?: string;
  readonly pools?: readonly PoolConfig[];
  readonly provider?: CryptoProvider;
  readonly serverProvider?: CryptoProvider;
  readonly seed?: string;
  /** Draws the jitter of timers from the seed; default: none. */
  readonly jitters?: boolean;
  /** Milliseconds that each request of an endpoint takes to be answered; 0 answers in the same turn. */
  readonly answerDelayMs?: number;
  /** The same of a Child SA that is being installed, where the packet path is slower than the rest. */
  readonly installDelayMs?: number;
  readonly floatTo?: Path | null;
  readonly clientSignatures?: SignatureWork;
  readonly serverSignatures?: SignatureWork;
  readonly clientEap?: EapWork;
  readonly serverEap?: EapWork;
  /** Milliseconds until a signature is made or checked; without end: never. Default as `answerDelayMs`. */
  readonly clientProofDelayMs?: number;
  readonly serverProofDelayMs?: number;
  /** Of both. */
  readonly placeSpi?: PlaceChildSpi;
}

/** Numbers from 0 to 1. */
function fractions(random: RandomSource): () => number {
  const bytes = new Uint8Array(2);
  return () => {
    random.fill(bytes);
    return ((bytes[0] ?? 0) * 256 + (bytes[1] ?? 0)) / 65_536;
  };
}

/** One endpoint with everything around it but the wire. */
export class Host {
  readonly machine: IkeEndpoint;
  readonly events: SessionEvent[] = [];
  readonly children: Map<number, ChildInstallation> = new Map();
  readonly keepalives: Instant[] = [];
  readonly espKeepalives: { readonly at: Instant; readonly childId: number }[] = [];
  readonly closedScratchPorts: number[] = [];
  readonly endedEap: bigint[] = [];
  /** What the packet path was told, in order: `install 2 for 1`, `activate 2`, `remove 1`, `reserve`, and what was `sent`. */
  readonly steps: { readonly at: Instant; readonly what: string }[] = [];
  readonly moves: { childId: number; path: Path }[] = [];
  readonly pools: AddressPools;
  installRefusal: string | undefined;
  /** Has no secrets any more. */
  failAnswers = false;
  onInstall: (child: ChildInstallation) => void = () => {};
  readonly activations: number[] = [];
  readonly deactivations: number[] = [];
  /** Child SAs that were to be removed though they were not there (any more). */
  removedTwice = 0;
  /** Keys of every Child SA that was ever installed. */
  readonly usedKeys: string[] = [];
  /** Leaves the installation of Child SAs unanswered. */
  holdsInstallations = false;
  #scratchPort = 0;
  readonly #answer: ReturnType<typeof createRequestHandler>;
  readonly #pair: Pair;
  readonly #name: 'client' | 'server';

  constructor(
    pair: Pair,
    name: 'client' | 'server',
    connections: readonly ConnectionConfig[],
    settings: EndpointSettings,
    provider: CryptoProvider,
    secret: string,
    pools: readonly PoolConfig[],
    seed: string,
    jitters = false,
    signatures?: SignatureWork,
    eap?: EapWork,
    placeSpi?: PlaceChildSpi,
  ) {
    this.#pair = pair;
    this.#name = name;
    this.pools = createAddressPools(pools);
    this.machine = createIkeEndpoint({
      connections,
      settings,
      crypto: provider,
      random: createSeededRandom(`${seed}/${name}`),
      jitter: jitters ? fractions(createSeededRandom(`${seed}/${name}/jitter`)) : () => 0,
      ...(placeSpi ? { placeSpi } : {}),
    });
    this.#answer = createRequestHandler({
      crypto: provider,
      random: createSeededRandom(`${seed}/${name}/ke`),
      secrets: createSecretStore([
        { ids: [], secret: new KeyMaterial(new TextEncoder().encode(secret)) },
      ]),
      pools: this.pools,
      ...(signatures ? { signatures } : {}),
      ...(eap ? { eap } : {}),
    });
  }

  handle(input: EndpointInput): readonly EndpointOutput[] {
    const outputs = this.machine.handle(input);
    for (const output of outputs) this.#perform(output);
    return outputs;
  }

  command(command: Command): void {
    this.handle({ kind: 'command', now: this.#pair.now, command });
  }

  /** Where the packets of a Child SA go. */
  espPath(childId: number): Path {
    const moves = this.moves.filter((move) => move.childId === childId);
    const path = moves.at(-1)?.path ?? this.children.get(childId)?.path;
    if (!path) throw new Error(`there is no Child SA ${childId}`);
    return path;
  }

  /** The packet path sees the newest packet of a Child SA, the first one, come from there, and tells. */
  hearEsp(path: Path, bytes = 120): void {
    const [childId = 0] = this.children.keys();
    this.handle({ kind: 'peer-moved', now: this.#pair.now, childId, path, bytes });
  }

  /** All events of a kind. */
  seen<Kind extends SessionEvent['kind']>(kind: Kind): Extract<SessionEvent, { kind: Kind }>[] {
    return this.events.filter(
      (event): event is Extract<SessionEvent, { kind: Kind }> => event.kind === kind,
    );
  }

  /** The messages as `sent IKE_SA_INIT request: SA KE ...`, retransmissions marked. */
  get story(): string[] {
    return this.seen('message').map(
      (event) =>
        `${event.direction} ${event.exchange} ${event.isResponse ? 'response' : 'request'}${event.retransmission ? ' again' : ''}: ${event.payloads}`,
    );
  }

  /** The steps since a time, without their times. */
  stepsSince(time: Instant): string[] {
    return this.steps.filter(({ at }) => at >= time).map(({ what }) => what);
  }

  get closeCode(): string | undefined {
    return this.seen('session-closed')[0]?.failure.code;
  }

  #perform(output: EndpointOutput): void {
    const what = stepOf(output);
    if (what) this.steps.push({ at: this.#pair.now, what });
    switch (output.kind) {
      case 'send':
        this.#pair.launch(this.#name, output.path, output.data, output.marker);
        return;
      case 'send-keepalive':
        this.keepalives.push(this.#pair.now);
        return;
      case 'request': {
        const { request, requestId } = output;
        if (request.kind === 'open-scratch-port') {
          this.#scratchPort += 1;
          const local = { ...CLIENT_4500, port: 50_000 + this.#scratchPort };
          this.#pair.answerLater(this, requestId, { kind: 'open-scratch-port', local });
          return;
        }
        if (request.kind === 'install-child') {
          const ok = this.installRefusal === undefined;
          if (this.holdsInstallations) return;
          if (ok) this.onInstall(request.child);
          if (ok) this.usedKeys.push(request.child.inboundKeys.encryption.reveal().join('.'));
          if (ok) this.children.set(request.child.childId, request.child);
          const answer: Answer = ok
            ? { kind: 'install-child', ok }
            : { kind: 'install-child', ok, reason: this.installRefusal ?? '' };
          this.#pair.answerLater(this, requestId, answer);
          return;
        }
        const answer =
          this.failAnswers && request.kind === 'shared-secret'
            ? ({ kind: 'shared-secret', secret: undefined } as const)
            : this.#answer(request);
        if (answer instanceof Promise) throw new Error('the pair wants a synchronous provider');
        this.#pair.answerLater(this, requestId, answer, request.kind);
        return;
      }
      case 'remove-child':
        if (!this.children.delete(output.childId)) this.removedTwice += 1;
        return;
      case 'move-child':
        this.moves.push(output);
        return;
      case 'release-lease':
        this.pools.release(output.lease);
        return;
      case 'event':
        this.events.push(output.event);
        return;
      case 'send-esp-keepalive':
        this.espKeepalives.push({ at: this.#pair.now, childId: output.childId });
        return;
      case 'close-scratch-port':
        this.closedScratchPorts.push(output.local.port);
        return;
      case 'activate-child':
        this.activations.push(output.childId);
        return;
      case 'end-eap':
        this.endedEap.push(output.conversation);
        return;
      case 'deactivate-child':
        this.deactivations.push(output.childId);
        return;
      case 'reserve-spi':
      case 'release-spi':
        return;
    }
  }
}

function stepOf(output: EndpointOutput): string | undefined {
  switch (output.kind) {
    case 'reserve-spi':
      return 'reserve';
    case 'release-spi':
      return 'release';
    case 'remove-child':
      return `remove ${output.childId}`;
    case 'activate-child':
      return `activate ${output.childId}`;
    case 'request': {
      if (output.request.kind !== 'install-child') return undefined;
      const { childId, replaces, outboundActive } = output.request.child;
      const instead = replaces === undefined ? '' : ` for ${replaces}`;
      return `install ${childId}${instead}${outboundActive ? '' : ', inbound only'}`;
    }
    case 'event':
      return output.event.kind === 'message' && !output.event.retransmission
        ? `${output.event.direction} ${output.event.exchange} ${output.event.isResponse ? 'response' : 'request'}`
        : undefined;
    default:
      return undefined;
  }
}

interface Scheduled {
  readonly at: Instant;
  readonly order: number;
  readonly run: () => void;
}

/** A client and a server with virtual time between them. A test is a Pair, a few hooks, and `drive()`. */
export class Pair {
  now: Instant = instantFromMs(1_000_000);
  latencyMs: number = 10;
  client: Host;
  server: Host;
  readonly flights: Flight[] = [];
  /** Says what becomes of a datagram: the datagrams to deliver, each with an extra delay. Default: itself. */
  wire: (flight: Flight) => readonly { flight: Flight; delayMs?: number }[] = (flight) => [
    { flight },
  ];
  readonly #options: PairOptions;
  #queue: Scheduled[] = [];
  #asleep: Host | undefined;
  #order = 0;

  constructor(options: PairOptions = {}) {
    this.#options = options;
    const seed = options.seed ?? 'pair';
    this.client = this.#newClient(seed);
    this.server = this.#newServer(seed);
  }

  /** Starts the client's session 1 on port 500, floating to 4500. */
  initiate(sessionId = 1, from: Endpoint = CLIENT_500): void {
    const { floatTo } = this.#options;
    const target = floatTo === undefined ? { local: CLIENT_4500, remote: SERVER_4500 } : floatTo;
    this.client.command({
      kind: 'initiate',
      sessionId,
      connection: 'home',
      path: { local: from, remote: SERVER_500 },
      marker: false,
      ...(target ? { floatTo: target } : {}),
    });
  }

  /** The client's process starts anew: its endpoint has forgotten everything. */
  restartClient(seed = 'restarted'): void {
    this.client = this.#newClient(seed);
  }

  /** The same of the server. */
  restartServer(seed = 'restarted'): void {
    this.server = this.#newServer(seed);
  }

  /** The client sleeps: time passes for both, but nothing reaches the client or runs there until it wakes. */
  sleepClient(ms: number): void {
    this.sleepOf('client', ms);
  }

  /** The same of either side; what is on its way to it is lost. */
  sleepOf(side: 'client' | 'server', ms: number): void {
    const { wire } = this;
    const sleeper = this[side];
    const receive = sleeper.handle;
    sleeper.handle = () => [];
    this.wire = (flight) => (flight.from === side ? wire(flight) : []);
    this.#asleep = sleeper;
    this.drive(ms);
    this.#asleep = undefined;
    this.wire = wire;
    sleeper.handle = receive;
  }

  /** Establishes the session and lets everything settle. */
  open(): this {
    this.initiate();
    this.drive(1_000);
    return this;
  }

  launch(from: 'client' | 'server', path: Path, data: Uint8Array, marker: boolean): void {
    const flight = { from, index: this.flights.length, path, data, marker };
    this.flights.push(flight);
    for (const arrival of this.wire(flight)) {
      this.schedule(this.latencyMs + (arrival.delayMs ?? 0), () => this.deliver(arrival.flight));
    }
  }

  /** Hands a datagram to the other side at once. */
  deliver({ from, path, data, marker }: Flight): readonly EndpointOutput[] {
    const to = from === 'client' ? this.server : this.client;
    const mirrored = { local: path.remote, remote: path.local };
    return to.handle({ kind: 'datagram', now: this.now, path: mirrored, data, marker });
  }

  answerLater(host: Host, requestId: number, answer: Answer, kind?: Request['kind']): void {
    const deliver = () => host.handle({ kind: 'answer', now: this.now, requestId, answer });
    const {
      answerDelayMs = 0,
      installDelayMs,
      clientProofDelayMs,
      serverProofDelayMs,
    } = this.#options;
    const proofDelayMs = host === this.client ? clientProofDelayMs : serverProofDelayMs;
    const isProof = kind === 'sign' || kind === 'verify-peer' || kind === 'eap-step';
    const ownDelayMs = isProof
      ? proofDelayMs
      : answer.kind === 'install-child'
        ? installDelayMs
        : undefined;
    const delayMs = ownDelayMs ?? answerDelayMs;
    if (delayMs === Number.POSITIVE_INFINITY) return;
    if (delayMs === 0) deliver();
    else this.schedule(delayMs, deliver);
  }

  schedule(afterMs: number, run: () => void): void {
    this.#order += 1;
    this.#queue.push({ at: addMs(this.now, afterMs), order: this.#order, run });
  }

  /** Lets `ms` of virtual time pass: everything that is due happens, in order. */
  drive(ms: number): this {
    const end = addMs(this.now, ms);
    for (let steps = 0; steps < 200_000; steps += 1) {
      const next = this.#nextEvent();
      if (!next || next.at > end) {
        this.now = end;
        return this;
      }
      if (next.at > this.now) this.now = next.at;
      next.run();
    }
    throw new Error('the pair does not come to rest');
  }

  /** Both hosts are asleep for `ms`: what falls due meanwhile is handled on waking, and what arrives is lost. */
  sleep(ms: number): void {
    this.now = addMs(this.now, ms);
    this.#queue = [];
  }

  #newClient(seed: string): Host {
    const options = this.#options;
    return new Host(
      this,
      'client',
      [connection({ localIdentity: identity('client'), ...options.client })],
      { ...SETTINGS, ...options.clientSettings },
      options.provider ?? createNodeProvider(),
      options.clientSecret ?? 'correct horse',
      [],
      seed,
      options.jitters,
      options.clientSignatures,
      options.clientEap,
      options.placeSpi,
    );
  }

  #newServer(seed: string): Host {
    const options = this.#options;
    return new Host(
      this,
      'server',
      options.serverConnections ?? [
        connection({ localIdentity: identity('server'), ...options.server }),
      ],
      { ...SETTINGS, ...options.serverSettings },
      options.serverProvider ?? options.provider ?? createNodeProvider(),
      options.serverSecret ?? 'correct horse',
      options.pools ?? [],
      seed,
      options.jitters,
      options.serverSignatures,
      options.serverEap,
      options.placeSpi,
    );
  }

  #nextEvent(): { at: Instant; run: () => void } | undefined {
    this.#queue.sort((a, b) => a.at - b.at || a.order - b.order);
    const [first] = this.#queue;
    const candidates: { at: Instant; run: () => void }[] = [];
    if (first) candidates.push({ at: first.at, run: () => this.#queue.shift()?.run() });
    for (const host of [this.client, this.server]) {
      const deadline = host === this.#asleep ? undefined : host.machine.nextDeadline();
      if (!deadline) continue;
      candidates.push({
        at: deadline.at,
        run: () => host.handle({ kind: 'timeout', now: this.now }),
      });
    }
    candidates.sort((a, b) => a.at - b.at);
    return candidates[0];
  }
}
