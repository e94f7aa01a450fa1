import type { ChildConfig, ConnectionConfig } from '@ipsec-kit/ikev2';
import type { CompiledVpn } from './compile/index.ts';
import { VpnError } from './vpn-error.ts';

/** The connection to open: the named one, or the only one there is.
 * @throws VpnError `config` naming those that there are.
 */
export function chooseConnection(
  compiled: Pick<CompiledVpn, 'connections'>,
  name: string | undefined,
): ConnectionConfig {
  if (name !== undefined) return findConnection(compiled, name);
  const [only, ...more] = compiled.connections;
  if (only && more.length === 0) return only;
  throw new VpnError(
    'config',
    `The configuration has several connections (${namesOf(compiled)}): choose one with --connection NAME.`,
  );
}

/** The connection of a name.
 * @throws VpnError `config` naming those that there are.
 */
export function findConnection(
  compiled: Pick<CompiledVpn, 'connections'>,
  name: string,
): ConnectionConfig {
  const found = compiled.connections.find((connection) => connection.name === name);
  if (found) return found;
  throw new VpnError(
    'config',
    `There is no connection "${name}"; there are: ${namesOf(compiled)}.`,
  );
}

/** The child of a name.
 * @throws VpnError `config` naming those that there are.
 */
export function chooseChild(connection: ConnectionConfig, name: string): ChildConfig {
  const found = connection.children.find((child) => child.name === name);
  if (found) return found;
  const names = connection.children.map((child) => child.name).join(', ');
  throw new VpnError(
    'config',
    `The connection ${connection.name} has no child "${name}"; there are: ${names}.`,
  );
}

function namesOf(compiled: Pick<CompiledVpn, 'connections'>): string {
  return compiled.connections.map((connection) => connection.name).join(', ');
}
