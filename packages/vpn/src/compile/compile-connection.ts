import type { ConnectionConfig, Ppk } from '@ipsec-kit/ikev2';
import { type IpAddress, parseAddress } from '@ipsec-kit/ip';
import type { OwnCredentials, PeerCredentials } from '../credentials/compiled-credentials.ts';
import type { EapConnection } from '../eap/compiled-eap.ts';
import type { ConnectionOptions } from '../options.ts';
import { checkTraps } from './check-traps.ts';
import {
  type AddressTarget,
  type CompiledAddresses,
  compileAddresses,
} from './compile-addresses.ts';
import { compileAuthentication } from './compile-authentication.ts';
import type { CertificateStore } from './compile-certificates.ts';
import { type ChildAction, type CompiledChild, compileChild } from './compile-child.ts';
import type { EapStore } from './compile-eap-store.ts';
import { compileIkeLifetimes } from './compile-lifetimes.ts';
import { compilePathPolicy } from './compile-path-policy.ts';
import { compilePpkUse } from './compile-ppk.ts';
import { compileProposals } from './compile-proposals.ts';
import { quoted } from './config-problem.ts';
import { durationText } from './duration-text.ts';
import { nearestName } from './nearest-name.ts';
import { join, type OptionChecks } from './option-checks.ts';

/** What the driver of a connection needs beside the configuration of the protocol. */
export interface ConnectionTransport {
  /** Where an initiator may send from, in order; empty lets the system choose. */
  readonly localTargets: readonly AddressTarget[];
  /** Where an initiator sends to, in order; names are to be resolved. Empty: this connection only answers. */
  readonly remoteTargets: readonly AddressTarget[];
  readonly localPort?: number;
  /** 500 unless another was given; only from 500 does an initiator float to 4500. */
  readonly remotePort: number;
  readonly encap: boolean;
  /** Names of the children to open without being asked. */
  readonly startChildren: readonly string[];
  /** Names of the children that their traffic opens. */
  readonly trapChildren: readonly string[];
}

/** One compiled connection. */
export interface CompiledConnection {
  readonly config: ConnectionConfig;
  readonly transport: ConnectionTransport;
  /** There where this side signs, and where the peer does. */
  readonly own?: OwnCredentials;
  readonly peer?: PeerCredentials;
  /** There where either side has EAP. */
  readonly eap?: EapConnection;
}

const KNOWN: readonly (keyof ConnectionOptions)[] = [
  'localAddrs',
  'remoteAddrs',
  'localPort',
  'remotePort',
  'proposals',
  'legacy',
  'ppkId',
  'ppkIdType',
  'ppkRequired',
  'vips',
  'pools',
  'encap',
  'mobike',
  'keepaliveKind',
  'updateOnConnectivity',
  'bindingDiscovery',
  'peerPathCheck',
  'ifUnheard',
  'fragmentation',
  'dpdDelayMs',
  'dpdTimeoutMs',
  'keyingTries',
  'unique',
  'childless',
  'rekeyTimeMs',
  'reauthTimeMs',
  'overTimeMs',
  'randTimeMs',
  'sendCert',
  'sendCertreq',
  'ocsp',
  'local',
  'remote',
  'children',
];

const DAY_MS = 86_400_000;
/** Less than this, and a slow answer counts as a dead peer. */
const MIN_DPD_TIMEOUT_MS = 1_000;
const MAX_VIRTUAL_ADDRESSES = 16;
const PORT = { min: 1, max: 65_535 };

/** Compiles the options of one connection.
 * @param poolNames - the pools that exist.
 * @param makeBeforeBreak - of the settings.
 * @param store - the certificates that there are for all.
 * @param eapStore - the passwords and RADIUS servers likewise.
 * @param ppks - the post-quantum pre-shared keys likewise.
 */
