import type { ConfiguredSelector } from '@ipsec-kit/ikev2';
import {
  ANY_PORT,
  isAnyPort,
  isIcmpProtocol,
  parseProtocolAndPorts,
  parseSelector,
  protocolHasPorts,
} from '@ipsec-kit/ip';
import type { OptionChecks } from './option-checks.ts';

const MAX_SELECTORS = 255;
const DYNAMIC = /^dynamic\s*(?:\[([^[\]]*)\])?$/i;
const EXPECTED =
  'dynamic, an address, a prefix or a range, with an optional [protocol/port], such as "10.0.0.0/8", "10.1.0.1-10.1.0.20", "10.0.0.0/8[tcp/80]" or "dynamic[icmp]"';

/** Compiles traffic selectors from strongSwan's spelling; none given is `dynamic`.
 * @see RFC 7296 §3.13 (one TS payload holds at most 255)
 */
export function compileSelectors(
  checks: OptionChecks,
  path: string,
  texts: readonly string[],
): readonly ConfiguredSelector[] {
  if (texts.length > MAX_SELECTORS) {
    checks.problem('invalid-value', path, `at most ${MAX_SELECTORS} selectors fit into a message`);
    return [];
  }
  if (texts.length === 0) return [{ kind: 'dynamic', protocol: 0, ...ANY_PORT }];
  return texts.flatMap((text, index) => {
    const selector = compileSelector(text.trim());
    if (!selector) {
      checks.invalid(`${path}[${index}]`, EXPECTED, text);
      return [];
    }
    const { protocol, startPort, endPort } =
      selector.kind === 'fixed' ? selector.selector : selector;
    if (!isAnyPort({ startPort, endPort }) && !mayHavePorts(protocol)) {
      checks.invalid(`${path}[${index}]`, 'a protocol that has ports, such as tcp or udp', text);
      return [];
    }
    return [selector];
  });
}

function compileSelector(text: string): ConfiguredSelector | undefined {
  const dynamic = DYNAMIC.exec(text);
  if (!dynamic) {
    const selector = parseSelector(text);
    return selector && { kind: 'fixed', selector };
  }
  if (dynamic[1] === undefined) return { kind: 'dynamic', protocol: 0, ...ANY_PORT };
  const filter = parseProtocolAndPorts(dynamic[1]);
  return filter && { kind: 'dynamic', ...filter };
}

/** RFC 4301 §4.4.1.1: a port is only defined within a protocol that has ports, or an ICMP type, or a MH type. */
function mayHavePorts(protocol: number): boolean {
  return protocolHasPorts(protocol) || isIcmpProtocol(protocol) || protocol === 135;
}
