import { addresses } from './lab.ts';

/** What a row of the interoperation table varies. */
export interface Tunnel {
  readonly ike?: string;
  readonly esp?: string;
  /** Where the server's differs. */
  readonly serverEsp?: string;
  /** Family of the addresses outside. */
  readonly outer?: 4 | 6;
  /** Families inside. */
  readonly inner?: readonly (4 | 6)[];
  /** Whether the client asks for virtual addresses from the server's pool. */
  readonly pool?: boolean;
  /** What the client wants to reach; the server's networks when absent. */
  readonly remoteTs?: string;
  /** More lines of each side's connection, as `dpd_delay = 1s`. */
  readonly clientExtra?: string;
  readonly serverExtra?: string;
  /** More lines of the child, at the client and at the server. */
  readonly childExtra?: string;
  readonly serverChildExtra?: string;
  readonly clientIke?: string;
  readonly serverIke?: string;
  readonly clientSecret?: string;
  readonly serverSecret?: string;
  readonly serverTs?: string;
  /** Who each side is and how it proves that, instead of the pre-shared key: the lines of `local` and `remote`. */
  readonly client?: SideAuthentication;
  readonly server?: SideAuthentication;
  /** More sections of `secrets`, at the client and at the server. */
  readonly clientSecrets?: string;
  readonly serverSecrets?: string;
  /** Identities that make IKE_AUTH messages long. */
  readonly longNames?: boolean;
  /** The server's own addresses, where it is to use more than the one of `outer`. */
  readonly serverAddresses?: string;
  /** More lines of the IPv4 pool, as `dns = 10.77.0.53`. */
  readonly poolExtra?: string;
}

/** The lines of `local { ... }` and `remote { ... }` of one side. */
export interface SideAuthentication {
  readonly local: string;
  readonly remote: string;
}

const networks = {
  left: { 4: '10.66.0.0/16', 6: 'fd66::/64' },
  right: { 4: '10.77.0.0/16', 6: 'fd77::/64' },
} as const;

const outside = (side: 'left' | 'right', family: 4 | 6): string =>
  family === 4 ? addresses[side].v4 : addresses[side].v6;

function names(tunnel: Tunnel): { client: string; server: string } {
  const prefix = tunnel.longNames ? `${'a-long-name.'.repeat(16)}` : '';
  return { client: `${prefix}client`, server: `${prefix}server` };
}

/** swanctl.conf of the client, at the left: the same text for strongSwan and for ipsec-kit. */
export function clientConfiguration(tunnel: Tunnel = {}): string {
  const inner = tunnel.inner ?? [4];
  const pool = tunnel.pool ?? true;
  const outer = tunnel.outer ?? 4;
  const vips = inner.map((family) => (family === 4 ? '0.0.0.0' : '::')).join(', ');
  return `connections {
  home {
    version = 2
    remote_addrs = ${outside('right', outer)}
    ${pool ? `vips = ${vips}` : ''}
    encap = yes
    proposals = ${tunnel.clientIke ?? tunnel.ike ?? 'aes256-sha256-x25519'}
    ${tunnel.clientExtra ?? ''}
    local {
      ${tunnel.client?.local ?? `auth = psk\n      id = ${names(tunnel).client}`}
    }
    remote {
      ${tunnel.client?.remote ?? `auth = psk\n      id = ${names(tunnel).server}`}
    }
    children {
      net {
        ${pool ? '' : `local_ts = ${inner.map((family) => networks.left[family]).join(', ')}`}
        remote_ts = ${tunnel.remoteTs ?? inner.map((family) => networks.right[family]).join(', ')}
        esp_proposals = ${tunnel.esp ?? 'aes256gcm16'}
        ${tunnel.childExtra ?? ''}
      }
    }
  }
}
secrets {
  ike-server {
    id = ${names(tunnel).server}
    secret = "${tunnel.clientSecret ?? 'correct horse battery staple'}"
  }
  ${tunnel.clientSecrets ?? ''}
}
`;
}

/** swanctl.conf of the server, at the right. */
export function serverConfiguration(tunnel: Tunnel = {}): string {
  const inner = tunnel.inner ?? [4];
  const pool = tunnel.pool ?? true;
  const outer = tunnel.outer ?? 4;
  const pools = inner.map((family) => `pool${family}`).join(', ');
  return `connections {
  rw {
    version = 2
    local_addrs = ${tunnel.serverAddresses ?? outside('right', outer)}
    ${pool ? `pools = ${pools}` : ''}
    encap = yes
    proposals = ${tunnel.serverIke ?? tunnel.ike ?? 'aes256-sha256-x25519'}
    ${tunnel.serverExtra ?? ''}
    local {
      ${tunnel.server?.local ?? `auth = psk\n      id = ${names(tunnel).server}`}
    }
    remote {
      ${tunnel.server?.remote ?? `auth = psk\n      id = ${names(tunnel).client}`}
    }
    children {
      net {
        local_ts = ${tunnel.serverTs ?? tunnel.remoteTs ?? inner.map((family) => networks.right[family]).join(', ')}
        ${pool ? '' : `remote_ts = ${inner.map((family) => networks.left[family]).join(', ')}`}
        esp_proposals = ${tunnel.serverEsp ?? tunnel.esp ?? 'aes256gcm16'}
        ${tunnel.serverChildExtra ?? ''}
      }
    }
  }
}
pools {
  pool4 {
    addrs = 10.88.0.0/24
    ${tunnel.poolExtra ?? ''}
  }
  pool6 { addrs = fd88::/112 }
}
secrets {
  ike-client {
    id = ${names(tunnel).client}
    secret = "${tunnel.serverSecret ?? 'correct horse battery staple'}"
  }
  ${tunnel.serverSecrets ?? ''}
}
`;
}
