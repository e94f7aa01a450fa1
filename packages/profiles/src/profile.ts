/** How the person at this end proves who it is. The server proves itself with a certificate, but for `psk`, which is for both. */
export type ProfileAuthentication =
  | { readonly kind: 'psk'; readonly secret?: string }
  | { readonly kind: 'certificate' }
  /** With a name and a password. */
  | { readonly kind: 'eap'; readonly user?: string; readonly password?: string }
  | { readonly kind: 'eap-tls' }
  /** First the certificate, then name and password. */
  | { readonly kind: 'certificate-and-eap'; readonly user?: string; readonly password?: string };

/** One VPN as a telephone is told about it. */
export interface VpnProfile {
  /** What people call it. */
  readonly name: string;
  /** Tells a new version of a profile from another profile. */
  readonly uuid?: string;
  /** DNS name or address. */
  readonly server: string;
  readonly port?: number;
  /** Absent: that of the server's address or name. */
  readonly remoteId?: string;
  readonly localId?: string;
  readonly authentication: ProfileAuthentication;
  /** PKCS #12 with the key and certificate of this end. */
  readonly pkcs12?: Uint8Array;
  /** Password of `pkcs12`, where the profile has it. */
  readonly pkcs12Password?: string;
  /** Certificates in DER that the server's is held against. */
  readonly caCertificates: readonly Uint8Array[];
  /** strongSwan's spelling: `aes256gcm16-prfsha384-x25519`. */
  readonly ikeProposals: readonly string[];
  readonly espProposals: readonly string[];
  /** What goes through the tunnel, as prefixes; empty is everything. */
  readonly remoteSubnets: readonly string[];
  readonly mobike?: boolean;
  /** `strict` refuses a server about whose certificate nothing fresh says that it is not revoked. */
  readonly revocation?: 'strict';
}

/** A profile that was read, with what of it has no counterpart here; or one sentence that says why it was not read. */
export type ProfileResult =
  | { readonly ok: true; readonly profile: VpnProfile; readonly notes: readonly string[] }
  | { readonly ok: false; readonly sentence: string };

/** The text of a file that was written, with what of the profile could not be said in it; or one sentence that says why not. */
export type ProfileText =
  | { readonly ok: true; readonly text: string; readonly notes: readonly string[] }
  | { readonly ok: false; readonly sentence: string };

/** Longest profile that is read, in letters: certificates and a key fit many times over. */
export const MAX_PROFILE_LETTERS = 1_048_576;
