import { requestStatus, type SessionStatus } from '@ipsec-kit/vpn';
import type { IpsecKit } from './ipsec-kit.ts';

/** What our end has but for what is half-open there: an attempt that its initiator let go of, as when it had the peer's, is so for
 * a while.
 */
export async function standingSessions({ control }: IpsecKit): Promise<SessionStatus[]> {
  const { sessions } = await requestStatus(control);
  return sessions.filter(({ state }) => state !== 'connecting');
}
