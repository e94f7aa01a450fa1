import { type IpAddress, isUnspecified } from '@ipsec-kit/ip';
import type { CompiledAddresses } from './compile-addresses.ts';
import type { CompiledChild } from './compile-child.ts';
import type { OptionChecks } from './option-checks.ts';

/** Refuses traps that could never lead to an SA: without a peer to call, and before an address that packets need is given.
 * @param path - of the connection.
 * @param vips - the virtual addresses that it asks for.
 */
export function checkTraps(
  checks: OptionChecks,
  path: string,
  children: readonly CompiledChild[],
  vips: readonly IpAddress[],
  remote: Pick<CompiledAddresses, 'targets'>,
): void {
  const isGivenLater = vips.some(isUnspecified);
  for (const { config, startAction, dpdAction, closeAction } of children) {
    const at = (key: string): string => `${path}.children.${config.name}.${key}`;
    const actions = { startAction, dpdAction, closeAction };
    for (const [key, action] of Object.entries(actions)) {
      if (action !== 'trap' || remote.targets.length > 0) continue;
      const sentence =
        'traffic can open a tunnel only to a peer whose address is known: set remote_addrs to its address or name';
      checks.problem('invalid-value', at(key), sentence);
    }
    if (startAction !== 'trap' || !isGivenLater) continue;
    const sentence =
      'traffic cannot open the tunnel that gives it its address: ask for a certain address in vips, leave vips out, or write start';
    checks.problem('invalid-value', at('startAction'), sentence);
  }
}
