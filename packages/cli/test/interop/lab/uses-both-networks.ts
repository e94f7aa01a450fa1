import { requestStatus } from '@ipsec-kit/vpn';
import { expect } from 'vitest';
import { clientNetworks } from './roaming-lab.ts';
import type { Established } from './tunnel.ts';

/** Waits until our client knows that it has two networks: the link of the second one may take a while to be usable. */
export async function usesBothNetworks(client: Established['client']): Promise<void> {
  const known = async (): Promise<unknown> => {
    if (!client) return undefined;
    const { sessions } = await requestStatus(client.control);
    return sessions[0]?.path?.localAddresses;
  };
  const both = [clientNetworks.home[4].own, clientNetworks.mobile[4].own];
  await expect.poll(known, { timeout: 20_000 }).toEqual(both);
}
