import { IpsecKit } from './ipsec-kit.ts';
import { addresses, createLab, type Lab } from './lab.ts';
import { StrongSwan } from './strongswan.ts';

/** One child of a site: `net { local_ts = ... }`. */
export interface SiteChild {
  readonly name: string;
  readonly own: string;
  readonly peer: string;
  /** More lines, as `start_action = trap`. */
  readonly extra?: string;
}

/** swanctl.conf of one of two sites that know one another's address: the same text for strongSwan and for ipsec-kit. */
export function siteConfiguration(
  side: 'left' | 'right',
  children: readonly SiteChild[],
  extra = '',
): string {
  const other = side === 'left' ? 'right' : 'left';
  const sections = children.map(
    ({ name, own, peer, extra: lines = '' }) => `      ${name} {
        local_ts = ${own}
        remote_ts = ${peer}
        esp_proposals = aes256gcm16
        ${lines}
      }`,
  );
  return `connections {
  site {
    version = 2
    local_addrs = ${addresses[side].v4}
    remote_addrs = ${addresses[other].v4}
    encap = yes
    proposals = aes256-sha256-x25519
    ${extra}
    local {
      auth = psk
      id = ${side}
    }
    remote {
      auth = psk
      id = ${other}
    }
    children {
${sections.join('\n')}
    }
  }
}
secrets {
  ike-both {
    secret = "correct horse battery staple"
  }
}
`;
}

/** Two hosts, and what was started on them. */
export interface Sites {
  readonly lab: Lab;
  ours(side: 'left' | 'right', role: 'connect' | 'serve', configuration: string): Promise<IpsecKit>;
  strongSwan(side: 'left' | 'right', configuration: string): Promise<StrongSwan>;
}

/** Hands two hosts to `body`, and takes everything down whatever happens. */
export async function withSites(body: (sites: Sites) => Promise<void>): Promise<void> {
  const lab = await createLab();
  const swans: StrongSwan[] = [];
  try {
    await body({
      lab,
      ours: (side, role, configuration) => IpsecKit.start(lab[side], role, configuration),
      async strongSwan(side, configuration) {
        const swan = await StrongSwan.start(lab[side], configuration);
        swans.push(swan);
        return swan;
      },
    });
  } catch (error) {
    const logs = await Promise.all(swans.map((swan) => swan.log().catch(() => '')));
    throw new Error(
      `${String(error)}\n--- ours\n${lab.outputs()}\n--- strongSwan\n${logs.join().slice(-6000)}`,
      {
        cause: error,
      },
    );
  } finally {
    await lab.close();
  }
}
