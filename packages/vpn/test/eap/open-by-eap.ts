import type { VpnEvent } from '../../src/events.ts';
import type { AuthenticationOptions, VpnOptions } from '../../src/options.ts';
import type { VpnStatus } from '../../src/status.ts';
import {
  clientOn,
  clientOptions,
  createMemoryWorld,
  eventOf,
  serverOn,
  serverOptions,
} from '../memory-world.ts';
import type { Issued, TestPki } from './test-pki.ts';

export const SERVER = 'vpn.example.org';
export const CAROL = 'carol@example.org';

/** A machine that is busy elsewhere is no lost packet. */
const PATIENT = { retransmitTimeoutMs: 5_000 };

/** What both ends have and want, beyond the server's certificate and the CA that the client knows. */
export interface EapEnds {
  readonly pki: TestPki;
  readonly server: Issued;
  /** How the client proves itself. */
  readonly auth: string;
  /** The server's own side, and what the client wants of it; default a certificate. */
  readonly serverAuth?: string | undefined;
  readonly local?: Partial<AuthenticationOptions> | undefined;
  readonly remote?: Partial<AuthenticationOptions> | undefined;
  readonly clientMore?: Partial<VpnOptions> | undefined;
  readonly serverMore?: Partial<VpnOptions> | undefined;
}

/** What both ends say. */
export interface EapOutcome {
  readonly status: { readonly client: VpnStatus; readonly server: VpnStatus };
  /** Why the client did not open. */
  readonly failure: string | undefined;
  /** Why the server closed. */
  readonly said: string | undefined;
  readonly events: { readonly client: readonly VpnEvent[]; readonly server: readonly VpnEvent[] };
}

/** Opens a tunnel by EAP, or fails to. */
export async function openByEap(ends: EapEnds): Promise<EapOutcome> {
  const { pki, server, auth, serverAuth = 'pubkey' } = ends;
  const { hostAt } = createMemoryWorld();
  const shared = { authorities: [{ cacert: pki.ca }], secrets: [] };
  const s = serverOn(hostAt('192.0.2.1'), {
    options: serverOptions(
      {
        local: { auth: serverAuth, id: SERVER, certs: [server.certificate] },
        remote: { auth, ...ends.remote },
      },
      {
        ...shared,
        keys: [{ data: server.key }],
        settings: { halfOpenTimeoutMs: 5_000 },
        ...ends.serverMore,
      },
    ),
  });
  const c = clientOn(hostAt('192.0.2.7'), {
    options: clientOptions(
      { local: { auth, id: CAROL, ...ends.local }, remote: { auth: serverAuth, id: SERVER } },
      { ...shared, settings: PATIENT, ...ends.clientMore },
    ),
  });
  await s.server.open();
  let failure: string | undefined;
  try {
    await c.client.open();
  } catch (error) {
    failure = error instanceof Error ? error.message : String(error);
  }
  const status = { client: c.client.status(), server: s.server.status() };
  await c.client.close();
  await s.server.close();
  const said = eventOf(s.events, 'session-closed')?.sentence;
  return { status, failure, said, events: { client: c.events, server: s.events } };
}
