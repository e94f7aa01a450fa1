import type { ChildConfig, ChildMode } from '@ipsec-kit/ikev2';
import type { ChildOptions } from '../options.ts';
import { compileChildLifetimes } from './compile-lifetimes.ts';
import { compileProposals, isExtended } from './compile-proposals.ts';
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
  'tfcPadding',
  'copyDscp',
  'rekeyTimeMs',
  'lifeTimeMs',
  'randTimeMs',
  'rekeyBytes',
  'lifeBytes',
  'randBytes',
  'rekeyPackets',
  'lifePackets',
  'randPackets',
  'startAction',
  'dpdAction',
  'closeAction',
];

const DEFAULT_REPLAY_WINDOW = 32;
const MAX_REPLAY_WINDOW = 65_536;
const LARGEST_PACKET_BYTES = 65_535;

/** Compiles the options of one Child SA.
 * @param path - `connections.home.children.net`
 * @param takesLegacy - of its connection.
 */
export function compileChild(
  checks: OptionChecks,
  path: string,
  name: string,
  options: ChildOptions,
  takesLegacy: boolean,
): CompiledChild {
  checks.object(path, options, KNOWN);
  const at = (key: keyof ChildOptions): string => join(path, key);
  const list = (key: 'localTs' | 'remoteTs' | 'espProposals'): readonly string[] =>
    checks.strings(at(key), options[key]);
  const action = (key: 'startAction' | 'dpdAction' | 'closeAction'): ChildAction =>
    checks.choice(at(key), options[key], ['none', 'trap', 'start'], 'none');
  const mode = checks.choice(at('mode'), options.mode, ['tunnel', 'transport'], 'tunnel');
  const proposals = compileProposals(
    checks,
    at('espProposals'),
    list('espProposals'),
    'esp',
    takesLegacy,
  );
  // RFC 4303 §3.4.3: at least 32 is supported, 64 preferred; 0 turns the protection off.
  const replayWindowPackets = checks.integer(at('replayWindow'), options.replayWindow, {
    min: 0,
    max: MAX_REPLAY_WINDOW,
    fallback: DEFAULT_REPLAY_WINDOW,
  });
  if (replayWindowPackets === 0 && proposals.some(({ transforms }) => isExtended(transforms))) {
    // RFC 4303 §3.4.3: without the window nothing tells reliably which upper half a packet has.
    checks.problem(
      'invalid-value',
      at('replayWindow'),
      'extended sequence numbers need a replay window: leave out "esn" in the ESP proposals, or write 32 or more',
    );
  }
  return {
    startAction: action('startAction'),
    dpdAction: action('dpdAction'),
    closeAction: action('closeAction'),
    config: {
      name,
      ...(mode === 'tunnel' ? {} : { mode }),
      proposals,
      localSelectors: compileSelectors(checks, at('localTs'), list('localTs')),
      remoteSelectors: compileSelectors(checks, at('remoteTs'), list('remoteTs')),
      replayWindowPackets,
      ...compileOuter(checks, path, options, mode),
      ...compileChildLifetimes(checks, path, options),
    },
  };
}

/** What the outside sees of a packet besides where it goes. */
function compileOuter(
  checks: OptionChecks,
  path: string,
  { tfcPadding, copyDscp }: ChildOptions,
  mode: ChildMode,
): Pick<ChildConfig, 'tfcPaddingBytes' | 'copyDscp'> {
  const at = join(path, 'tfcPadding');
  const bytes = tfcPadding === 'mtu' ? LARGEST_PACKET_BYTES : (tfcPadding ?? 0);
  const isSize = Number.isInteger(bytes) && bytes >= 0 && bytes <= LARGEST_PACKET_BYTES;
  if (!isSize) checks.invalid(at, `a size from 0 to ${LARGEST_PACKET_BYTES} bytes, or mtu`, bytes);
  const tfcPaddingBytes = isSize ? bytes : 0;
  if (tfcPaddingBytes > 0 && mode === 'transport') {
    // RFC 4303 §2.7: only where the payload says how long it is.
    checks.problem(
      'invalid-value',
      at,
      'packets in transport mode cannot be padded: leave it out, or use tunnel mode',
    );
  }
  const shows = checks.boolean(join(path, 'copyDscp'), copyDscp, true);
  return {
    ...(tfcPaddingBytes > 0 ? { tfcPaddingBytes } : {}),
    ...(shows ? {} : { copyDscp: false }),
  };
}
