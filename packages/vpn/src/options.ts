import type { SigningKey } from '@ipsec-kit/crypto';
import type { EapMethodOptions } from './eap-options.ts';
import type {
  EapPasswordSource,
  EapSecretOptions,
  PpkOptions,
  SecretOptions,
} from './secret-options.ts';
import type { SettingsOptions } from './settings-options.ts';

export type * from './eap-options.ts';
export type * from './secret-options.ts';
export type * from './settings-options.ts';

/** The options of a client or server: the same things that swanctl.conf and strongswan.conf say, as one typed object.
 * Spellings of values (proposals, identities, selectors, addresses) are strongSwan's.
 */
export interface VpnOptions {
  readonly connections: Readonly<Record<string, ConnectionOptions>>;
  readonly secrets?: readonly SecretOptions[];
  /** Post-quantum pre-shared keys (RFC 8784): they go into the keys of the IKE SA beside what proves who the sides are. */
  readonly ppks?: readonly PpkOptions[];
  /** Private keys; which one goes with a certificate is found by its public key. */
  readonly keys?: readonly KeyOptions[];
  /** Further own certificates, and intermediate CAs that are sent along with them. */
  readonly certificates?: readonly CertificateOptions[];
  /** CAs that every connection trusts that names none of its own in `cacerts`. */
  readonly authorities?: readonly AuthorityOptions[];
  /** CRLs, in PEM or DER. */
  readonly crls?: readonly CertificateOptions[];
  /** Asked for the CRLs of now, in place of `crls`, whenever certificates of sessions that stand are looked at again. */
  readonly crlSource?: CertificateSource;
  /** Passwords of EAP: one's own, and as a server those of users. */
  readonly eapSecrets?: readonly EapSecretOptions[];
  /** Asked for passwords of EAP that `eapSecrets` has not. */
  readonly eapPassword?: EapPasswordSource;
  /** Methods of EAP beside those that are here, at most 16: `auth` calls them by their names. */
  readonly eapMethods?: readonly EapMethodOptions[];
  /** RADIUS servers, for `auth: 'eap-radius'`. */
  readonly radius?: RadiusOptions;
  readonly pools?: Readonly<Record<string, PoolOptions>>;
  readonly settings?: SettingsOptions;
}

export interface ConnectionOptions {
  /** Addresses, prefixes or `%any`; default any. */
  readonly localAddrs?: readonly string[];
  /** Addresses, DNS names, prefixes or `%any`; a client needs one concrete. */
  readonly remoteAddrs?: readonly string[];
  readonly localPort?: number;
  /** Default 500, then 4500; another port is spoken to with the non-ESP marker from the start. */
  readonly remotePort?: number;
  /** `aes256-sha256-x25519`, ...; default is the list in the manual. */
  readonly proposals?: readonly string[];
  /** Whether 3DES, SHA-1 and MODP-1024 may stand in `proposals` and in the `espProposals` of the children, for peers that have nothing
   * better; default false. Not in strongSwan, which takes them always.
   */
  readonly legacy?: boolean;
  /** Name of the post-quantum pre-shared key to use, one of `ppks`; a server takes no other for this connection. Absent: a client uses
   * none, a server takes any that it has.
   */
  readonly ppkId?: string;
  /** How that is marked; default `fixed`, as everybody has it. Not in strongSwan. */
  readonly ppkIdType?: 'fixed' | 'opaque';
  /** Whether there is no session without a post-quantum pre-shared key; default false. */
  readonly ppkRequired?: boolean;
  /** Virtual addresses to ask for: `0.0.0.0` and `::` ask for any. */
  readonly vips?: readonly string[];
  readonly pools?: readonly string[];
  readonly encap?: boolean;
  readonly mobike?: boolean;
  /** What keeps a NAT mapping: the byte 0xFF, or something authenticated, which lets the peer follow a new mapping as well: an empty
   * ESP packet, or a liveness check. Default `byte`. Not in strongSwan.
   */
  readonly keepaliveKind?: 'byte' | 'esp' | 'dpd';
  /** Whether the peer is told our address at every change of the network, also where that address stays; default false. */
  readonly updateOnConnectivity?: boolean;
  /** Whether a client measures how long the NAT in front of it remembers, and sends keepalives accordingly; default true. */
  readonly bindingDiscovery?: boolean;
  /** Whether a peer that moves must answer from where it says it is before traffic goes there; default true. */
  readonly peerPathCheck?: boolean;
  /** What a server does that moved to another address where nobody hears it: back, or not; default `return`. */
  readonly ifUnheard?: 'return' | 'stay';
  readonly fragmentation?: 'yes' | 'accept' | 'force' | 'no';
  readonly dpdDelayMs?: number;
  /** How long an answer may take before the peer counts as dead; default as the retransmissions say. */
  readonly dpdTimeoutMs?: number;
  readonly keyingTries?: number;
  readonly unique?: 'never' | 'no' | 'keep' | 'replace';
  /** IKE SAs without a Child SA (RFC 6023): default `allow`. */
  readonly childless?: 'allow' | 'prefer' | 'force' | 'never';
  /** When the IKE SA is rekeyed; 0 is never. Default 4 h, or never where `reauthTimeMs` is given. */
  readonly rekeyTimeMs?: number;
  /** When both sides prove anew who they are; default 0, never. */
  readonly reauthTimeMs?: number;
  /** How long after that the IKE SA ends without a replacement; default a tenth of the longer of both. */
  readonly overTimeMs?: number;
  /** Most that is subtracted from both at random; default `overTimeMs`, at most half of the shorter of both. */
  readonly randTimeMs?: number;
  /** When own certificates are sent; default `ifasked`. */
  readonly sendCert?: 'ifasked' | 'always' | 'never';
  /** Whether the peer is asked for a certificate; default true. */
  readonly sendCertreq?: boolean;
  /** OCSP responses inside IKE (RFC 4806): whether the peer is asked for one (`request`), gets one with the own certificate when it
   * asks (`reply`), `both`, or `never`. Default `reply`, and `both` where `revocation` is `strict` or `ifuri`.
   */
  readonly ocsp?: 'never' | 'reply' | 'request' | 'both';
  readonly local: AuthenticationOptions;
  readonly remote: AuthenticationOptions;
  readonly children: Readonly<Record<string, ChildOptions>>;
}

