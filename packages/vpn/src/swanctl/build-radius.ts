import type { RadiusOptions, RadiusServerOptions } from '../options.ts';
import { parseSecretText } from './secret-text.ts';
import { type PositionMap, present, SettingsReader } from './settings-reader.ts';
import type { SettingsSection } from './settings-tree.ts';

/** Makes the RADIUS servers of `charon.plugins.eap-radius`: those of its section `servers`, or the one that it names itself.
 * @param name - `charon` or `charon-systemd`.
 */
export function buildRadius(
  charon: SettingsSection | undefined,
  name: string,
  positions: PositionMap,
): RadiusOptions | undefined {
  const section = charon?.sections.get('plugins')?.sections.get('eap-radius');
  if (!section) return undefined;
  const path = `${name}.plugins.eap-radius`;
  const reader = new SettingsReader(section, path, 'radius', positions);
  const named = [...(section.sections.get('servers')?.sections ?? [])];
  const servers = named.map(([server, one], index) =>
    buildServer(
      new SettingsReader(one, `${path}.servers.${server}`, `radius.servers[${index}]`, positions),
      'address',
    ),
  );
  const single = section.values.has('server') ? [buildServer(reader, 'server')] : [];
  const tries = reader.integer('retransmit_tries', 'retransmitTries');
  return {
    servers: [...servers, ...single],
    ...present({
      nasIdentifier: reader.text('nas_identifier', 'nasIdentifier'),
      retransmitTimeoutMs: reader.fineTimeMs('retransmit_timeout', 'retransmitTimeoutMs'),
      // strongSwan counts the first one.
      retransmitTries: tries === undefined ? undefined : Math.max(0, tries - 1),
    }),
  };
}

function buildServer(reader: SettingsReader, key: 'address' | 'server'): RadiusServerOptions {
  const text = reader.text('secret');
  const port = reader.integer('auth_port', 'port') ?? reader.integer('port', 'port');
  return {
    address: reader.text(key, 'address') ?? '',
    secret: (text === undefined ? undefined : parseSecretText(text)) ?? '',
    ...(port === undefined ? {} : { port }),
  };
}
