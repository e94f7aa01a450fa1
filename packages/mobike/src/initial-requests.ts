import { addressesEqual, type Endpoint, endpointsEqual, type Path } from '@ipsec-kit/ip';

/** One IKE_SA_INIT request: the same bytes may leave from each of these places. */
export interface InitialRequest {
  readonly remote: Endpoint;
  /** Where it may leave from, each with a NAT_DETECTION_SOURCE_IP of its own in the request. */
  readonly locals: readonly Endpoint[];
}

/** Which IKE_SA_INIT requests reach a peer over these paths: one for each of its addresses, with an SPI of its own, since the
 * NAT_DETECTION_DESTINATION_IP in it holds for one destination only; but one for all our addresses.
 * @see RFC 4555 §3.1, RFC 7296 §2.1, §2.23
 */
export function initialRequests(paths: readonly Path[]): readonly InitialRequest[] {
  const requests: { remote: Endpoint; locals: Endpoint[] }[] = [];
  for (const { local, remote } of paths) {
    let request = requests.find((other) => endpointsEqual(other.remote, remote));
    if (request === undefined) {
      request = { remote, locals: [] };
      requests.push(request);
    }
    const isKnown = request.locals.some((other) => addressesEqual(other.address, local.address));
    if (!isKnown) request.locals.push(local);
  }
  return requests;
}