export interface AuthenticationOptions {
  /** `psk` (default), or `pubkey`: a certificate. What signatures are wanted may be said as well: `rsa`, `ecdsa-256-sha256`,
   * `rsa/pss-sha384`, `ed25519`. Or EAP: `eap-tls`, `eap-ttls`, `eap-mschapv2`, `eap-gtc`, `eap-md5`, or `eap` for those of them
   * that can be done; or one of `eapMethods`; of a peer also `eap-radius`, where RADIUS servers know it. Where both sides have EAP, a client believes the
   * server by nothing else (RFC 5998), which `eap-tls` and `eap-ttls` are fit for.
   */
  readonly auth?: string;
  /** `client`, `user@example.org`, `10.0.0.1`, `%any`, `*@example.org`, `keyid:...`, `fqdn:...`. A certificate of one's own
   * is for it; absent, the subject of that is one's identity.
   */
  readonly id?: string;
  /** The name that EAP goes by, default `id`. Of a peer: the one that it has to prove, wildcards as in `*@example.org`; `%any` asks for
   * it and takes everyone, which is the default with `eap-radius`; otherwise it is the one that `id` allows.
   */
  readonly eapId?: string;
  /** Own side of `eap-tls` and `eap-ttls`: whom the certificate of the EAP server has to name; default the identity of the peer. */
  readonly aaaId?: string;
  /** Own side of `eap-ttls`: how the password is shown inside of the tunnel, by an EAP method (`eap`, the default, as strongSwan has it:
   * MSCHAPv2, MD5 or GTC, as the server wants), or by an attribute of MS-CHAP-V2 (`mschapv2`) or PAP (`pap`). A server takes all of them. Or
   * `certificate`: not at all, for a strongSwan with `request_peer_auth`, to which the certificate is enough.
   */
  readonly ttlsInner?: 'eap' | 'mschapv2' | 'pap' | 'certificate';
  /** Of a peer by `eap-ttls`: whether it has to show a certificate as well, in TLS, from one of the CAs in `cacerts` and for the name that
   * it proves inside of the tunnel; default false.
   */
  readonly ttlsCert?: boolean;
  /** Own certificates, in order of preference; as for the peer: those that it may have, without asking a CA. */
  readonly certs?: readonly CertificateOptions[];
  /** Own raw public keys, without a certificate, in PEM (`PUBLIC KEY`) or DER; as for the peer: those that it may have, and no CA is
   * asked. A peer with one goes by the `id` that is configured for it, or by the id of its key (RFC 7670).
   */
  readonly pubkeys?: readonly CertificateOptions[];
  /** Of the peer: the CAs that its certificate has to come from. Of a PKCS #12 file, which stands among the keys as well, those inside. */
  readonly cacerts?: readonly CertificateOptions[];
  /** Of the peer: whether it is refused when nothing says that its certificate is not revoked (`strict`), when its certificates name
   * a CRL or an OCSP responder that does not say so (`ifuri`), or only when something says that it is (`relaxed`, the default).
   */
  readonly revocation?: 'strict' | 'ifuri' | 'relaxed';
  /** Of the peer: what becomes of a session that stands when its certificate turns out to be revoked, to have run out, or to lead to
   * no trusted CA any more: it ends (`close`, the default), that is only told (`alert`), or it ends after a while (`grace`). With `strict`
   * and `ifuri` the same where nothing says that it is not revoked; with `relaxed` that is told. Not in strongSwan.
   */
  readonly revalidation?: 'close' | 'alert' | 'grace';
  /** How long with `grace`; default 10 min. */
  readonly revalidationGraceMs?: number;
  /** Looks at it so often, at least each second; default 0, only for a reason: a command, evidence that runs out, a rekey. */
  readonly revalidationTimeMs?: number;
}

