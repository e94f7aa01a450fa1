import { addMs, type Deadline, VirtualClock } from '@ipsec-kit/clock';
import { createScheduler, type Scheduler } from '../src/index.ts';

export interface Row {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
}

/** A scheduler with `count` deadlines: keepalives of 20 s that tolerate 10 s, so that thousands share a wake. */
function filled(count: number): { clock: VirtualClock; scheduler: Scheduler } {
  const clock = new VirtualClock();
  const scheduler = createScheduler({ clock });
  for (let i = 0; i < count; i += 1) {
    scheduler.schedule(`session ${i}`, keepalive(clock, 20_000 + spread(i)), () => {});
  }
  return { clock, scheduler };
}

function keepalive(clock: VirtualClock, inMs: number): Deadline {
  return {
    name: 'nat-keepalive',
    at: addMs(clock.now(), inMs),
    toleranceMs: 10_000,
    wake: 'process',
  };
}

/** 0 to 20 000, without a pattern. */
function spread(i: number): number {
  return (i * 7_919) % 20_000;
}

function microseconds(times: number, work: (i: number) => void): number {
  const start = process.hrtime.bigint();
  for (let i = 0; i < times; i += 1) work(i);
  return Number(process.hrtime.bigint() - start) / 1e3 / times;
}

/** What setting, moving and running one deadline costs while few or many others wait: it grows like a logarithm. */
export async function bench(): Promise<Row[]> {
  filled(20_000);
  return [1_000, 10_000, 100_000].flatMap((count) => {
    const set = microseconds(1, () => filled(count)) / count;
    const { clock, scheduler } = filled(count);
    // The head moves each time: the case in which a scheduler has to look for its next wake.
    const moved = microseconds(20_000, (i) => {
      const key = `session ${i % count}`;
      scheduler.schedule(key, keepalive(clock, 20_000 + spread(i + 13)), () => {});
    });
    const ran = microseconds(1, () => clock.advanceBy(60_000)) / count;
    const of = `of ${count.toLocaleString('en')} deadlines`;
    return [
      { name: `scheduler: set one ${of}`, value: set, unit: 'µs' },
      { name: `scheduler: move one ${of}`, value: moved, unit: 'µs' },
      { name: `scheduler: run one ${of}`, value: ran, unit: 'µs' },
    ];
  });
}
