import { Duplex } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { connect, type TLSSocket } from 'node:tls';
import { EapType } from '@ipsec-kit/eap';
import { createNodeTlsEngine } from '@ipsec-kit/eap/node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestPki, type TestPki } from './tls-conversation.ts';

let pki: TestPki;
beforeAll(() => {
  pki = createTestPki();
});
afterAll(() => pki.remove());

describe('the TLS of a server', () => {
  it('does not begin anew in the midst of a conversation (RFC 5746 §4.4)', async () => {
    const engine = createNodeTlsEngine({ ca: pki.ca, ...pki.issue('server', 'DNS:aaa') });
    const wire = new Duplex({
      read: () => undefined,
      write: (chunk: Uint8Array, _, done) => {
        const records = Uint8Array.from(chunk);
        const nothing = new Uint8Array(0);
        const request = { role: 'server', method: EapType.TLS, records, data: nothing } as const;
        engine.perform(request).then((reply) => {
          wire.push(reply.records);
          done();
        });
      },
    });
    const own = pki.issue('carol', 'email:carol@example.org');
    const options = { ca: pki.ca, ...own, maxVersion: 'TLSv1.2', socket: wire } as const;
    const client: TLSSocket = connect({ ...options, checkServerIdentity: () => undefined });
    const errors: Error[] = [];
    client.on('error', (error) => errors.push(error));
    await new Promise((resolve) => client.once('secureConnect', resolve));
    let isRenewed = false;
    client.renegotiate({}, (error) => {
      isRenewed = error === null;
    });
    for (let turn = 0; turn < 50 && errors.length === 0 && !isRenewed; turn += 1) await pause(20);
    expect(isRenewed).toBe(false);
    expect(errors.join()).toMatch(/no.renegotiation/i);
    client.destroy();
    engine.close();
  });
});
