import { ExchangeType, type IkeHeader, NotifyType, type Payload } from '@ipsec-kit/ikev2-codec';
import type { Endpoint, IpAddress } from '@ipsec-kit/ip';
import { addressListNotifies } from '@ipsec-kit/mobike';
import type { Datagram } from '../../src/index.ts';
import type { HostileScene } from './hostile-scene.ts';
import { type Keys, sealed, unsealed } from './keyed-forger.ts';

const MARKER_BYTES = 4;

/** A server that has proven who it is, and lies about where: it lists addresses of others, and sends from them. It answers what comes to
 * its own address, when it likes to.
 */
export class LyingServer {
  /** Whether it answers. */
  isMute = false;
  /** Where its answers seem to come from; absent: from where it was asked. */
  answersAs: IpAddress | undefined;
  readonly #scene: HostileScene;
  readonly #keys: Keys;
  readonly #own: Endpoint;
  #client: Endpoint;
  #messageId = 0;
  #sealed = 0;

  /** @param last - a datagram of the client to it. */
  constructor(scene: HostileScene, keys: Keys, last: Datagram) {
    this.#scene = scene;
    this.#keys = keys;
    this.#own = last.to;
    this.#client = last.from;
    scene.takeServerOver((datagram) => this.#receive(datagram));
  }

  /** Says that it is at these addresses. @param as - where that seems to come from. */
  list(addresses: readonly IpAddress[], as: IpAddress = this.#own.address): void {
    const header = { exchangeType: ExchangeType.INFORMATIONAL, messageId: this.#messageId };
    this.#messageId += 1;
    const data = this.#seal(addressListNotifies(addresses), { ...header, isResponse: false });
    this.#scene.sendAs({ address: as, port: this.#own.port }, this.#client, data);
  }

  #receive({ from, to, data }: Datagram): void {
    if (data.length < 32 || data.subarray(0, MARKER_BYTES).some((byte) => byte !== 0)) return;
    const { initiatorSpi, responderSpi } = this.#keys;
    const message = new DataView(data.buffer, data.byteOffset + MARKER_BYTES);
    const isOurs =
      message.getBigUint64(0) === initiatorSpi && message.getBigUint64(8) === responderSpi;
    // A client that has given up opens another.
    if (!isOurs) return;
    this.#client = from;
    const { header, payloads } = unsealed(this.#keys, data);
    if (header.isResponse || this.isMute) return;
    const echo = payloads.filter(
      (payload) => payload.type === 'N' && payload.notify === NotifyType.COOKIE2,
    );
    const answer = this.#seal(echo, { ...header, isResponse: true });
    const address = this.answersAs ?? to.address;
    this.#scene.sendAs({ address, port: to.port }, from, answer);
  }

  #seal(
    payloads: readonly Payload[],
    message: Pick<IkeHeader, 'exchangeType' | 'messageId' | 'isResponse'>,
  ): Uint8Array {
    const { initiatorSpi, responderSpi } = this.#keys;
    const iv = new Uint8Array(16);
    this.#sealed += 1;
    new DataView(iv.buffer).setUint32(0, 0xffff_0000 + this.#sealed);
    const { exchangeType, messageId, isResponse } = message;
    const header: IkeHeader = {
      ...{ initiatorSpi, responderSpi, exchangeType, messageId, isResponse },
      majorVersion: 2,
      minorVersion: 0,
      isInitiator: false,
      higherVersion: false,
    };
    return sealed(this.#keys, header, payloads, iv);
  }
}
