// Prints a line when it listens, and one for each sleep event; ends after the first.
import { createBoottimeClock } from '../src/index.ts';

const made = createBoottimeClock({ recheckMs: 3_600_000 });
if (!made.ok) throw new Error(made.reason);
const { clock } = made;
const stop = clock.onSleep(({ kind, sleptMs }) => {
  process.stdout.write(`${JSON.stringify({ kind, sleptMs })}\n`);
  stop();
  clearInterval(hold);
});
const hold = setInterval(() => {}, 60_000);
process.stdout.write('listening\n');
