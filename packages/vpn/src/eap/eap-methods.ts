import {
  createEapTlsMethod,
  createEapTtlsMethod,
  type EapMethod,
  gtcMethod,
  md5ChallengeMethod,
  msChapV2Method,
} from '@ipsec-kit/eap';
import type { EapMethodName, TtlsInner } from './eap-setting.ts';

/** The methods of these names. @param ttlsInner - how a peer shows its password inside of TTLS. */
export function eapMethods(
  names: readonly EapMethodName[],
  ttlsInner: TtlsInner = 'eap',
): readonly EapMethod[] {
  return names.map((name) => methodOf(name, ttlsInner));
}

function methodOf(name: EapMethodName, inner: TtlsInner): EapMethod {
  switch (name) {
    case 'eap-tls':
      return createEapTlsMethod();
    case 'eap-ttls':
      return createEapTtlsMethod({ inner });
    case 'eap-mschapv2':
      return msChapV2Method;
    case 'eap-gtc':
      return gtcMethod;
    case 'eap-md5':
      return md5ChallengeMethod;
    default:
      return name satisfies never;
  }
}
