import { type CompiledVpn, type ConfigPositions, compileOptions } from './compile/index.ts';
import type { VpnOptions } from './options.ts';
import { VpnError } from './vpn-error.ts';

/** Compiles options, for callers to whom a mistake is the end.
 * @throws VpnError `config`; its message has one line for each mistake, its `cause` is the list of them.
 */
export function compiledOrThrow(options: VpnOptions, positions?: ConfigPositions): CompiledVpn {
  const compiled = compileOptions(options, positions);
  if (compiled.ok) return compiled.value;
  const lines = compiled.errors.map((error) => error.message);
  throw new VpnError('config', lines.join('\n'), compiled.errors);
}
