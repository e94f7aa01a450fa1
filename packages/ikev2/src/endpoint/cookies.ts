import { addMs, type Instant } from '@ipsec-kit/clock';
import { type CryptoProvider, constantTimeEqual, type RandomSource } from '@ipsec-kit/crypto';
import type { Path } from '@ipsec-kit/ip';

/** How long one secret makes new cookies; the one before it is still accepted. @see RFC 7296 §2.6 */
export const COOKIE_SECRET_LIFETIME_MS: number = 120_000;

const SECRET_BYTES = 32;

interface CookieSecret {
  readonly version: number;
  readonly bytes: Uint8Array;
  readonly until: Instant;
}

/** Makes and checks cookies without keeping anything per peer:
 * `Cookie = <version of the secret> | SHA-1(secret | Ni | address and port of the peer | SPIi | secret)`.
 * The port is part of it so that hosts behind one NAT do not share cookies.
 * @see RFC 7296 §2.6
 */
export class CookieJar {
  readonly #crypto: CryptoProvider;
  readonly #random: RandomSource;
  #current: CookieSecret | undefined;
  #previous: CookieSecret | undefined;

  constructor(crypto: CryptoProvider, random: RandomSource) {
    this.#crypto = crypto;
    this.#random = random;
  }

  /** The cookie for an initiator: 21 bytes. */
  bake(now: Instant, path: Path, initiatorSpi: bigint, nonce: Uint8Array): Uint8Array {
    return this.#cookie(this.#secretAt(now), path, initiatorSpi, nonce);
  }

  /** Whether `cookie` is one that was made for this initiator with the current or the previous secret. */
  accepts(
    cookie: Uint8Array,
    now: Instant,
    path: Path,
    initiatorSpi: bigint,
    nonce: Uint8Array,
  ): boolean {
    const current = this.#secretAt(now);
    const secret = [current, this.#previous].find((known) => known?.version === cookie[0]);
    return (
      secret !== undefined &&
      constantTimeEqual(cookie, this.#cookie(secret, path, initiatorSpi, nonce))
    );
  }

  #secretAt(now: Instant): CookieSecret {
    const current = this.#current;
    if (current && now < current.until) return current;
    const bytes = new Uint8Array(SECRET_BYTES);
    this.#random.fill(bytes);
    const next: CookieSecret = {
      version: ((current?.version ?? 0) + 1) & 0xff,
      bytes,
      until: addMs(now, COOKIE_SECRET_LIFETIME_MS),
    };
    // A secret that went out of use long ago must not come back as the previous one.
    const stillFresh = current && now < addMs(current.until, COOKIE_SECRET_LIFETIME_MS);
    this.#previous = stillFresh ? current : undefined;
    this.#current = next;
    return next;
  }

  #cookie(secret: CookieSecret, path: Path, initiatorSpi: bigint, nonce: Uint8Array): Uint8Array {
    const spi = new Uint8Array(10);
    const view = new DataView(spi.buffer);
    view.setBigUint64(0, initiatorSpi);
    view.setUint16(8, path.remote.port);
    const hash = this.#crypto.sha1(
      secret.bytes,
      nonce,
      path.remote.address.bytes,
      spi,
      secret.bytes,
    );
    const cookie = new Uint8Array(1 + hash.length);
    cookie[0] = secret.version;
    cookie.set(hash, 1);
    return cookie;
  }
}
