import { createNodeProvider, systemRandom } from '@ipsec-kit/crypto/node';
import {
  type CompiledVpn,
  compileOptions,
  nodePlatform,
  type SettingsOptions,
} from '@ipsec-kit/vpn';
import { describeProblem, loadSwanctl, readSections } from '@ipsec-kit/vpn/swanctl';
import { checkCertificates } from './check-certificates.ts';
import { checkHost, type HostNeeds } from './check-host.ts';
import { checkOffers } from './check-offers.ts';
import { checkPeer, type PeerTools } from './check-peer.ts';
import { checkTogether } from './check-together.ts';
import { type Finding, findingsAbout } from './finding.ts';

/** What `ipsec-kit doctor` takes. */
export interface DoctorArguments {
  readonly config: string;
  readonly settings?: string;
  readonly connection?: string;
  /** `--no-probe`: nothing is sent to any peer. */
  readonly probe: boolean;
  readonly json?: boolean;
}

/** Connections whose peers are looked for; each may take some seconds. */
const MAX_PROBED = 16;

/** Reads a configuration as `connect` and `serve` do, and looks at everything that could stand in its way: what is written, what it
 * names, this host, and the peers. @returns the findings, in the order in which they are to be read.
 */
export async function runDoctor(args: DoctorArguments, nowMs: number): Promise<readonly Finding[]> {
  const loaded = loadSwanctl({
    configFile: args.config,
    ...(args.settings === undefined ? {} : { settingsFile: args.settings }),
  });
  const findings = findingsAbout('configuration');
  for (const warning of loaded.warnings) findings.add('warning', describeProblem(warning));
  if (!loaded.ok) for (const { message } of loaded.errors) findings.add('error', message);
  const sections = readSections({ configFile: args.config });
  const certificates = sections.ok
    ? await checkCertificates(args.config, sections.root, nowMs)
    : [];
  const compiled = loaded.ok
    ? compileOptions(loaded.value.options, loaded.value.positions)
    : undefined;
  if (!compiled?.ok) {
    const host = await checkHost({ ports: [], answers: false });
    // Files that are missing have been named, with the line that wants them.
    const news = certificates.filter(
      ({ sentence }) =>
        !/^(There is no file|Cannot read) | is longer than \d+ bytes/.test(sentence),
    );
    return [...findings.list, ...news, ...host];
  }
  const vpn = compiled.value;
  const settings = loaded.ok ? loaded.value.options.settings : undefined;
  const chosen = vpn.connections.filter(
    ({ name }) => args.connection === undefined || args.connection === name,
  );
  if (chosen.length === 0) {
    const names = vpn.connections.map(({ name }) => name).join(', ');
    findings.add(
      'error',
      `there is no connection ${JSON.stringify(args.connection)}`,
      `there is: ${names}`,
    );
  } else {
    findings.add(
      'ok',
      `${args.config} is understood: ${vpn.connections.length} ${vpn.connections.length === 1 ? 'connection' : 'connections'}`,
    );
  }
  const byConnection = await Promise.all(
    chosen.map(async (connection, index) => [
      ...checkOffers(connection, vpn),
      ...certificates.filter(({ about }) => about === `connection ${connection.name}`),
      ...(args.probe && index < MAX_PROBED ? await peerFindings(connection, vpn) : []),
    ]),
  );
  const rest = certificates.filter(({ about }) => !about.startsWith('connection '));
  return [
    ...findings.list,
    ...rest,
    ...byConnection.flat(),
    ...checkTogether(vpn),
    ...(await checkHost(needsOf(vpn, settings, chosen))),
  ];
}

function peerFindings(
  connection: CompiledVpn['connections'][number],
  vpn: CompiledVpn,
): Promise<readonly Finding[]> {
  const transport = vpn.transports.get(connection.name);
  const tools: PeerTools = {
    resolve: nodePlatform().resolve,
    crypto: createNodeProvider(),
    random: systemRandom(),
  };
  return transport ? checkPeer(connection, transport, tools) : Promise.resolve([]);
}

/** A client takes free ports unless others are configured; what only answers needs its own. */
function needsOf(
  { ports, transports }: CompiledVpn,
  settings: SettingsOptions | undefined,
  chosen: CompiledVpn['connections'],
): HostNeeds {
  const answers = chosen.some(({ name }) => transports.get(name)?.remoteTargets.length === 0);
  const own = [settings?.port ?? 0, settings?.portNatT ?? 0];
  return { ports: answers ? [ports.port, ports.portNatT] : own, answers };
}
