import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestPki } from '../tls-conversation.ts';

const CONFIGURATION = `
prefix = /usr
libdir = /usr/lib/freeradius
logdir = .
run_dir = .
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
  secret = testing123
  require_message_authenticator = yes
}
modules {
  pap {
  }
  mschap {
  }
  files {
    usersfile = users
  }
  eap {
    default_eap_type = DEFAULT
    md5 {
    }
    gtc {
      auth_type = PAP
    }
    mschapv2 {
    }
    tls-config common {
      private_key_file = server.key
      certificate_file = server.pem
      ca_file = ca.pem
      tls_min_version = "1.2"
      tls_max_version = "VERSION"
      cipher_list = "DEFAULT"
      fragment_size = 600
    }
    tls {
      tls = common
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
    port = PORT
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
    Auth-Type PAP {
      pap
    }
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
    Auth-Type PAP {
      pap
    }
    Auth-Type MS-CHAP {
      mschap
    }
  }
}
`;

/** A FreeRADIUS with a user `carol` whose password is `Ar3etTnp`, with the certificates of a PKI that has issued `server`. */
export class FreeRadius {
  static readonly secret = 'testing123';
  readonly #process: ChildProcess;
  #output = '';

  private constructor(directory: string) {
    this.#process = spawn('freeradius', ['-X', '-d', directory], { cwd: directory });
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream?.on('data', (chunk: Uint8Array) => {
        this.#output = `${this.#output}${chunk}`.slice(-200_000);
      });
    }
  }

  static async start(
    pki: TestPki,
    port: number,
    method: 'md5' | 'gtc' | 'mschapv2' | 'tls' | 'ttls',
    version: '1.2' | '1.3',
  ): Promise<FreeRadius> {
    const text = CONFIGURATION.replace('PORT', String(port))
      .replace('VERSION', version)
      .replace('= DEFAULT\n', `= ${method}\n`);
    writeFileSync(join(pki.directory, 'radiusd.conf'), text);
    writeFileSync(join(pki.directory, 'users'), 'carol Cleartext-Password := "Ar3etTnp"\n');
    const server = new FreeRadius(pki.directory);
    for (let i = 0; !server.#output.includes('Ready to process requests'); i += 1) {
      if (i > 100 || server.#process.exitCode !== null) throw new Error(server.tail);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    return server;
  }

  /** Its last words. */
  get tail(): string {
    return this.#output.slice(-3_000);
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null) return;
    const gone = new Promise((resolve) => this.#process.on('exit', resolve));
    this.#process.kill('SIGKILL');
    await gone;
  }
}
