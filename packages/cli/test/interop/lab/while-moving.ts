import { setTimeout as pause } from 'node:timers/promises';
import { addresses, type Lab } from './lab.ts';
import { type NumberedResult, prepareInside } from './numbered-packets.ts';
import { outageText } from './outages.ts';
import { transfer } from './transfer.ts';

const perSecond = 100;
/** A transfer that is under way during all that happens to it. */
const megabytes = 9;
const megabytesPerSecond = 1;
const stayMs = 3_000;

/** What became of the traffic of a tunnel whose ends moved. */
export interface Moved {
  readonly result: NumberedResult;
  /** Of the transfer; absent for none. */
  readonly failure: unknown;
  /** For the report of the run. */
  readonly text: string;
}

/** Runs numbered packets both ways and a TCP transfer through the tunnel while `steps` happen, one every three seconds. */
export async function whileMoving(
  lab: Lab,
  steps: readonly (() => Promise<void>)[],
): Promise<Moved> {
  const packets = (await prepareInside(lab, { up: perSecond, down: perSecond })).begin();
  const target = addresses.right.inner4;
  const done = transfer(lab.left, lab.right, target, megabytes, 'down', megabytesPerSecond).then(
    () => undefined,
    (failure: unknown) => failure,
  );
  await pause(stayMs / 2);
  for (const step of steps) {
    await step();
    await pause(stayMs);
  }
  // What waits for a path for longer than this has none.
  const failure = await Promise.race([done, pause(10_000, 'the transfer did not end')]);
  const result = await packets.stop();
  const transferred = failure === undefined ? 'transfer complete' : 'transfer failed';
  const ways = [outageText('up', result.up), outageText('down', result.down)];
  return { result, failure, text: [...ways, transferred].join('; ') };
}
