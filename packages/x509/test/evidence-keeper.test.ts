import { readFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Instant, instantFromMs } from '@ipsec-kit/clock';
import { createSeededRandom } from '@ipsec-kit/crypto';
import { createNodeProvider, createNodeSignatures } from '@ipsec-kit/crypto/node';
import {
  type Certificate,
  createEvidenceKeeper,
  type EvidenceFetch,
  type EvidenceKeeper,
  type EvidenceKeeperOptions,
  type EvidenceKeeperOutput,
  examineEvidence,
  type IssuedCertificate,
  type RevocationEvidence,
} from '@ipsec-kit/x509';
import { fetchEvidence } from '@ipsec-kit/x509/node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createOpensslCa, type OpensslCa } from './openssl-ca.ts';

const crypto = createNodeProvider();
const signatures = createNodeSignatures();
const policy = { acceptSha1: false, minimumRsaBits: 2048 };
const MINUTE = 60_000;
const DAY = 1_440 * MINUTE;

let ca: OpensslCa;
let other: OpensslCa;
let good: IssuedCertificate;
let second: IssuedCertificate;
let atMs: number;

beforeAll(() => {
  ca = createOpensslCa();
  other = createOpensslCa();
  const about = (certificate: Certificate) => ({ certificate, issuer: ca.root });
  good = about(ca.issue('good', 'leaf'));
  second = about(ca.issue('second', 'leaf'));
  ca.issue('responder', 'responder');
  atMs = Date.now() + MINUTE;
});
afterAll(() => {
  ca.remove();
  other.remove();
});

const examine = (fetch: EvidenceFetch, answer: Uint8Array) =>
  examineEvidence(fetch, answer, { signatures, crypto, policy, atMs });

/** A keeper at a time of its own. */
class Desk {
  readonly keeper: EvidenceKeeper;
  now: Instant = instantFromMs(1_000);
  offsetMs = 0;
  #ticket = 0;

  constructor(options: EvidenceKeeperOptions = {}) {
    this.keeper = createEvidenceKeeper(crypto, createSeededRandom('keeper'), options);
  }

  pass(ms: number): readonly EvidenceKeeperOutput[] {
    this.now = instantFromMs(this.now + ms);
    this.offsetMs += ms;
    return this.keeper.handle({ kind: 'timeout', ...this.time });
  }

  get time() {
    return { now: this.now, atMs: atMs + this.offsetMs };
  }

