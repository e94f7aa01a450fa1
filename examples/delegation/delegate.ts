/** The small process: keeps one session alive until it is told to give it back, or the peer or the clock wants its owner. */
import { type Clock, msBetween } from '@ipsec-kit/clock';
import { createSystemClock } from '@ipsec-kit/clock/system';
import { createNodeProvider, systemRandom } from '@ipsec-kit/crypto/node';
import { createLivenessDelegate, type DelegateInput } from '@ipsec-kit/ikev2/delegate';
import { prependMarker } from '@ipsec-kit/nat-t';
import { openSocket } from './ike-socket.ts';
import type { Handed } from './main.ts';

const clock: Clock = createSystemClock();

process.once('message', ({ delegation, local }: Handed) => void keep(delegation, local));
// Without its owner nobody could take the session back.
process.once('disconnect', () => process.exit());
process.send?.('ready');

async function keep(delegation: unknown, local: Handed['local']): Promise<void> {
  const crypto = createNodeProvider();
  const made = createLivenessDelegate(clock.now(), delegation, { crypto, random: systemRandom() });
  if (!made.ok) throw new Error(`This is no delegation: ${made.code}.`);
  const { delegate } = made;
  let timer: NodeJS.Timeout | undefined;
  let isGivenBack = false;
  const socket = await openSocket(local, (data, path) =>
    handle({ kind: 'datagram', now: clock.now(), path, data, marker: true }),
  );

  function handle(input: DelegateInput): void {
    if (isGivenBack) return;
    for (const output of delegate.handle(input)) {
      if (output.kind === 'send') socket.send(prependMarker(output.data), output.path);
      else if (output.kind === 'send-keepalive') socket.send(Uint8Array.of(0xff), output.path);
      else void giveBack(output.reason, output.datagram);
    }
    arm();
  }

  function arm(): void {
    clearTimeout(timer);
    const next = isGivenBack ? undefined : delegate.nextDeadline();
    if (!next) return;
    timer = setTimeout(
      () => handle({ kind: 'timeout', now: clock.now() }),
      Math.min(Math.max(0, msBetween(clock.now(), next.at)), 60_000),
    );
  }

  async function giveBack(reason: string, datagram?: DelegateInput): Promise<void> {
    // Asked by the owner and by the peer in the same moment, it is given back once.
    if (isGivenBack) return;
    isGivenBack = true;
    clearTimeout(timer);
    await socket.close();
    process.send?.({ reason, report: delegate.release(clock.now()), datagram }, () =>
      process.disconnect(),
    );
  }

  arm();
  process.once('message', () => void giveBack('asked'));
}
