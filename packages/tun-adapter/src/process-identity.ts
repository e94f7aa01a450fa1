import { readFileSync, readlinkSync } from 'node:fs';

/** A process, told apart from a later one with the same number. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks since boot at its start; 0 where there is no /proc. */
  readonly startTicks: number;
}

/** The identity of a running process. @returns `undefined` when there is none with this number. @see proc(5), /proc/PID/stat */
export function processIdentity(pid: number): ProcessIdentity | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The second field is the name in parentheses, which may itself hold spaces and parentheses.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // A zombie has ended; its state is the third field, its start the 22nd.
    if (fields[0] === 'Z' || fields[0] === 'X') return undefined;
    return { pid, startTicks: Number(fields[19]) };
  } catch {
    return undefined;
  }
}

/** The identity of this process. */
export function ownIdentity(): ProcessIdentity {
  return processIdentity(process.pid) ?? { pid: process.pid, startTicks: 0 };
}

/** Whether that very process still runs. */
export function isRunning(identity: ProcessIdentity): boolean {
  return processIdentity(identity.pid)?.startTicks === identity.startTicks;
}

/** What tells this network namespace from others, and this boot from earlier ones. */
export function networkPlace(): { readonly namespace: string; readonly bootId: string } {
  return {
    namespace: attempt(() => readlinkSync('/proc/self/ns/net')),
    bootId: attempt(() => readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()),
  };
}

function attempt(read: () => string): string {
  try {
    return read();
  } catch {
    return 'unknown';
  }
}