  want(certificates: readonly IssuedCertificate[], isFresh = false) {
    this.#ticket += 1;
    const freshSince = isFresh ? { freshSince: this.now } : {};
    const wish = { kind: 'wanted', ticket: this.#ticket, certificates, ...freshSince } as const;
    return this.keeper.handle({ ...wish, ...this.time });
  }

  fetched(id: number, evidence?: RevocationEvidence): readonly EvidenceKeeperOutput[] {
    return this.keeper.handle({
      kind: 'fetched',
      id,
      ...this.time,
      ...(evidence ? { evidence } : {}),
    });
  }
}

function fetchOf(outputs: readonly EvidenceKeeperOutput[]): EvidenceFetch {
  const [output] = outputs;
  if (output?.kind !== 'fetch') throw new Error(`no fetch but ${output?.kind}`);
  return output.fetch;
}

const answerTo = ({ body = new Uint8Array(0) }: EvidenceFetch) =>
  ca.answerOcsp(body, 'responder', '-ndays', '7');

describe('a keeper of evidence (RFC 6960 §4.1, RFC 5280 §6.3)', () => {
  it('asks a responder once, and keeps its answer until nextUpdate', async () => {
    const desk = new Desk();
    const fetch = fetchOf(desk.want([good]));
    expect(fetch).toMatchObject({ source: 'ocsp', url: 'http://ocsp.example.org/here' });
    expect(desk.want([good])).toEqual([]);
    const evidence = await examine(fetch, answerTo(fetch));
    expect(desk.fetched(fetch.id, evidence)).toEqual([
      { kind: 'settled', ticket: 1, isComplete: true },
      { kind: 'settled', ticket: 2, isComplete: true },
    ]);
    expect(desk.keeper.responses).toHaveLength(1);
    expect(desk.want([good])).toEqual([{ kind: 'settled', ticket: 3, isComplete: true }]);
    desk.pass(7 * DAY);
    expect(desk.keeper.responses).toHaveLength(0);
    expect(fetchOf(desk.want([good])).source).toBe('ocsp');
  });

  it('goes on to the CRL when the responder is no use, which serves all certificates of the CA', async () => {
    const desk = new Desk();
    const outputs = desk.want([good, second]);
    expect(outputs.map(({ kind }) => kind)).toEqual(['fetch', 'fetch']);
    const [first, next] = outputs.flatMap((one) => (one.kind === 'fetch' ? [one.fetch] : []));
    const list = fetchOf(desk.fetched(first?.id ?? 0));
    expect(list).toMatchObject({ source: 'crl', url: 'http://crl.example.org/ca.crl' });
    expect(list.body).toBeUndefined();
    // The other one waits for the same CRL.
    expect(desk.fetched(next?.id ?? 0)).toEqual([]);
    const evidence = await examine(list, ca.revocationList());
    expect(desk.fetched(list.id, evidence)).toEqual([
      { kind: 'settled', ticket: 1, isComplete: true },
    ]);
    expect(desk.keeper.lists).toHaveLength(1);
  });

  it('leaves sources that fail alone for a minute, and says that nothing was found', () => {
    const desk = new Desk();
    const ocsp = fetchOf(desk.want([good]));
    const crl = fetchOf(desk.fetched(ocsp.id));
    expect(desk.fetched(crl.id)).toEqual([{ kind: 'settled', ticket: 1, isComplete: false }]);
    desk.pass(MINUTE - 1);
    expect(desk.want([good])).toEqual([{ kind: 'settled', ticket: 2, isComplete: false }]);
    desk.pass(1);
    expect(fetchOf(desk.want([good])).source).toBe('ocsp');
  });

  it('fetches anew once for a command that a hundred sessions wait for', async () => {
    const desk = new Desk({ parallelFetches: 2 });
    const before = fetchOf(desk.want([good]));
    desk.pass(10);
    // What has begun before is not fresh enough.
    for (let i = 0; i < 100; i += 1) expect(desk.want([good], true)).toEqual([]);
    const fresh = fetchOf(desk.fetched(before.id, await examine(before, answerTo(before))));
    expect(fresh.id).not.toBe(before.id);
    const outputs = desk.fetched(fresh.id, await examine(fresh, answerTo(fresh)));
    expect(outputs).toHaveLength(101);
    expect(outputs.every((one) => one.kind === 'settled' && one.isComplete)).toBe(true);
    expect(desk.keeper.responses).toHaveLength(1);
  });

  it('gives up a fetch that nobody ends', () => {
    const desk = new Desk({ fetchTimeoutMs: 2_000 });
    const ocsp = fetchOf(desk.want([good]));
    expect(desk.keeper.nextDeadline()).toMatchObject({ at: desk.now + 3_000 });
    expect(desk.pass(2_999)).toEqual([]);
    expect(fetchOf(desk.pass(1)).source).toBe('crl');
    expect(desk.fetched(ocsp.id)).toEqual([]);
    expect(desk.pass(3_000)).toEqual([{ kind: 'settled', ticket: 1, isComplete: false }]);
    expect(desk.keeper.nextDeadline()).toBeUndefined();
  });

  it('has nothing to fetch for a certificate that names no source', () => {
    const bare = { certificate: ca.root, issuer: ca.root };
    expect(new Desk().want([bare])).toEqual([{ kind: 'settled', ticket: 1, isComplete: false }]);
    expect(new Desk().want([])).toEqual([{ kind: 'settled', ticket: 1, isComplete: true }]);
  });

  it('believes no list of another CA, no forged one, none in its wrong time, and one in PEM', async () => {
    const desk = new Desk();
    const crl = fetchOf(desk.fetched(fetchOf(desk.want([good])).id));
    const der = ca.revocationList();
    expect(await examine(crl, der)).toMatchObject({ kind: 'list' });
    expect(await examine(crl, Uint8Array.from(readFileSync(ca.path('ca.crl'))))).toBeDefined();
    expect(await examine(crl, other.revocationList())).toBeUndefined();
    for (const at of [60, der.length - 5]) {
      const forged = der.slice();
      forged[at] = (forged[at] ?? 0) ^ 1;
      expect(await examine(crl, forged)).toBeUndefined();
    }
    for (const days of [-1, 31]) {
      const by = { signatures, crypto, policy, atMs: atMs + days * DAY };
      expect(await examineEvidence(crl, der, by)).toBeUndefined();
    }
    expect(await examine(crl, ca.revocationList('delta'))).toBeUndefined();
    expect(await examine(crl, new Uint8Array(10_000_000))).toBeUndefined();
  });
});

describe('fetchEvidence (RFC 6960 Appendix A)', () => {
  const servers: Server[] = [];
  afterAll(() => {
    for (const server of servers) {
      server.closeAllConnections();
      server.close();
    }
  });

  async function serve(listener: RequestListener): Promise<string> {
    const server = createServer(listener);
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  }

  const fetchFrom = (url: string, more: Partial<EvidenceFetch> = {}) =>
    fetchEvidence({
      ...fetchOf(new Desk().want([good])),
      url,
      timeoutMs: 5_000,
      ...more,
    });

  it('gets the answer of openssl over HTTP', async () => {
    const url = await serve(async (request, response) => {
      expect(request.headers['content-type']).toBe('application/ocsp-request');
      const parts: Uint8Array[] = [];
      for await (const part of request as AsyncIterable<Uint8Array>) parts.push(part);
      response.end(ca.answerOcsp(Buffer.concat(parts), 'responder', '-ndays', '7'));
    });
    const fetch = { ...fetchOf(new Desk().want([good])), url, timeoutMs: 5_000 };
    const answer = await fetchEvidence(fetch);
    expect(answer && (await examine(fetch, answer))).toMatchObject({ isTelling: true });
  });

  it('gets a CRL with GET', async () => {
    const url = await serve((request, response) => {
      expect(request.method).toBe('GET');
      response.end(ca.revocationList());
    });
    const { body, nonce, ...get } = fetchOf(new Desk().want([good]));
    const fetch: EvidenceFetch = { ...get, source: 'crl', url, maximumBytes: 4_194_304 };
    const answer = await fetchEvidence(fetch);
    expect(answer && (await examine(fetch, answer))).toMatchObject({ kind: 'list' });
  });

  it('ends with nothing: hanging, trickling, 10 MB, redirected, refused, nobody there, no URL', async () => {
    const hangs = await serve(() => undefined);
    const trickles = await serve((_, response) => {
      response.write('0');
      const timer = setInterval(() => response.write('0'), 20);
      response.on('close', () => clearInterval(timer));
    });
    let sentBytes = 0;
    const huge = await serve((_, response) => {
      const part = new Uint8Array(65_536);
      const write = (): void => {
        while (sentBytes < 10_000_000 && !response.destroyed) {
          sentBytes += part.length;
          if (!response.write(part)) return;
        }
        response.end();
      };
      response.on('drain', write);
      write();
    });
    const elsewhere = await serve((_, response) =>
      response.writeHead(302, { location: huge }).end(),
    );
    const refuses = await serve((_, response) => response.writeHead(503).end('later'));
    const cut = await serve((_, response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('half', () => response.destroy());
    });
    const started = performance.now();
    const answers = await Promise.all([
      fetchFrom(hangs, { timeoutMs: 300 }),
      fetchFrom(trickles, { timeoutMs: 300 }),
      fetchFrom(huge),
      fetchFrom(elsewhere),
      fetchFrom(refuses),
      fetchFrom(cut),
      fetchFrom('http://127.0.0.1:1/'),
      fetchFrom('http://[/'),
      fetchFrom('ftp://127.0.0.1/'),
    ]);
    expect(answers).toEqual(new Array(9).fill(undefined));
    expect(performance.now() - started).toBeLessThan(4_000);
    expect(sentBytes).toBeLessThan(10_000_000);
  });
});
