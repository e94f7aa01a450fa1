import {
  createEapTlsMethod,
  createEapTtlsMethod,
  type EapMethod,
  gtcMethod,
  md5ChallengeMethod,
  msChapV2Method,
} from '@ipsec-kit/eap';
import type { EapMethodOptions } from '../eap-options.ts';
import { EAP_METHODS, type EapMethodName, type TtlsInner } from './eap-setting.ts';
import { type ForeignRun, foreignMethod } from './foreign-method.ts';

/** The methods of these names, for one conversation.
 * @param others - those of `eapMethods`. @param run - what those say. @param ttlsInner - how a peer shows its password inside of TTLS.
 */
export function eapMethods(
  names: readonly string[],
  others: ReadonlyMap<string, EapMethodOptions>,
  run: ForeignRun,
  ttlsInner: TtlsInner = 'eap',
): readonly EapMethod[] {
  return names.flatMap((name) => {
    const known = EAP_METHODS.find((one) => one === name);
    if (known) return methodOf(known, ttlsInner);
    const other = others.get(name);
    return other ? foreignMethod(other, run) : [];
  });
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
