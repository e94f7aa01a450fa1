import { bindSystemCalls } from './bind-system-calls.ts';
import { checkSystemCalls } from './check-system-calls.ts';
import { type Koffi, measureWith } from './libc.ts';
import { machineFault, requireKoffi, whyNotLoaded } from './load-posix.ts';
import { MESSAGE_LAYOUTS } from './message-layout.ts';
import { layoutMismatch } from './struct-layout.ts';
import type { SystemCallsResult } from './system-calls.ts';

let loaded: SystemCallsResult | undefined;

/** Loads the calls of the packet path through koffi, once in each thread, compares the structures that are passed with
 * those of this machine, and passes a message with control data through the running kernel.
 * @returns the calls, or one sentence why they are not to be had: the caller takes a slower way. Never throws.
 */
export function loadSystemCalls(): SystemCallsResult {
  loaded ??= loadCalls(process.platform, process.arch, requireKoffi);
  return loaded;
}

/** {@link loadSystemCalls} without its memory, with the machine and the way to koffi handed in. */
export function loadCalls(platform: string, arch: string, koffi: () => Koffi): SystemCallsResult {
  const fault = machineFault(platform, arch);
  if (fault) return { ok: false, reason: fault };
  try {
    const library = koffi();
    const mismatch = layoutMismatch(MESSAGE_LAYOUTS, measureWith(library));
    if (mismatch) return { ok: false, reason: mismatch };
    const calls = bindSystemCalls(library);
    const wrong = checkSystemCalls(calls);
    return wrong ? { ok: false, reason: wrong } : { ok: true, calls };
  } catch (error) {
    return { ok: false, reason: whyNotLoaded(error) };
  }
}
