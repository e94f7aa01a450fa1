import type { ChildConfig } from '../config.ts';

/** What each direction of a Child SA may carry: at a soft limit it is replaced, at a hard one it ends; absent is no limit. */
export interface ChildLimits {
  readonly softBytes?: number;
  readonly softPackets?: number;
  readonly hardBytes?: number;
  readonly hardPackets?: number;
}

/** Draws the limits of one Child SA: the soft ones up to their jitter earlier, so that both sides rarely begin at once.
 * @param draw - a number from 0 to 1, another one each time.
 * @see RFC 7296 §2.8 (rekeying SHOULD be jittered)
 */
export function drawChildLimits(draw: () => number, config: ChildConfig): ChildLimits {
  const { rekeyBytes, rekeyPackets, hardBytes, hardPackets } = config;
  const soft = (limit: number, jitter: number | undefined): number =>
    jitter ? Math.max(1, limit - Math.floor(Math.min(jitter, limit) * draw())) : limit;
  return {
    ...(rekeyBytes ? { softBytes: soft(rekeyBytes, config.rekeyJitterBytes) } : {}),
    ...(rekeyPackets ? { softPackets: soft(rekeyPackets, config.rekeyJitterPackets) } : {}),
    ...(hardBytes ? { hardBytes } : {}),
    ...(hardPackets ? { hardPackets } : {}),
  };
}
