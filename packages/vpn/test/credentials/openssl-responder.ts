import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Issued } from './home-ca.ts';

/** The responder of a CA: HTTP here, answers by `openssl ocsp` from its list of certificates. */
export class OpensslResponder {
  readonly #dir = mkdtempSync(join(tmpdir(), 'ocsp-'));
  readonly #http: HttpServer;
  readonly #revoked = new Set<Issued>();
  readonly #known: readonly Issued[];
  readonly #questions: Buffer[] = [];
  /** Whether it takes a question and says nothing. */
  hangs = false;

  constructor(ca: Issued, known: readonly Issued[]) {
    this.#known = known;
    writeFileSync(join(this.#dir, 'ca.pem'), ca.pem);
    writeFileSync(join(this.#dir, 'ca.key'), ca.keyPem);
    this.#writeIndex();
    this.#http = createHttpServer(async (request, response) => {
      const parts: Buffer[] = [];
      for await (const part of request) parts.push(part as Buffer);
      this.#questions.push(Buffer.concat(parts));
      if (this.hangs) return;
      response.setHeader('content-type', 'application/ocsp-response');
      response.end(this.#answer(Buffer.concat(parts)));
    });
  }

  /** How often it was asked. */
  get asked(): number {
    return this.#questions.length;
  }

  /** How often about one certificate. */
  askedOn({ certificate: { serialNumber } }: Issued): number {
    return this.#questions.filter((question) => question.includes(Buffer.from(serialNumber)))
      .length;
  }

  async open(): Promise<string> {
    await new Promise<void>((resolve) => this.#http.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#http.address() as AddressInfo).port}/`;
  }

  revoke(one: Issued): void {
    this.#revoked.add(one);
    this.#writeIndex();
  }

  close(): void {
    this.#http.closeAllConnections();
    this.#http.close();
    rmSync(this.#dir, { recursive: true });
  }

  #writeIndex(): void {
    const day = (ms: number): string =>
      `${new Date(ms).toISOString().replace(/[-:T]/g, '').slice(2, 14)}Z`;
    const now = Date.now();
    const lines = this.#known.map((one) => {
      const serial = Buffer.from(one.certificate.serialNumber).toString('hex').toUpperCase();
      const isRevoked = this.#revoked.has(one);
      const words = [isRevoked ? 'R' : 'V', day(now + 86_400_000), isRevoked ? day(now) : ''];
      return [...words, serial, 'unknown', `/CN=${serial}`].join('\t');
    });
    writeFileSync(join(this.#dir, 'index.txt'), `${lines.join('\n')}\n`);
  }

  #answer(question: Buffer): Buffer {
    writeFileSync(join(this.#dir, 'request.der'), question);
    execFileSync(
      'openssl',
      [
        ...[
          'ocsp',
          '-index',
          'index.txt',
          '-CA',
          'ca.pem',
          '-rsigner',
          'ca.pem',
          '-rkey',
          'ca.key',
        ],
        ...['-reqin', 'request.der', '-respout', 'response.der', '-nmin', '30'],
      ],
      { cwd: this.#dir, stdio: 'pipe' },
    );
    return readFileSync(join(this.#dir, 'response.der'));
  }
}
