import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type FreeRadiusSettings, freeRadiusConfiguration } from '../../../../.ci/free-radius.ts';
import type { TestPki } from '../tls-conversation.ts';

/** A FreeRADIUS with a user `carol` whose password is `Ar3etTnp`, with the certificates of a PKI that has issued `server`. */
export class FreeRadius {
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
    { directory }: Pick<TestPki, 'directory'>,
    port: number,
    method: FreeRadiusSettings['method'],
    more: Pick<FreeRadiusSettings, 'tlsVersion' | 'requiresCertificate'> = {},
  ): Promise<FreeRadius> {
    const file = (name: string): string => join(directory, name);
    const tls = { key: file('server.key'), certificate: file('server.pem'), ca: file('ca.pem') };
    const settings = { directory, port, method, tls, ...more };
    writeFileSync(file('radiusd.conf'), freeRadiusConfiguration(settings));
    writeFileSync(file('users'), 'carol Cleartext-Password := "Ar3etTnp"\n');
    const server = new FreeRadius(directory);
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
