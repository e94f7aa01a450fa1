import { constantTimeEqual } from '@ipsec-kit/crypto';
import type { IkeSpis } from './nat-detection.ts';

/** What an observation means: it `began` a baseline, the mapping is `unchanged`, or it has `changed` since. */
export type MappingVerdict = 'began' | 'unchanged' | 'changed';

/** Notices that a NAT has given this host another address or port: the peer's NAT_DETECTION_DESTINATION_IP is its view
 * of where we are, and a mapping has changed when that view does.
 *
 * The first observation is the baseline. Hashes of IKE_SA_INIT on port 500 are no baseline for port 4500: observe only
 * responses that came over the path to be watched. After `changed`, UPDATE_SA_ADDRESSES is due, and its response is the
 * new baseline: call `rebase` in between. Until then every further observation says `changed` again.
 * @see RFC 4555 §3.8
 */
export class MappingTracker {
  #baseline: (IkeSpis & { readonly hash: Uint8Array }) | undefined;

  /** Takes the data of the NAT_DETECTION_DESTINATION_IP of a verified response.
   * @param spis - of the response; with other ones than the baseline's (after a rekey of the IKE SA) the hashes do not
   * compare, so a new baseline begins.
   */
  observe(spis: IkeSpis, destinationHash: Uint8Array): MappingVerdict {
    const known = this.#baseline;
    if (
      known === undefined ||
      known.initiatorSpi !== spis.initiatorSpi ||
      known.responderSpi !== spis.responderSpi
    ) {
      const { initiatorSpi, responderSpi } = spis;
      this.#baseline = { initiatorSpi, responderSpi, hash: destinationHash.slice() };
      return 'began';
    }
    return constantTimeEqual(known.hash, destinationHash) ? 'unchanged' : 'changed';
  }

  /** Forgets the baseline, so that the next observation is one: after UPDATE_SA_ADDRESSES, or a move to another path. */
  rebase(): void {
    this.#baseline = undefined;
  }

  /** Whether there is something to compare with. */
  get hasBaseline(): boolean {
    return this.#baseline !== undefined;
  }
}
