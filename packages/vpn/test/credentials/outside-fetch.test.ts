import { createServer as createHttpServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseSelector } from '@ipsec-kit/ip';
import type { EvidenceFetch } from '@ipsec-kit/x509';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createOutsideFetch, isCaught } from '../../src/credentials/outside-fetch.ts';
import { address } from '../memory-world.ts';
import { issuedBy, newCa } from './home-ca.ts';

let http: Server;
let port: number;
let asked = 0;
let about: EvidenceFetch['about'];
beforeAll(async () => {
  http = createHttpServer((request, response) => {
    asked += 1;
    if (request.url !== '/hang') response.end('a CRL');
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  ({ port } = http.address() as AddressInfo);
  const ca = await newCa();
  const { certificate } = await issuedBy(ca, 'vpn.example.org', { role: 'server' });
  about = { certificate, issuer: ca.certificate };
});
afterAll(() => {
  http.closeAllConnections();
  http.close();
});

const fetchOf = (url: string, timeoutMs = 2_000): EvidenceFetch => ({
  ...{ id: 1, about, source: 'crl', url, maximumBytes: 1_000, timeoutMs },
});
const never = (): boolean => false;

describe('a fetch of evidence goes past the tunnel that waits for it', () => {
  it('asks the addresses that a name has, and no others', async () => {
    const names: string[] = [];
    const fetch = createOutsideFetch({
      async resolve(name) {
        names.push(name);
        return [address('10.77.0.9'), address('127.0.0.1')];
      },
      isCaught: (one) => one.bytes[0] === 10,
    });
    const body = await fetch(fetchOf(`http://crl.example.org:${port}/ca.crl`));
    expect(new TextDecoder().decode(body)).toBe('a CRL');
    expect(names).toEqual(['crl.example.org']);
  });

  it('asks nobody where all addresses are behind it, by name and as they are', async () => {
    const before = asked;
    const resolve = async () => [address('127.0.0.1')];
    const fetch = createOutsideFetch({ resolve, isCaught: () => true });
    expect(await fetch(fetchOf(`http://crl.example.org:${port}/ca.crl`))).toBeUndefined();
    expect(await fetch(fetchOf(`http://127.0.0.1:${port}/ca.crl`))).toBeUndefined();
    expect(asked).toBe(before);
  });

  it.each(['ldap://127.0.0.1/ca', 'http://', 'no address'])('takes no %s', async (url) => {
    const fetch = createOutsideFetch({ resolve: async () => [], isCaught: never });
    expect(await fetch(fetchOf(url))).toBeUndefined();
  });

  it('gives up a resolver and a responder that hang, in the time that there is', async () => {
    const hanging = new Promise<never>(() => undefined);
    const resolve = () => hanging;
    const from = performance.now();
    const fetch = createOutsideFetch({ resolve, isCaught: never });
    expect(await fetch(fetchOf('http://crl.example.org/', 100))).toBeUndefined();
    expect(await fetch(fetchOf(`http://127.0.0.1:${port}/hang`, 100))).toBeUndefined();
    expect(performance.now() - from).toBeLessThan(2_000);
  });
});

describe('what a tunnel holds that does not stand', () => {
  const child = (text: string) => {
    const selector = parseSelector(text);
    if (!selector) throw new Error(text);
    return { remoteSelectors: [selector] };
  };
  const none = { standing: [], trapped: [], poolPrefixes: [] };

  it('is what a trap takes and no Child SA', () => {
    const trapped = [child('10.77.0.0/16[tcp/443]')];
    expect(isCaught(address('10.77.0.9'), { ...none, trapped })).toBe(true);
    expect(isCaught(address('10.78.0.9'), { ...none, trapped })).toBe(false);
    const standing = [child('10.77.0.0/24')];
    expect(isCaught(address('10.77.0.9'), { ...none, trapped, standing })).toBe(false);
    expect(isCaught(address('10.77.1.9'), { ...none, trapped, standing })).toBe(true);
  });

  it('is a client that is not there', () => {
    const poolPrefixes = [{ address: address('10.88.0.0'), length: 16 }];
    expect(isCaught(address('10.88.0.1'), { ...none, poolPrefixes })).toBe(true);
    const standing = [child('10.88.0.1/32')];
    expect(isCaught(address('10.88.0.1'), { ...none, poolPrefixes, standing })).toBe(false);
  });
});
