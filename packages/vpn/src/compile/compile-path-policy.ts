import type { ConnectionConfig } from '@ipsec-kit/ikev2';
import type { ConnectionOptions } from '../options.ts';
import { join, type OptionChecks } from './option-checks.ts';

/** How the path is kept, and followed. */
export function compilePathPolicy(
  checks: OptionChecks,
  path: string,
  options: ConnectionOptions,
): Required<
  Pick<
    ConnectionConfig,
    'keepaliveKind' | 'updateOnConnectivity' | 'bindingDiscovery' | 'peerPathCheck' | 'ifUnheard'
  >
> {
  const at = (key: keyof ConnectionOptions): string => join(path, key);
  const flag = (
    key: 'updateOnConnectivity' | 'bindingDiscovery' | 'peerPathCheck',
    fallback: boolean,
  ): boolean => checks.boolean(at(key), options[key], fallback);
  return {
    keepaliveKind: checks.choice(
      at('keepaliveKind'),
      options.keepaliveKind,
      ['byte', 'esp', 'dpd'],
      'byte',
    ),
    updateOnConnectivity: flag('updateOnConnectivity', false),
    bindingDiscovery: flag('bindingDiscovery', true),
    peerPathCheck: flag('peerPathCheck', true),
    ifUnheard: checks.choice(at('ifUnheard'), options.ifUnheard, ['return', 'stay'], 'return'),
  };
}
