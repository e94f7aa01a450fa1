import type { IdentityPattern } from '@ipsec-kit/auth';
import type { KeyMaterial } from '@ipsec-kit/crypto';
import type { ChainTrust, NamedCertificate } from '../credentials/compiled-credentials.ts';
import type { EapMethodOptions, EapPasswordSource } from '../options.ts';
import { needsTls, type TtlsInner } from './eap-setting.ts';

/** EAP in one connection. */
export interface EapConnection extends ChainTrust {
  /** There where this side proves itself by EAP. */
  readonly peer?: {
    /** Each an `EapMethodName`, or the name of one of `eapMethods`. */
    readonly methods: readonly string[];
    readonly ttlsInner: TtlsInner;
    /** What it says that it is, in UTF-8; absent: its IKE identity. */
    readonly identity?: Uint8Array;
    /** Whom the certificate of a TLS method has to name; absent: the IKE identity of the responder. */
    readonly server?: IdentityPattern;
  };
  /** There where the other side does. */
  readonly authenticator?: {
    readonly methods: readonly string[] | 'radius';
    /** Whether a peer by TTLS has to show a certificate as well. */
    readonly ttlsCert: boolean;
    /** Whether the peer is asked who it is; otherwise it is whom IDi names. */
    readonly asksIdentity: boolean;
  };
  /** For the TLS methods: what this side shows. */
  readonly certificates: readonly NamedCertificate[];
}

/** RADIUS servers. */
export interface CompiledRadius {
  readonly servers: readonly {
    readonly address: string;
    readonly port: number;
    readonly secret: KeyMaterial;
  }[];
  readonly nasIdentifier: Uint8Array;
  readonly firstTimeoutMs: number;
  readonly transmissions: number;
}

/** EAP of a configuration. */
export interface CompiledEap {
  /** By the name of the connection. */
  readonly connections: ReadonlyMap<string, EapConnection>;
  /** Passwords by the name of the user. */
  readonly passwords: ReadonlyMap<string, KeyMaterial>;
  readonly passwordSource?: EapPasswordSource;
  /** Of others, by the names that `auth` has for them. */
  readonly methods: ReadonlyMap<string, EapMethodOptions>;
  readonly radius?: CompiledRadius;
}

/** Whether TLS may be done inside of EAP here; a RADIUS server does its own. */
export function hasTls({ peer, authenticator }: EapConnection): boolean {
  return [peer?.methods ?? [], authenticator?.methods ?? []].flat().some(needsTls);
}
