import { requestStatus } from '@ipsec-kit/vpn';
import type { Established } from './tunnel.ts';

/** SPIs of every IKE SA that one end of the tunnel has, ours where one is ours: the same ones are the same IKE SAs. */
export async function ikeSpis({ client, server, swan }: Established): Promise<string[]> {
  const own = client ?? server;
  if (own) {
    const { sessions } = await requestStatus(own.control);
    return sessions.map(({ initiatorSpi, responderSpi }) => `${initiatorSpi} ${responderSpi}`);
  }
  const listed = (await swan?.listSas()) ?? '';
  return [...listed.matchAll(/(\w{16})_i\*? (\w{16})_r/g)].map(([, i, r]) => `${i} ${r}`);
}
