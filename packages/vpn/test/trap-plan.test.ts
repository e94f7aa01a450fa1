import type { ConfiguredSelector, PacketSelectors } from '@ipsec-kit/ikev2';
import { formatSelector, parseEndpoint, parseSelector, type TrafficSelector } from '@ipsec-kit/ip';
import { describe, expect, it } from 'vitest';
import { planTrap, samePlan, takesPacket } from '../src/trap-plan.ts';
import { address } from './memory-world.ts';

function selector(text: string): TrafficSelector {
  const parsed = parseSelector(text);
  if (!parsed) throw new Error(text);
  return parsed;
}

function endpoint(text: string) {
  const parsed = parseEndpoint(text);
  if (!parsed) throw new Error(text);
  return parsed;
}

const dynamic: ConfiguredSelector = { kind: 'dynamic', protocol: 0, startPort: 0, endPort: 65535 };
const child = {
  name: 'net',
  proposals: [],
  localSelectors: [dynamic],
  remoteSelectors: [{ kind: 'fixed', selector: selector('10.77.0.0/16') }],
  replayWindowPackets: 32,
} as const;
const path = { local: endpoint('192.0.2.7:500'), remote: endpoint('192.0.2.1:500') };

describe('the plan of a trap', () => {
  it('takes dynamic selectors for the virtual addresses, or for the address on the way to the peer', () => {
    const bare = planTrap(child, { path, virtualAddresses: [] });
    expect(bare.localSelectors.map(formatSelector)).toEqual(['192.0.2.7/32']);
    const given = planTrap(child, { path, virtualAddresses: [address('10.88.0.1')] });
    expect(given.localSelectors.map(formatSelector)).toEqual(['10.88.0.1/32']);
    expect(given.remoteSelectors.map(formatSelector)).toEqual(['10.77.0.0/16']);
  });

  it('differs with the addresses and with the peer', () => {
    const fixed = { ...child, localSelectors: child.remoteSelectors };
    const plan = planTrap(fixed, { path, virtualAddresses: [] });
    expect(samePlan(plan, planTrap(fixed, { path, virtualAddresses: [] }))).toBe(true);
    const addressed = planTrap(fixed, { path, virtualAddresses: [address('10.88.0.1')] });
    expect(samePlan(plan, addressed)).toBe(false);
    const moved = { ...path, remote: endpoint('192.0.2.2:500') };
    expect(samePlan(plan, planTrap(fixed, { path: moved, virtualAddresses: [] }))).toBe(false);
  });

  it('is met by a Child SA that takes both ends of the packet', () => {
    const packet: PacketSelectors = {
      local: selector('10.66.0.1/32'),
      remote: selector('10.77.0.1/32[tcp/443]'),
    };
    const opened = (remote: string) => ({
      sessionId: 1,
      childId: 1,
      localSelectors: [selector('10.66.0.0/16')],
      remoteSelectors: [selector(remote)],
    });
    expect(takesPacket(opened('10.77.0.0/16'), packet)).toBe(true);
    expect(takesPacket(opened('10.77.0.0/16[udp]'), packet)).toBe(false);
    expect(takesPacket(opened('10.78.0.0/16'), packet)).toBe(false);
  });
});
