import { notifyTypeName, type Payload, payloadTypeName } from '@ipsec-kit/ikev2-codec';

/** Most payloads that a summary names. */
const MAX_NAMED = 40;

/** Payloads as people read them: `SA KE No N(NAT_DETECTION_SOURCE_IP) V`. A nonce is `Ni` or `Nr` by the sender's role. */
export function summarizePayloads(payloads: readonly Payload[]): string {
  const names = payloads.slice(0, MAX_NAMED).map(payloadName);
  if (payloads.length > MAX_NAMED) names.push(`and ${payloads.length - MAX_NAMED} more`);
  return names.join(' ');
}

function payloadName(payload: Payload): string {
  switch (payload.type) {
    case 'N':
      return `N(${notifyTypeName(payload.notify)})`;
    case 'Nonce':
      return 'No';
    case 'unknown':
      return payloadTypeName(payload.payloadType);
    default:
      return payload.type;
  }
}
