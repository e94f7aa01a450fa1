import type { IkeMessage, Payload } from '../message.ts';
import { configTypeName } from '../registries/config-type.ts';
import { notifyTypeName } from '../registries/notify-type.ts';
import { payloadTypeName } from '../registries/payload-type.ts';

/** Says in one line for a log which payloads there are, in the short notation of the RFCs:
 * `SA KE No N(NAT_DETECTION_SOURCE_IP) SK`. Contents are not shown, so the line holds no secret.
 */
export function describePayloads(of: IkeMessage | readonly Payload[]): string {
  const payloads = 'payloads' in of ? of.payloads : of;
  return payloads.map(describePayload).join(' ');
}

function describePayload(payload: Payload): string {
  switch (payload.type) {
    case 'Nonce':
      return 'No';
    case 'N':
      return `N(${notifyTypeName(payload.notify)})`;
    case 'CP':
      return `CP(${configTypeName(payload.configType)})`;
    case 'SKF':
      return `SKF(${payload.fragmentNumber}/${payload.totalFragments})`;
    case 'unknown':
      return payloadTypeName(payload.payloadType);
    default:
      return payload.type;
  }
}
