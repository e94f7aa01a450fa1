import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { KeyMaterial } from '@ipsec-kit/crypto';
import { VpnError } from '@ipsec-kit/vpn';
import { readWholeFile } from './new-file.ts';

const MAX_PASSWORD_BYTES = 1_024;

/** A password that is asked for. */
export interface PasswordRequest {
  /** A file whose first line it is; without one the terminal is asked. */
  readonly file: string | undefined;
  /** The option that names such a file, for the sentence that says what to do without a terminal. */
  readonly option: string;
  /** What it opens: `the CA key`. */
  readonly what: string;
  /** Whether it is a new one, which is asked for twice. */
  readonly isNew?: boolean;
}

/** Reads a password from a file, or from the terminal without showing it; never from the command line, which every user of the host
 * can read. @throws VpnError when there is neither, or it is empty.
 */
export async function readPassword(request: PasswordRequest): Promise<KeyMaterial> {
  const { file, what, option, isNew = false } = request;
  if (file !== undefined) return fromFile(file);
  if (!process.stdin.isTTY) {
    throw new VpnError(
      'config',
      `The password of ${what} is needed: write it into a file, and give ${option} FILE.`,
    );
  }
  const typed = await ask(`Password of ${what}: `);
  if (typed === '') throw new VpnError('config', 'The password is empty; nothing was done.');
  if (isNew && (await ask('The same again: ')) !== typed) {
    throw new VpnError('config', 'The two passwords differ; nothing was done.');
  }
  return new KeyMaterial(Uint8Array.from(Buffer.from(typed)));
}

function fromFile(path: string): KeyMaterial {
  const [line = ''] = Buffer.from(readWholeFile(path, MAX_PASSWORD_BYTES))
    .toString('utf8')
    .split(/\r?\n/, 1);
  if (line === '')
    throw new VpnError(
      'config',
      `The first line of ${path} is empty; the password is to stand there.`,
    );
  return new KeyMaterial(Uint8Array.from(Buffer.from(line)));
}

function ask(question: string): Promise<string> {
  process.stderr.write(question);
  // What readline would echo goes nowhere.
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const reader = createInterface({ input: process.stdin, output: nowhere, terminal: true });
  return new Promise((resolve, reject) => {
    reader.on('SIGINT', () => reader.close());
    reader.on('close', () =>
      reject(new VpnError('config', 'No password was given; nothing was done.')),
    );
    reader.question('', (answer) => {
      process.stderr.write('\n');
      resolve(answer);
      reader.close();
    });
  });
}
