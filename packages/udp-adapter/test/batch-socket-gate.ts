import { loadSystemCalls } from '@ipsec-kit/posix';

let told = false;

/** Whether there are batched system calls here; without them one line says why. With IPSEC_KIT_REQUIRE_INTEROP=1 their
 * absence is an error.
 */
export function batchSocketsAreHere(): boolean {
  const loaded = loadSystemCalls();
  if (loaded.ok) return true;
  if (process.env.IPSEC_KIT_REQUIRE_INTEROP === '1') throw new Error(loaded.reason);
  if (!told) process.stderr.write(`skipped: UDP in batches: ${loaded.reason}\n`);
  told = true;
  return false;
}
