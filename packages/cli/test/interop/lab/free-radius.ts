import { join } from 'node:path';
import type { Pki } from './certificates.ts';
import type { Host } from './lab.ts';
import type { Background } from './shell.ts';

/** What it shares with gateways. */
export const RADIUS_SECRET = 'testing123';

function configuration(dir: string, pki: Pki, method: 'mschapv2' | 'ttls'): string {
  return `
prefix = /usr
libdir = /usr/lib/freeradius
logdir = ${dir}
run_dir = ${dir}
log {
  destination = stdout
}
thread pool {
  start_servers = 1
  max_servers = 2
}
security {
  status_server = no
}
client local {
  ipaddr = 127.0.0.1
  secret = ${RADIUS_SECRET}
}
modules {
  pap {
  }
  mschap {
  }
  files {
    usersfile = ${dir}/users
  }
  eap {
    default_eap_type = ${method}
    mschapv2 {
    }
    tls-config common {
      private_key_file = ${pki.server.key}
      certificate_file = ${pki.server.certificate}
      ca_file = ${pki.ca}
      tls_min_version = "1.2"
      tls_max_version = "1.2"
      cipher_list = "DEFAULT"
    }
    ttls {
      tls = common
      default_eap_type = mschapv2
      virtual_server = inner
    }
  }
}
server default {
  listen {
    type = auth
    ipaddr = 127.0.0.1
    port = 1812
  }
  authorize {
    eap {
      ok = return
    }
    files
    pap
  }
  authenticate {
    eap
    Auth-Type MS-CHAP {
      mschap
    }
  }
}
server inner {
  authorize {
    mschap
    files
    pap
  }
  authenticate {
    Auth-Type MS-CHAP {
      mschap
    }
    Auth-Type PAP {
      pap
    }
  }
}
`;
}

/** Starts FreeRADIUS on the loopback address of a host, with one user; it ends with the lab. */
export async function startFreeRadius(
  host: Host,
  pki: Pki,
  method: 'mschapv2' | 'ttls',
  user: { readonly name: string; readonly password: string },
): Promise<Background> {
  const dir = join(host.dir, 'radius');
  host.file('radius/radiusd.conf', configuration(dir, pki, method));
  host.file('radius/users', `${user.name} Cleartext-Password := "${user.password}"\n`);
  const server = host.start('freeradius', ['-X', '-d', dir]);
  await server.waitFor(/Ready to process requests/);
  return server;
}
