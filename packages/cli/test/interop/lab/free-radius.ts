import { join } from 'node:path';
import {
  type FreeRadiusSettings,
  freeRadiusConfiguration,
} from '../../../../../.ci/free-radius.ts';
import type { Pki } from './certificates.ts';
import type { Host } from './lab.ts';
import type { Background } from './shell.ts';

/** Starts FreeRADIUS on the loopback address of a host, with one user; it ends with the lab. */
export async function startFreeRadius(
  host: Host,
  { ca, server: { certificate, key } }: Pki,
  method: FreeRadiusSettings['method'],
  user: { readonly name: string; readonly password: string },
): Promise<Background> {
  const directory = join(host.dir, 'radius');
  const settings = { directory, port: 1812, method, tls: { ca, certificate, key } };
  host.file('radius/radiusd.conf', freeRadiusConfiguration(settings));
  host.file('radius/users', `${user.name} Cleartext-Password := "${user.password}"\n`);
  const server = host.start('freeradius', ['-X', '-d', directory]);
  await server.waitFor(/Ready to process requests/);
  return server;
}
