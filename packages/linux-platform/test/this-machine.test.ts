import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { addMs } from '@ipsec-kit/clock';
import { createScheduler } from '@ipsec-kit/scheduler';
import { describe, expect, it } from 'vitest';
import {
  type BoottimeClock,
  createBoottimeClock,
  createTimerfdAlarm,
  netlinkSource,
  networkSnapshot,
  type TimerfdAlarm,
} from '../src/index.ts';

const isLinux = process.platform === 'linux';

function clockOf(): BoottimeClock {
  const made = createBoottimeClock({ keepAlive: false });
  if (!made.ok) throw new Error(made.reason);
  return made.clock;
}

function alarmOf(clock: BoottimeClock): TimerfdAlarm {
  const made = createTimerfdAlarm(clock);
  if (!made.ok) throw new Error(made.reason);
  return made.alarm;
}

/** Until the kernel shows a process as stopped: a signal takes its time on a busy machine. */
async function untilStopped(pid: number | undefined): Promise<void> {
  const state = (): string | undefined =>
    readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1)?.charAt(0);
  while (state() !== 'T') await new Promise((resolve) => setImmediate(resolve));
}

describe.runIf(isLinux)('createBoottimeClock', () => {
  it('goes as fast as the world, and counts no sleep where there was none', async () => {
    const clock = clockOf();
    // Each reading stands between two of the other clock, so that a busy machine makes the bounds wider and fails nothing.
    const reading = (): { before: number; at: number; after: number } => {
      const before = performance.now();
      const at = clock.now();
      return { before, at, after: performance.now() };
    };
    const began = reading();
    await new Promise((resolve) => setTimeout(resolve, 20));
    const ended = reading();
    const passed = ended.at - began.at;
    expect(passed).toBeGreaterThan(ended.before - began.after - 1);
    expect(passed).toBeLessThan(ended.after - began.before + 1);
    expect(clock.sleptMs).toBe(0);
  });

  it('tells of SIGCONT while somebody listens, and lets go of it afterwards', () => {
    const clock = clockOf();
    const before = process.listenerCount('SIGCONT');
    const stop = clock.onSleep(() => {});
    expect(process.listenerCount('SIGCONT')).toBe(before + 1);
    stop();
    expect(process.listenerCount('SIGCONT')).toBe(before);
  });
});

describe.runIf(isLinux)('a process that was stopped', () => {
  it('learns it from its clock as soon as it goes on', async () => {
    const script = fileURLToPath(new URL('print-sleep.ts', import.meta.url));
    const node = ['--import', 'tsx', '--conditions=@ipsec-kit/source', script];
    const spawned = performance.now();
    const child = spawn(process.execPath, node, { stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
      expect((await lines.next()).value).toBe('listening');
      child.kill('SIGSTOP');
      await untilStopped(child.pid);
      await new Promise((resolve) => setTimeout(resolve, 2_200));
      child.kill('SIGCONT');
      // Its clock looks on its own once an hour only: this line comes of the signal.
      const event = JSON.parse((await lines.next()).value ?? '');
      expect(event.kind).toBe('stopped');
      expect(event.sleptMs).toBeGreaterThanOrEqual(2_190);
      // Counted from when it was last seen to run, which on a busy machine is before it was stopped.
      expect(event.sleptMs).toBeLessThan(performance.now() - spawned + 1);
    } finally {
      child.kill('SIGKILL');
    }
  });
});

describe.runIf(isLinux)('createTimerfdAlarm', () => {
  it('wakes a scheduler for deadlines that deserve it, not before their time', async () => {
    const clock = clockOf();
    const alarm = alarmOf(clock);
    try {
      const scheduler = createScheduler({ clock, alarm: alarm.source, alarmBeyondMs: 10 });
      const at = addMs(clock.now(), 40);
      const late = await new Promise<number>((resolve) => {
        const deadline = { name: 'dpd', at, toleranceMs: 0, wake: 'device' } as const;
        scheduler.schedule('dpd', deadline, ({ lateMs }) => resolve(lateMs));
      });
      expect(late).toBeGreaterThanOrEqual(0);
      expect(scheduler.counters).toMatchObject({ runs: 1 });
    } finally {
      alarm.close();
    }
  });

  it('says in one sentence when it does not wake the device', () => {
    const alarm = alarmOf(clockOf());
    alarm.close();
    expect(alarm.wakesDevice).toBe(alarm.limit === undefined);
    if (alarm.limit !== undefined) expect(alarm.limit).toContain('CAP_WAKE_ALARM');
  });

  it('can be taken back, and armed again', async () => {
    const clock = clockOf();
    const alarm = alarmOf(clock);
    try {
      let early = 0;
      const cancel = alarm.source.arm(addMs(clock.now(), 10), () => {
        early += 1;
        return undefined;
      });
      cancel();
      await new Promise<void>((resolve) => {
        alarm.source.arm(addMs(clock.now(), 40), () => {
          resolve();
          return undefined;
        });
        cancel();
      });
      expect(early).toBe(0);
    } finally {
      alarm.close();
    }
  });
});

describe.runIf(isLinux)('netlinkSource', () => {
  it('reads the network of this machine', async () => {
    const made = netlinkSource();
    if (!made.ok) throw new Error(made.reason);
    const snapshot = networkSnapshot(await made.source.read());
    expect(snapshot.interfaces.some(({ isLoopback }) => isLoopback)).toBe(true);
  });
});