export function compileConnection(
  checks: OptionChecks,
  name: string,
  options: ConnectionOptions,
  poolNames: ReadonlySet<string>,
  makeBeforeBreak: boolean,
  store: CertificateStore,
  eapStore: EapStore,
  ppks: readonly Ppk[],
): CompiledConnection {
  const path = `connections.${name}`;
  checks.object(path, options, KNOWN);
  const at = (key: keyof ConnectionOptions): string => join(path, key);
  const list = (key: 'localAddrs' | 'remoteAddrs' | 'proposals' | 'pools'): readonly string[] =>
    checks.strings(at(key), options[key]);
  const local = compileAddresses(checks, at('localAddrs'), list('localAddrs'));
  const remote = compileAddresses(checks, at('remoteAddrs'), list('remoteAddrs'));
  const pools = list('pools');
  checkPools(checks, at('pools'), pools, poolNames);
  const takesLegacy = checks.boolean(at('legacy'), options.legacy, false);
  const children = compileChildren(checks, path, options, takesLegacy);
  const unique = checks.choice(
    at('unique'),
    options.unique,
    ['never', 'no', 'keep', 'replace'],
    'no',
  );
  const duration = (key: 'dpdDelayMs' | 'dpdTimeoutMs'): number =>
    checks.durationMs(at(key), options[key], { min: 0, max: DAY_MS, fallback: 0 });
  const namesBy = (action: ChildAction): readonly string[] =>
    children.filter((child) => child.startAction === action).map(({ config }) => config.name);
  const virtualAddresses = compileVirtualAddresses(checks, at('vips'), options.vips);
  checkTraps(checks, path, children, virtualAddresses, remote);
  const dpdTimeoutMs = duration('dpdTimeoutMs');
  if (dpdTimeoutMs > 0 && dpdTimeoutMs < MIN_DPD_TIMEOUT_MS) {
    const sentence = `a peer would be dead that takes ${durationText(dpdTimeoutMs)} to answer, and ${durationText(MIN_DPD_TIMEOUT_MS)} is the least: raise it, or leave it out for the retransmissions to decide`;
    checks.problem('invalid-value', at('dpdTimeoutMs'), sentence);
  }
  const { config: authentication, ...credentials } = compileAuthentication(
    checks,
    path,
    options,
    store,
    eapStore,
  );
  return {
    ...credentials,
    config: {
      name,
      localAddresses: local.prefixes,
      remoteAddresses: remote.prefixes,
      proposals: compileProposals(checks, at('proposals'), list('proposals'), 'ike', takesLegacy),
      ...authentication,
      ...compilePpkUse(checks, path, options, ppks),
      children: children.map(({ config }) => config),
      virtualAddresses,
      pools,
      fragmentation: checks.choice(
        at('fragmentation'),
        options.fragmentation,
        ['yes', 'accept', 'force', 'no'],
        'yes',
      ),
      mobike: checks.boolean(at('mobike'), options.mobike, true),
      ...compilePathPolicy(checks, path, options),
      dpdDelayMs: duration('dpdDelayMs'),
      ...(dpdTimeoutMs === 0 ? {} : { dpdTimeoutMs }),
      keyingTries: checks.integer(at('keyingTries'), options.keyingTries, {
        min: 0,
        max: 1_000_000,
        fallback: 1,
      }),
      // Whoever enforces no uniqueness does not tell the peer to forget other sessions (RFC 7296 §2.4).
      sendInitialContact: unique !== 'never',
      unique,
      childless: checks.choice(
        at('childless'),
        options.childless,
        ['allow', 'prefer', 'force', 'never'],
        'allow',
      ),
      ...compileIkeLifetimes(checks, path, options),
      makeBeforeBreak,
      dpdAction: commonAction(checks, path, children, 'dpdAction'),
      closeAction: commonAction(checks, path, children, 'closeAction'),
    },
    transport: {
      ...compileTransport(checks, path, options, { local, remote }),
      startChildren: namesBy('start'),
      trapChildren: namesBy('trap'),
    },
  };
}

function compileTransport(
  checks: OptionChecks,
  path: string,
  options: ConnectionOptions,
  addresses: { readonly local: CompiledAddresses; readonly remote: CompiledAddresses },
): Omit<ConnectionTransport, 'startChildren' | 'trapChildren'> {
  const { localPort } = options;
  const own = checks.integer(join(path, 'localPort'), localPort, { ...PORT, fallback: 500 });
  return {
    localTargets: addresses.local.targets,
    remoteTargets: addresses.remote.targets,
    ...(localPort === undefined ? {} : { localPort: own }),
    remotePort: checks.integer(join(path, 'remotePort'), options.remotePort, {
      ...PORT,
      fallback: 500,
    }),
    encap: checks.boolean(join(path, 'encap'), options.encap, false),
  };
}

function compileChildren(
  checks: OptionChecks,
  path: string,
  options: ConnectionOptions,
  takesLegacy: boolean,
): ReturnType<typeof compileChild>[] {
  const children = checks.entries(`${path}.children`, options.children);
  if (children.length === 0) {
    const sentence = 'a connection needs at least one child: it says which traffic is protected';
    checks.problem('missing-value', `${path}.children`, sentence);
  }
  return children.map(([name, child]) =>
    compileChild(checks, `${path}.children.${name}`, name, child, takesLegacy),
  );
}

/** What all children do when they are lost: the session is opened again as a whole, or not at all. */
function commonAction(
  checks: OptionChecks,
  path: string,
  children: readonly CompiledChild[],
  key: 'dpdAction' | 'closeAction',
): ChildAction {
  const [first] = children;
  const action = first?.[key] ?? 'none';
  const other = children.find((child) => child[key] !== action);
  if (first && other) {
    const sentence = `expected the same as in the child ${quoted(first.config.name)}, got ${quoted(other[key])} where that has ${quoted(action)}: it holds for the connection as a whole`;
    checks.problem('invalid-value', `${path}.children.${other.config.name}.${key}`, sentence);
  }
  return action;
}

function compileVirtualAddresses(
  checks: OptionChecks,
  path: string,
  value: readonly string[] | undefined,
): readonly IpAddress[] {
  const texts = checks.strings(path, value);
  if (texts.length > MAX_VIRTUAL_ADDRESSES) {
    checks.problem('invalid-value', path, `at most ${MAX_VIRTUAL_ADDRESSES} can be asked for`);
    return [];
  }
  return texts.flatMap((text, index) => {
    const address = parseAddress(text.trim());
    if (address) return [address];
    checks.invalid(`${path}[${index}]`, 'an address, or "0.0.0.0" or "::" for any', text);
    return [];
  });
}

function checkPools(
  checks: OptionChecks,
  path: string,
  names: readonly string[],
  known: ReadonlySet<string>,
): void {
  for (const [index, name] of names.entries()) {
    if (known.has(name) || checks.isFull) continue;
    const nearest = nearestName(name, known);
    const hint = nearest === undefined ? 'there are none' : `did you mean ${quoted(nearest)}?`;
    const sentence = `there is no pool ${quoted(name)}; ${hint}`;
    checks.problem('unknown-reference', `${path}[${index}]`, sentence);
  }
}
