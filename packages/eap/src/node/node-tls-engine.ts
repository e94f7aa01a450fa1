import { constants } from 'node:crypto';
import { Duplex } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  connect,
  createServer,
  type SecureContextOptions,
  type Server,
  type TLSSocket,
} from 'node:tls';
import { KeyMaterial } from '@ipsec-kit/crypto';
import { EapType } from '../eap-type.ts';
import {
  type TlsEngine,
  type TlsReply,
  type TlsRequest,
  type TlsSession,
  tlsExport,
} from '../tls/tls-work.ts';
import { certificateUser } from './certificate-user.ts';

/** Settings of TLS inside EAP. */
export interface NodeTlsEngineOptions {
  /** A server's certificate with its chain, or a client's; and its key. As node:tls takes them. */
  readonly cert?: SecureContextOptions['cert'];
  readonly key?: SecureContextOptions['key'];
  readonly passphrase?: string;
  /** CAs of the other end; no others are trusted. */
  readonly ca: NonNullable<SecureContextOptions['ca']>;
  /** CRLs in PEM; with them, each certificate of the path needs a fresh one. */
  readonly crl?: SecureContextOptions['crl'];
  /** A client's: the name that the server's certificate has to have. Without it any certificate of `ca` will do. */
  readonly serverName?: string;
  /** Default `TLSv1.2`. */
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3';
  /** Default `TLSv1.3`. */
  readonly maxVersion?: 'TLSv1.2' | 'TLSv1.3';
  /** A server's of EAP-TTLS: whether the client has to show a certificate as well; default false. In EAP-TLS it always has to. */
  readonly requiresCertificate?: boolean;
  /** A further check of the other end's certificates in DER, its own first, such as a validator with OCSP. Not called for a client
   * without certificate. Default: none.
   */
  readonly accept?: (chain: readonly Uint8Array[]) => boolean | Promise<boolean>;
}

/** Most bytes that one conversation may send or receive. */
const MAX_BYTES = 262_144;
/** TLS of node works in turns of the event loop; after so many without a sign of life it waits for the other end. */
const QUIET_TURNS = 8;
const MAX_TURNS = 2_000;
const NOTHING = new Uint8Array(0);
const { SSL_OP_LEGACY_SERVER_CONNECT, SSL_OP_NO_RENEGOTIATION } = constants;

/** Makes an engine on node:tls, for one conversation of EAP-TLS or TTLS, without a socket. Sessions are not resumed: no other
 * conversation has the keys of its tickets. The handshake of a server ends after two minutes.
 * @see RFC 5216 §2.1, RFC 9190 §2.1, RFC 5281 §7, RFC 9427 §2
 */
export function createNodeTlsEngine(options: NodeTlsEngineOptions): TlsEngine {
  let run: TlsRun | undefined;
  return {
    async perform(request) {
      try {
        run ??= new TlsRun(request, options);
        return await run.perform(request);
      } catch {
        // Keys and certificates that node:tls does not take.
        run?.close();
        return { records: NOTHING, data: NOTHING, hasFailed: true };
      }
    },
    close: () => run?.close(),
  };
}

class TlsRun {
  readonly #wire: Duplex;
  readonly #options: NodeTlsEngineOptions;
  readonly #method: number;
  readonly #server: Server | undefined;
  #socket: TLSSocket | undefined;
  #records: Uint8Array[] = [];
  #data: Uint8Array[] = [];
  #bytes = 0;
  #signs = 0;
  #isSecure = false;
  #hasFailed = false;
  #isAlerted = false;
  #session: TlsSession | undefined;

