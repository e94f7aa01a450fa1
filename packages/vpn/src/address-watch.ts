import { addMs, type Clock } from '@ipsec-kit/clock';
import type { Scheduler } from '@ipsec-kit/scheduler';
import type { BoundUdp } from './platform.ts';
import { messageOf } from './vpn-error.ts';

/** The first look comes soon: an interface that has just been brought up takes a second to be usable. */
const FIRST_LOOK_MS = 1_000;
const NEXT_LOOK_MS = 10_000;
const KEY = 'own-addresses';

/** What {@link watchAddresses} works with. */
export interface AddressWatchOptions {
  readonly udp: Pick<BoundUdp, 'refresh'>;
  readonly clock: Pick<Clock, 'now'>;
  readonly scheduler: Pick<Scheduler, 'schedule' | 'cancel'>;
  /** Sockets were opened on new addresses, or those of vanished ones closed. */
  readonly onChange: () => void;
  readonly onWarning: (sentence: string) => void;
}

/** Looks now and then whether the host has other addresses, so that a server which listens on every one still does.
 * @returns how to stop.
 */
export function watchAddresses(options: AddressWatchOptions): () => void {
  const { udp, clock, scheduler, onChange, onWarning } = options;
  let isStopped = false;

  async function look(): Promise<void> {
    try {
      const changes = await udp.refresh?.();
      if (isStopped || !changes) return;
      for (const failure of changes.failed)
        onWarning(`A new address is not used: ${failure.message}`);
      if (changes.added.length + changes.removed.length > 0) onChange();
    } catch (error) {
      onWarning(`The addresses of this host cannot be listed: ${messageOf(error)}`);
    }
  }

  function lookIn(delayMs: number): void {
    if (isStopped) return;
    const at = addMs(clock.now(), delayMs);
    const deadline = { name: KEY, at, toleranceMs: delayMs / 2, wake: 'process' } as const;
    scheduler.schedule(KEY, deadline, () => look().then(() => lookIn(NEXT_LOOK_MS)));
  }

  lookIn(FIRST_LOOK_MS);
  return () => {
    isStopped = true;
    scheduler.cancel(KEY);
  };
}
