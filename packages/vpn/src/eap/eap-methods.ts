import {
  createEapTlsMethod,
  createEapTtlsMethod,
  type EapMethod,
  gtcMethod,
  md5ChallengeMethod,
  msChapV2Method,
} from '@ipsec-kit/eap';
import type { EapMethodName } from './eap-setting.ts';

/** The methods of these names. */
export function eapMethods(names: readonly EapMethodName[]): readonly EapMethod[] {
  return names.map(methodOf);
}

function methodOf(name: EapMethodName): EapMethod {
  switch (name) {
    case 'eap-tls':
      return createEapTlsMethod();
    case 'eap-ttls':
      return createEapTtlsMethod();
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