  constructor({ role, method }: TlsRequest, options: NodeTlsEngineOptions) {
    this.#options = options;
    this.#method = method;
    this.#wire = new Duplex({
      read: () => undefined,
      write: (chunk: Uint8Array, _, done) => {
        this.#signs += 1;
        this.#records.push(Uint8Array.from(chunk));
        this.#count(chunk.length);
        done();
      },
      final: (done) => done(),
    });
    this.#wire.on('error', () => this.#fail());
    if (role === 'client') this.#connect();
    else this.#server = this.#serve();
  }

  async perform({ records, data }: TlsRequest): Promise<TlsReply> {
    this.#count(records.length);
    if (records.length > 0 && !this.#hasFailed) this.#wire.push(records);
    if (data.length > 0) this.#socket?.write(data);
    await this.#settle();
    if (this.#isSecure && !this.#hasFailed && this.#session === undefined) await this.#open();
    const reply = { records: taken(this.#records), data: taken(this.#data) };
    const hasFailed = this.#hasFailed;
    // What was sent inside before a failure is nobody's.
    if (hasFailed) {
      const isAlerted = this.#isAlerted;
      return { records: reply.records, data: NOTHING, hasFailed, isAlerted };
    }
    return this.#session
      ? { ...reply, session: this.#session, hasFailed }
      : { ...reply, hasFailed };
  }

  close(): void {
    this.#hasFailed = true;
    this.#socket?.destroy();
    this.#wire.destroy();
    this.#server?.close();
  }

  #connect(): void {
    const { serverName } = this.#options;
    const socket = connect({
      ...this.#secureOptions(),
      // The TLS of strongSwan does not say renegotiation_info, which OpenSSL 3 refuses a server for (RFC 5746 §4.1). What it protects
      // against is another's data in front of a renegotiation: nobody renegotiates here, the conversation is inside of an IKE SA or an
      // access point's link, and whoever began the handshake has not the keys of its renegotiation, which the MSK is made of.
      secureOptions: SSL_OP_LEGACY_SERVER_CONNECT | SSL_OP_NO_RENEGOTIATION,
      socket: this.#wire,
      // Without a name there is nothing to compare; the CA is what is trusted.
      ...(serverName === undefined
        ? { checkServerIdentity: () => undefined }
        : { servername: serverName }),
    });
    this.#adopt(socket);
    socket.on('secureConnect', () => this.#secure(socket));
  }

  #serve(): Server {
    // RFC 5281 §7.1: a client of TTLS may have one; an own one is asked for only where it is wanted.
    const requestCert = this.#method === EapType.TLS || this.#options.requiresCertificate === true;
    const server = createServer({
      ...this.#secureOptions(),
      // A peer that begins anew, perhaps with another certificate, is refused.
      secureOptions: SSL_OP_NO_RENEGOTIATION,
      requestCert,
      rejectUnauthorized: requestCert,
    });
    server.on('secureConnection', (socket) => {
      this.#adopt(socket);
      this.#secure(socket);
    });
    server.on('tlsClientError', (error) => this.#fail(error));
    // As the documentation of node:tls says: any Duplex may be a connection.
    server.emit('connection', this.#wire);
    return server;
  }

  #secureOptions() {
    const { cert, key, passphrase, ca, crl, minVersion, maxVersion } = this.#options;
    return {
      ca,
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
      ...(passphrase === undefined ? {} : { passphrase }),
      ...(crl === undefined ? {} : { crl }),
      minVersion: minVersion ?? 'TLSv1.2',
      maxVersion: maxVersion ?? 'TLSv1.3',
    } as const;
  }

  #adopt(socket: TLSSocket): void {
    this.#socket = socket;
    socket.on('data', (chunk: Uint8Array) => {
      this.#signs += 1;
      this.#data.push(Uint8Array.from(chunk));
    });
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail());
    socket.on('end', () => this.#fail());
  }

  #secure(socket: TLSSocket): void {
    this.#signs += 1;
    this.#isSecure = true;
    this.#socket = socket;
  }

  #fail(error?: NodeJS.ErrnoException): void {
    this.#isAlerted ||= /^ERR_SSL_.*ALERT/.test(error?.code ?? '');
    this.#signs += 1;
    this.#hasFailed = true;
  }

  #count(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes > MAX_BYTES) this.close();
  }

  /** Waits until nothing moves any more. All of it happens in this thread, so that quiet turns mean that it waits for bytes. */
  async #settle(): Promise<void> {
    let quiet = 0;
    let seen = this.#signs;
    for (let turns = 0; quiet < QUIET_TURNS && turns < MAX_TURNS; turns += 1) {
      await nextTurn();
      quiet = seen === this.#signs ? quiet + 1 : 0;
      seen = this.#signs;
    }
  }

  async #open(): Promise<void> {
    const socket = this.#socket;
    const version = socket?.getProtocol();
    if (!socket || (version !== 'TLSv1.2' && version !== 'TLSv1.3')) return this.#fail();
    const chain = chainOf(socket);
    const { accept } = this.#options;
    if (accept && chain.length > 0 && !(await accept(chain))) {
      taken(this.#records);
      return this.#fail();
    }
    const msk = new KeyMaterial(this.#export(socket, 'msk', version).subarray(0, 64));
    const user = this.#server ? this.#userOf(socket) : undefined;
    this.#session = {
      version,
      msk,
      ...(this.#method === EapType.TTLS
        ? { challenge: new KeyMaterial(this.#export(socket, 'challenge', version)) }
        : {}),
      ...(user === undefined ? {} : { user }),
    };
  }

  #userOf(socket: TLSSocket): Uint8Array | undefined {
    const certificate = socket.getPeerX509Certificate();
    const user = certificateUser(certificate);
    // A certificate without a name vouches for nobody whom a password proves.
    return certificate && this.#method === EapType.TTLS ? (user ?? NOTHING) : user;
  }

  #export(
    socket: KeyExporter,
    what: 'msk' | 'challenge',
    version: TlsSession['version'],
  ): Uint8Array {
    const { bytes, label, context } = tlsExport(what, this.#method, version);
    return Uint8Array.from(
      socket.exportKeyingMaterial(bytes, label, context && Buffer.from(context)),
    );
  }
}

/** The types of node want a context; without one is something else in TLS 1.2. */
interface KeyExporter {
  exportKeyingMaterial(length: number, label: string, context?: Buffer): Uint8Array;
}

function chainOf(socket: TLSSocket): readonly Uint8Array[] {
  const chain: Uint8Array[] = [];
  let next = socket.getPeerX509Certificate();
  while (next && chain.length < 16) {
    chain.push(Uint8Array.from(next.raw));
    next = next.issuerCertificate;
  }
  return chain;
}

function taken(parts: Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(parts.splice(0)));
}
