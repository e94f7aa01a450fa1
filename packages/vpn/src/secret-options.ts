/** A pre-shared key. */
export interface SecretOptions {
  /** Identities that the secret is for; none: everyone. */
  readonly ids?: readonly string[];
  /** Text, or bytes; `0x...` and `0s...` are decoded by the reader of the file, not here. */
  readonly secret: string | Uint8Array;
}

/** A post-quantum pre-shared key (RFC 8784). */
export interface PpkOptions {
  /** Names that its peers have for it, written as identities are. */
  readonly ids: readonly string[];
  /** At least 32 bytes of true randomness, to be worth something against quantum computers. */
  readonly secret: string | Uint8Array;
}

/** A password of EAP. */
export interface EapSecretOptions {
  /** Users whose password it is. */
  readonly ids: readonly string[];
  readonly secret: string | Uint8Array;
}

/** Whose password is wanted, and for what. */
export interface EapPasswordQuestion {
  readonly connection: string;
  /** `peer`: it is the own one; `authenticator`: that of a user of this server. */
  readonly role: 'peer' | 'authenticator';
  readonly user: string;
  /** What the other end asks (EAP-GTC): not to be trusted. */
  readonly prompt?: string;
}

/** Whoever knows passwords, such as a dialogue or a directory. `undefined`, and an error, is none. A server answers within half a minute. */
export type EapPasswordSource = (
  question: EapPasswordQuestion,
) => string | Uint8Array | undefined | Promise<string | Uint8Array | undefined>;
