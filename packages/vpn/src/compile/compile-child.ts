import type { ChildConfig } from '@ipsec-kit/ikev2';
import type { ChildOptions } from '../options.ts';
import { compileProposals } from './compile-proposals.ts';
import { compileSelectors } from './compile-selectors.ts';
import { join, type OptionChecks } from './option-checks.ts';

/** A child as the endpoint wants it, and whether it is to be opened without being asked. */
export interface CompiledChild {
  readonly config: ChildConfig;
  readonly startAction: 'none' | 'start';
}

const KNOWN: readonly (keyof ChildOptions)[] = [
  'localTs',
  'remoteTs',
  'espProposals',
  'mode',
  'replayWindow',
  'lifeTimeMs',
  'lifeBytes',
  'lifePackets',
  'startAction',
];

const YEAR_MS = 31_536_000_000;
const DEFAULT_REPLAY_WINDOW = 32;
const MAX_REPLAY_WINDOW = 65_536;

/** Compiles the options of one Child SA.
 * @param path - `connections.home.children.net`
 */
export function compileChild(
  checks: OptionChecks,
  path: string,
  name: string,
  options: ChildOptions,
): CompiledChild {
  checks.object(path, options, KNOWN);
  const at = (key: keyof ChildOptions): string => join(path, key);
  const list = (key: 'localTs' | 'remoteTs' | 'espProposals'): readonly string[] =>
    checks.strings(at(key), options[key]);
  checks.choice(at('mode'), options.mode, ['tunnel'], 'tunnel');
  return {
    startAction: checks.choice(at('startAction'), options.startAction, ['none', 'start'], 'none'),
    config: {
      name,
      proposals: compileProposals(checks, at('espProposals'), list('espProposals'), 'esp'),
      localSelectors: compileSelectors(checks, at('localTs'), list('localTs')),
      remoteSelectors: compileSelectors(checks, at('remoteTs'), list('remoteTs')),
      // RFC 4303 §3.4.3: at least 32 is supported, 64 preferred; 0 turns the protection off.
      replayWindowPackets: checks.integer(at('replayWindow'), options.replayWindow, {
        min: 0,
        max: MAX_REPLAY_WINDOW,
        fallback: DEFAULT_REPLAY_WINDOW,
      }),
      ...limit(checks, at('lifeTimeMs'), 'hardLifetimeMs', options.lifeTimeMs, YEAR_MS),
      ...limit(checks, at('lifeBytes'), 'hardBytes', options.lifeBytes),
      ...limit(checks, at('lifePackets'), 'hardPackets', options.lifePackets),
    },
  };
}

/** A hard limit under the name that the endpoint knows; none when it is absent or 0. */
function limit<K extends string>(
  checks: OptionChecks,
  path: string,
  name: K,
  value: number | undefined,
  max: number = Number.MAX_SAFE_INTEGER,
): Partial<Record<K, number>> {
  const known = checks.integer(path, value, { min: 0, max, fallback: 0 });
  const limits: Partial<Record<string, number>> = known === 0 ? {} : { [name]: known };
  return limits as Partial<Record<K, number>>;
}