/** A certificate (or several, the own one first), or a CRL: in PEM as text, in PEM or DER as bytes, or with a name for messages. */
export type CertificateOptions =
  | string
  | Uint8Array
  | { readonly name: string; readonly data: string | Uint8Array };

/** Whoever has certificates or CRLs, such as a directory of files. */
export type CertificateSource = () =>
  | readonly CertificateOptions[]
  | Promise<readonly CertificateOptions[]>;

/** A private key: from a file in PEM, PKCS #8 or PKCS #12, with its password; or an object that signs wherever the key lives. */
export type KeyOptions =
  | {
      readonly data: string | Uint8Array;
      /** In messages. */
      readonly name?: string;
      readonly secret?: string | Uint8Array;
    }
  | { readonly key: SigningKey; readonly name?: string };

/** A CA that is trusted. */
export interface AuthorityOptions {
  readonly cacert: CertificateOptions;
  /** Where its CRLs and OCSP responders are, beside what its certificates say. */
  readonly crlUris?: readonly string[];
  readonly ocspUris?: readonly string[];
}

export interface ChildOptions {
  readonly localTs?: readonly string[];
  readonly remoteTs?: readonly string[];
  readonly espProposals?: readonly string[];
  /** Default tunnel. Transport is between the two hosts themselves, where the peer wants it as well. */
  readonly mode?: 'tunnel' | 'transport';
  readonly replayWindow?: number;
  /** Least size that inner packets are padded to, in bytes, or `mtu` for as large as fits; default 0, no padding. In tunnel mode,
   * and where the peer takes it.
   */
  readonly tfcPadding?: number | 'mtu';
  /** Whether the outer header shows the DSCP of the packet inside; default true. */
  readonly copyDscp?: boolean;
  /** When the Child SA is replaced; 0 is never. Default 1 h, or `lifeTimeMs` / 1.1 where that is given. */
  readonly rekeyTimeMs?: number;
  /** When it ends, replaced or not; default `rekeyTimeMs` and a tenth. */
  readonly lifeTimeMs?: number;
  /** Most that is subtracted from `rekeyTimeMs` at random; default what lies between it and `lifeTimeMs`, at most its half. */
  readonly randTimeMs?: number;
  /** Bytes of either direction after which it is replaced; default 0, never, or `lifeBytes` / 1.1. */
  readonly rekeyBytes?: number;
  /** Default `rekeyBytes` and a tenth. */
  readonly lifeBytes?: number;
  /** Most that is subtracted from `rekeyBytes` at random; default as for `randTimeMs`. */
  readonly randBytes?: number;
  /** Packets of either direction after which it is replaced; default 0, never, or `lifePackets` / 1.1. */
  readonly rekeyPackets?: number;
  /** Default `rekeyPackets` and a tenth. */
  readonly lifePackets?: number;
  /** Most that is subtracted from `rekeyPackets` at random; default as for `randTimeMs`. */
  readonly randPackets?: number;
  /** `start` opens it without being asked, as a client does with `none` as well; with `trap` its traffic opens it. */
  readonly startAction?: 'none' | 'trap' | 'start';
  /** What to do when the peer is dead; default none. The same in all children of a connection. */
  readonly dpdAction?: 'none' | 'trap' | 'start';
  /** What to do when the peer closes the Child SA; default none. The same in all children of a connection. */
  readonly closeAction?: 'none' | 'trap' | 'start';
}

/** RADIUS servers, in the order in which they are asked. */
export interface RadiusOptions {
  readonly servers: readonly RadiusServerOptions[];
  /** What this gateway calls itself; default `ipsec-kit`. */
  readonly nasIdentifier?: string;
  /** Until a request is sent again; doubled each time. Default 1 s. */
  readonly retransmitTimeoutMs?: number;
  /** How often a server is asked again; default 2. */
  readonly retransmitTries?: number;
}

export interface RadiusServerOptions {
  /** An IP address. */
  readonly address: string;
  /** Default 1812. */
  readonly port?: number;
  readonly secret: string | Uint8Array;
}

export interface PoolOptions {
  /** Prefix (`10.88.0.0/24`) or range (`10.88.0.10-10.88.0.20`). */
  readonly addrs: string;
  readonly dns?: readonly string[];
  /** NetBIOS name servers, IPv4. */
  readonly nbns?: readonly string[];
  readonly dhcp?: readonly string[];
  readonly netmask?: readonly string[];
  /** Prefixes behind the server, sent as INTERNAL_IP4_SUBNET and INTERNAL_IP6_SUBNET. */
  readonly subnet?: readonly string[];
  /** Other configuration attributes by number, for example 25 (INTERNAL_DNS_DOMAIN). @see RFC 7296 §3.15.1 */
  readonly attributes?: readonly AttributeOptions[];
}

export interface AttributeOptions {
  /** 1-32767. */
  readonly type: number;
  /** Text, sent as UTF-8, or bytes. */
  readonly value: string | Uint8Array;
}
