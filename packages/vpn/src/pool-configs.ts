import type { PoolConfig } from '@ipsec-kit/ikev2';
import type { CompiledVpn } from './compile/index.ts';

/** The pools of compiled options, for `createAddressPools` of ikev2. */
export function poolConfigs(compiled: Pick<CompiledVpn, 'pools'>): readonly PoolConfig[] {
  return compiled.pools.map(({ name, start, end, dns, attributes }) => ({
    name,
    addresses: { kind: 'range', start, end },
    dns,
    attributes,
  }));
}
