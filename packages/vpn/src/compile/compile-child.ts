import type { ChildConfig } from '@ipsec-kit/ikev2';
import type { ChildOptions } from '../options.ts';
import { compileChildLifetimes } from './compile-lifetimes.ts';
import { compileProposals } from './compile-proposals.ts';
import { compileSelectors } from './compile-selectors.ts';
import { join, type OptionChecks } from './option-checks.ts';

/** What a child waits for: nothing, traffic, or not at all. */
export type ChildAction = 'none' | 'trap' | 'start';

/** A child as the endpoint wants it, whether it is to be opened without being asked, and what to do when it is lost. */
export interface CompiledChild {
  readonly config: ChildConfig;
  readonly startAction: ChildAction;
  readonly dpdAction: ChildAction;
  readonly closeAction: ChildAction;
}

const KNOWN: readonly (keyof ChildOptions)[] = [
  'localTs',
  'remoteTs',
  'espProposals',
  'mode',
  'replayWindow',
  'rekeyTimeMs',
  'lifeTimeMs',
  'randTimeMs',
  'rekeyBytes',
  'lifeBytes',
  'rekeyPackets',
  'lifePackets',
  'startAction',
  'dpdAction',
  'closeAction',
];

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
  const action = (key: 'startAction' | 'dpdAction' | 'closeAction'): ChildAction =>
    checks.choice(at(key), options[key], ['none', 'trap', 'start'], 'none');
  const mode = checks.choice(at('mode'), options.mode, ['tunnel', 'transport'], 'tunnel');
  return {
    startAction: action('startAction'),
    dpdAction: action('dpdAction'),
    closeAction: action('closeAction'),
    config: {
      name,
      ...(mode === 'tunnel' ? {} : { mode }),
      proposals: compileProposals(checks, at('espProposals'), list('espProposals'), 'esp'),
      localSelectors: compileSelectors(checks, at('localTs'), list('localTs')),
      remoteSelectors: compileSelectors(checks, at('remoteTs'), list('remoteTs')),
      // RFC 4303 §3.4.3: at least 32 is supported, 64 preferred; 0 turns the protection off.
      replayWindowPackets: checks.integer(at('replayWindow'), options.replayWindow, {
        min: 0,
        max: MAX_REPLAY_WINDOW,
        fallback: DEFAULT_REPLAY_WINDOW,
      }),
      ...compileChildLifetimes(checks, path, options),
    },
  };
}
