import { clientConfiguration, serverConfiguration, type Tunnel } from './configuration.ts';
import { IpsecKit } from './ipsec-kit.ts';
import { createLab, createNatLab, type Host, type Lab } from './lab.ts';
import { StrongSwan } from './strongswan.ts';

/** Which end is ours; the other one is strongSwan. */
export type Ours = 'client' | 'server' | 'both' | 'none';

/** An established tunnel between the left (client) and the right (server). */
export interface Established {
  readonly lab: Lab;
  readonly client?: IpsecKit;
  readonly server?: IpsecKit;
  /** The strongSwan of the row; of two the one that is the client. */
  readonly swan?: StrongSwan;
}

export interface Preparation {
  /** `charon { ... }` lines of our side and of strongSwan's. */
  readonly ourSettings?: string;
  readonly swanSettings?: string;
  /** Puts the client behind a NAT that is also its default route. */
  readonly nat?: boolean;
  /** Makes another lab than the plain one. */
  readonly makeLab?: () => Promise<Lab>;
  readonly ourArgs?: (host: Host) => readonly string[];
  readonly ourEnvironment?: Record<string, string>;
  readonly ourLauncher?: readonly string[];
  /** Runs after the hosts stand and before any daemon starts. */
  readonly prepare?: (lab: Lab) => Promise<void>;
  /** Runs when the server listens and before the client starts. */
  readonly beforeClient?: (lab: Lab) => Promise<void>;
}

/** Lets any row be run with several workers: `IPSEC_KIT_LAB_WORKERS=2`. */
const labWorkers = process.env.IPSEC_KIT_LAB_WORKERS;
const usualWorkers = labWorkers === undefined ? '' : `workers = ${Number(labWorkers)}`;

/** Brings the tunnel up, hands it to `body`, and takes everything down whatever happens. */
export async function withTunnel(
  ours: Ours,
  tunnel: Tunnel,
  body: (established: Established) => Promise<void>,
  preparation: Preparation = {},
): Promise<void> {
  const makeLab = preparation.makeLab ?? (preparation.nat ? createNatLab : createLab);
  const lab = await makeLab();
  let swan: StrongSwan | undefined;
  try {
    await preparation.prepare?.(lab);
    const options = (host: Host): NonNullable<Parameters<typeof IpsecKit.start>[3]> => ({
      args: preparation.ourArgs?.(host) ?? [],
      environment: preparation.ourEnvironment ?? {},
      launcher: preparation.ourLauncher ?? [],
      settings: [preparation.ourSettings ?? '', usualWorkers].join('\n  ').trim(),
    });
    let server: IpsecKit | undefined;
    if (ours === 'client' || ours === 'none') {
      swan = await StrongSwan.start(
        lab.right,
        serverConfiguration(tunnel),
        preparation.swanSettings,
      );
    } else {
      server = await IpsecKit.start(
        lab.right,
        'serve',
        serverConfiguration(tunnel),
        options(lab.right),
      );
      await server.process.waitFor(/listening/i);
    }
    await preparation.beforeClient?.(lab);
    let client: IpsecKit | undefined;
    if (ours === 'server' || ours === 'none') {
      swan = await StrongSwan.start(
        lab.left,
        clientConfiguration(tunnel),
        preparation.swanSettings,
      );
      await swan.initiate('net');
    } else {
      client = await IpsecKit.start(
        lab.left,
        'connect',
        clientConfiguration(tunnel),
        options(lab.left),
      );
      await client.process.waitFor(/child-opened|Child SA net.*(open|established)/i);
    }
    await body({
      lab,
      ...(client ? { client } : {}),
      ...(server ? { server } : {}),
      ...(swan ? { swan } : {}),
    });
  } catch (error) {
    const log = swan ? await swan.log().catch(() => '') : '';
    const own = lab.outputs();
    throw new Error(`${String(error)}\n--- ours\n${own}\n--- strongSwan\n${log.slice(-6000)}`, {
      cause: error,
    });
  } finally {
    await lab.close();
  }
}
